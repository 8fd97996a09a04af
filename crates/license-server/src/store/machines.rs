//! Machines, their activations and their usage reports.

use async_trait::async_trait;
use license_core::LicenseId;

use super::StoreError;
use crate::domain::{
    ActivationRecord, ActivationState, MachineRecord, MachineSighting, NewAuditEntry, Page,
    PageRequest, TenantId, UsageRecord,
};

/// The part of a [`Store`](super::Store) for machines, their activations and their usage reports.
#[async_trait]
pub trait MachineStore: Send + Sync {
    /// Records uses of licenses on machines.
    async fn record_machines(
        &self,
        tenant: &TenantId,
        sightings: Vec<MachineSighting>,
    ) -> Result<(), StoreError>;

    /// Returns machines, of one license or of all.
    async fn machines(
        &self,
        tenant: &TenantId,
        license: Option<&LicenseId>,
        page: &PageRequest,
    ) -> Result<Page<MachineRecord>, StoreError>;

    /// Stores an activation request, unless a request with its nonce is stored. Returns the stored
    /// record.
    async fn store_activation(
        &self,
        tenant: &TenantId,
        activation: ActivationRecord,
    ) -> Result<ActivationRecord, StoreError>;

    /// Returns an activation request.
    async fn activation(
        &self,
        tenant: &TenantId,
        nonce: &str,
    ) -> Result<Option<ActivationRecord>, StoreError>;

    /// Returns activation requests in one state or in any.
    async fn activations(
        &self,
        tenant: &TenantId,
        state: Option<ActivationState>,
        page: &PageRequest,
    ) -> Result<Page<ActivationRecord>, StoreError>;

    /// Stores the answer to an activation request. Returns the record, or `None` if no request has
    /// this nonce. A deactivated request stays deactivated.
    async fn answer_activation(
        &self,
        tenant: &TenantId,
        nonce: &str,
        answer: String,
        audit: NewAuditEntry,
    ) -> Result<Option<ActivationRecord>, StoreError>;

    /// Stores the deactivation receipt of a request. Returns the record, or `None` if no request
    /// has this nonce.
    async fn deactivate(
        &self,
        tenant: &TenantId,
        nonce: &str,
        receipt: String,
    ) -> Result<Option<ActivationRecord>, StoreError>;

    /// Stores usage reports, and ignores those that are stored already. Returns how many are new.
    async fn store_usage(
        &self,
        tenant: &TenantId,
        reports: Vec<UsageRecord>,
    ) -> Result<usize, StoreError>;

    /// Returns usage reports, in the order of arrival.
    async fn usage(
        &self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<UsageRecord>, StoreError>;
}
