//! Trials.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use license_core::LicenseId;

use crate::domain::{
    EmailAddress, NewAuditEntry, Page, PageRequest, ReminderDays, SecretDigest, TenantId, Trial,
    TrialChange, TrialClaim, TrialId, TrialKeys, TrialState,
};
use crate::store::sqlite::{SqliteStore, trials};
use crate::store::{ServerStoreError, TrialRequest, TrialStore};

#[async_trait]
impl TrialStore for SqliteStore {
    async fn request_trial(
        &self,
        tenant: &TenantId,
        trial: Trial,
        request: TrialRequest,
        most: u32,
    ) -> Result<bool, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            trials::request(batch.db, tenant, &trial, request, most)
        })
        .await
    }

    async fn claim_trial(
        &self,
        tenant: &TenantId,
        digest: SecretDigest,
        at: DateTime<Utc>,
    ) -> Result<TrialClaim, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            trials::claim(batch.db, tenant, digest, at)
        })
        .await
    }

    async fn reserve_trial(
        &self,
        tenant: &TenantId,
        trial: Trial,
    ) -> Result<TrialClaim, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            trials::reserve(batch.db, tenant, trial)
        })
        .await
    }

    async fn is_trial_used(
        &self,
        tenant: &TenantId,
        keys: TrialKeys,
    ) -> Result<bool, ServerStoreError> {
        self.read(tenant, move |db, tenant| trials::is_used(db, tenant, &keys))
            .await
    }

    async fn drop_trial(&self, tenant: &TenantId, id: &TrialId) -> Result<(), ServerStoreError> {
        let id = id.clone();
        self.write(tenant, move |batch, tenant| {
            trials::drop(batch.db, tenant, &id)
        })
        .await
    }

    async fn change_trial(
        &self,
        tenant: &TenantId,
        id: &TrialId,
        change: TrialChange,
        days: ReminderDays,
        audit: NewAuditEntry,
    ) -> Result<Option<Trial>, ServerStoreError> {
        let id = id.clone();
        self.write(tenant, move |batch, tenant| {
            trials::change(batch.db, tenant, &id, &change, &days, audit)
        })
        .await
    }

    async fn postpone_trial(
        &self,
        tenant: &TenantId,
        id: &TrialId,
        until: DateTime<Utc>,
    ) -> Result<(), ServerStoreError> {
        let id = id.clone();
        self.write(tenant, move |batch, tenant| {
            trials::postpone(batch.db, tenant, &id, until)
        })
        .await
    }

    async fn trial(
        &self,
        tenant: &TenantId,
        id: &TrialId,
    ) -> Result<Option<Trial>, ServerStoreError> {
        let id = id.clone();
        self.read(tenant, move |db, tenant| trials::get(db, tenant, &id))
            .await
    }

    async fn trials(
        &self,
        tenant: &TenantId,
        state: Option<TrialState>,
        page: &PageRequest,
    ) -> Result<Page<Trial>, ServerStoreError> {
        let page = page.clone();
        self.read(tenant, move |db, tenant| {
            trials::page(db, tenant, state, &page)
        })
        .await
    }

    async fn trials_of_email(
        &self,
        tenant: &TenantId,
        email: &EmailAddress,
    ) -> Result<Vec<Trial>, ServerStoreError> {
        let email = email.clone();
        self.read(tenant, move |db, tenant| {
            trials::of_email(db, tenant, &email)
        })
        .await
    }

    async fn due_trials(
        &self,
        tenant: &TenantId,
        now: DateTime<Utc>,
    ) -> Result<Vec<Trial>, ServerStoreError> {
        self.read(tenant, move |db, tenant| trials::due(db, tenant, now))
            .await
    }

    async fn superseded_trials(
        &self,
        tenant: &TenantId,
    ) -> Result<Vec<(Trial, LicenseId)>, ServerStoreError> {
        self.read(tenant, trials::superseded).await
    }

    async fn forget_trials(
        &self,
        tenant: &TenantId,
        now: DateTime<Utc>,
        closed_before: DateTime<Utc>,
    ) -> Result<(), ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            trials::forget(batch.db, tenant, now, closed_before)
        })
        .await
    }
}
