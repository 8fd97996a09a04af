//! Trials.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use license_core::LicenseId;
use license_core::machine::Machine;

use super::ServerStoreError;
use super::values::{bad_row, license_id, millis, time};
use crate::domain::{
    EmailAddress, NewAuditEntry, Page, PageRequest, ReminderDays, SecretDigest, TenantId, Trial,
    TrialChange, TrialClaim, TrialId, TrialKeys, TrialState, TrialUser,
};

/// The part of a [`ServerStore`](super::ServerStore) for trials.
#[async_trait]
pub trait TrialStore: Send + Sync {
    /// Stores a request for a trial, until its address is confirmed with the secret. Returns
    /// `false`, and stores nothing, if the address has `most` requests that are open.
    async fn request_trial(
        &self,
        tenant: &TenantId,
        trial: Trial,
        request: TrialRequest,
        most: u32,
    ) -> Result<bool, ServerStoreError>;

    /// Reserves the customer, the address and the machine of a request for its trial. A repetition
    /// before the end of the request returns the trial again.
    async fn claim_trial(
        &self,
        tenant: &TenantId,
        digest: SecretDigest,
        at: DateTime<Utc>,
    ) -> Result<TrialClaim, ServerStoreError>;

    /// Stores a trial without a request. An exception is granted although another trial has the
    /// same customer, address or machine.
    async fn reserve_trial(
        &self,
        tenant: &TenantId,
        trial: Trial,
    ) -> Result<TrialClaim, ServerStoreError>;

    /// Returns whether a trial has one of these values.
    async fn is_trial_used(
        &self,
        tenant: &TenantId,
        keys: TrialKeys,
    ) -> Result<bool, ServerStoreError>;

    /// Deletes a trial whose license was refused.
    async fn drop_trial(&self, tenant: &TenantId, id: &TrialId) -> Result<(), ServerStoreError>;

    /// Changes a trial at the time of the audit entry, and returns it. Returns `None`, and changes
    /// nothing, if the trial does not exist or its state does not permit the change. The store adds
    /// both states to the audit entry.
    async fn change_trial(
        &self,
        tenant: &TenantId,
        id: &TrialId,
        change: TrialChange,
        days: ReminderDays,
        audit: NewAuditEntry,
    ) -> Result<Option<Trial>, ServerStoreError>;

    /// Lets the next work of a trial wait.
    async fn postpone_trial(
        &self,
        tenant: &TenantId,
        id: &TrialId,
        until: DateTime<Utc>,
    ) -> Result<(), ServerStoreError>;

    /// Returns a trial.
    async fn trial(
        &self,
        tenant: &TenantId,
        id: &TrialId,
    ) -> Result<Option<Trial>, ServerStoreError>;

    /// Returns trials, the newest first. Requests that are not confirmed are left out.
    async fn trials(
        &self,
        tenant: &TenantId,
        state: Option<TrialState>,
        page: &PageRequest,
    ) -> Result<Page<Trial>, ServerStoreError>;

    /// Returns the trials of an address, in the order of their ids.
    async fn trials_of_email(
        &self,
        tenant: &TenantId,
        email: &EmailAddress,
    ) -> Result<Vec<Trial>, ServerStoreError>;

    /// Returns up to 100 trials that need work at an instant, the oldest work first.
    async fn due_trials(
        &self,
        tenant: &TenantId,
        now: DateTime<Utc>,
    ) -> Result<Vec<Trial>, ServerStoreError>;

    /// Returns up to 100 trials that are not converted and whose license another license replaces,
    /// each with the license that replaces it.
    async fn superseded_trials(
        &self,
        tenant: &TenantId,
    ) -> Result<Vec<(Trial, LicenseId)>, ServerStoreError>;

    /// Deletes requests that ended before `now`, and erases the addresses and machines of trials
    /// that were closed before `closed_before`.
    async fn forget_trials(
        &self,
        tenant: &TenantId,
        now: DateTime<Utc>,
        closed_before: DateTime<Utc>,
    ) -> Result<(), ServerStoreError>;
}

/// The secret of a request for a trial, and the end of the request.
#[derive(Clone, Copy, Debug)]
pub struct TrialRequest {
    /// The digest of the secret.
    pub digest: SecretDigest,
    /// The end.
    pub until: DateTime<Utc>,
}

