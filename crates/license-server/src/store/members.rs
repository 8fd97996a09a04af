//! Members of an organization, and invitations.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::ServerStoreError;
use crate::domain::{
    Account, AccountId, Invitation, JoinOutcome, Member, MemberOutcome, NewAuditEntry, Page,
    PageRequest, Role, SecondFactor, SecretDigest, TenantDeletion, TenantId,
};

/// The part of a [`ServerStore`](super::ServerStore) for the members of an organization.
#[async_trait]
pub trait MemberStore: Send + Sync {
    /// Returns the members, in the order of the ids of their accounts.
    async fn members(
        &self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<Member>, ServerStoreError>;

    /// Returns a member.
    async fn member(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Option<Member>, ServerStoreError>;

    /// Returns the name of an organization. One that was not registered has none.
    async fn tenant_name(&self, tenant: &TenantId) -> Result<Option<String>, ServerStoreError>;

    /// Appends an entry to the audit trail.
    async fn record(&self, tenant: &TenantId, audit: NewAuditEntry)
    -> Result<(), ServerStoreError>;

    /// Changes the role of a member from `from` to `to`. The sessions of the member in the
    /// organization end, and the API tokens and invitations that the member created are revoked.
    async fn change_role(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        (from, to): (Role, Role),
        audit: NewAuditEntry,
    ) -> Result<MemberOutcome, ServerStoreError>;

    /// Removes a member with the role `role`. Sessions, API tokens and invitations end as for
    /// [`change_role`](Self::change_role). An account without an address, a password and another
    /// membership is deleted: no one could sign in with it again.
    async fn remove_member(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        role: Role,
        audit: NewAuditEntry,
    ) -> Result<MemberOutcome, ServerStoreError>;

    /// Creates the first administrator with an account, and deletes the secret of the one-time
    /// link.
    async fn complete_setup_with_account(
        &self,
        tenant: &TenantId,
        secret: SecretDigest,
        account: Account,
        audit: NewAuditEntry,
    ) -> Result<JoinOutcome, ServerStoreError>;

    /// Stores an invitation. It replaces an earlier one to the same address. Returns `false`, and
    /// changes nothing, if a person creates it who has lost a permission of its role.
    ///
    /// # Errors
    ///
    /// Returns [`ServerStoreError::LimitReached`] if `most` other invitations are open.
    async fn create_invitation(
        &self,
        tenant: &TenantId,
        invitation: Invitation,
        most: u32,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError>;

    /// Returns the invitations that have not ended at `now`, in the order of their creation.
    async fn invitations(
        &self,
        tenant: &TenantId,
        now: DateTime<Utc>,
    ) -> Result<Vec<Invitation>, ServerStoreError>;

    /// Withdraws an invitation. Returns `false` if there is none with this id.
    async fn delete_invitation(
        &self,
        tenant: &TenantId,
        id: &str,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError>;

    /// Returns the invitation with a secret, and its organization, whether it has ended or not. The
    /// secret itself names the organization, so the method takes none.
    async fn find_invitation(
        &self,
        secret: SecretDigest,
    ) -> Result<Option<(TenantId, Invitation)>, ServerStoreError>;

    /// Uses up an invitation for a new account.
    async fn join_with_new_account(
        &self,
        tenant: &TenantId,
        secret: SecretDigest,
        account: Account,
        audit: NewAuditEntry,
    ) -> Result<JoinOutcome, ServerStoreError>;

    /// Uses up an invitation for an existing account.
    async fn join(
        &self,
        tenant: &TenantId,
        secret: SecretDigest,
        account: &AccountId,
        audit: NewAuditEntry,
    ) -> Result<JoinOutcome, ServerStoreError>;

    /// Deletes an organization with all its rows, and ends the sessions in it. Accounts stay,
    /// except those without an address and a password, which only the organization let in. Uses up
    /// the second factor of the account that deletes the organization. A change that is recorded is
    /// refused from then on. A caller that is no owner any more, or a revoked token, deletes
    /// nothing. The trail of the server gets the audit entry, to which the store adds the number
    /// and the hash of the last entry in the deleted trail.
    async fn delete_tenant(
        &self,
        tenant: &TenantId,
        proof: Option<(AccountId, SecondFactor)>,
        audit: NewAuditEntry,
    ) -> Result<TenantDeletion, ServerStoreError>;

    /// Changes the name of an organization.
    async fn rename_tenant(
        &self,
        tenant: &TenantId,
        name: &str,
        audit: NewAuditEntry,
    ) -> Result<(), ServerStoreError>;

    /// Returns whether an organization was deleted.
    async fn is_deleted(&self, tenant: &TenantId) -> Result<bool, ServerStoreError>;
}
