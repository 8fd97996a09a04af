//! The rows of pools.

mod written;

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use license_core::session::SessionId;
use license_seats::{LeaseTime, OpenLease, Pool, PoolCounters, PoolRows, PoolTerms, Ticket};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::lease_clock::{self, Reading};
use super::queries::query;
use super::transaction::Transaction;
use super::values::{after_number, bad_row, column, excess, number, time};
use crate::domain::{Page, PageRequest, PoolId, SeatPolicy};
use crate::store::{LeaseRow, ServerStoreError, TicketRow};

pub(super) use written::BatchRows;

/// A value of a statement.
type Value<'a> = &'a (dyn ToSql + Sync);

/// The row of a pool.
#[derive(Clone, Debug)]
pub(super) struct PoolRow {
    pub(super) terms: PoolTerms,
    pub(super) counters: PoolCounters,
    pub(super) version: i64,
    /// The reading of the lease clock at the version.
    pub(super) now: LeaseTime,
    /// When a tick has work to do.
    pub(super) deadline: Option<LeaseTime>,
    /// The epoch under which renewals may be in Redis, or 0.
    pub(super) redis_epoch: i64,
    /// The first fencing number after a restore that the pool has taken over.
    pub(super) lifted_to: u64,
}

/// A pool whose row is locked.
pub(super) struct LockedPool {
    pub(super) row: Option<PoolRow>,
    /// The reading of the lease clock after the row was locked.
    pub(super) reading: Reading,
    /// The logged changes after the version that the caller knows.
    pub(super) log: Vec<Row>,
}