/// The values of a trial in the columns of a row.
pub(super) struct TrialColumns {
    pub(super) id: String,
    pub(super) state: String,
    pub(super) email: Option<String>,
    pub(super) customer: String,
    pub(super) machine: Option<String>,
    pub(super) is_exception: i64,
    pub(super) started_by: String,
    pub(super) requested_at: i64,
    pub(super) started_at: Option<i64>,
    pub(super) ends_at: Option<i64>,
    pub(super) license: Option<String>,
    pub(super) reminded: Option<i64>,
    pub(super) stopped_at: Option<i64>,
    pub(super) paid: Option<String>,
    pub(super) closed_at: Option<i64>,
    pub(super) next_at: Option<i64>,
}

impl From<&Trial> for TrialColumns {
    fn from(trial: &Trial) -> Self {
        let (user, license) = (&trial.user, |id: &LicenseId| id.as_str().to_owned());
        Self {
            id: trial.id.as_str().to_owned(),
            state: trial.state.as_str().to_owned(),
            email: user.email.as_ref().map(|email| email.as_str().to_owned()),
            customer: user.customer.clone(),
            machine: user.machine.as_ref().map(Machine::to_string),
            is_exception: i64::from(trial.is_exception),
            started_by: trial.started_by.clone(),
            requested_at: millis(trial.requested_at),
            started_at: trial.started_at.map(millis),
            ends_at: trial.ends_at.map(millis),
            license: trial.license.as_ref().map(license),
            reminded: trial.reminded.map(i64::from),
            stopped_at: trial.stopped_at.map(millis),
            paid: trial.paid.as_ref().map(license),
            closed_at: trial.closed_at.map(millis),
            next_at: trial.next_at.map(millis),
        }
    }
}

const TABLE: &str = "trials";

impl TryFrom<TrialColumns> for Trial {
    type Error = ServerStoreError;

    fn try_from(row: TrialColumns) -> Result<Self, ServerStoreError> {
        let license = |id: Option<String>| id.map(|id| license_id(TABLE, &id)).transpose();
        let days = |days: i64| u32::try_from(days).map_err(|_| bad_row(TABLE, days));
        let state = TrialState::parse(&row.state);
        Ok(Self {
            state: state.ok_or_else(|| bad_row(TABLE, &row.state))?,
            id: TrialId::parse(&row.id).ok_or_else(|| bad_row(TABLE, row.id))?,
            user: TrialUser {
                email: row.email.map(EmailAddress::from_column),
                customer: row.customer,
                machine: row.machine.as_deref().and_then(Machine::parse),
            },
            is_exception: row.is_exception != 0,
            started_by: row.started_by,
            requested_at: time(row.requested_at),
            started_at: row.started_at.map(time),
            ends_at: row.ends_at.map(time),
            license: license(row.license)?,
            reminded: row.reminded.map(days).transpose()?,
            stopped_at: row.stopped_at.map(time),
            paid: license(row.paid)?,
            closed_at: row.closed_at.map(time),
            next_at: row.next_at.map(time),
        })
    }
}

/// Returns the trial of a request that was confirmed. Its license is issued at once. If the server
/// is killed meanwhile, it is issued a minute later.
pub(super) fn claimed(trial: Trial, at: DateTime<Utc>) -> Trial {
    Trial {
        state: TrialState::Issuing,
        next_at: Some(issuing_again(at)),
        ..trial
    }
}

/// Returns when the license of a trial is issued again after an interruption.
pub(super) fn issuing_again(at: DateTime<Utc>) -> DateTime<Utc> {
    license_core::time::saturating_add(at, chrono::TimeDelta::minutes(1))
}

/// Returns the audit entry of a change, with both states.
pub(super) fn audited(audit: NewAuditEntry, former: &Trial, changed: &Trial) -> NewAuditEntry {
    let mut details = changed.audited();
    // The reason of an administrator, and other details that the caller states.
    if let (Some(all), Some(given)) = (details.as_object_mut(), audit.details.as_object()) {
        all.extend(given.clone());
    }
    NewAuditEntry { details, ..audit }.with_before(Some(former.audited()))
}
