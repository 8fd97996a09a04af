//! Trials.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use license_core::LicenseId;

use crate::domain::{
    EmailAddress, NewAuditEntry, Page, PageRequest, ReminderDays, SecretDigest, TenantId, Trial,
    TrialChange, TrialClaim, TrialId, TrialKeys, TrialState,
};
use crate::store::postgres::{PostgresStore, trials};
use crate::store::{ServerStoreError, TrialRequest, TrialStore};

#[async_trait]
impl TrialStore for PostgresStore {
    async fn request_trial(
        &self,
        tenant: &TenantId,
        trial: Trial,
        request: TrialRequest,
        most: u32,
    ) -> Result<bool, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = trials::request(&db, &trial, request, most).await;
        db.end(result).await
    }

    async fn claim_trial(
        &self,
        tenant: &TenantId,
        digest: SecretDigest,
        at: DateTime<Utc>,
    ) -> Result<TrialClaim, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = trials::claim(&db, digest, at).await;
        db.end(result).await
    }

    async fn reserve_trial(
        &self,
        tenant: &TenantId,
        trial: Trial,
    ) -> Result<TrialClaim, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = trials::reserve(&db, trial).await;
        db.end(result).await
    }

    async fn is_trial_used(
        &self,
        tenant: &TenantId,
        keys: TrialKeys,
    ) -> Result<bool, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = trials::is_used(&db, &keys).await;
        db.end(result).await
    }

    async fn drop_trial(&self, tenant: &TenantId, id: &TrialId) -> Result<(), ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = trials::drop(&db, id).await;
        db.end(result).await
    }

    async fn change_trial(
        &self,
        tenant: &TenantId,
        id: &TrialId,
        change: TrialChange,
        days: ReminderDays,
        audit: NewAuditEntry,
    ) -> Result<Option<Trial>, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = trials::change(&db, id, &change, &days, audit).await;
        db.end(result).await
    }

    async fn postpone_trial(
        &self,
        tenant: &TenantId,
        id: &TrialId,
        until: DateTime<Utc>,
    ) -> Result<(), ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = trials::postpone(&db, id, until).await;
        db.end(result).await
    }

    async fn trial(
        &self,
        tenant: &TenantId,
        id: &TrialId,
    ) -> Result<Option<Trial>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = trials::get(&db, id).await;
        db.end(result).await
    }

    async fn trials(
        &self,
        tenant: &TenantId,
        state: Option<TrialState>,
        page: &PageRequest,
    ) -> Result<Page<Trial>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = trials::page(&db, state, page).await;
        db.end(result).await
    }

    async fn trials_of_email(
        &self,
        tenant: &TenantId,
        email: &EmailAddress,
    ) -> Result<Vec<Trial>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = trials::of_email(&db, email).await;
        db.end(result).await
    }

    async fn due_trials(
        &self,
        tenant: &TenantId,
        now: DateTime<Utc>,
    ) -> Result<Vec<Trial>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = trials::due(&db, now).await;
        db.end(result).await
    }

    async fn superseded_trials(
        &self,
        tenant: &TenantId,
    ) -> Result<Vec<(Trial, LicenseId)>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = trials::superseded(&db).await;
        db.end(result).await
    }

    async fn forget_trials(
        &self,
        tenant: &TenantId,
        now: DateTime<Utc>,
        closed_before: DateTime<Utc>,
    ) -> Result<(), ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = trials::forget(&db, now, closed_before).await;
        db.end(result).await
    }
}
