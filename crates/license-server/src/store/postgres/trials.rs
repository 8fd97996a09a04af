//! Trials.

use chrono::{DateTime, Utc};
use license_core::LicenseId;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::queries::query;
use super::transaction::Transaction;
use super::values::{excess, license_id, millis, read_all, read_page};
use super::{audit, tenants};
use crate::domain::{
    EmailAddress, NewAuditEntry, Page, PageRequest, ReminderDays, SecretDigest, Trial, TrialChange,
    TrialClaim, TrialId, TrialKeys, TrialState,
};
use crate::store::ServerStoreError;
use crate::store::trials::{TrialColumns, TrialRequest, audited, claimed};

/// Stores a request, unless the address has too many.
pub(super) async fn request(
    db: &Transaction,
    trial: &Trial,
    request: TrialRequest,
    most: u32,
) -> Result<bool, ServerStoreError> {
    tenants::lock(db).await?;
    let email = trial.user.email.as_ref().map(|email| email.as_str());
    let values: [&(dyn ToSql + Sync); 3] = [&db.tenant(), &email, &millis(trial.requested_at)];
    let row = db.query_one(query!("trial_open_requests"), &values).await?;
    let open: i64 = row.try_get(0)?;
    if open >= i64::from(most) {
        return Ok(false);
    }
    insert(db, trial, None, Some(request)).await?;
    Ok(true)
}

async fn insert(
    db: &Transaction,
    trial: &Trial,
    keys: Option<&TrialKeys>,
    request: Option<TrialRequest>,
) -> Result<(), ServerStoreError> {
    let row = TrialColumns::from(trial);
    let email = keys.and_then(|keys| keys.email.as_ref());
    let request = request.as_ref();
    let values: [&(dyn ToSql + Sync); 22] = [
        &db.tenant(),
        &row.id,
        &row.state,
        &row.email,
        &row.customer,
        &row.machine,
        &row.is_exception,
        &row.started_by,
        &row.requested_at,
        &row.started_at,
        &row.ends_at,
        &row.license,
        &row.reminded,
        &row.stopped_at,
        &row.paid,
        &row.closed_at,
        &row.next_at,
        &email.map(<[u8; 32]>::as_slice),
        &keys.map(|keys| keys.customer.as_str()),
        &keys.and_then(|keys| keys.machine.as_deref()),
        &request.map(|request| request.digest.as_bytes().as_slice()),
        &request.map(|request| millis(request.until)),
    ];
    db.execute(query!("trial_insert"), &values).await?;
    Ok(())
}

/// Reserves what no other trial may have for the trial of a request.
pub(super) async fn claim(
    db: &Transaction,
    digest: SecretDigest,
    at: DateTime<Utc>,
) -> Result<TrialClaim, ServerStoreError> {
    tenants::lock(db).await?;
    let digest = digest.as_bytes().as_slice();
    let values: [&(dyn ToSql + Sync); 3] = [&db.tenant(), &digest, &millis(at)];
    let Some(row) = db.query_opt(query!("trial_of_request"), &values).await? else {
        return Ok(TrialClaim::Unknown);
    };
    let trial = read(&row)?;
    if trial.state.is_used() {
        return Ok(TrialClaim::Granted(Box::new(trial)));
    }
    let keys = trial.user.keys();
    if is_used(db, &keys).await? {
        return Ok(TrialClaim::Used);
    }
    let trial = claimed(trial, at);
    let values: [&(dyn ToSql + Sync); 6] = [
        &db.tenant(),
        &trial.id.as_str(),
        &trial.next_at.map(millis),
        &keys.email.as_ref().map(<[u8; 32]>::as_slice),
        &keys.customer,
        &keys.machine,
    ];
    db.execute(query!("trial_claim"), &values).await?;
    Ok(TrialClaim::Granted(Box::new(trial)))
}

/// Returns whether a trial has one of these values.
pub(super) async fn is_used(db: &Transaction, keys: &TrialKeys) -> Result<bool, ServerStoreError> {
    let values: [&(dyn ToSql + Sync); 4] = [
        &db.tenant(),
        &keys.email.as_ref().map(<[u8; 32]>::as_slice),
        &keys.customer,
        &keys.machine,
    ];
    let row = db.query_one(query!("trial_conflict"), &values).await?;
    Ok(row.try_get(0)?)
}

/// Stores a trial without a request.
pub(super) async fn reserve(
    db: &Transaction,
    trial: Trial,
) -> Result<TrialClaim, ServerStoreError> {
    tenants::lock(db).await?;
    let keys = trial.user.keys();
    let has_other = is_used(db, &keys).await?;
    if has_other && !trial.is_exception {
        return Ok(TrialClaim::Used);
    }
    insert(db, &trial, (!has_other).then_some(&keys), None).await?;
    Ok(TrialClaim::Granted(Box::new(trial)))
}

/// Stores a trial that another program started, unless it is stored already. The ledger has decided
/// whether the customer could have it.
pub(super) async fn copy(db: &Transaction, trial: &Trial) -> Result<(), ServerStoreError> {
    if get(db, &trial.id).await?.is_some() {
        return Ok(());
    }
    let keys = trial.user.keys();
    let has_other = is_used(db, &keys).await?;
    insert(db, trial, (!has_other).then_some(&keys), None).await
}

