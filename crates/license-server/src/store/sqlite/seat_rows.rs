//! The rows of pools.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use license_core::session::SessionId;
use license_seats::{
    EndedLease, LeaseTime, OpenLease, PoolCounters, PoolRows, PoolTerms, SeatChange, Seq, Ticket,
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::events;
use super::queries::query;
use super::values::{after_number, bad_row, collect, column, excess, millis, number, time};
use crate::domain::{Page, PageRequest, PoolId, SeatPolicy, TenantId};
use crate::store::{LeaseRow, ServerStoreError, TicketRow};

/// Writes the changed rows of a pool, in their order. Returns the new counters of the pool, which
/// are written at the end of the batch ([`write_counters`]).
pub(super) fn write(
    db: &Connection,
    tenant: &TenantId,
    pool: &PoolId,
    changes: &[SeatChange],
    wall: DateTime<Utc>,
) -> Result<Option<PoolCounters>, ServerStoreError> {
    let (tenant_text, pool_text) = (tenant.as_str(), pool.as_str());
    let delete = |sql: &str, key: String| -> Result<(), ServerStoreError> {
        let mut statement = db.prepare_cached(sql)?;
        one_row(statement.execute([tenant_text, pool_text, &key])?)
    };
    let mut new_counters = None;
    for change in changes {
        match change {
            SeatChange::DeleteLease(session) => {
                delete(query!("lease_delete"), session.to_string())?;
            }
            SeatChange::DeleteEnded(session) => {
                delete(query!("ended_delete"), session.to_string())?;
            }
            SeatChange::DeleteTicket(ticket) => {
                delete(query!("ticket_delete"), ticket.to_string())?;
            }
            SeatChange::PutLease(lease) => put_lease(db, tenant, pool, lease)?,
            SeatChange::PutEnded(ended) => put_ended(db, tenant, pool, ended, wall)?,
            SeatChange::PutTicket(ticket) => put_ticket(db, tenant, pool, ticket)?,
            SeatChange::PutCounters(counters) => new_counters = Some(*counters),
        }
    }
    Ok(new_counters)
}

/// Refuses a change that does not find its row. The pool in memory would differ from its rows.
fn one_row(count: usize) -> Result<(), ServerStoreError> {
    if count == 1 {
        Ok(())
    } else {
        Err(bad_row("pools", format!("{count} rows instead of one")))
    }
}

fn put_lease(
    db: &Connection,
    tenant: &TenantId,
    pool: &PoolId,
    lease: &OpenLease,
) -> Result<(), ServerStoreError> {
    db.prepare_cached(query!("lease_put"))?.execute(params![
        tenant.as_str(),
        pool.as_str(),
        lease.holder.session.to_string(),
        column(lease.seq.0),
        column(lease.until.as_millis()),
        json("leases", lease)?,
    ])?;
    Ok(())
}

fn put_ended(
    db: &Connection,
    tenant: &TenantId,
    pool: &PoolId,
    ended: &EndedLease,
    wall: DateTime<Utc>,
) -> Result<(), ServerStoreError> {
    db.prepare_cached(query!("ended_put"))?.execute(params![
        tenant.as_str(),
        pool.as_str(),
        ended.session.to_string(),
        column(ended.seq.0),
        millis(wall),
        json("ended_leases", ended)?,
    ])?;
    Ok(())
}

/// Returns when the remembered lease of a session ended, by the wall clock.
pub(super) fn ended_at(
    db: &Connection,
    tenant: &TenantId,
    pool: &PoolId,
    session: &SessionId,
) -> Result<Option<DateTime<Utc>>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("ended_at"))?;
    let key = [tenant.as_str(), pool.as_str(), &session.to_string()];
    let found = statement.query_row(key, |row| row.get(0)).optional()?;
    Ok(found.map(time))
}

