//! The history of floating seats.

use std::collections::BTreeMap;

use tokio_postgres::Row;

use super::queries::query;
use super::transaction::Transaction;
use super::values::{bad_row, column, count, number, read_all};
use crate::domain::{
    HistoryDay, HistoryHour, PoolId, PoolLevel, SeatDemand, SeatHistoryBatch, SeatScope, SeatSums,
    StoredSeatHistory,
};
use crate::store::ServerStoreError;
use crate::store::seat_history::read_sums;

/// Returns the pools that have open leases or tickets, by id.
pub(super) async fn levels(db: &Transaction) -> Result<Vec<PoolLevel>, ServerStoreError> {
    let rows = db.query(query!("pool_levels"), &[&db.tenant()]).await?;
    let mut levels = read_all(&rows, read_level)?;
    // A pool that remembers ended leases has a deadline too.
    levels.retain(|level| level.held > 0 || level.offered > 0 || level.waiting > 0);
    Ok(levels)
}

fn read_level(row: &Row) -> Result<PoolLevel, ServerStoreError> {
    let pool: &str = row.try_get(0)?;
    let seats = |index: usize| seats("pools", row, index);
    Ok(PoolLevel {
        pool: PoolId::parse(pool).ok_or_else(|| bad_row("pools", pool))?,
        capacity: seats(1)?,
        held: seats(2)?,
        next_seq: number("pools", row.try_get(3)?)?,
        offered: seats(4)?,
        waiting: seats(5)?,
        ceiling: seats(6)?,
    })
}

fn seats(table: &'static str, row: &Row, index: usize) -> Result<u32, ServerStoreError> {
    let seats: i64 = row.try_get(index)?;
    u32::try_from(seats).map_err(|_| bad_row(table, seats))
}

/// Adds to the sums of the history. A tenant that was deleted gets no rows.
///
/// The row of the tenant stays unlocked, because acquires wait for it. Servers add rows in the
/// order of their keys, so that they do not wait for each other in a circle.
pub(super) async fn add(
    db: &Transaction,
    batch: &SeatHistoryBatch,
) -> Result<(), ServerStoreError> {
    add_hours(db, batch).await?;
    add_denials(db, batch).await?;
    add_demand(db, batch).await
}

async fn add_hours(db: &Transaction, batch: &SeatHistoryBatch) -> Result<(), ServerStoreError> {
    if batch.hours.is_empty() {
        return Ok(());
    }
    let keys = batch.hours.keys();
    let (pools, hours): (Vec<_>, Vec<_>) =
        keys.map(|(scope, hour)| (scope.as_str(), hour.0)).unzip();
    let values = |value: fn(&SeatSums) -> u64| -> Vec<i64> {
        batch
            .hours
            .values()
            .map(|sums| column(value(sums)))
            .collect()
    };
    let columns = [
        values(|sums| sums.capacity_low.into()),
        values(|sums| sums.capacity_high.into()),
        values(|sums| sums.held_high.into()),
        values(|sums| sums.held_ms),
        values(|sums| sums.full_ms),
        values(|sums| sums.granted),
        values(|sums| sums.overage),
        values(|sums| sums.queued),
        values(|sums| sums.waits),
        values(|sums| sums.waited_ms),
        values(|sums| sums.longest_wait_ms),
        values(|sums| sums.abandoned),
        values(|sums| sums.queue_high.into()),
    ];
    let tenant = db.tenant();
    let mut parameters: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> =
        vec![&tenant, &pools, &hours];
    for values in &columns {
        parameters.push(values);
    }
    db.execute(query!("seat_hours_add"), &parameters).await?;
    Ok(())
}

async fn add_denials(db: &Transaction, batch: &SeatHistoryBatch) -> Result<(), ServerStoreError> {
    if batch.denials.is_empty() {
        return Ok(());
    }
    let (mut pools, mut hours, mut codes) = (Vec::new(), Vec::new(), Vec::new());
    for (scope, hour, code) in batch.denials.keys() {
        pools.push(scope.as_str());
        hours.push(hour.0);
        codes.push(*code);
    }
    let counts: Vec<_> = batch.denials.values().map(|count| column(*count)).collect();
    db.execute(
        query!("seat_denials_add"),
        &[&db.tenant(), &pools, &hours, &codes, &counts],
    )
    .await?;
    Ok(())
}

