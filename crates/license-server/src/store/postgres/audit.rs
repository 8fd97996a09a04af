//! The audit trail.

use futures_util::future::try_join;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::events::NewEvents;
use super::queries::query;
use super::transaction::Transaction;
use super::values::{after_entry, column, digest, excess, number, read_page};
use crate::domain::{AuditEntry, AuditFilter, AuditReport, NewAuditEntry, Page, PageRequest};
use crate::store::ServerStoreError;

/// The number of entries that a verification reads at once.
const VERIFIED_AT_ONCE: i64 = 1000;

/// Appends an entry and its event, in the transaction of the change. The row of the tenant is
/// locked until the end of the transaction.
pub(super) async fn append(
    db: &Transaction,
    entry: &NewAuditEntry,
) -> Result<(), ServerStoreError> {
    let mut event = NewEvents::default();
    event.add_change(entry);
    let last = event.take_numbers(db).await?;
    try_join(event.append(db, last), append_entry(db, entry)).await?;
    Ok(())
}

/// Appends an entry without an event. The transaction has locked the row of the tenant before, so
/// that the chain of entries has no branch.
pub(super) async fn append_entry(
    db: &Transaction,
    entry: &NewAuditEntry,
) -> Result<(), ServerStoreError> {
    let (last, previous) = head(db).await?;
    let entry = AuditEntry::chained(entry, last.saturating_add(1), &previous);
    let (tenant, seq, hash) = (db.tenant(), column(entry.seq), entry.hash.as_slice());
    let format = column(entry.format);
    let AuditEntry {
        at,
        actor,
        address,
        action,
        subject,
        before,
        details,
        ..
    } = &entry;
    let values: [&(dyn ToSql + Sync); 11] = [
        &tenant, &seq, &format, at, actor, address, action, subject, before, details, &hash,
    ];
    try_join(
        db.execute(query!("audit_insert"), &values),
        db.execute(query!("audit_head_put"), &[&tenant, &seq, &hash]),
    )
    .await?;
    Ok(())
}

/// Returns the number and the hash of the last entry.
pub(super) async fn head(db: &Transaction) -> Result<(u64, [u8; 32]), ServerStoreError> {
    let row = db.query_opt(query!("audit_head"), &[&db.tenant()]).await?;
    match row {
        None => Ok((0, AuditEntry::FIRST_PREVIOUS)),
        Some(row) => Ok((
            number("audit_heads", row.try_get(0)?)?,
            digest("audit_heads", &row, 1)?,
        )),
    }
}

/// Returns entries that a filter selects.
pub(super) async fn search(
    db: &Transaction,
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
    let (conditions, tenant) = (filter.values(), db.tenant());
    let (after, most) = (after_entry(filter, page)?, excess(page));
    let values: [&(dyn ToSql + Sync); 9] = [
        &tenant,
        &after,
        &most,
        &conditions.action,
        &conditions.beginning,
        &filter.subject,
        &conditions.since,
        &conditions.until,
        &filter.actor,
    ];
    let count = if filter.actor.is_some() { 9 } else { 8 };
    let rows = db.query(query, values.get(..count).unwrap_or_default());
    read_page(&rows.await?, read, page, |entry| entry.seq.to_string())
}

/// Verifies the chain from its first entry, in one snapshot.
pub(super) async fn verify(db: &Transaction) -> Result<AuditReport, ServerStoreError> {
    let mut report = AuditReport::new();
    loop {
        let after = column(report.entries);
        let rows = db
            .query(
                query!("audit_page"),
                &[&db.tenant(), &after, &VERIFIED_AT_ONCE],
            )
            .await?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            if !report.verify(&read(row)?) {
                return Ok(report);
            }
        }
    }
    let (last, hash) = head(db).await?;
    report.verify_end(last, &hash);
    Ok(report)
}

/// Reads an entry.
pub(super) fn read(row: &Row) -> Result<AuditEntry, ServerStoreError> {
    Ok(AuditEntry {
        seq: number("audit", row.try_get(0)?)?,
        format: number("audit", row.try_get(1)?)?,
        at: row.try_get(2)?,
        actor: row.try_get(3)?,
        address: row.try_get(4)?,
        action: row.try_get(5)?,
        subject: row.try_get(6)?,
        before: row.try_get(7)?,
        details: row.try_get(8)?,
        hash: digest("audit", row, 9)?,
    })
}
