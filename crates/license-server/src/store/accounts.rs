//! Accounts of people, their sessions, and links that they get by mail.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::ServerStoreError;
use crate::domain::{
    Account, AccountChange, AccountId, AccountLink, ApiToken, AuditEntry, DeletionOutcome,
    EmailAddress, EndedSessions, Invitation, JoinOutcome, LinkPurpose, Membership, NewAuditEntry,
    OrganizationCreation, PasswordHash, SecondFactor, SecretDigest, SignInSession, SignedIn,
    TenantId, Webhook,
};

/// The data about an account in one organization, for an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountTrail {
    /// The organization.
    pub tenant: TenantId,
    /// The API tokens that the account created.
    pub tokens: Vec<ApiToken>,
    /// The webhooks that the account created.
    pub webhooks: Vec<Webhook>,
    /// The invitations to the address of the account, and those that the account created.
    pub invitations: Vec<Invitation>,
    /// The sign-ins through identity providers.
    pub identities: Vec<AccountIdentity>,
    /// The entries of the audit trail that the account caused or is the subject of, the newest
    /// first. At most [`AccountTrail::MAX_ENTRIES`].
    pub audit: Vec<AuditEntry>,
}

impl AccountTrail {
    /// The largest number of audit entries of an organization in an export.
    pub const MAX_ENTRIES: u32 = 10_000;
}

/// How an identity provider of an organization knows an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountIdentity {
    /// The issuer.
    pub issuer: String,
    /// The person at the issuer.
    pub subject: String,
    /// The address that the provider has stated last.
    pub email: Option<String>,
    /// The time of the first sign-in.
    pub created_at: DateTime<Utc>,
    /// The time of the last sign-in.
    pub used_at: DateTime<Utc>,
}

/// The part of a [`ServerStore`](super::ServerStore) for accounts, which belong to no organization.
///
/// A change of an account is recorded in the audit trail of each of its organizations, and in that
/// of the server if it has none. The audit entry of such a method is the entry of each of them.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Creates an account with a membership. The organization gets the name, if there is one.
    /// Returns `false`, and changes nothing, if another account has the address.
    async fn create_account(
        &self,
        account: Account,
        membership: Membership,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError>;

    /// Creates an organization with a name for an account, which becomes its owner. Changes nothing
    /// if the account owns `most` organizations.
    async fn create_organization(
        &self,
        account: &AccountId,
        membership: Membership,
        most: usize,
        audit: NewAuditEntry,
    ) -> Result<OrganizationCreation, ServerStoreError>;

    /// Returns an account.
    async fn account(&self, id: &AccountId) -> Result<Option<Account>, ServerStoreError>;

    /// Returns the account with an address.
    async fn account_by_email(
        &self,
        email: &EmailAddress,
    ) -> Result<Option<Account>, ServerStoreError>;

    /// Returns the organizations of an account, in the order of their ids.
    async fn memberships(&self, account: &AccountId) -> Result<Vec<Membership>, ServerStoreError>;

    /// Changes an account. Returns `false`, and changes nothing, if there is no such account, or if
    /// the state of its one-time codes does not permit the change.
    async fn change_account(
        &self,
        account: &AccountId,
        change: AccountChange,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError>;

    /// Appends an entry to the audit trail of each organization of an account, or to that of
    /// the server if it has none.
    async fn record_account(
        &self,
        account: &AccountId,
        audit: NewAuditEntry,
    ) -> Result<(), ServerStoreError>;

    /// Returns whether an account has a recovery code.
    async fn has_recovery_code(
        &self,
        account: &AccountId,
        code: SecretDigest,
    ) -> Result<bool, ServerStoreError>;

    /// Deletes an account, its sessions and memberships, and revokes the API tokens that it
    /// created. In its organizations, the address is removed from assignments that have ended, and
    /// from the machines of a user who is not assigned.
    async fn delete_account(
        &self,
        account: &AccountId,
        audit: NewAuditEntry,
    ) -> Result<DeletionOutcome, ServerStoreError>;

    /// Returns what each organization of an account has of it, in the order of their ids.
    async fn account_trail(
        &self,
        account: &AccountId,
    ) -> Result<Vec<AccountTrail>, ServerStoreError>;

    /// Stores a session, and uses up the second factor. Returns `false`, and changes nothing, if
    /// the code was used before. The organization of the session, or that of the server, gets the
    /// audit entry.
    async fn create_session(
        &self,
        session: SignInSession,
        factor: SecondFactor,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError>;

    /// Returns the session with a secret, whether it has ended or not.
    async fn find_session(
        &self,
        secret: SecretDigest,
    ) -> Result<Option<SignedIn>, ServerStoreError>;

    /// Records a use of a session. An earlier time changes nothing.
    async fn record_session_use(
        &self,
        id: &str,
        at: DateTime<Utc>,
        address: &str,
    ) -> Result<(), ServerStoreError>;

    /// Returns the sessions of an account, the newest first.
    async fn sessions(&self, account: &AccountId) -> Result<Vec<SignInSession>, ServerStoreError>;

    /// Changes the organization of a session, and records the time at the membership. Returns
    /// `false`, and changes nothing, if the account of the session is not a member of the
    /// organization, or if the session does not exist. The organization gets the audit entry.
    async fn choose_organization(
        &self,
        session: &SignInSession,
        organization: &TenantId,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError>;

    /// Ends sessions of an account, and returns their ids. The organization of each session, or that
    /// of the server, gets an audit entry with the id as its subject.
    async fn end_sessions(
        &self,
        account: &AccountId,
        which: EndedSessions,
        audit: NewAuditEntry,
    ) -> Result<Vec<String>, ServerStoreError>;

    /// Stores a link. Returns `false`, and stores nothing, if the address has `most` valid links of
    /// this purpose.
    async fn create_link(&self, link: AccountLink, most: u32) -> Result<bool, ServerStoreError>;

    /// Returns the link with a secret, whether it has ended or not.
    async fn find_link(
        &self,
        secret: SecretDigest,
        purpose: LinkPurpose,
    ) -> Result<Option<AccountLink>, ServerStoreError>;

    /// Uses up a link for a registration, and creates an account with an organization of its own.
    async fn complete_registration(
        &self,
        secret: SecretDigest,
        account: Account,
        membership: Membership,
        audit: NewAuditEntry,
    ) -> Result<JoinOutcome, ServerStoreError>;

    /// Uses up a link for a new password, ends all sessions of its account, and records that the
    /// address is verified. Returns the account, or `None` if the link was used or has ended.
    async fn complete_reset(
        &self,
        secret: SecretDigest,
        password: PasswordHash,
        audit: NewAuditEntry,
    ) -> Result<Option<AccountId>, ServerStoreError>;

    /// Uses up a link for another address, and gives the address to its account.
    async fn complete_email_change(
        &self,
        secret: SecretDigest,
        audit: NewAuditEntry,
    ) -> Result<JoinOutcome, ServerStoreError>;

    /// Deletes sessions and links that have ended. A session ends at `idle_before` if it was not
    /// used since. Returns how many rows were deleted.
    async fn forget_ended(
        &self,
        now: DateTime<Utc>,
        idle_before: DateTime<Utc>,
    ) -> Result<usize, ServerStoreError>;
}
