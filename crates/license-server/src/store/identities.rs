//! Identity providers of an organization, and the people who sign in through them.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::ServerStoreError;
use crate::domain::{
    AccountId, IdentityProvider, NewAuditEntry, ProviderOutcome, ProviderSignIn, TenantId,
};

/// The part of a [`ServerStore`](super::ServerStore) for identity providers.
#[async_trait]
pub trait IdentityStore: Send + Sync {
    /// Stores a provider.
    ///
    /// # Errors
    ///
    /// Returns [`ServerStoreError::LimitReached`] if the organization has `most` providers.
    async fn create_provider(
        &self,
        tenant: &TenantId,
        provider: IdentityProvider,
        most: u32,
        audit: NewAuditEntry,
    ) -> Result<(), ServerStoreError>;

    /// Replaces a provider that has the version before. If it is disabled now, its sessions end.
    /// Returns `false`, and changes nothing, if there is no such provider or if it has another
    /// version.
    async fn change_provider(
        &self,
        tenant: &TenantId,
        provider: IdentityProvider,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError>;

    /// Deletes a provider, and ends its sessions. The people stay members, and a provider with the
    /// same issuer knows them again. Returns `false` if there is no such provider with this
    /// version.
    async fn delete_provider(
        &self,
        tenant: &TenantId,
        id: &str,
        version: i64,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError>;

    /// Returns the providers, in the order of their creation.
    async fn providers(&self, tenant: &TenantId)
    -> Result<Vec<IdentityProvider>, ServerStoreError>;

    /// Returns a provider and its organization. The id names the organization, so the method takes
    /// none.
    async fn find_provider(
        &self,
        id: &str,
    ) -> Result<Option<(TenantId, IdentityProvider)>, ServerStoreError>;

    /// Records that a value was used, until `expires_at`. Returns `false` if it was used before. A
    /// call with another tenant has no effect on the values of this one.
    async fn use_once(
        &self,
        tenant: &TenantId,
        value: [u8; 32],
        expires_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<bool, ServerStoreError>;

    /// Signs a person in: finds or creates the account and the membership, sets the role, and
    /// stores the session. Does all of it or nothing.
    async fn sign_in(
        &self,
        tenant: &TenantId,
        request: ProviderSignIn,
    ) -> Result<ProviderOutcome, ServerStoreError>;

    /// Gives a person the role `member`, which has no permissions, and ends the sessions, API
    /// tokens and invitations of the person. Returns whether anything changed. The last owner, an
    /// unknown person, and a person with more than the provider gives are not changed.
    async fn withdraw_role(
        &self,
        tenant: &TenantId,
        request: ProviderSignIn,
    ) -> Result<bool, ServerStoreError>;

    /// Ends sessions of people who signed in through a provider: the session at the provider, or
    /// all of a person. Returns the accounts whose sessions ended, each once.
    async fn end_provider_sessions(
        &self,
        tenant: &TenantId,
        provider: &IdentityProvider,
        subject: Option<&str>,
        session: Option<&str>,
        audit: NewAuditEntry,
    ) -> Result<Vec<AccountId>, ServerStoreError>;
}
