//! Storage, in terms of the domain.
//!
//! [`Store`] is implemented for each database. Every method takes the tenant. A method that changes
//! something is one transaction, and its audit entries are part of this transaction. When a method
//! returns, the change is on the disk.

mod error;
mod pool;
pub mod sqlite;

use std::path::Path;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use license_core::LicenseId;
use license_seats::LeaseTime;

use crate::domain::{
    ActivationRecord, ActivationState, ApiToken, AuditEntry, AuditReport, EventRecord,
    IdempotencyKey, IdempotencyState, LicenseRecord, MachineRecord, MachineSighting, NewAuditEntry,
    NewEvent, Page, PageRequest, PoolId, RevocationRecord, SeatPolicy, SecretDigest,
    StatementRecord, StoredResponse, TenantId, UsageRecord,
};

pub use error::StoreError;
pub use pool::{LeaseRow, PoolReply, PoolRequest, PoolView, TicketRow};

/// A database of the server.
#[async_trait]
pub trait Store: Send + Sync {
    // Licenses.

    /// Stores licenses, and ignores those that are stored already. Returns how many are new.
    async fn install_licenses(
        &self,
        tenant: &TenantId,
        licenses: Vec<LicenseRecord>,
        audit: NewAuditEntry,
    ) -> Result<usize, StoreError>;

