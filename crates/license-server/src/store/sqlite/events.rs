//! Events.

use chrono::{DateTime, Utc};
use license_seats::PoolEvent;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::queries::query;
use super::values::{
    after_number, bad_row, before_number, collect, collect_page, column, excess, millis, number,
    time,
};
use crate::domain::{
    Cursor, EventRecord, NewAuditEntry, Page, PageRequest, PoolId, TenantId, kind_or_beginning,
};
use crate::store::ServerStoreError;

/// Appends the event of an audited change.
pub(super) fn append_change(
    db: &Connection,
    tenant: &TenantId,
    change: &NewAuditEntry,
) -> Result<(), ServerStoreError> {
    let details = change.details.to_string();
    insert(
        db,
        tenant,
        change.at,
        change.action,
        &change.subject,
        &details,
    )
}

/// Appends the events of a pool.
pub(super) fn append_seat_events(
    db: &Connection,
    tenant: &TenantId,
    at: DateTime<Utc>,
    pool: &PoolId,
    events: &[PoolEvent],
) -> Result<(), ServerStoreError> {
    for event in events {
        let details = serde_json::to_string(event).map_err(|error| bad_row("events", error))?;
        let kind = format!("seat.{}", event.kind.name());
        insert(db, tenant, at, &kind, pool.as_str(), &details)?;
    }
    Ok(())
}

fn insert(
    db: &Connection,
    tenant: &TenantId,
    at: DateTime<Utc>,
    kind: &str,
    subject: &str,
    details: &str,
) -> Result<(), ServerStoreError> {
    let last = match last_number(db, tenant)? {
        Some(last) => last,
        None => {
            add_tenant(db, tenant)?;
            0
        }
    };
    db.prepare_cached(query!("event_insert"))?.execute(params![
        tenant.as_str(),
        last.saturating_add(1),
        millis(at),
        kind,
        subject,
        details
    ])?;
    Ok(())
}

/// Returns the number of the newest event, whether it was forgotten or not. `None`: the tenant has
/// no row yet.
fn last_number(db: &Connection, tenant: &TenantId) -> Result<Option<i64>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("event_last"))?;
    let last = statement.query_row([tenant.as_str()], |row| row.get(0));
    Ok(last.optional()?)
}

/// Adds the row of a tenant if it is missing, before the first change of the tenant.
///
/// # Errors
///
/// Returns an error if the tenant was deleted.
pub(super) fn add_tenant(db: &Connection, tenant: &TenantId) -> Result<(), ServerStoreError> {
    db.prepare_cached(query!("tenant_insert"))?
        .execute([tenant.as_str()])?;
    Ok(())
}

/// Stores the number of the newest event, because this event will not be in the database.
fn keep_number(db: &Connection, tenant: &TenantId) -> Result<(), ServerStoreError> {
    db.prepare_cached(query!("event_keep_number"))?
        .execute([tenant.as_str()])?;
    Ok(())
}

/// Returns events, the oldest first. The page always has a cursor.
pub(super) fn page(
    db: &Connection,
    tenant: &TenantId,
    page: &PageRequest,
) -> Result<Page<EventRecord>, ServerStoreError> {
    let after = after_number(page)?;
    let limit = excess(page).saturating_sub(1);
    let items = self::after(db, tenant, after, limit)?;
    let last = items.last().map_or(after, |event| column(event.seq));
    Ok(Page {
        items,
        next: Some(Cursor::after(last.to_string())),
    })
}

/// Returns events, the newest first.
pub(super) fn newest(
    db: &Connection,
    tenant: &TenantId,
    kind: Option<&str>,
    page: &PageRequest,
) -> Result<Page<EventRecord>, ServerStoreError> {
    let (tenant, before) = (tenant.as_str(), before_number(page)?);
    let (kind, beginning) = kind_or_beginning(kind);
    let values = params![tenant, before, excess(page), kind, beginning];
    let mut statement = db.prepare_cached(query!("event_page_newest"))?;
    collect_page(&mut statement, values, read, page, |event| {
        event.seq.to_string()
    })
}

/// Returns up to `limit` events after a number, the oldest first.
pub(super) fn after(
    db: &Connection,
    tenant: &TenantId,
    after: i64,
    limit: i64,
) -> Result<Vec<EventRecord>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("event_page"))?;
    collect(&mut statement, params![tenant.as_str(), after, limit], read)
}

/// Deletes events that are older than `before`. Returns how many were deleted.
pub(super) fn forget(
    db: &Connection,
    tenant: &TenantId,
    before: DateTime<Utc>,
    keep: u32,
) -> Result<usize, ServerStoreError> {
    keep_number(db, tenant)?;
    let mut statement = db.prepare_cached(query!("event_forget"))?;
    Ok(statement.execute(params![tenant.as_str(), millis(before), keep])?)
}

fn read(row: &Row<'_>) -> Result<EventRecord, ServerStoreError> {
    let details: String = row.get(4)?;
    Ok(EventRecord {
        seq: number("events", row.get(0)?)?,
        at: time(row.get(1)?),
        kind: row.get(2)?,
        subject: row.get(3)?,
        details: serde_json::from_str(&details).map_err(|error| bad_row("events", error))?,
    })
}
