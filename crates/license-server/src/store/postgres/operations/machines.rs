//! Machines, their activations and their usage reports.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use license_core::LicenseId;

use crate::domain::{
    ActivationRecord, ActivationState, MachineList, MachineRecord, MachineSighting, NewAuditEntry,
    Page, PageRequest, TenantId, UsageLimits, UsageRecord,
};
use crate::store::postgres::transaction::Transaction;
use crate::store::postgres::{PostgresStore, audit, machines, tenants};
use crate::store::{MachineStore, ServerStoreError};

#[async_trait]
impl MachineStore for PostgresStore {
    async fn record_machines(
        &self,
        tenant: &TenantId,
        sightings: Vec<MachineSighting>,
        keep: u32,
    ) -> Result<(), ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = machines::record(&db, &sightings, keep).await;
        db.end(result).await
    }

    async fn forget_machines(
        &self,
        tenant: &TenantId,
        before: DateTime<Utc>,
    ) -> Result<usize, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = machines::forget(&db, before).await;
        db.end(result).await
    }

    async fn machines(
        &self,
        tenant: &TenantId,
        license: Option<&LicenseId>,
        page: &PageRequest,
    ) -> Result<Page<MachineRecord>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = machines::page(&db, license, page).await;
        db.end(result).await
    }

    async fn list_machines(
        &self,
        tenant: &TenantId,
        list: &MachineList,
        page: &PageRequest,
    ) -> Result<Page<MachineRecord>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = machines::list(&db, list, page).await;
        db.end(result).await
    }

    async fn store_activation(
        &self,
        tenant: &TenantId,
        activation: ActivationRecord,
        max_waiting: u32,
    ) -> Result<ActivationRecord, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = machines::store_activation(&db, activation, max_waiting).await;
        db.end(result).await
    }

    async fn activation(
        &self,
        tenant: &TenantId,
        nonce: &str,
    ) -> Result<Option<ActivationRecord>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = machines::activation(&db, nonce).await;
        db.end(result).await
    }

    async fn activations(
        &self,
        tenant: &TenantId,
        state: Option<ActivationState>,
        page: &PageRequest,
    ) -> Result<Page<ActivationRecord>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = machines::activation_page(&db, state, page).await;
        db.end(result).await
    }

    async fn answer_activation(
        &self,
        tenant: &TenantId,
        nonce: &str,
        answer: String,
        audit: NewAuditEntry,
    ) -> Result<Option<ActivationRecord>, ServerStoreError> {
        let now = self.clock.wall();
        let db = self.database.begin(tenant).await?;
        let result = answer_activation(&db, nonce, &answer, now, &audit).await;
        db.end(result).await
    }

    async fn deactivate(
        &self,
        tenant: &TenantId,
        nonce: &str,
        receipt: String,
    ) -> Result<Option<ActivationRecord>, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = machines::deactivate(&db, nonce, &receipt).await;
        db.end(result).await
    }

    async fn store_usage(
        &self,
        tenant: &TenantId,
        report: UsageRecord,
        limits: UsageLimits,
    ) -> Result<bool, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = machines::store_usage(&db, &report, limits).await;
        db.end(result).await
    }

    async fn delete_usage(
        &self,
        tenant: &TenantId,
        through: u64,
        audit: NewAuditEntry,
    ) -> Result<usize, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = delete_usage(&db, through, &audit).await;
        db.end(result).await
    }

    async fn usage(
        &self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<UsageRecord>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = machines::usage_page(&db, page).await;
        db.end(result).await
    }
}

async fn answer_activation(
    db: &Transaction,
    nonce: &str,
    answer: &str,
    now: DateTime<Utc>,
    audit: &NewAuditEntry,
) -> Result<Option<ActivationRecord>, ServerStoreError> {
    tenants::lock(db).await?;
    let former = machines::activation(db, nonce).await?;
    let answered = machines::answer(db, nonce, answer, now).await?;
    if answered.is_some() {
        let former = former.map(|former| former.audited());
        audit::append(db, &audit.clone().with_before(former)).await?;
    }
    Ok(answered)
}

async fn delete_usage(
    db: &Transaction,
    through: u64,
    audit: &NewAuditEntry,
) -> Result<usize, ServerStoreError> {
    tenants::lock(db).await?;
    let former = machines::usage_extent(db, through).await?;
    let count = machines::delete_usage(db, through).await?;
    if count > 0 {
        let former = Some(former.audited());
        audit::append(db, &audit.clone().with_before(former)).await?;
    }
    Ok(count)
}