    /// Returns licenses, in the order of their installation.
    async fn licenses(
        &self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<LicenseRecord>, StoreError>;

    /// Returns a license.
    async fn license(
        &self,
        tenant: &TenantId,
        id: &LicenseId,
    ) -> Result<Option<LicenseRecord>, StoreError>;

    /// Returns the licenses that a standard key or a short enterprise key names. Different licenses can have the same key.
    async fn licenses_by_key(
        &self,
        tenant: &TenantId,
        key: &str,
    ) -> Result<Vec<LicenseRecord>, StoreError>;

    /// Returns the licenses of a pool, in the order of their installation.
    async fn licenses_of_pool(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
    ) -> Result<Vec<LicenseRecord>, StoreError>;

    /// Returns the licenses that replace a license, in the order of their installation.
    async fn successors(
        &self,
        tenant: &TenantId,
        id: &LicenseId,
    ) -> Result<Vec<LicenseRecord>, StoreError>;

    /// Returns a number that changes with every change of licenses, signed lists and seat policies.
    /// Another process, such as `license-server install`, can make such a change.
    async fn content_version(&self, tenant: &TenantId) -> Result<u64, StoreError>;

    /// Removes a license. Returns whether the license was stored.
    async fn remove_license(
        &self,
        tenant: &TenantId,
        id: &LicenseId,
        audit: NewAuditEntry,
    ) -> Result<bool, StoreError>;

    // Signed lists.

    /// Replaces the revocation list of a product with a newer one. Returns `false`, and changes
    /// nothing, if the stored list has the same or a higher number.
    async fn import_revocations(
        &self,
        tenant: &TenantId,
        list: RevocationRecord,
        audit: NewAuditEntry,
    ) -> Result<bool, StoreError>;

    /// Returns the newest revocation list of each product.
    async fn revocations(&self, tenant: &TenantId) -> Result<Vec<RevocationRecord>, StoreError>;

    /// Appends trust statements, and ignores those that are stored already. Returns how many are
    /// new.
    async fn import_statements(
        &self,
        tenant: &TenantId,
        armors: Vec<String>,
        audit: NewAuditEntry,
    ) -> Result<usize, StoreError>;

    /// Returns all trust statements, in the order of import.
    async fn statements(&self, tenant: &TenantId) -> Result<Vec<StatementRecord>, StoreError>;

    // Machines, activations, usage.

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

    // Seats.

    /// Applies a command to a pool, and stores its changes and events. The audit entry is appended
    /// if the command is not denied.
    async fn apply(
        &self,
        tenant: &TenantId,
        request: PoolRequest,
        audit: Option<NewAuditEntry>,
    ) -> Result<PoolReply, StoreError>;

    /// Returns the stored reading of the lease clock.
    async fn lease_clock(&self, tenant: &TenantId) -> Result<LeaseTime, StoreError>;

    /// Returns the pools that have a license.
    async fn pools(
        &self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<PoolId>, StoreError>;

    /// Returns the pools for which a tick has work to do.
    async fn due_pools(&self, tenant: &TenantId) -> Result<Vec<PoolId>, StoreError>;

    /// Returns a pool with its counts, or `None` if no command was applied to it.
    async fn pool(&self, tenant: &TenantId, pool: &PoolId) -> Result<Option<PoolView>, StoreError>;

    /// Returns the open leases of a pool.
    async fn leases(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
        page: &PageRequest,
    ) -> Result<Page<LeaseRow>, StoreError>;

    /// Returns the queue of a pool, in its order.
    async fn tickets(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
        page: &PageRequest,
    ) -> Result<Page<TicketRow>, StoreError>;

    /// Returns the settings of an administrator for a pool.
    async fn seat_policy(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
    ) -> Result<Option<SeatPolicy>, StoreError>;

    /// Stores the settings of an administrator for a pool.
    async fn set_seat_policy(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
        policy: SeatPolicy,
        audit: NewAuditEntry,
    ) -> Result<(), StoreError>;

    // Administration.

    /// Replaces the secret of the one-time link, unless an API token exists. Returns whether the
    /// secret was stored.
    async fn begin_setup(
        &self,
        tenant: &TenantId,
        secret: SecretDigest,
        expires_at: DateTime<Utc>,
    ) -> Result<bool, StoreError>;

    /// Returns whether this is the secret of the one-time link, and is valid.
    async fn check_setup(
        &self,
        tenant: &TenantId,
        secret: SecretDigest,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError>;

    /// Deletes the secret of the one-time link, and stores the first API token. Returns `false`,
    /// and changes nothing, if the secret is wrong, used or has expired.
    async fn complete_setup(
        &self,
        tenant: &TenantId,
        secret: SecretDigest,
        token: ApiToken,
        audit: NewAuditEntry,
    ) -> Result<bool, StoreError>;

    /// Stores an API token.
    async fn create_token(
        &self,
        tenant: &TenantId,
        token: ApiToken,
        audit: NewAuditEntry,
    ) -> Result<(), StoreError>;

    /// Returns the API token with this secret.
    async fn find_token(
        &self,
        tenant: &TenantId,
        secret: SecretDigest,
    ) -> Result<Option<ApiToken>, StoreError>;

    /// Returns all API tokens, in the order of their creation.
    async fn tokens(&self, tenant: &TenantId) -> Result<Vec<ApiToken>, StoreError>;

    /// Revokes an API token. Returns `false` if no token has this id. A token that is revoked
    /// already keeps its time of revocation, and no audit entry is added.
    async fn revoke_token(
        &self,
        tenant: &TenantId,
        id: &str,
        audit: NewAuditEntry,
    ) -> Result<bool, StoreError>;

    /// Returns the audit trail, the oldest entry first.
    async fn audit(
        &self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<AuditEntry>, StoreError>;

    /// Verifies the hash chain of the audit trail.
    async fn verify_audit(&self, tenant: &TenantId) -> Result<AuditReport, StoreError>;

    /// Appends events that belong to no other change.
    async fn append_events(
        &self,
        tenant: &TenantId,
        at: DateTime<Utc>,
        events: Vec<NewEvent>,
    ) -> Result<(), StoreError>;

    /// Returns events, the oldest first. The page always has a cursor, from which a caller can
    /// continue to poll.
    async fn events(
        &self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<EventRecord>, StoreError>;

    /// Deletes events that are older than `before`. Returns how many were deleted, which may be
    /// only a part of them.
    async fn forget_events(
        &self,
        tenant: &TenantId,
        before: DateTime<Utc>,
    ) -> Result<usize, StoreError>;

    // Idempotency.

    /// Looks up the key of a request, and marks a new request as running.
    async fn begin_request(
        &self,
        tenant: &TenantId,
        key: IdempotencyKey,
        body: [u8; 32],
        now: DateTime<Utc>,
    ) -> Result<IdempotencyState, StoreError>;

    /// Stores the response of a running request.
    async fn finish_request(
        &self,
        tenant: &TenantId,
        key: IdempotencyKey,
        response: StoredResponse,
    ) -> Result<(), StoreError>;

    /// Forgets a running request, so that a repetition runs again.
    async fn abandon_request(
        &self,
        tenant: &TenantId,
        key: IdempotencyKey,
    ) -> Result<(), StoreError>;

    /// Deletes the records of requests that began before `before`.
    async fn forget_requests(
        &self,
        tenant: &TenantId,
        before: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    // Operation. These methods concern the whole database.

    /// Copies a consistent snapshot to a new file, which only its owner can access.
    async fn back_up(&self, to: &Path) -> Result<(), StoreError>;

    /// Reads and writes the database, to show that it works.
    async fn check(&self) -> Result<(), StoreError>;

    /// Commits all requests that are waiting, and accepts no more.
    async fn close(&self) -> Result<(), StoreError>;
}
