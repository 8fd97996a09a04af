//! Anomalies.

use chrono::{DateTime, Utc};
use license_core::LicenseId;
use rusqlite::{Connection, Row, params};

use super::audit;
use super::queries::query;
use super::values::{
    bad_row, collect, collect_page, column, excess, license_id, millis, number, time,
};
use crate::domain::{
    Anomaly, AnomalyFollowUp, AnomalyKind, AnomalyReport, AnomalyState, NewAuditEntry, Page,
    PageRequest, TenantId,
};
use crate::store::ServerStoreError;

const TABLE: &str = "anomalies";

/// Returns the licenses with many new machines.
pub(super) fn crowded(
    db: &Connection,
    tenant: &TenantId,
    since: DateTime<Utc>,
    least: u32,
) -> Result<Vec<(LicenseId, u64)>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("machine_crowded"))?;
    let values = params![tenant.as_str(), millis(since), least];
    collect(&mut statement, values, |row| {
        let license = license_id("machines", &row.get::<_, String>(0)?)?;
        Ok((license, number("machines", row.get(1)?)?))
    })
}

/// Records an observation. Returns whether it starts an anomaly.
pub(super) fn report(
    db: &Connection,
    tenant: &TenantId,
    report: &AnomalyReport,
    audit: &NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    let id = tenant.as_str();
    let key = [id, report.license.as_str(), report.kind.as_str()];
    let mut latest = db.prepare_cached(query!("anomaly_latest"))?;
    let latest = collect(&mut latest, key, read)?.into_iter().next();
    let (seen, at) = (column(report.seen), millis(report.at));
    let follow_up = latest.as_ref().map(|latest| latest.follow_up(report));
    if let (Some(latest), Some(AnomalyFollowUp::Extend)) = (&latest, follow_up) {
        db.prepare_cached(query!("anomaly_extend"))?
            .execute(params![id, latest.id, seen, at])?;
        return Ok(false);
    }
    db.prepare_cached(query!("anomaly_insert"))?
        .execute(params![
            id,
            report.id,
            report.kind.as_str(),
            report.license.as_str(),
            seen,
            column(report.threshold),
            at,
        ])?;
    audit::append(db, tenant, audit)?;
    Ok(true)
}

/// Returns anomalies, the newest first.
pub(super) fn page(
    db: &Connection,
    tenant: &TenantId,
    state: Option<AnomalyState>,
    page: &PageRequest,
) -> Result<Page<Anomaly>, ServerStoreError> {
    let state = state.map_or("", AnomalyState::as_str);
    let values = params![tenant.as_str(), page.after_key(), state, excess(page)];
    let mut statement = db.prepare_cached(query!("anomaly_page"))?;
    collect_page(&mut statement, values, read, page, |found| found.id.clone())
}

/// Dismisses an open anomaly.
pub(super) fn dismiss(
    db: &Connection,
    tenant: &TenantId,
    id: &str,
    note: &str,
    audit: &NewAuditEntry,
) -> Result<Option<Anomaly>, ServerStoreError> {
    let former = get(db, tenant, id)?;
    let dismissed = db
        .prepare_cached(query!("anomaly_dismiss"))?
        .execute(params![
            tenant.as_str(),
            id,
            millis(audit.at),
            audit.actor.to_string(),
            note,
        ])?;
    if dismissed > 0 {
        let former = former.as_ref().map(Anomaly::audited);
        audit::append(db, tenant, &audit.clone().with_before(former))?;
    }
    get(db, tenant, id)
}

/// Returns an anomaly.
pub(super) fn get(
    db: &Connection,
    tenant: &TenantId,
    id: &str,
) -> Result<Option<Anomaly>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("anomaly_get"))?;
    let found = collect(&mut statement, [tenant.as_str(), id], read)?;
    Ok(found.into_iter().next())
}

/// Deletes old anomalies, and all but the newest `keep`.
pub(super) fn forget(
    db: &Connection,
    tenant: &TenantId,
    before: DateTime<Utc>,
    keep: u32,
) -> Result<(), ServerStoreError> {
    db.prepare_cached(query!("anomaly_forget"))?
        .execute(params![tenant.as_str(), millis(before)])?;
    db.prepare_cached(query!("anomaly_forget_excess"))?
        .execute(params![tenant.as_str(), keep.saturating_sub(1)])?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<Anomaly, ServerStoreError> {
    let (kind, state): (String, String) = (row.get(1)?, row.get(7)?);
    let dismissed_at: Option<i64> = row.get(8)?;
    Ok(Anomaly {
        id: row.get(0)?,
        kind: AnomalyKind::parse(&kind).ok_or_else(|| bad_row(TABLE, kind))?,
        license: license_id(TABLE, &row.get::<_, String>(2)?)?,
        seen: number(TABLE, row.get(3)?)?,
        threshold: number(TABLE, row.get(4)?)?,
        first_at: time(row.get(5)?),
        last_at: time(row.get(6)?),
        state: AnomalyState::parse(&state).ok_or_else(|| bad_row(TABLE, state))?,
        dismissed_at: dismissed_at.map(time),
        dismissed_by: row.get(9)?,
        note: row.get(10)?,
    })
}