fn put_ticket(
    db: &Connection,
    tenant: &TenantId,
    pool: &PoolId,
    ticket: &Ticket,
) -> Result<(), ServerStoreError> {
    db.prepare_cached(query!("ticket_put"))?.execute(params![
        tenant.as_str(),
        pool.as_str(),
        ticket.id.to_string(),
        ticket.holder.session.to_string(),
        json("tickets", ticket)?,
    ])?;
    Ok(())
}

/// Creates the row of a pool. A deleted tenant gets no pool.
pub(super) fn create(
    db: &Connection,
    tenant: &TenantId,
    pool: &PoolId,
    terms: &PoolTerms,
    counters: &PoolCounters,
) -> Result<(), ServerStoreError> {
    events::add_tenant(db, tenant)?;
    db.prepare_cached(query!("pool_put"))?.execute(params![
        tenant.as_str(),
        pool.as_str(),
        json("pools", terms)?,
        column(counters.next_seq.0),
        counters.held,
        counters.ceiling,
        json("pools", counters)?,
    ])?;
    Ok(())
}

/// Writes the counters of a pool.
pub(super) fn write_counters(
    db: &Connection,
    tenant: &TenantId,
    pool: &PoolId,
    counters: &PoolCounters,
) -> Result<(), ServerStoreError> {
    let count = db
        .prepare_cached(query!("pool_counters_put"))?
        .execute(params![
            tenant.as_str(),
            pool.as_str(),
            column(counters.next_seq.0),
            counters.held,
            counters.ceiling,
            json("pools", counters)?,
        ])?;
    one_row(count)
}

/// Returns the counters of a new pool. Its first fencing number is above those that were granted
/// before a restore.
pub(super) fn new_counters(
    db: &Connection,
    allowed: u32,
) -> Result<PoolCounters, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("fencing_get"))?;
    let first = statement.query_row([], |row| row.get(0))?;
    Ok(PoolCounters {
        next_seq: Seq(number("fencing", first)?),
        ..PoolCounters::new(allowed)
    })
}

/// Replaces the stored terms, which a process without the license needs to rebuild the pool.
pub(super) fn write_terms(
    db: &Connection,
    tenant: &TenantId,
    pool: &PoolId,
    terms: &PoolTerms,
) -> Result<(), ServerStoreError> {
    let terms = json("pools", terms)?;
    db.prepare_cached(query!("pool_terms_put"))?.execute([
        tenant.as_str(),
        pool.as_str(),
        &terms,
    ])?;
    Ok(())
}

/// Returns whether a pool has rows.
pub(super) fn exists(
    db: &Connection,
    tenant: &TenantId,
    pool: &PoolId,
) -> Result<bool, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("pool_get"))?;
    Ok(statement.exists([tenant.as_str(), pool.as_str()])?)
}

/// Returns the terms and all rows of a pool.
pub(super) fn read(
    db: &Connection,
    tenant: &TenantId,
    pool: &PoolId,
) -> Result<Option<(PoolTerms, PoolRows)>, ServerStoreError> {
    let key = [tenant.as_str(), pool.as_str()];
    let found = db
        .prepare_cached(query!("pool_get"))?
        .query_row(key, |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })
        .optional()?;
    let Some((terms, counters)) = found else {
        return Ok(None);
    };
    let lease = |row: &Row<'_>| parse_row::<Arc<OpenLease>>("leases", row);
    let ended = |row: &Row<'_>| parse_row::<EndedLease>("ended_leases", row);
    let rows = PoolRows {
        counters: parse("pools", &counters)?,
        leases: collect(&mut db.prepare_cached(query!("lease_all"))?, key, lease)?,
        ended: collect(&mut db.prepare_cached(query!("ended_all"))?, key, ended)?,
        tickets: all_tickets(db, key)?,
    };
    Ok(Some((parse("pools", &terms)?, rows)))
}

fn all_tickets(db: &Connection, key: [&str; 2]) -> Result<Vec<Arc<Ticket>>, ServerStoreError> {
    let ticket = |row: &Row<'_>| parse_row::<Arc<Ticket>>("tickets", row);
    collect(&mut db.prepare_cached(query!("ticket_all"))?, key, ticket)
}

