//! Telemetry.

use license_core::ProductCode;
use license_core::ids::Commitment;
use license_core::telemetry::{TelemetryDay, TelemetryId};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::queries::query;
use super::transaction::Transaction;
use super::values::{after_number, count, excess, number, read_all};
use super::{audit, tenants};
use crate::domain::{
    NewAuditEntry, Page, PageRequest, TelemetryDeletion, TelemetryDimension, TelemetryOutcome,
    TelemetryRange, TelemetryRecord, TelemetryRow, TelemetryShare, TelemetrySize,
};
use crate::store::ServerStoreError;

/// Stores the events that are not stored yet.
pub(super) async fn store(
    db: &Transaction,
    record: &TelemetryRecord,
) -> Result<TelemetryOutcome, ServerStoreError> {
    let batch = &record.batch;
    let id = batch.installation.to_string();
    let commitment = batch.commitment.to_string();
    lock(db, &id).await?;
    match installation(db, &id).await? {
        Some((_, true)) => return Ok(TelemetryOutcome::Deleted),
        Some((known, false)) if known != commitment => {
            return Ok(TelemetryOutcome::OtherCommitment);
        }
        _ => {}
    }
    let ids: Vec<_> = batch
        .events
        .iter()
        .map(|event| event.id.to_string())
        .collect();
    let days: Vec<_> = batch
        .events
        .iter()
        .map(|event| event.day.to_string())
        .collect();
    let events: Vec<_> = batch.events.iter().map(|event| event.to_json()).collect();
    let stored = db
        .execute(
            query!("telemetry_insert"),
            &[&db.tenant(), &id, &ids, &days, &events],
        )
        .await?;
    // Without a new event there is no new row, so that a repetition takes no space.
    if stored > 0 {
        let days = batch.events.iter().map(|event| event.day);
        let last_day = days.fold(record.received_on, TelemetryDay::max);
        put_installation(db, &id, &commitment, last_day).await?;
    }
    let known = u64::try_from(ids.len())
        .unwrap_or(u64::MAX)
        .saturating_sub(stored);
    Ok(TelemetryOutcome::Stored { stored, known })
}

/// Serializes the changes of an installation, whose row may not exist, until the end of the
/// transaction.
async fn lock(db: &Transaction, installation: &str) -> Result<(), ServerStoreError> {
    db.query(query!("telemetry_lock"), &[&installation]).await?;
    Ok(())
}

async fn put_installation(
    db: &Transaction,
    installation: &str,
    commitment: &str,
    last_day: TelemetryDay,
) -> Result<(), ServerStoreError> {
    let last_day = last_day.to_string();
    db.execute(
        query!("telemetry_installation_put"),
        &[&db.tenant(), &installation, &commitment, &last_day],
    )
    .await?;
    Ok(())
}

/// Deletes the events of an installation. `on` is the day for the row of an unknown installation.
pub(super) async fn delete(
    db: &Transaction,
    id: TelemetryId,
    commitment: Commitment,
    on: Option<TelemetryDay>,
) -> Result<TelemetryDeletion, ServerStoreError> {
    let (id, commitment) = (id.to_string(), commitment.to_string());
    lock(db, &id).await?;
    match (installation(db, &id).await?, on) {
        (None, None) => return Ok(TelemetryDeletion::Deleted),
        // The first batch may be on its way.
        (None, Some(day)) => put_installation(db, &id, &commitment, day).await?,
        (Some((known, _)), _) if known != commitment => return Ok(TelemetryDeletion::WrongSecret),
        (Some(_), _) => {}
    }
    db.execute(query!("telemetry_delete"), &[&db.tenant(), &id])
        .await?;
    db.execute(
        query!("telemetry_installation_delete"),
        &[&db.tenant(), &id],
    )
    .await?;
    Ok(TelemetryDeletion::Deleted)
}

/// Returns the commitment of an installation, and whether its events were deleted.
async fn installation(
    db: &Transaction,
    id: &str,
) -> Result<Option<(String, bool)>, ServerStoreError> {
    let row = db
        .query_opt(query!("telemetry_installation_get"), &[&db.tenant(), &id])
        .await?;
    let Some(row) = row else { return Ok(None) };
    let is_deleted: i64 = row.try_get(1)?;
    Ok(Some((row.try_get(0)?, is_deleted == 1)))
}

