//! The audit trail.

use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use super::events;
use super::queries::query;
use super::values::{after_entry, bad_row, collect_page, column, excess, number};
use crate::domain::{
    AuditEntry, AuditFilter, AuditReport, NewAuditEntry, Page, PageRequest, TenantId,
};
use crate::store::ServerStoreError;

/// Appends an entry and its event, in the transaction of the change.
///
/// The end of the chain is read from the database each time, because another process, such as
/// `license-server install`, can append entries too.
pub(super) fn append(
    db: &Connection,
    tenant: &TenantId,
    entry: &NewAuditEntry,
) -> Result<(), ServerStoreError> {
    let (last, previous) = head(db, tenant)?;
    events::append_change(db, tenant, entry)?;
    let entry = AuditEntry::chained(entry, last.saturating_add(1), &previous);
    db.prepare_cached(query!("audit_insert"))?.execute(params![
        tenant.as_str(),
        column(entry.seq),
        column(entry.format),
        entry.at,
        entry.actor,
        entry.address,
        entry.action,
        entry.subject,
        entry.before,
        entry.details,
        entry.hash,
    ])?;
    db.prepare_cached(query!("audit_head_put"))?
        .execute(params![tenant.as_str(), column(entry.seq), entry.hash])?;
    Ok(())
}

/// Returns the number and the hash of the last entry.
pub(super) fn head(
    db: &Connection,
    tenant: &TenantId,
) -> Result<(u64, [u8; 32]), ServerStoreError> {
    let found = db
        .prepare_cached(query!("audit_head"))?
        .query_row([tenant.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match found {
        None => Ok((0, AuditEntry::FIRST_PREVIOUS)),
        Some((seq, hash)) => Ok((number("audit_heads", seq)?, hash)),
    }
}

/// Returns entries that a filter selects.
pub(super) fn search(
    db: &Connection,
    tenant: &TenantId,
    filter: &AuditFilter,
    page: &PageRequest,
) -> Result<Page<AuditEntry>, ServerStoreError> {
    // The index by the originator is used only by queries that require one.
    let query = match (&filter.actor, filter.is_newest_first) {
        (None, false) => query!("audit_search"),
        (None, true) => query!("audit_search_newest"),
        (Some(_), false) => query!("audit_search_of_actor"),
        (Some(_), true) => query!("audit_search_of_actor_newest"),
    };
    let conditions = filter.values();
    let values: [&dyn ToSql; 9] = [
        &tenant.as_str(),
        &after_entry(filter, page)?,
        &excess(page),
        &conditions.action,
        &conditions.beginning,
        &filter.subject,
        &conditions.since,
        &conditions.until,
        &filter.actor,
    ];
    let count = if filter.actor.is_some() { 9 } else { 8 };
    let values = values.get(..count).unwrap_or_default();
    let mut statement = db.prepare_cached(query)?;
    collect_page(&mut statement, values, read, page, |entry| {
        entry.seq.to_string()
    })
}

/// Verifies the chain from its first entry.
pub(super) fn verify(db: &Connection, tenant: &TenantId) -> Result<AuditReport, ServerStoreError> {
    let mut report = AuditReport::new();
    let mut statement = db.prepare_cached(query!("audit_page"))?;
    let mut rows = statement.query(params![tenant.as_str(), 0, -1])?;
    while let Some(row) = rows.next()? {
        if !report.verify(&read(row)?) {
            return Ok(report);
        }
    }
    let (last, hash) = head(db, tenant)?;
    report.verify_end(last, &hash);
    Ok(report)
}

/// Reads an entry.
pub(super) fn read(row: &Row<'_>) -> Result<AuditEntry, ServerStoreError> {
    Ok(AuditEntry {
        seq: number("audit", row.get(0)?)?,
        format: number("audit", row.get(1)?)?,
        at: row.get(2)?,
        actor: row.get(3)?,
        address: row.get(4)?,
        action: row.get(5)?,
        subject: row.get(6)?,
        before: row.get(7)?,
        details: row.get(8)?,
        hash: row.get(9).map_err(|error| bad_row("audit", error))?,
    })
}