/// Returns the pools that have open leases, remembered leases or tickets.
pub(super) fn active(db: &Connection) -> Result<Vec<(TenantId, PoolId)>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("pool_active"))?;
    collect(&mut statement, [], |row| {
        let (tenant, pool): (String, String) = (row.get(0)?, row.get(1)?);
        Ok((TenantId::from_column(&tenant), pool_id(&pool)?))
    })
}

/// Returns the open leases of a pool, in the order of their fencing numbers.
pub(super) fn lease_page(
    db: &Connection,
    tenant: &TenantId,
    pool: &PoolId,
    page: &PageRequest,
) -> Result<Page<LeaseRow>, ServerStoreError> {
    let now = stored_clock(db)?;
    let mut statement = db.prepare_cached(query!("lease_page"))?;
    let values = params![
        tenant.as_str(),
        pool.as_str(),
        after_number(page)?,
        excess(page)
    ];
    let leases = collect(&mut statement, values, |row| {
        parse_row::<Arc<OpenLease>>("leases", row)
    })?;
    let leases = Page::from_excess(leases, page.limit(), |lease| lease.seq.0.to_string());
    Ok(leases.map(|lease| LeaseRow { lease, now }))
}

/// Returns the queue of a pool.
pub(super) fn ticket_page(
    db: &Connection,
    tenant: &TenantId,
    pool: &PoolId,
    page: &PageRequest,
) -> Result<Page<TicketRow>, ServerStoreError> {
    let now = stored_clock(db)?;
    let tickets = all_tickets(db, [tenant.as_str(), pool.as_str()])?;
    Ok(TicketRow::page(tickets, now, page))
}

/// Returns the stored reading of the lease clock.
pub(super) fn stored_clock(db: &Connection) -> Result<LeaseTime, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("clock_read"))?;
    let now = statement.query_row([], |row| row.get(0))?;
    Ok(LeaseTime::from_millis(number("lease_clock", now)?))
}

/// Returns the pools that have a license.
pub(super) fn pool_page(
    db: &Connection,
    tenant: &TenantId,
    page: &PageRequest,
) -> Result<Page<PoolId>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("pool_page"))?;
    let values = params![tenant.as_str(), page.after_key(), excess(page)];
    let pools = collect(&mut statement, values, |row| {
        pool_id(&row.get::<_, String>(0)?)
    })?;
    Ok(Page::from_excess(pools, page.limit(), PoolId::to_string))
}

/// Returns the settings of an administrator for a pool.
pub(super) fn policy(
    db: &Connection,
    tenant: &TenantId,
    pool: &PoolId,
) -> Result<Option<SeatPolicy>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("policy_get"))?;
    let found = statement
        .query_row([tenant.as_str(), pool.as_str()], |row| {
            row.get::<_, String>(0)
        })
        .optional()?;
    found.map(|text| parse("seat_policies", &text)).transpose()
}

/// Stores the settings of an administrator for a pool.
pub(super) fn set_policy(
    db: &Connection,
    tenant: &TenantId,
    pool: &PoolId,
    policy: &SeatPolicy,
) -> Result<(), ServerStoreError> {
    let text = json("seat_policies", policy)?;
    db.prepare_cached(query!("policy_put"))?
        .execute([tenant.as_str(), pool.as_str(), &text])?;
    Ok(())
}

fn pool_id(text: &str) -> Result<PoolId, ServerStoreError> {
    PoolId::parse(text).ok_or_else(|| bad_row("pools", text))
}

fn json(table: &'static str, value: &impl Serialize) -> Result<String, ServerStoreError> {
    serde_json::to_string(value).map_err(|error| bad_row(table, error))
}

fn parse<T: DeserializeOwned>(table: &'static str, text: &str) -> Result<T, ServerStoreError> {
    serde_json::from_str(text).map_err(|error| bad_row(table, error))
}

fn parse_row<T: DeserializeOwned>(
    table: &'static str,
    row: &Row<'_>,
) -> Result<T, ServerStoreError> {
    parse(table, &row.get::<_, String>(0)?)
}
