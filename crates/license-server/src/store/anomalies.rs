//! Anomalies.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use license_core::LicenseId;

use super::ServerStoreError;
use crate::domain::{
    Anomaly, AnomalyReport, AnomalyState, NewAuditEntry, Page, PageRequest, TenantId,
};

/// The part of a [`ServerStore`](super::ServerStore) for anomalies.
#[async_trait]
pub trait AnomalyStore: Send + Sync {
    /// Returns the licenses that at least `least` machines have used for the first time since
    /// `since`, with the numbers of machines. At most 1,000 licenses, those with the most machines
    /// first.
    async fn crowded_licenses(
        &self,
        tenant: &TenantId,
        since: DateTime<Utc>,
        least: u32,
    ) -> Result<Vec<(LicenseId, u64)>, ServerStoreError>;

    /// Records an observation. Returns whether it starts an anomaly, which gets the audit entry.
    async fn report_anomaly(
        &self,
        tenant: &TenantId,
        report: AnomalyReport,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError>;

    /// Returns anomalies in one state or in any, the newest first.
    async fn anomalies(
        &self,
        tenant: &TenantId,
        state: Option<AnomalyState>,
        page: &PageRequest,
    ) -> Result<Page<Anomaly>, ServerStoreError>;

    /// Returns an anomaly.
    async fn anomaly(
        &self,
        tenant: &TenantId,
        id: &str,
    ) -> Result<Option<Anomaly>, ServerStoreError>;

    /// Dismisses an open anomaly. Returns it, or `None` if there is no such anomaly. One that was
    /// dismissed before stays as it is.
    async fn dismiss_anomaly(
        &self,
        tenant: &TenantId,
        id: &str,
        note: &str,
        audit: NewAuditEntry,
    ) -> Result<Option<Anomaly>, ServerStoreError>;

    /// Deletes anomalies that were last observed before `before`, and all but the newest `keep`.
    async fn forget_anomalies(
        &self,
        tenant: &TenantId,
        before: DateTime<Utc>,
        keep: u32,
    ) -> Result<(), ServerStoreError>;
}
