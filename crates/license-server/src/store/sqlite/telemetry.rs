//! Telemetry.

use license_core::ProductCode;
use license_core::ids::Commitment;
use license_core::telemetry::{TelemetryDay, TelemetryId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::audit;
use super::queries::query;
use super::values::{after_number, collect, excess, number};
use crate::domain::{
    NewAuditEntry, Page, PageRequest, TelemetryDeletion, TelemetryDimension, TelemetryOutcome,
    TelemetryRange, TelemetryRecord, TelemetryRow, TelemetryShare, TelemetrySize, TenantId,
};
use crate::store::ServerStoreError;

/// Stores the events that are not stored yet.
pub(super) fn store(
    db: &Connection,
    tenant: &TenantId,
    record: &TelemetryRecord,
) -> Result<TelemetryOutcome, ServerStoreError> {
    let (tenant, batch) = (tenant.as_str(), &record.batch);
    let commitment = batch.commitment.to_string();
    match installation(db, tenant, batch.installation)? {
        Some((_, true)) => return Ok(TelemetryOutcome::Deleted),
        Some((known, false)) if known != commitment => {
            return Ok(TelemetryOutcome::OtherCommitment);
        }
        _ => {}
    }
    let installation = batch.installation.to_string();
    let mut insert = db.prepare_cached(query!("telemetry_insert"))?;
    let (mut stored, mut known) = (0, 0);
    for event in &batch.events {
        let is_new = insert.execute(params![
            tenant,
            event.id.to_string(),
            installation,
            event.day.to_string(),
            event.to_json(),
        ])?;
        if is_new > 0 {
            stored += 1;
        } else {
            known += 1;
        }
    }
    // Without a new event there is no new row, so that a repetition takes no space.
    if stored > 0 {
        let days = batch.events.iter().map(|event| event.day);
        let last_day = days.fold(record.received_on, TelemetryDay::max);
        put_installation(db, tenant, &installation, &commitment, last_day)?;
    }
    Ok(TelemetryOutcome::Stored { stored, known })
}

fn put_installation(
    db: &Connection,
    tenant: &str,
    installation: &str,
    commitment: &str,
    last_day: TelemetryDay,
) -> Result<(), ServerStoreError> {
    let values = params![tenant, installation, commitment, last_day.to_string()];
    db.prepare_cached(query!("telemetry_installation_put"))?
        .execute(values)?;
    Ok(())
}

/// Deletes the events of an installation. `on` is the day for the row of an unknown installation.
pub(super) fn delete(
    db: &Connection,
    tenant: &TenantId,
    id: TelemetryId,
    commitment: Commitment,
    on: Option<TelemetryDay>,
) -> Result<TelemetryDeletion, ServerStoreError> {
    let (tenant, commitment) = (tenant.as_str(), commitment.to_string());
    match (installation(db, tenant, id)?, on) {
        (None, None) => return Ok(TelemetryDeletion::Deleted),
        // The first batch may be on its way.
        (None, Some(day)) => put_installation(db, tenant, &id.to_string(), &commitment, day)?,
        (Some((known, _)), _) if known != commitment => return Ok(TelemetryDeletion::WrongSecret),
        (Some(_), _) => {}
    }
    let values = params![tenant, id.to_string()];
    db.prepare_cached(query!("telemetry_delete"))?
        .execute(values)?;
    db.prepare_cached(query!("telemetry_installation_delete"))?
        .execute(values)?;
    Ok(TelemetryDeletion::Deleted)
}

/// Returns the commitment of an installation, and whether its events were deleted.
fn installation(
    db: &Connection,
    tenant: &str,
    id: TelemetryId,
) -> Result<Option<(String, bool)>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("telemetry_installation_get"))?;
    let found = statement.query_row(params![tenant, id.to_string()], |row| {
        Ok((row.get(0)?, row.get(1)?))
    });
    Ok(found.optional()?)
}

