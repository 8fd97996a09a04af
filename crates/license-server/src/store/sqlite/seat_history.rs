//! The history of floating seats.

use std::collections::BTreeMap;

use rusqlite::{CachedStatement, Connection, Row, params};

use super::queries::query;
use super::values::{bad_row, collect, column, number};
use crate::domain::{
    HistoryDay, HistoryHour, PoolId, SeatDemand, SeatHistoryBatch, SeatScope, SeatSums,
    StoredSeatHistory, TenantId,
};
use crate::store::ServerStoreError;
use crate::store::seat_history::read_sums;

/// Adds to the sums of the history. A tenant that was deleted gets no rows.
pub(super) fn add(
    db: &Connection,
    tenant: &TenantId,
    batch: &SeatHistoryBatch,
) -> Result<(), ServerStoreError> {
    let tenant = tenant.as_str();
    let mut statement = db.prepare_cached(query!("seat_hours_add"))?;
    for ((scope, hour), sums) in &batch.hours {
        add_hour(&mut statement, (tenant, scope.as_str(), hour.0), sums)?;
    }
    let mut statement = db.prepare_cached(query!("seat_denials_add"))?;
    for ((scope, hour, code), count) in &batch.denials {
        statement.execute(params![
            tenant,
            scope.as_str(),
            hour.0,
            code,
            column(*count)
        ])?;
    }
    let mut statement = db.prepare_cached(query!("seat_demand_add"))?;
    for ((pool, day, level), demand) in &batch.demand {
        statement.execute(params![
            tenant,
            pool.as_str(),
            day.0,
            level,
            column(demand.granted),
            column(demand.queued),
            column(demand.denied),
        ])?;
    }
    Ok(())
}

fn add_hour(
    statement: &mut CachedStatement<'_>,
    (tenant, pool, hour): (&str, &str, i64),
    sums: &SeatSums,
) -> Result<(), ServerStoreError> {
    statement.execute(params![
        tenant,
        pool,
        hour,
        sums.capacity_low,
        sums.capacity_high,
        sums.held_high,
        column(sums.held_ms),
        column(sums.full_ms),
        column(sums.granted),
        column(sums.overage),
        column(sums.queued),
        column(sums.waits),
        column(sums.waited_ms),
        column(sums.longest_wait_ms),
        column(sums.abandoned),
        sums.queue_high,
    ])?;
    Ok(())
}

/// Returns the hours from `from` until before `until` in which something happened.
pub(super) fn range(
    db: &Connection,
    tenant: &TenantId,
    scope: &SeatScope,
    (from, until): (HistoryHour, HistoryHour),
) -> Result<StoredSeatHistory, ServerStoreError> {
    let values = params![tenant.as_str(), scope.as_str(), from.0, until.0];
    let hours = collect(
        &mut db.prepare_cached(query!("seat_hours_range"))?,
        values,
        read_hour,
    )?;
    let denials = collect(
        &mut db.prepare_cached(query!("seat_denials_range"))?,
        values,
        read_denials,
    )?;
    let mut history = StoredSeatHistory {
        hours: hours.into_iter().collect(),
        ..StoredSeatHistory::default()
    };
    for (hour, code, count) in denials {
        let codes = history.denials.entry(hour).or_default();
        codes.insert(code, count);
    }
    Ok(history)
}

fn read_hour(row: &Row<'_>) -> Result<(HistoryHour, SeatSums), ServerStoreError> {
    let sums = read_sums(|index| Ok(row.get(index)?))?;
    Ok((HistoryHour(row.get(0)?), sums))
}

fn read_denials(row: &Row<'_>) -> Result<(HistoryHour, String, u64), ServerStoreError> {
    let count = number("seat_denials", row.get(2)?)?;
    Ok((HistoryHour(row.get(0)?), row.get(1)?, count))
}

/// Returns the requests of days, by the number of seats that they needed.
pub(super) fn demand(
    db: &Connection,
    tenant: &TenantId,
    pool: &PoolId,
    (from, until): (HistoryDay, HistoryDay),
) -> Result<BTreeMap<u32, SeatDemand>, ServerStoreError> {
    let values = params![tenant.as_str(), pool.as_str(), from.0, until.0];
    let mut statement = db.prepare_cached(query!("seat_demand_range"))?;
    Ok(collect(&mut statement, values, read_demand)?
        .into_iter()
        .collect())
}

fn read_demand(row: &Row<'_>) -> Result<(u32, SeatDemand), ServerStoreError> {
    let sum = |index: usize| number("seat_demand", row.get(index)?);
    let level: i64 = row.get(0)?;
    let demand = SeatDemand {
        granted: sum(1)?,
        queued: sum(2)?,
        denied: sum(3)?,
    };
    let level = u32::try_from(level).map_err(|_| bad_row("seat_demand", level))?;
    Ok((level, demand))
}

/// Deletes days before `before`, and the oldest rows of each table beyond `keep`. Returns the
/// number of deleted rows.
pub(super) fn forget(
    db: &Connection,
    tenant: &TenantId,
    before: HistoryDay,
    keep: u32,
) -> Result<usize, ServerStoreError> {
    let mut deleted: usize = 0;
    for (sql, before) in [
        (query!("seat_hours_forget"), before.first_hour().0),
        (query!("seat_denials_forget"), before.first_hour().0),
        (query!("seat_demand_forget"), before.0),
    ] {
        let mut statement = db.prepare_cached(sql)?;
        let count = statement.execute(params![tenant.as_str(), before, keep])?;
        deleted = deleted.saturating_add(count);
    }
    Ok(deleted)
}