async fn add_demand(db: &Transaction, batch: &SeatHistoryBatch) -> Result<(), ServerStoreError> {
    if batch.demand.is_empty() {
        return Ok(());
    }
    let (mut pools, mut days, mut levels) = (Vec::new(), Vec::new(), Vec::new());
    for (pool, day, level) in batch.demand.keys() {
        pools.push(pool.as_str());
        days.push(day.0);
        levels.push(i64::from(*level));
    }
    let values = |value: fn(&SeatDemand) -> u64| -> Vec<i64> {
        let demand = batch.demand.values();
        demand.map(|demand| column(value(demand))).collect()
    };
    let (granted, queued) = (
        values(|demand| demand.granted),
        values(|demand| demand.queued),
    );
    let denied = values(|demand| demand.denied);
    db.execute(
        query!("seat_demand_add"),
        &[
            &db.tenant(),
            &pools,
            &days,
            &levels,
            &granted,
            &queued,
            &denied,
        ],
    )
    .await?;
    Ok(())
}

/// Returns the hours from `from` until before `until` in which something happened.
pub(super) async fn range(
    db: &Transaction,
    scope: &SeatScope,
    (from, until): (HistoryHour, HistoryHour),
) -> Result<StoredSeatHistory, ServerStoreError> {
    let (tenant, pool) = (db.tenant(), scope.as_str());
    let hours = db
        .query(
            query!("seat_hours_range"),
            &[&tenant, &pool, &from.0, &until.0],
        )
        .await?;
    let denials = db
        .query(
            query!("seat_denials_range"),
            &[&tenant, &pool, &from.0, &until.0],
        )
        .await?;
    let mut history = StoredSeatHistory {
        hours: read_all(&hours, read_hour)?.into_iter().collect(),
        ..StoredSeatHistory::default()
    };
    for (hour, code, count) in read_all(&denials, read_denials)? {
        let codes = history.denials.entry(hour).or_default();
        codes.insert(code, count);
    }
    Ok(history)
}

fn read_hour(row: &Row) -> Result<(HistoryHour, SeatSums), ServerStoreError> {
    let sums = read_sums(|index| Ok(row.try_get(index)?))?;
    Ok((HistoryHour(row.try_get(0)?), sums))
}

fn read_denials(row: &Row) -> Result<(HistoryHour, String, u64), ServerStoreError> {
    let count = number("seat_denials", row.try_get(2)?)?;
    Ok((HistoryHour(row.try_get(0)?), row.try_get(1)?, count))
}

/// Returns the requests of days, by the number of seats that they needed.
pub(super) async fn demand(
    db: &Transaction,
    pool: &PoolId,
    (from, until): (HistoryDay, HistoryDay),
) -> Result<BTreeMap<u32, SeatDemand>, ServerStoreError> {
    let rows = db
        .query(
            query!("seat_demand_range"),
            &[&db.tenant(), &pool.as_str(), &from.0, &until.0],
        )
        .await?;
    Ok(read_all(&rows, read_demand)?.into_iter().collect())
}

fn read_demand(row: &Row) -> Result<(u32, SeatDemand), ServerStoreError> {
    let sum = |index: usize| number("seat_demand", row.try_get(index)?);
    let demand = SeatDemand {
        granted: sum(1)?,
        queued: sum(2)?,
        denied: sum(3)?,
    };
    Ok((seats("seat_demand", row, 0)?, demand))
}

/// Deletes days before `before`, and the oldest rows of each table beyond `keep`. Returns the
/// number of deleted rows.
pub(super) async fn forget(
    db: &Transaction,
    before: HistoryDay,
    keep: u32,
) -> Result<usize, ServerStoreError> {
    let (tenant, keep) = (db.tenant(), i64::from(keep));
    let (hour, day) = (before.first_hour().0, before.0);
    let hours = db
        .execute(query!("seat_hours_forget"), &[&tenant, &hour, &keep])
        .await?;
    let denials = db
        .execute(query!("seat_denials_forget"), &[&tenant, &hour, &keep])
        .await?;
    let demand = db
        .execute(query!("seat_demand_forget"), &[&tenant, &day, &keep])
        .await?;
    Ok(count(hours.saturating_add(denials).saturating_add(demand)))
}
