//! Anomalies.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use license_core::LicenseId;

use crate::domain::{
    Anomaly, AnomalyReport, AnomalyState, NewAuditEntry, Page, PageRequest, TenantId,
};
use crate::store::sqlite::{SqliteStore, anomalies};
use crate::store::{AnomalyStore, ServerStoreError};

#[async_trait]
impl AnomalyStore for SqliteStore {
    async fn crowded_licenses(
        &self,
        tenant: &TenantId,
        since: DateTime<Utc>,
        least: u32,
    ) -> Result<Vec<(LicenseId, u64)>, ServerStoreError> {
        self.read(tenant, move |db, tenant| {
            anomalies::crowded(db, tenant, since, least)
        })
        .await
    }

    async fn report_anomaly(
        &self,
        tenant: &TenantId,
        report: AnomalyReport,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            anomalies::report(batch.db, tenant, &report, &audit)
        })
        .await
    }

    async fn anomalies(
        &self,
        tenant: &TenantId,
        state: Option<AnomalyState>,
        page: &PageRequest,
    ) -> Result<Page<Anomaly>, ServerStoreError> {
        let page = page.clone();
        self.read(tenant, move |db, tenant| {
            anomalies::page(db, tenant, state, &page)
        })
        .await
    }

    async fn anomaly(
        &self,
        tenant: &TenantId,
        id: &str,
    ) -> Result<Option<Anomaly>, ServerStoreError> {
        let id = id.to_owned();
        self.read(tenant, move |db, tenant| anomalies::get(db, tenant, &id))
            .await
    }

    async fn dismiss_anomaly(
        &self,
        tenant: &TenantId,
        id: &str,
        note: &str,
        audit: NewAuditEntry,
    ) -> Result<Option<Anomaly>, ServerStoreError> {
        let id = id.to_owned();
        let note = note.to_owned();
        self.write(tenant, move |batch, tenant| {
            anomalies::dismiss(batch.db, tenant, &id, &note, &audit)
        })
        .await
    }

    async fn forget_anomalies(
        &self,
        tenant: &TenantId,
        before: DateTime<Utc>,
        keep: u32,
    ) -> Result<(), ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            anomalies::forget(batch.db, tenant, before, keep)
        })
        .await
    }
}
