//! Telemetry. No row has a license, a machine, a user or an address.

use async_trait::async_trait;
use license_core::ProductCode;
use license_core::ids::Commitment;
use license_core::telemetry::{TelemetryDay, TelemetryId};

use super::ServerStoreError;
use crate::domain::{
    NewAuditEntry, Page, PageRequest, TelemetryDeletion, TelemetryDimension, TelemetryOutcome,
    TelemetryRange, TelemetryRecord, TelemetryRow, TelemetryShare, TelemetrySize, TenantId,
};

/// The part of a [`ServerStore`](super::ServerStore) for telemetry.
#[async_trait]
pub trait TelemetryStore: Send + Sync {
    /// Stores the events that are not stored yet, unless the installation has another commitment or
    /// was deleted.
    async fn store_telemetry(
        &self,
        tenant: &TenantId,
        record: TelemetryRecord,
    ) -> Result<TelemetryOutcome, ServerStoreError>;

    /// Deletes the events of an installation, and remembers its id so that a late request stores
    /// none. An unknown installation is remembered only if `on` states the day.
    async fn delete_telemetry(
        &self,
        tenant: &TenantId,
        installation: TelemetryId,
        commitment: Commitment,
        on: Option<TelemetryDay>,
    ) -> Result<TelemetryDeletion, ServerStoreError>;

    /// Returns sums, in the order of their columns. The cursor is the number of rows before the
    /// page.
    async fn telemetry(
        &self,
        tenant: &TenantId,
        range: TelemetryRange,
        page: &PageRequest,
    ) -> Result<Page<TelemetryRow>, ServerStoreError>;

    /// Returns the installations of a product by day and value of a dimension, in the order of
    /// their columns. Values of fewer installations than the range requires are `(others)`, which
    /// is omitted if it has fewer too. The cursor is the number of rows before the page.
    async fn telemetry_summary(
        &self,
        tenant: &TenantId,
        product: ProductCode,
        range: TelemetryRange,
        dimension: TelemetryDimension,
        page: &PageRequest,
    ) -> Result<Page<TelemetryShare>, ServerStoreError>;

    /// Deletes events of days before `before`, and installations that sent nothing since then.
    /// Returns how many events and installations were deleted, which may be only a part of them.
    async fn forget_telemetry(
        &self,
        tenant: &TenantId,
        before: TelemetryDay,
    ) -> Result<usize, ServerStoreError>;

    /// Deletes events and installations of all days. Installations whose user has deleted the events
    /// stay, so that a late request stores none. Returns how many rows were deleted, which may be
    /// only a part of them: a later call without an audit entry deletes the next part.
    async fn clear_telemetry(
        &self,
        tenant: &TenantId,
        audit: Option<NewAuditEntry>,
    ) -> Result<usize, ServerStoreError>;

    /// Returns what the telemetry takes.
    async fn telemetry_size(&self, tenant: &TenantId) -> Result<TelemetrySize, ServerStoreError>;
}
