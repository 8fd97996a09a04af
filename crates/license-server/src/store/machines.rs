//! Machines, their activations and their usage reports.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use license_core::LicenseId;

use super::ServerStoreError;
use crate::domain::{
    ActivationRecord, ActivationState, MachineList, MachineRecord, MachineSighting, NewAuditEntry,
    Page, PageRequest, TenantId, UsageLimits, UsageRecord,
};

/// The part of a [`ServerStore`](super::ServerStore) for machines, their activations and their
/// usage reports.
#[async_trait]
pub trait MachineStore: Send + Sync {
    /// Records uses of licenses on machines. If a license has more than `keep` machines afterwards,
    /// those that were not seen for the longest time are deleted.
    async fn record_machines(
        &self,
        tenant: &TenantId,
        sightings: Vec<MachineSighting>,
        keep: u32,
    ) -> Result<(), ServerStoreError>;

    /// Deletes machines that were last seen before `before`. Returns how many were deleted.
    async fn forget_machines(
        &self,
        tenant: &TenantId,
        before: DateTime<Utc>,
    ) -> Result<usize, ServerStoreError>;

    /// Returns machines, of one license or of all.
    async fn machines(
        &self,
        tenant: &TenantId,
        license: Option<&LicenseId>,
        page: &PageRequest,
    ) -> Result<Page<MachineRecord>, ServerStoreError>;

    /// Returns the machines of all licenses.
    async fn list_machines(
        &self,
        tenant: &TenantId,
        list: &MachineList,
        page: &PageRequest,
    ) -> Result<Page<MachineRecord>, ServerStoreError>;

    /// Stores an activation request, unless a request with its nonce is stored. Returns the stored
    /// record, or [`ServerStoreError::LimitReached`] if `max_waiting` other requests of the license
    /// wait for an answer.
    async fn store_activation(
        &self,
        tenant: &TenantId,
        activation: ActivationRecord,
        max_waiting: u32,
    ) -> Result<ActivationRecord, ServerStoreError>;

    /// Returns an activation request.
    async fn activation(
        &self,
        tenant: &TenantId,
        nonce: &str,
    ) -> Result<Option<ActivationRecord>, ServerStoreError>;

    /// Returns activation requests in one state or in any.
    async fn activations(
        &self,
        tenant: &TenantId,
        state: Option<ActivationState>,
        page: &PageRequest,
    ) -> Result<Page<ActivationRecord>, ServerStoreError>;

    /// Stores the answer to an activation request. Returns the record, or `None` if no request has
    /// this nonce. A deactivated request stays deactivated.
    async fn answer_activation(
        &self,
        tenant: &TenantId,
        nonce: &str,
        answer: String,
        audit: NewAuditEntry,
    ) -> Result<Option<ActivationRecord>, ServerStoreError>;

    /// Stores the deactivation receipt of a request. Returns the record, or `None` if no request
    /// has this nonce.
    async fn deactivate(
        &self,
        tenant: &TenantId,
        nonce: &str,
        receipt: String,
    ) -> Result<Option<ActivationRecord>, ServerStoreError>;

    /// Stores a usage report with a new number, unless it is stored already. Returns whether it is
    /// new, or [`ServerStoreError::LimitReached`] if the reports of the license would exceed the
    /// limits.
    async fn store_usage(
        &self,
        tenant: &TenantId,
        report: UsageRecord,
        limits: UsageLimits,
    ) -> Result<bool, ServerStoreError>;

    /// Deletes the usage reports with the numbers up to `through`. Returns how many were deleted.
    async fn delete_usage(
        &self,
        tenant: &TenantId,
        through: u64,
        audit: NewAuditEntry,
    ) -> Result<usize, ServerStoreError>;

    /// Returns usage reports, in the order of arrival.
    async fn usage(
        &self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<UsageRecord>, ServerStoreError>;
}

/// The position in a list of the machines of all licenses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MachinePosition<'a> {
    pub(super) last_seen: i64,
    pub(super) license: &'a str,
    pub(super) machine: &'a str,
}

impl<'a> MachinePosition<'a> {
    /// Returns the position after which a page starts.
    pub(super) fn start(
        list: &MachineList,
        page: &'a PageRequest,
    ) -> Result<Self, ServerStoreError> {
        let cursor = page.after_key();
        let position = match (list, &page.after) {
            (MachineList::Recent, None) => Some(Self {
                last_seen: i64::MAX,
                license: "",
                machine: "",
            }),
            (MachineList::Named(_), None) => Some(Self {
                last_seen: 0,
                license: "",
                machine: "",
            }),
            (_, Some(_)) => Self::parse(list, cursor),
        };
        position.ok_or_else(|| ServerStoreError::Cursor {
            found: cursor.to_owned(),
        })
    }

    fn parse(list: &MachineList, text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(3, '/');
        let (at, license, machine) = (parts.next()?, parts.next()?, parts.next()?);
        let last_seen = match list {
            MachineList::Recent => at.parse().ok()?,
            MachineList::Named(_) => at.is_empty().then_some(0)?,
        };
        Some(Self {
            last_seen,
            license,
            machine,
        })
    }

    /// Returns the cursor after a machine.
    pub(super) fn cursor(list: &MachineList, machine: &MachineRecord) -> String {
        let at = match list {
            MachineList::Recent => machine.last_seen.timestamp_millis().to_string(),
            MachineList::Named(_) => String::new(),
        };
        format!("{at}/{}/{}", machine.license, machine.machine)
    }
}
