//! Trials.

use chrono::{DateTime, Utc};
use license_core::LicenseId;
use rusqlite::{Connection, Row, params};

use super::audit;
use super::queries::query;
use super::values::{collect, collect_page, excess, license_id, millis};
use crate::domain::{
    EmailAddress, NewAuditEntry, Page, PageRequest, ReminderDays, SecretDigest, TenantId, Trial,
    TrialChange, TrialClaim, TrialId, TrialKeys, TrialState,
};
use crate::store::ServerStoreError;
use crate::store::trials::{TrialColumns, TrialRequest, audited, claimed};

/// Stores a request, unless the address has too many.
pub(super) fn request(
    db: &Connection,
    tenant: &TenantId,
    trial: &Trial,
    request: TrialRequest,
    most: u32,
) -> Result<bool, ServerStoreError> {
    let email = trial.user.email.as_ref().map(|email| email.as_str());
    let values = params![tenant.as_str(), email, millis(trial.requested_at)];
    let open: i64 = db
        .prepare_cached(query!("trial_open_requests"))?
        .query_row(values, |row| row.get(0))?;
    if open >= i64::from(most) {
        return Ok(false);
    }
    insert(db, tenant, trial, None, Some(request))?;
    Ok(true)
}

fn insert(
    db: &Connection,
    tenant: &TenantId,
    trial: &Trial,
    keys: Option<&TrialKeys>,
    request: Option<TrialRequest>,
) -> Result<(), ServerStoreError> {
    let row = TrialColumns::from(trial);
    db.prepare_cached(query!("trial_insert"))?.execute(params![
        tenant.as_str(),
        row.id,
        row.state,
        row.email,
        row.customer,
        row.machine,
        row.is_exception,
        row.started_by,
        row.requested_at,
        row.started_at,
        row.ends_at,
        row.license,
        row.reminded,
        row.stopped_at,
        row.paid,
        row.closed_at,
        row.next_at,
        keys.and_then(|keys| keys.email),
        keys.map(|keys| keys.customer.as_str()),
        keys.and_then(|keys| keys.machine.as_deref()),
        request.map(|request| *request.digest.as_bytes()),
        request.map(|request| millis(request.until)),
    ])?;
    Ok(())
}

/// Reserves what no other trial may have for the trial of a request.
pub(super) fn claim(
    db: &Connection,
    tenant: &TenantId,
    digest: SecretDigest,
    at: DateTime<Utc>,
) -> Result<TrialClaim, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("trial_of_request"))?;
    let values = params![tenant.as_str(), digest.as_bytes(), millis(at)];
    let Some(trial) = collect(&mut statement, values, read)?.pop() else {
        return Ok(TrialClaim::Unknown);
    };
    if trial.state.is_used() {
        return Ok(TrialClaim::Granted(Box::new(trial)));
    }
    let keys = trial.user.keys();
    if is_used(db, tenant, &keys)? {
        return Ok(TrialClaim::Used);
    }
    let trial = claimed(trial, at);
    let values = params![
        tenant.as_str(),
        trial.id.as_str(),
        trial.next_at.map(millis),
        keys.email,
        keys.customer,
        keys.machine,
    ];
    db.prepare_cached(query!("trial_claim"))?.execute(values)?;
    Ok(TrialClaim::Granted(Box::new(trial)))
}

/// Returns whether a trial has one of these values.
pub(super) fn is_used(
    db: &Connection,
    tenant: &TenantId,
    keys: &TrialKeys,
) -> Result<bool, ServerStoreError> {
    let values = params![tenant.as_str(), keys.email, keys.customer, keys.machine];
    let mut statement = db.prepare_cached(query!("trial_conflict"))?;
    Ok(statement.query_row(values, |row| row.get(0))?)
}

/// Stores a trial without a request.
pub(super) fn reserve(
    db: &Connection,
    tenant: &TenantId,
    trial: Trial,
) -> Result<TrialClaim, ServerStoreError> {
    let keys = trial.user.keys();
    let has_other = is_used(db, tenant, &keys)?;
    if has_other && !trial.is_exception {
        return Ok(TrialClaim::Used);
    }
    insert(db, tenant, &trial, (!has_other).then_some(&keys), None)?;
    Ok(TrialClaim::Granted(Box::new(trial)))
}

/// Stores a trial that another program started, unless it is stored already. The ledger has decided
/// whether the customer could have it.
pub(super) fn copy(
    db: &Connection,
    tenant: &TenantId,
    trial: &Trial,
) -> Result<(), ServerStoreError> {
    if get(db, tenant, &trial.id)?.is_some() {
        return Ok(());
    }
    let keys = trial.user.keys();
    let has_other = is_used(db, tenant, &keys)?;
    insert(db, tenant, trial, (!has_other).then_some(&keys), None)
}

