//! Anomalies.

use chrono::{DateTime, Utc};
use license_core::LicenseId;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::queries::query;
use super::transaction::Transaction;
use super::values::{
    bad_row, column, excess, license_id, millis, number, read_all, read_page, time,
};
use super::{audit, tenants};
use crate::domain::{
    Anomaly, AnomalyFollowUp, AnomalyKind, AnomalyReport, AnomalyState, NewAuditEntry, Page,
    PageRequest,
};
use crate::store::ServerStoreError;

const TABLE: &str = "anomalies";

/// Returns the licenses with many new machines.
pub(super) async fn crowded(
    db: &Transaction,
    since: DateTime<Utc>,
    least: u32,
) -> Result<Vec<(LicenseId, u64)>, ServerStoreError> {
    let values: [&(dyn ToSql + Sync); 3] = [&db.tenant(), &millis(since), &i64::from(least)];
    let rows = db.query(query!("machine_crowded"), &values).await?;
    read_all(&rows, |row| {
        let license = license_id("machines", row.try_get(0)?)?;
        Ok((license, number("machines", row.try_get(1)?)?))
    })
}

/// Records an observation. Returns whether it starts an anomaly.
pub(super) async fn report(
    db: &Transaction,
    report: &AnomalyReport,
    audit: &NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    tenants::lock(db).await?;
    let (license, kind) = (report.license.as_str(), report.kind.as_str());
    let values: [&(dyn ToSql + Sync); 3] = [&db.tenant(), &license, &kind];
    let latest = db.query_opt(query!("anomaly_latest"), &values).await?;
    let latest = latest.as_ref().map(read).transpose()?;
    let (seen, at) = (column(report.seen), millis(report.at));
    let follow_up = latest.as_ref().map(|latest| latest.follow_up(report));
    if let (Some(latest), Some(AnomalyFollowUp::Extend)) = (&latest, follow_up) {
        let values: [&(dyn ToSql + Sync); 4] = [&db.tenant(), &latest.id, &seen, &at];
        db.execute(query!("anomaly_extend"), &values).await?;
        return Ok(false);
    }
    let values: [&(dyn ToSql + Sync); 7] = [
        &db.tenant(),
        &report.id,
        &kind,
        &license,
        &seen,
        &column(report.threshold),
        &at,
    ];
    db.execute(query!("anomaly_insert"), &values).await?;
    audit::append(db, audit).await?;
    Ok(true)
}

/// Returns anomalies, the newest first.
pub(super) async fn page(
    db: &Transaction,
    state: Option<AnomalyState>,
    page: &PageRequest,
) -> Result<Page<Anomaly>, ServerStoreError> {
    let state = state.map_or("", AnomalyState::as_str);
    let values: [&(dyn ToSql + Sync); 4] = [&db.tenant(), &page.after_key(), &state, &excess(page)];
    let rows = db.query(query!("anomaly_page"), &values).await?;
    read_page(&rows, read, page, |found| found.id.clone())
}

/// Dismisses an open anomaly.
pub(super) async fn dismiss(
    db: &Transaction,
    id: &str,
    note: &str,
    audit: &NewAuditEntry,
) -> Result<Option<Anomaly>, ServerStoreError> {
    tenants::lock(db).await?;
    let former = get(db, id).await?;
    let values: [&(dyn ToSql + Sync); 5] = [
        &db.tenant(),
        &id,
        &millis(audit.at),
        &audit.actor.to_string(),
        &note,
    ];
    if db.execute(query!("anomaly_dismiss"), &values).await? > 0 {
        let former = former.as_ref().map(Anomaly::audited);
        audit::append(db, &audit.clone().with_before(former)).await?;
    }
    get(db, id).await
}

/// Returns an anomaly.
pub(super) async fn get(db: &Transaction, id: &str) -> Result<Option<Anomaly>, ServerStoreError> {
    let row = db
        .query_opt(query!("anomaly_get"), &[&db.tenant(), &id])
        .await?;
    row.as_ref().map(read).transpose()
}

/// Deletes old anomalies, and all but the newest `keep`.
pub(super) async fn forget(
    db: &Transaction,
    before: DateTime<Utc>,
    keep: u32,
) -> Result<(), ServerStoreError> {
    db.execute(query!("anomaly_forget"), &[&db.tenant(), &millis(before)])
        .await?;
    let skipped = i64::from(keep.saturating_sub(1));
    db.execute(query!("anomaly_forget_excess"), &[&db.tenant(), &skipped])
        .await?;
    Ok(())
}

fn read(row: &Row) -> Result<Anomaly, ServerStoreError> {
    let (kind, state): (&str, &str) = (row.try_get(1)?, row.try_get(7)?);
    let dismissed_at: Option<i64> = row.try_get(8)?;
    Ok(Anomaly {
        id: row.try_get(0)?,
        kind: AnomalyKind::parse(kind).ok_or_else(|| bad_row(TABLE, kind))?,
        license: license_id(TABLE, row.try_get(2)?)?,
        seen: number(TABLE, row.try_get(3)?)?,
        threshold: number(TABLE, row.try_get(4)?)?,
        first_at: time(row.try_get(5)?),
        last_at: time(row.try_get(6)?),
        state: AnomalyState::parse(state).ok_or_else(|| bad_row(TABLE, state))?,
        dismissed_at: dismissed_at.map(time),
        dismissed_by: row.try_get(9)?,
        note: row.try_get(10)?,
    })
}
