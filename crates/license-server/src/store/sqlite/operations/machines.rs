//! Machines, their activations and their usage reports.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use license_core::LicenseId;

use crate::domain::{
    ActivationRecord, ActivationState, MachineList, MachineRecord, MachineSighting, NewAuditEntry,
    Page, PageRequest, TenantId, UsageLimits, UsageRecord,
};
use crate::store::sqlite::writer::Batch;
use crate::store::sqlite::{SqliteStore, audit, machines};
use crate::store::{MachineStore, ServerStoreError};

#[async_trait]
impl MachineStore for SqliteStore {
    async fn record_machines(
        &self,
        tenant: &TenantId,
        sightings: Vec<MachineSighting>,
        keep: u32,
    ) -> Result<(), ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            machines::record(batch.db, tenant, &sightings, keep)
        })
        .await
    }

    async fn forget_machines(
        &self,
        tenant: &TenantId,
        before: DateTime<Utc>,
    ) -> Result<usize, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            machines::forget(batch.db, tenant, before)
        })
        .await
    }

    async fn machines(
        &self,
        tenant: &TenantId,
        license: Option<&LicenseId>,
        page: &PageRequest,
    ) -> Result<Page<MachineRecord>, ServerStoreError> {
        let (license, page) = (license.cloned(), page.clone());
        self.read(tenant, move |db, tenant| {
            machines::page(db, tenant, license.as_ref(), &page)
        })
        .await
    }

    async fn list_machines(
        &self,
        tenant: &TenantId,
        list: &MachineList,
        page: &PageRequest,
    ) -> Result<Page<MachineRecord>, ServerStoreError> {
        let (list, page) = (list.clone(), page.clone());
        self.read(tenant, move |db, tenant| {
            machines::list(db, tenant, &list, &page)
        })
        .await
    }

    async fn store_activation(
        &self,
        tenant: &TenantId,
        activation: ActivationRecord,
        max_waiting: u32,
    ) -> Result<ActivationRecord, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            machines::store_activation(batch.db, tenant, activation, max_waiting)
        })
        .await
    }

    async fn activation(
        &self,
        tenant: &TenantId,
        nonce: &str,
    ) -> Result<Option<ActivationRecord>, ServerStoreError> {
        let nonce = nonce.to_owned();
        self.read(tenant, move |db, tenant| {
            machines::activation(db, tenant, &nonce)
        })
        .await
    }

    async fn activations(
        &self,
        tenant: &TenantId,
        state: Option<ActivationState>,
        page: &PageRequest,
    ) -> Result<Page<ActivationRecord>, ServerStoreError> {
        let page = page.clone();
        self.read(tenant, move |db, tenant| {
            machines::activation_page(db, tenant, state, &page)
        })
        .await
    }

    async fn answer_activation(
        &self,
        tenant: &TenantId,
        nonce: &str,
        answer: String,
        audit: NewAuditEntry,
    ) -> Result<Option<ActivationRecord>, ServerStoreError> {
        let nonce = nonce.to_owned();
        let change = move |batch: &mut Batch<'_>, tenant: &TenantId| {
            let former = machines::activation(batch.db, tenant, &nonce)?;
            let answered = machines::answer(batch.db, tenant, &nonce, &answer, batch.wall)?;
            if answered.is_some() {
                let audit = audit.with_before(former.map(|former| former.audited()));
                audit::append(batch.db, tenant, &audit)?;
            }
            Ok(answered)
        };
        self.write(tenant, change).await
    }

    async fn deactivate(
        &self,
        tenant: &TenantId,
        nonce: &str,
        receipt: String,
    ) -> Result<Option<ActivationRecord>, ServerStoreError> {
        let nonce = nonce.to_owned();
        self.write(tenant, move |batch, tenant| {
            machines::deactivate(batch.db, tenant, &nonce, &receipt)
        })
        .await
    }

    async fn store_usage(
        &self,
        tenant: &TenantId,
        report: UsageRecord,
        limits: UsageLimits,
    ) -> Result<bool, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            machines::store_usage(batch.db, tenant, &report, limits)
        })
        .await
    }

    async fn delete_usage(
        &self,
        tenant: &TenantId,
        through: u64,
        audit: NewAuditEntry,
    ) -> Result<usize, ServerStoreError> {
        let delete = move |batch: &mut Batch<'_>, tenant: &TenantId| {
            let former = machines::usage_extent(batch.db, tenant, through)?;
            let count = machines::delete_usage(batch.db, tenant, through)?;
            if count > 0 {
                let audit = audit.with_before(Some(former.audited()));
                audit::append(batch.db, tenant, &audit)?;
            }
            Ok(count)
        };
        self.write(tenant, delete).await
    }

    async fn usage(
        &self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<UsageRecord>, ServerStoreError> {
        let page = page.clone();
        self.read(tenant, move |db, tenant| {
            machines::usage_page(db, tenant, &page)
        })
        .await
    }
}
