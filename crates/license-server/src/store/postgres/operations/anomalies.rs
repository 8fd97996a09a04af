//! Anomalies.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use license_core::LicenseId;

use crate::domain::{
    Anomaly, AnomalyReport, AnomalyState, NewAuditEntry, Page, PageRequest, TenantId,
};
use crate::store::postgres::{PostgresStore, anomalies};
use crate::store::{AnomalyStore, ServerStoreError};

#[async_trait]
impl AnomalyStore for PostgresStore {
    async fn crowded_licenses(
        &self,
        tenant: &TenantId,
        since: DateTime<Utc>,
        least: u32,
    ) -> Result<Vec<(LicenseId, u64)>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = anomalies::crowded(&db, since, least).await;
        db.end(result).await
    }

    async fn report_anomaly(
        &self,
        tenant: &TenantId,
        report: AnomalyReport,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = anomalies::report(&db, &report, &audit).await;
        db.end(result).await
    }

    async fn anomalies(
        &self,
        tenant: &TenantId,
        state: Option<AnomalyState>,
        page: &PageRequest,
    ) -> Result<Page<Anomaly>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = anomalies::page(&db, state, page).await;
        db.end(result).await
    }

    async fn anomaly(
        &self,
        tenant: &TenantId,
        id: &str,
    ) -> Result<Option<Anomaly>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = anomalies::get(&db, id).await;
        db.end(result).await
    }

    async fn dismiss_anomaly(
        &self,
        tenant: &TenantId,
        id: &str,
        note: &str,
        audit: NewAuditEntry,
    ) -> Result<Option<Anomaly>, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = anomalies::dismiss(&db, id, note, &audit).await;
        db.end(result).await
    }

    async fn forget_anomalies(
        &self,
        tenant: &TenantId,
        before: DateTime<Utc>,
        keep: u32,
    ) -> Result<(), ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = anomalies::forget(&db, before, keep).await;
        db.end(result).await
    }
}
