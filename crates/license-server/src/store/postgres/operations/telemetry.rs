//! Telemetry.

use async_trait::async_trait;
use license_core::ProductCode;
use license_core::ids::Commitment;
use license_core::telemetry::{TelemetryDay, TelemetryId};

use crate::domain::{
    NewAuditEntry, Page, PageRequest, TelemetryDeletion, TelemetryDimension, TelemetryOutcome,
    TelemetryRange, TelemetryRecord, TelemetryRow, TelemetryShare, TelemetrySize, TenantId,
};
use crate::store::postgres::{PostgresStore, telemetry};
use crate::store::{ServerStoreError, TelemetryStore};

#[async_trait]
impl TelemetryStore for PostgresStore {
    async fn store_telemetry(
        &self,
        tenant: &TenantId,
        record: TelemetryRecord,
    ) -> Result<TelemetryOutcome, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = telemetry::store(&db, &record).await;
        db.end(result).await
    }

    async fn delete_telemetry(
        &self,
        tenant: &TenantId,
        installation: TelemetryId,
        commitment: Commitment,
        on: Option<TelemetryDay>,
    ) -> Result<TelemetryDeletion, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = telemetry::delete(&db, installation, commitment, on).await;
        db.end(result).await
    }

    async fn telemetry(
        &self,
        tenant: &TenantId,
        range: TelemetryRange,
        page: &PageRequest,
    ) -> Result<Page<TelemetryRow>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = telemetry::page(&db, range, page).await;
        db.end(result).await
    }

    async fn telemetry_summary(
        &self,
        tenant: &TenantId,
        product: ProductCode,
        range: TelemetryRange,
        dimension: TelemetryDimension,
        page: &PageRequest,
    ) -> Result<Page<TelemetryShare>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = telemetry::summary(&db, product, (range, dimension), page).await;
        db.end(result).await
    }

    async fn forget_telemetry(
        &self,
        tenant: &TenantId,
        before: TelemetryDay,
    ) -> Result<usize, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = telemetry::forget(&db, before).await;
        db.end(result).await
    }

    async fn clear_telemetry(
        &self,
        tenant: &TenantId,
        audit: Option<NewAuditEntry>,
    ) -> Result<usize, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = telemetry::clear(&db, audit.as_ref()).await;
        db.end(result).await
    }

    async fn telemetry_size(&self, tenant: &TenantId) -> Result<TelemetrySize, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = telemetry::size(&db).await;
        db.end(result).await
    }
}