/// Deletes a trial whose license was refused.
pub(super) async fn drop(db: &Transaction, id: &TrialId) -> Result<(), ServerStoreError> {
    db.execute(query!("trial_drop"), &[&db.tenant(), &id.as_str()])
        .await?;
    Ok(())
}

/// Changes a trial, and appends an audit entry with both states.
pub(super) async fn change(
    db: &Transaction,
    id: &TrialId,
    change: &TrialChange,
    days: &ReminderDays,
    audit: NewAuditEntry,
) -> Result<Option<Trial>, ServerStoreError> {
    tenants::lock(db).await?;
    let Some(former) = get(db, id).await? else {
        return Ok(None);
    };
    let Some(changed) = change.apply(&former, days, audit.at) else {
        return Ok(None);
    };
    let row = TrialColumns::from(&changed);
    let values: [&(dyn ToSql + Sync); 11] = [
        &db.tenant(),
        &row.id,
        &row.state,
        &row.started_at,
        &row.ends_at,
        &row.license,
        &row.reminded,
        &row.stopped_at,
        &row.paid,
        &row.closed_at,
        &row.next_at,
    ];
    db.execute(query!("trial_update"), &values).await?;
    audit::append(db, &audited(audit, &former, &changed)).await?;
    Ok(Some(changed))
}

/// Lets the next work of a trial wait.
pub(super) async fn postpone(
    db: &Transaction,
    id: &TrialId,
    until: DateTime<Utc>,
) -> Result<(), ServerStoreError> {
    let values: [&(dyn ToSql + Sync); 3] = [&db.tenant(), &id.as_str(), &millis(until)];
    db.execute(query!("trial_postpone"), &values).await?;
    Ok(())
}

/// Returns a trial.
pub(super) async fn get(db: &Transaction, id: &TrialId) -> Result<Option<Trial>, ServerStoreError> {
    let row = db
        .query_opt(query!("trial_get"), &[&db.tenant(), &id.as_str()])
        .await?;
    row.as_ref().map(read).transpose()
}

/// Returns trials, the newest first.
pub(super) async fn page(
    db: &Transaction,
    state: Option<TrialState>,
    page: &PageRequest,
) -> Result<Page<Trial>, ServerStoreError> {
    let state = state.map_or("", TrialState::as_str);
    let values: [&(dyn ToSql + Sync); 4] = [&db.tenant(), &page.after_key(), &state, &excess(page)];
    let rows = db.query(query!("trial_page"), &values).await?;
    read_page(&rows, read, page, |trial| trial.id.to_string())
}

/// Returns the trials of an address.
pub(super) async fn of_email(
    db: &Transaction,
    email: &EmailAddress,
) -> Result<Vec<Trial>, ServerStoreError> {
    let values = (db.tenant(), email.as_str());
    let rows = db
        .query(query!("trial_of_email"), &[&values.0, &values.1])
        .await?;
    read_all(&rows, read)
}

/// Returns trials that need work at an instant.
pub(super) async fn due(
    db: &Transaction,
    now: DateTime<Utc>,
) -> Result<Vec<Trial>, ServerStoreError> {
    let rows = db
        .query(query!("trial_due"), &[&db.tenant(), &millis(now)])
        .await?;
    read_all(&rows, read)
}

/// Returns trials whose license another license replaces.
pub(super) async fn superseded(
    db: &Transaction,
) -> Result<Vec<(Trial, LicenseId)>, ServerStoreError> {
    let rows = db
        .query(query!("trial_superseded"), &[&db.tenant()])
        .await?;
    read_all(&rows, |row| {
        Ok((read(row)?, license_id("trials", row.try_get(16)?)?))
    })
}

/// Deletes requests, and erases addresses and machines.
pub(super) async fn forget(
    db: &Transaction,
    now: DateTime<Utc>,
    closed_before: DateTime<Utc>,
) -> Result<(), ServerStoreError> {
    let (now, closed) = (millis(now), millis(closed_before));
    db.execute(query!("trial_forget"), &[&db.tenant(), &now])
        .await?;
    db.execute(query!("trial_erase"), &[&db.tenant(), &closed])
        .await?;
    Ok(())
}

fn read(row: &Row) -> Result<Trial, ServerStoreError> {
    let columns = TrialColumns {
        id: row.try_get(0)?,
        state: row.try_get(1)?,
        email: row.try_get(2)?,
        customer: row.try_get(3)?,
        machine: row.try_get(4)?,
        is_exception: row.try_get(5)?,
        started_by: row.try_get(6)?,
        requested_at: row.try_get(7)?,
        started_at: row.try_get(8)?,
        ends_at: row.try_get(9)?,
        license: row.try_get(10)?,
        reminded: row.try_get(11)?,
        stopped_at: row.try_get(12)?,
        paid: row.try_get(13)?,
        closed_at: row.try_get(14)?,
        next_at: row.try_get(15)?,
    };
    columns.try_into()
}