/// Locks the row of a pool, and reads the lease clock in a statement that begins after that.
pub(super) async fn lock(
    db: &Transaction,
    pool: &PoolId,
    known: Option<i64>,
) -> Result<LockedPool, ServerStoreError> {
    let (tenant, pool) = (db.tenant(), pool.as_str());
    let key: [Value<'_>; 2] = [&tenant, &pool];
    db.prepare(&[
        query!("pool_lock"),
        query!("clock_read"),
        query!("changes_after"),
    ])
    .await?;
    let log = async {
        match known {
            None => Ok(Vec::new()),
            Some(version) => {
                db.query(query!("changes_after"), &[&tenant, &pool, &version])
                    .await
            }
        }
    };
    let (row, clock, log) = tokio::try_join!(
        db.query_opt(query!("pool_lock"), &key),
        db.query_one(query!("clock_read"), &[]),
        log,
    )?;
    Ok(LockedPool {
        row: row.map(|row| pool_row(&row)).transpose()?,
        reading: lease_clock::reading(&clock)?,
        log,
    })
}

fn pool_row(row: &Row) -> Result<PoolRow, ServerStoreError> {
    let deadline: Option<i64> = row.try_get(4)?;
    Ok(PoolRow {
        terms: parse("pools", row.try_get(0)?)?,
        counters: parse("pools", row.try_get(1)?)?,
        version: row.try_get(2)?,
        now: lease_time(row.try_get(3)?)?,
        deadline: deadline.map(lease_time).transpose()?,
        redis_epoch: row.try_get(5)?,
        lifted_to: number("pools", row.try_get(6)?)?,
    })
}

fn lease_time(column: i64) -> Result<LeaseTime, ServerStoreError> {
    Ok(LeaseTime::from_millis(number("pools", column)?))
}

/// Creates the row of a pool, unless another node creates it at the same time.
pub(super) async fn create(
    db: &Transaction,
    pool: &PoolId,
    terms: &PoolTerms,
    counters: &PoolCounters,
) -> Result<(), ServerStoreError> {
    let values: (String, String) = (json("pools", terms)?, json("pools", counters)?);
    let next_seq = column(counters.next_seq.0);
    let (held, ceiling) = (i64::from(counters.held), i64::from(counters.ceiling));
    db.execute(
        query!("pool_put"),
        &[
            &db.tenant(),
            &pool.as_str(),
            &values.0,
            &next_seq,
            &held,
            &ceiling,
            &values.1,
        ],
    )
    .await?;
    Ok(())
}

/// Reads the leases and tickets of a pool, and rebuilds it as of its last version.
pub(super) async fn read(
    db: &Transaction,
    pool: &PoolId,
    row: &PoolRow,
) -> Result<Pool, ServerStoreError> {
    let (tenant, pool) = (db.tenant(), pool.as_str());
    let key: [Value<'_>; 2] = [&tenant, &pool];
    let (leases, ended, tickets) = tokio::try_join!(
        db.query(query!("lease_all"), &key),
        db.query(query!("ended_all"), &key),
        db.query(query!("ticket_all"), &key),
    )?;
    let rows = PoolRows {
        counters: row.counters,
        leases: parse_all("leases", &leases)?,
        ended: parse_all("ended_leases", &ended)?,
        tickets: parse_all("tickets", &tickets)?,
    };
    rebuild(row.terms.clone(), rows, row.now)
}

/// Rebuilds a pool from its rows.
pub(super) fn rebuild(
    terms: PoolTerms,
    rows: PoolRows,
    now: LeaseTime,
) -> Result<Pool, ServerStoreError> {
    Pool::from_rows(terms, rows, now).map_err(|error| bad_row("leases", error))
}

/// Stores when a tick has work to do next.
pub(super) async fn put_deadline(
    db: &Transaction,
    pool: &PoolId,
    deadline: Option<LeaseTime>,
) -> Result<(), ServerStoreError> {
    let deadline = deadline.map(|at| column(at.as_millis()));
    db.execute(
        query!("pool_deadline_put"),
        &[&db.tenant(), &pool.as_str(), &deadline],
    )
    .await?;
    Ok(())
}

/// Returns when the remembered leases of sessions ended, by the wall clock.
pub(super) async fn ended_at(
    db: &Transaction,
    pool: &PoolId,
    sessions: impl Iterator<Item = SessionId>,
) -> Result<HashMap<String, DateTime<Utc>>, ServerStoreError> {
    let sessions: Vec<String> = sessions.map(|session| session.to_string()).collect();
    let rows = db
        .query(
            query!("ended_at"),
            &[&db.tenant(), &pool.as_str(), &sessions],
        )
        .await?;
    let ended = rows
        .iter()
        .map(|row| Ok((row.try_get(0)?, time(row.try_get(1)?))));
    ended.collect()
}

/// Returns the pools for which a tick has work to do.
pub(super) async fn due(db: &Transaction) -> Result<Vec<PoolId>, ServerStoreError> {
    let rows = db.query(query!("pool_due"), &[&db.tenant()]).await?;
    rows.iter().map(pool_id).collect()
}

/// Returns the pools that have a license.
pub(super) async fn pool_page(
    db: &Transaction,
    page: &PageRequest,
) -> Result<Page<PoolId>, ServerStoreError> {
    let rows = db
        .query(
            query!("pool_page"),
            &[&db.tenant(), &page.after_key(), &excess(page)],
        )
        .await?;
    let pools: Result<Vec<_>, _> = rows.iter().map(pool_id).collect();
    Ok(Page::from_excess(pools?, page.limit(), PoolId::to_string))
}

pub(super) fn pool_id(row: &Row) -> Result<PoolId, ServerStoreError> {
    let text: &str = row.try_get(0)?;
    PoolId::parse(text).ok_or_else(|| bad_row("pools", text))
}

/// Returns the open leases of a pool, in the order of their fencing numbers.
pub(super) async fn lease_page(
    db: &Transaction,
    pool: &PoolId,
    page: &PageRequest,
) -> Result<Page<LeaseRow>, ServerStoreError> {
    let now = lease_clock::stored(db).await?;
    let rows = db
        .query(
            query!("lease_page"),
            &[
                &db.tenant(),
                &pool.as_str(),
                &after_number(page)?,
                &excess(page),
            ],
        )
        .await?;
    let leases: Vec<Arc<OpenLease>> = parse_all("leases", &rows)?;
    let leases = Page::from_excess(leases, page.limit(), |lease| lease.seq.0.to_string());
    Ok(leases.map(|lease| LeaseRow { lease, now }))
}

/// Returns the queue of a pool.
pub(super) async fn ticket_page(
    db: &Transaction,
    pool: &PoolId,
    page: &PageRequest,
) -> Result<Page<TicketRow>, ServerStoreError> {
    let now = lease_clock::stored(db).await?;
    let rows = db
        .query(query!("ticket_all"), &[&db.tenant(), &pool.as_str()])
        .await?;
    let tickets: Vec<Arc<Ticket>> = parse_all("tickets", &rows)?;
    Ok(TicketRow::page(tickets, now, page))
}

/// Returns the settings of an administrator for a pool.
pub(super) async fn policy(
    db: &Transaction,
    pool: &PoolId,
) -> Result<Option<SeatPolicy>, ServerStoreError> {
    let row = db
        .query_opt(query!("policy_get"), &[&db.tenant(), &pool.as_str()])
        .await?;
    row.map(|row| parse("seat_policies", row.try_get(0)?))
        .transpose()
}

/// Stores the settings of an administrator for a pool.
pub(super) async fn set_policy(
    db: &Transaction,
    pool: &PoolId,
    policy: &SeatPolicy,
) -> Result<(), ServerStoreError> {
    let text = json("seat_policies", policy)?;
    db.execute(query!("policy_put"), &[&db.tenant(), &pool.as_str(), &text])
        .await?;
    Ok(())
}

fn json(table: &'static str, value: &impl Serialize) -> Result<String, ServerStoreError> {
    serde_json::to_string(value).map_err(|error| bad_row(table, error))
}

fn parse<T: DeserializeOwned>(table: &'static str, text: &str) -> Result<T, ServerStoreError> {
    serde_json::from_str(text).map_err(|error| bad_row(table, error))
}

fn parse_all<T: DeserializeOwned>(
    table: &'static str,
    rows: &[Row],
) -> Result<Vec<T>, ServerStoreError> {
    rows.iter()
        .map(|row| parse(table, row.try_get(0)?))
        .collect()
}