/// Returns sums, in the order of their columns.
pub(super) async fn page(
    db: &Transaction,
    range: TelemetryRange,
    page: &PageRequest,
) -> Result<Page<TelemetryRow>, ServerStoreError> {
    let before = after_number(page)?.max(0);
    let (from, through) = (range.from.to_string(), range.through.to_string());
    let rows = db
        .query(
            query!("telemetry_page"),
            &[
                &db.tenant(),
                &from,
                &through,
                &excess(page),
                &before,
                &i64::from(range.least),
            ],
        )
        .await?;
    Ok(numbered(read_all(&rows, read)?, page, before))
}

/// Returns a page of rows whose cursor is the number of rows before it.
fn numbered<T>(rows: Vec<T>, page: &PageRequest, before: i64) -> Page<T> {
    let limit = i64::try_from(page.limit()).unwrap_or(i64::MAX);
    let next = before.saturating_add(limit).to_string();
    Page::from_excess(rows, page.limit(), |_| next.clone())
}

/// Returns the installations of a product by day and value.
pub(super) async fn summary(
    db: &Transaction,
    product: ProductCode,
    (range, dimension): (TelemetryRange, TelemetryDimension),
    page: &PageRequest,
) -> Result<Page<TelemetryShare>, ServerStoreError> {
    let before = after_number(page)?.max(0);
    let (from, through) = (range.from.to_string(), range.through.to_string());
    let values: [&(dyn ToSql + Sync); 8] = [
        &db.tenant(),
        &from,
        &through,
        &product.as_str(),
        &dimension.as_str(),
        &i64::from(range.least),
        &excess(page),
        &before,
    ];
    let rows = db.query(query!("telemetry_summary"), &values).await?;
    let rows = read_all(&rows, |row| {
        let count = |column: usize| number("telemetry_events", row.try_get(column)?);
        Ok(TelemetryShare {
            day: row.try_get(0)?,
            value: row.try_get(1)?,
            installations: count(2)?,
            used: count(3)?,
            refused: count(4)?,
        })
    })?;
    Ok(numbered(rows, page, before))
}

fn read(row: &Row) -> Result<TelemetryRow, ServerStoreError> {
    let count = |column: usize| number("telemetry_events", row.try_get(column)?);
    Ok(TelemetryRow {
        day: row.try_get(0)?,
        product: row.try_get(1)?,
        version: row.try_get(2)?,
        tier: row.try_get(3)?,
        os: row.try_get(4)?,
        arch: row.try_get(5)?,
        kind: row.try_get(6)?,
        name: row.try_get(7)?,
        installations: count(8)?,
        used: count(9)?,
        refused: count(10)?,
    })
}

/// Deletes events of days before `before`, and installations that sent nothing since then.
pub(super) async fn forget(
    db: &Transaction,
    before: TelemetryDay,
) -> Result<usize, ServerStoreError> {
    tenants::lock(db).await?;
    let before = before.to_string();
    let events = db
        .execute(query!("telemetry_forget"), &[&db.tenant(), &before])
        .await?;
    let installations = db
        .execute(
            query!("telemetry_forget_installations"),
            &[&db.tenant(), &before],
        )
        .await?;
    Ok(count(events.saturating_add(installations)))
}

/// Deletes a part of all events and installations.
pub(super) async fn clear(
    db: &Transaction,
    entry: Option<&NewAuditEntry>,
) -> Result<usize, ServerStoreError> {
    tenants::lock(db).await?;
    let events = db
        .execute(query!("telemetry_clear"), &[&db.tenant()])
        .await?;
    let query = query!("telemetry_clear_installations");
    let installations = db.execute(query, &[&db.tenant()]).await?;
    if let Some(entry) = entry {
        audit::append(db, entry).await?;
    }
    Ok(count(events.saturating_add(installations)))
}

/// Returns what the telemetry takes.
pub(super) async fn size(db: &Transaction) -> Result<TelemetrySize, ServerStoreError> {
    let row = db
        .query_one(query!("telemetry_size"), &[&db.tenant()])
        .await?;
    let number = |column: usize| number("telemetry_events", row.try_get(column)?);
    Ok(TelemetrySize {
        events: number(0)?,
        installations: number(1)?,
        event_bytes: number(2)?,
    })
}