/// Returns sums, in the order of their columns.
pub(super) fn page(
    db: &Connection,
    tenant: &TenantId,
    range: TelemetryRange,
    page: &PageRequest,
) -> Result<Page<TelemetryRow>, ServerStoreError> {
    let before = after_number(page)?.max(0);
    let (from, through) = (range.from.to_string(), range.through.to_string());
    let values = params![
        tenant.as_str(),
        from,
        through,
        excess(page),
        before,
        range.least
    ];
    let mut statement = db.prepare_cached(query!("telemetry_page"))?;
    let rows = collect(&mut statement, values, read)?;
    Ok(numbered(rows, page, before))
}

/// Returns a page of rows whose cursor is the number of rows before it.
fn numbered<T>(rows: Vec<T>, page: &PageRequest, before: i64) -> Page<T> {
    let limit = i64::try_from(page.limit()).unwrap_or(i64::MAX);
    let next = before.saturating_add(limit).to_string();
    Page::from_excess(rows, page.limit(), |_| next.clone())
}

/// Returns the installations of a product by day and value.
pub(super) fn summary(
    db: &Connection,
    tenant: &TenantId,
    product: ProductCode,
    (range, dimension): (TelemetryRange, TelemetryDimension),
    page: &PageRequest,
) -> Result<Page<TelemetryShare>, ServerStoreError> {
    let before = after_number(page)?.max(0);
    let values = params![
        tenant.as_str(),
        range.from.to_string(),
        range.through.to_string(),
        product.as_str(),
        dimension.as_str(),
        range.least,
        excess(page),
        before,
    ];
    let mut statement = db.prepare_cached(query!("telemetry_summary"))?;
    let rows = collect(&mut statement, values, |row| {
        let count = |column| number("telemetry_events", row.get(column)?);
        Ok(TelemetryShare {
            day: row.get(0)?,
            value: row.get(1)?,
            installations: count(2)?,
            used: count(3)?,
            refused: count(4)?,
        })
    })?;
    Ok(numbered(rows, page, before))
}

fn read(row: &Row<'_>) -> Result<TelemetryRow, ServerStoreError> {
    let count = |column| number("telemetry_events", row.get(column)?);
    Ok(TelemetryRow {
        day: row.get(0)?,
        product: row.get(1)?,
        version: row.get(2)?,
        tier: row.get(3)?,
        os: row.get(4)?,
        arch: row.get(5)?,
        kind: row.get(6)?,
        name: row.get(7)?,
        installations: count(8)?,
        used: count(9)?,
        refused: count(10)?,
    })
}

/// Deletes events of days before `before`, and installations that sent nothing since then.
pub(super) fn forget(
    db: &Connection,
    tenant: &TenantId,
    before: TelemetryDay,
) -> Result<usize, ServerStoreError> {
    let values = params![tenant.as_str(), before.to_string()];
    let mut events = db.prepare_cached(query!("telemetry_forget"))?;
    let events = events.execute(values)?;
    let mut installations = db.prepare_cached(query!("telemetry_forget_installations"))?;
    Ok(events.saturating_add(installations.execute(values)?))
}

/// Deletes a part of all events and installations.
pub(super) fn clear(
    db: &Connection,
    tenant: &TenantId,
    entry: Option<&NewAuditEntry>,
) -> Result<usize, ServerStoreError> {
    let mut events = db.prepare_cached(query!("telemetry_clear"))?;
    let events = events.execute([tenant.as_str()])?;
    let mut installations = db.prepare_cached(query!("telemetry_clear_installations"))?;
    let installations = installations.execute([tenant.as_str()])?;
    if let Some(entry) = entry {
        audit::append(db, tenant, entry)?;
    }
    Ok(events.saturating_add(installations))
}

/// Returns what the telemetry takes.
pub(super) fn size(db: &Connection, tenant: &TenantId) -> Result<TelemetrySize, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("telemetry_size"))?;
    let (events, installations, bytes) = statement.query_row([tenant.as_str()], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    let number = |value| number("telemetry_events", value);
    Ok(TelemetrySize {
        events: number(events)?,
        installations: number(installations)?,
        event_bytes: number(bytes)?,
    })
}