/// Deletes a trial whose license was refused.
pub(super) fn drop(
    db: &Connection,
    tenant: &TenantId,
    id: &TrialId,
) -> Result<(), ServerStoreError> {
    db.prepare_cached(query!("trial_drop"))?
        .execute([tenant.as_str(), id.as_str()])?;
    Ok(())
}

/// Changes a trial, and appends an audit entry with both states.
pub(super) fn change(
    db: &Connection,
    tenant: &TenantId,
    id: &TrialId,
    change: &TrialChange,
    days: &ReminderDays,
    audit: NewAuditEntry,
) -> Result<Option<Trial>, ServerStoreError> {
    let Some(former) = get(db, tenant, id)? else {
        return Ok(None);
    };
    let Some(changed) = change.apply(&former, days, audit.at) else {
        return Ok(None);
    };
    let row = TrialColumns::from(&changed);
    db.prepare_cached(query!("trial_update"))?.execute(params![
        tenant.as_str(),
        row.id,
        row.state,
        row.started_at,
        row.ends_at,
        row.license,
        row.reminded,
        row.stopped_at,
        row.paid,
        row.closed_at,
        row.next_at,
    ])?;
    audit::append(db, tenant, &audited(audit, &former, &changed))?;
    Ok(Some(changed))
}

/// Lets the next work of a trial wait.
pub(super) fn postpone(
    db: &Connection,
    tenant: &TenantId,
    id: &TrialId,
    until: DateTime<Utc>,
) -> Result<(), ServerStoreError> {
    let values = params![tenant.as_str(), id.as_str(), millis(until)];
    db.prepare_cached(query!("trial_postpone"))?
        .execute(values)?;
    Ok(())
}

/// Returns a trial.
pub(super) fn get(
    db: &Connection,
    tenant: &TenantId,
    id: &TrialId,
) -> Result<Option<Trial>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("trial_get"))?;
    Ok(collect(&mut statement, [tenant.as_str(), id.as_str()], read)?.pop())
}

/// Returns trials, the newest first.
pub(super) fn page(
    db: &Connection,
    tenant: &TenantId,
    state: Option<TrialState>,
    page: &PageRequest,
) -> Result<Page<Trial>, ServerStoreError> {
    let state = state.map_or("", TrialState::as_str);
    let values = params![tenant.as_str(), page.after_key(), state, excess(page)];
    let mut statement = db.prepare_cached(query!("trial_page"))?;
    collect_page(&mut statement, values, read, page, |trial| {
        trial.id.to_string()
    })
}

/// Returns the trials of an address.
pub(super) fn of_email(
    db: &Connection,
    tenant: &TenantId,
    email: &EmailAddress,
) -> Result<Vec<Trial>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("trial_of_email"))?;
    collect(&mut statement, [tenant.as_str(), email.as_str()], read)
}

/// Returns trials that need work at an instant.
pub(super) fn due(
    db: &Connection,
    tenant: &TenantId,
    now: DateTime<Utc>,
) -> Result<Vec<Trial>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("trial_due"))?;
    collect(&mut statement, params![tenant.as_str(), millis(now)], read)
}

/// Returns trials whose license another license replaces.
pub(super) fn superseded(
    db: &Connection,
    tenant: &TenantId,
) -> Result<Vec<(Trial, LicenseId)>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("trial_superseded"))?;
    collect(&mut statement, [tenant.as_str()], |row| {
        let successor: String = row.get(16)?;
        Ok((read(row)?, license_id("trials", &successor)?))
    })
}

/// Deletes requests, and erases addresses and machines.
pub(super) fn forget(
    db: &Connection,
    tenant: &TenantId,
    now: DateTime<Utc>,
    closed_before: DateTime<Utc>,
) -> Result<(), ServerStoreError> {
    for (sql, before) in [
        (query!("trial_forget"), now),
        (query!("trial_erase"), closed_before),
    ] {
        let values = params![tenant.as_str(), millis(before)];
        db.prepare_cached(sql)?.execute(values)?;
    }
    Ok(())
}

fn read(row: &Row<'_>) -> Result<Trial, ServerStoreError> {
    let columns = TrialColumns {
        id: row.get(0)?,
        state: row.get(1)?,
        email: row.get(2)?,
        customer: row.get(3)?,
        machine: row.get(4)?,
        is_exception: row.get(5)?,
        started_by: row.get(6)?,
        requested_at: row.get(7)?,
        started_at: row.get(8)?,
        ends_at: row.get(9)?,
        license: row.get(10)?,
        reminded: row.get(11)?,
        stopped_at: row.get(12)?,
        paid: row.get(13)?,
        closed_at: row.get(14)?,
        next_at: row.get(15)?,
    };
    columns.try_into()
}
