//! Telemetry.

use async_trait::async_trait;
use license_core::ProductCode;
use license_core::ids::Commitment;
use license_core::telemetry::{TelemetryDay, TelemetryId};

use crate::domain::{
    NewAuditEntry, Page, PageRequest, TelemetryDeletion, TelemetryDimension, TelemetryOutcome,
    TelemetryRange, TelemetryRecord, TelemetryRow, TelemetryShare, TelemetrySize, TenantId,
};
use crate::store::sqlite::{SqliteStore, telemetry};
use crate::store::{ServerStoreError, TelemetryStore};

#[async_trait]
impl TelemetryStore for SqliteStore {
    async fn store_telemetry(
        &self,
        tenant: &TenantId,
        record: TelemetryRecord,
    ) -> Result<TelemetryOutcome, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            telemetry::store(batch.db, tenant, &record)
        })
        .await
    }

    async fn delete_telemetry(
        &self,
        tenant: &TenantId,
        installation: TelemetryId,
        commitment: Commitment,
        on: Option<TelemetryDay>,
    ) -> Result<TelemetryDeletion, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            telemetry::delete(batch.db, tenant, installation, commitment, on)
        })
        .await
    }

    async fn telemetry(
        &self,
        tenant: &TenantId,
        range: TelemetryRange,
        page: &PageRequest,
    ) -> Result<Page<TelemetryRow>, ServerStoreError> {
        let page = page.clone();
        self.read(tenant, move |db, tenant| {
            telemetry::page(db, tenant, range, &page)
        })
        .await
    }

    async fn telemetry_summary(
        &self,
        tenant: &TenantId,
        product: ProductCode,
        range: TelemetryRange,
        dimension: TelemetryDimension,
        page: &PageRequest,
    ) -> Result<Page<TelemetryShare>, ServerStoreError> {
        let page = page.clone();
        self.read(tenant, move |db, tenant| {
            telemetry::summary(db, tenant, product, (range, dimension), &page)
        })
        .await
    }

    async fn forget_telemetry(
        &self,
        tenant: &TenantId,
        before: TelemetryDay,
    ) -> Result<usize, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            telemetry::forget(batch.db, tenant, before)
        })
        .await
    }

    async fn clear_telemetry(
        &self,
        tenant: &TenantId,
        audit: Option<NewAuditEntry>,
    ) -> Result<usize, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            telemetry::clear(batch.db, tenant, audit.as_ref())
        })
        .await
    }

    async fn telemetry_size(&self, tenant: &TenantId) -> Result<TelemetrySize, ServerStoreError> {
        self.read(tenant, telemetry::size).await
    }
}
