//! Administration: API tokens, the audit trail, events, and requests that may be repeated.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};

use super::ServerStoreError;
use crate::domain::{
    Actor, ApiToken, AuditEntry, AuditFilter, AuditReport, EventRecord, IdempotencyKey,
    IdempotencyState, NewAuditEntry, Page, PageRequest, SecretDigest, StoredResponse, TenantId,
};

/// The part of a [`ServerStore`](super::ServerStore) for administration: API tokens, the audit
/// trail, events, and requests that may be repeated.
#[async_trait]
pub trait AdministrationStore: Send + Sync {
    /// Replaces the secret of the one-time link, unless an API token or an owner exists. Returns
    /// whether the secret was stored.
    async fn begin_setup(
        &self,
        tenant: &TenantId,
        secret: SecretDigest,
        expires_at: DateTime<Utc>,
    ) -> Result<bool, ServerStoreError>;

    /// Returns whether this is the secret of the one-time link, and is valid.
    async fn check_setup(
        &self,
        tenant: &TenantId,
        secret: SecretDigest,
        now: DateTime<Utc>,
    ) -> Result<bool, ServerStoreError>;

    /// Deletes the secret of the one-time link, and stores the first API token. Returns `false`,
    /// and changes nothing, if the secret is wrong, used or has expired.
    async fn complete_setup(
        &self,
        tenant: &TenantId,
        secret: SecretDigest,
        token: ApiToken,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError>;

    /// Stores an API token. Returns `false`, and changes nothing, if another API token creates it
    /// that was revoked, or a person who has lost one of its permissions.
    async fn create_token(
        &self,
        tenant: &TenantId,
        token: ApiToken,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError>;

    /// Returns the API token with this secret, and its tenant. The secret itself names the tenant,
    /// so the method takes none.
    async fn find_token(
        &self,
        secret: SecretDigest,
    ) -> Result<Option<(TenantId, ApiToken)>, ServerStoreError>;

    /// Records that an API token was used on a day. An earlier day changes nothing.
    async fn record_token_use(
        &self,
        tenant: &TenantId,
        id: &str,
        on: NaiveDate,
    ) -> Result<(), ServerStoreError>;

    /// Returns all API tokens, in the order of their creation.
    async fn tokens(&self, tenant: &TenantId) -> Result<Vec<ApiToken>, ServerStoreError>;

    /// Revokes the API tokens of an actor: the token that the actor is, and the tokens that the
    /// actor created, directly or with another token. Returns the ids of the tokens that were valid
    /// until now. Each of them gets a copy of the audit entry with its id as the subject.
    async fn revoke_tokens(
        &self,
        tenant: &TenantId,
        of: &Actor,
        audit: NewAuditEntry,
    ) -> Result<Vec<String>, ServerStoreError>;

    /// Returns entries of the audit trail, the oldest one or the newest one first.
    async fn audit(
        &self,
        tenant: &TenantId,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<Page<AuditEntry>, ServerStoreError>;

    /// Verifies the hash chain of the audit trail.
    async fn verify_audit(&self, tenant: &TenantId) -> Result<AuditReport, ServerStoreError>;

    /// Returns events of seats and of audited changes, the oldest first. The page always has a
    /// cursor, from which a caller can continue to poll.
    async fn events(
        &self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<EventRecord>, ServerStoreError>;

    /// Returns events, the newest first. `kind`: only those of this kind, or of the kinds with this
    /// beginning if the text ends with `*`.
    async fn newest_events(
        &self,
        tenant: &TenantId,
        kind: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<EventRecord>, ServerStoreError>;

    /// Deletes events that are older than `before`, and all but the newest `keep` events. Returns
    /// how many were deleted, which may be only a part of them.
    async fn forget_events(
        &self,
        tenant: &TenantId,
        before: DateTime<Utc>,
        keep: u32,
    ) -> Result<usize, ServerStoreError>;

    /// Looks up the key of a request, and marks a new request as running.
    async fn begin_request(
        &self,
        tenant: &TenantId,
        key: IdempotencyKey,
        body: [u8; 32],
        now: DateTime<Utc>,
    ) -> Result<IdempotencyState, ServerStoreError>;

    /// Stores the response of a running request.
    async fn finish_request(
        &self,
        tenant: &TenantId,
        key: IdempotencyKey,
        response: StoredResponse,
    ) -> Result<(), ServerStoreError>;

    /// Forgets a running request, so that a repetition runs.
    async fn abandon_request(
        &self,
        tenant: &TenantId,
        key: IdempotencyKey,
    ) -> Result<(), ServerStoreError>;

    /// Deletes the records of requests that began before `before`, and all but the newest `keep`
    /// records.
    async fn forget_requests(
        &self,
        tenant: &TenantId,
        before: DateTime<Utc>,
        keep: u32,
    ) -> Result<(), ServerStoreError>;
}

/// Returns the audit entry of a revoked token, with the state of the token before.
pub(super) fn revocation(audit: &NewAuditEntry, id: &str, former: &[ApiToken]) -> NewAuditEntry {
    let former = former.iter().find(|token| token.id == id);
    audit
        .with_subject(id)
        .with_before(former.map(ApiToken::audited))
}
