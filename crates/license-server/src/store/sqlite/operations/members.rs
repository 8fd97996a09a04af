//! Members of a tenant, and invitations.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::json;

use super::accounts::create;
use crate::domain::{
    Account, AccountId, Invitation, JoinOutcome, Member, MemberOutcome, Membership, NewAuditEntry,
    Page, PageRequest, Role, SecondFactor, SecretDigest, TenantDeletion, TenantId,
};
use crate::store::sqlite::{SqliteStore, accounts, audit, deletion, members, tokens};
use crate::store::{MemberStore, ServerStoreError};

impl SqliteStore {
    /// Changes the role of a member, or removes the member.
    async fn change_member(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        roles: (Role, Option<Role>),
        audit: NewAuditEntry,
    ) -> Result<MemberOutcome, ServerStoreError> {
        let account = account.clone();
        self.write(tenant, move |batch, tenant| {
            members::change(batch.db, tenant, &account, roles, &audit)
        })
        .await
    }
}

#[async_trait]
impl MemberStore for SqliteStore {
    async fn members(
        &self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<Member>, ServerStoreError> {
        let page = page.clone();
        self.read(tenant, move |db, tenant| members::page(db, tenant, &page))
            .await
    }

    async fn member(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Option<Member>, ServerStoreError> {
        let account = account.clone();
        self.read(tenant, move |db, tenant| members::get(db, tenant, &account))
            .await
    }

    async fn tenant_name(&self, tenant: &TenantId) -> Result<Option<String>, ServerStoreError> {
        self.read(tenant, members::tenant_name).await
    }

    async fn record(
        &self,
        tenant: &TenantId,
        audit: NewAuditEntry,
    ) -> Result<(), ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            audit::append(batch.db, tenant, &audit)
        })
        .await
    }

    async fn change_role(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        (from, to): (Role, Role),
        audit: NewAuditEntry,
    ) -> Result<MemberOutcome, ServerStoreError> {
        self.change_member(tenant, account, (from, Some(to)), audit)
            .await
    }

    async fn remove_member(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        role: Role,
        audit: NewAuditEntry,
    ) -> Result<MemberOutcome, ServerStoreError> {
        self.change_member(tenant, account, (role, None), audit)
            .await
    }

    async fn complete_setup_with_account(
        &self,
        tenant: &TenantId,
        secret: SecretDigest,
        account: Account,
        audit: NewAuditEntry,
    ) -> Result<JoinOutcome, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            if !tokens::check_setup(batch.db, tenant, secret, audit.at)? {
                return Ok(JoinOutcome::LinkEnded);
            }
            let owner = Membership::of_owner(tenant.clone(), audit.at);
            if !create(batch.db, &account, &owner, &audit)? {
                return Ok(JoinOutcome::AddressTaken);
            }
            tokens::delete_setup(batch.db, tenant)?;
            Ok(JoinOutcome::Joined)
        })
        .await
    }

    async fn create_invitation(
        &self,
        tenant: &TenantId,
        invitation: Invitation,
        most: u32,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            let is_stored = members::invite(batch.db, tenant, &invitation, most)?;
            if is_stored {
                audit::append(batch.db, tenant, &audit)?;
            }
            Ok(is_stored)
        })
        .await
    }

    async fn invitations(
        &self,
        tenant: &TenantId,
        now: DateTime<Utc>,
    ) -> Result<Vec<Invitation>, ServerStoreError> {
        self.read(tenant, move |db, tenant| {
            members::invitations(db, tenant, now)
        })
        .await
    }

    async fn delete_invitation(
        &self,
        tenant: &TenantId,
        id: &str,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let id = id.to_owned();
        self.write(tenant, move |batch, tenant| {
            let Some(former) = members::withdraw(batch.db, tenant, &id)? else {
                return Ok(false);
            };
            let audit = audit.with_before(Some(former.audited()));
            audit::append(batch.db, tenant, &audit)?;
            Ok(true)
        })
        .await
    }

    async fn find_invitation(
        &self,
        secret: SecretDigest,
    ) -> Result<Option<(TenantId, Invitation)>, ServerStoreError> {
        self.readers
            .run(move |db| members::find_invitation(db, secret))
            .await
    }

    async fn join_with_new_account(
        &self,
        tenant: &TenantId,
        secret: SecretDigest,
        account: Account,
        audit: NewAuditEntry,
    ) -> Result<JoinOutcome, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            let db = batch.db;
            let Some(email) = account.email.clone() else {
                return Ok(JoinOutcome::LinkEnded);
            };
            if accounts::by_email(db, &email)?.is_some() {
                return Ok(JoinOutcome::AddressTaken);
            }
            let taken = members::take_invitation(db, tenant, secret, &email, audit.at)?;
            let Some((role, is_mailed)) = taken else {
                return Ok(JoinOutcome::LinkEnded);
            };
            let account = Account {
                verified_at: is_mailed.then_some(audit.at),
                ..account
            };
            let membership = Membership::new(tenant.clone(), role, audit.at);
            create(db, &account, &membership, &audit)?;
            Ok(JoinOutcome::Joined)
        })
        .await
    }

    async fn join(
        &self,
        tenant: &TenantId,
        secret: SecretDigest,
        account: &AccountId,
        audit: NewAuditEntry,
    ) -> Result<JoinOutcome, ServerStoreError> {
        let account = account.clone();
        self.write(tenant, move |batch, tenant| {
            let db = batch.db;
            let email = accounts::get(db, &account)?.and_then(|found| found.email);
            let Some(email) = email else {
                return Ok(JoinOutcome::LinkEnded);
            };
            let taken = members::take_invitation(db, tenant, secret, &email, audit.at)?;
            let Some((role, _)) = taken else {
                return Ok(JoinOutcome::LinkEnded);
            };
            let membership = Membership::new(tenant.clone(), role, audit.at);
            if !accounts::add_membership(db, &account, &membership)? {
                return Ok(JoinOutcome::AlreadyMember);
            }
            audit::append(db, tenant, &audit)?;
            Ok(JoinOutcome::Joined)
        })
        .await
    }

    async fn delete_tenant(
        &self,
        tenant: &TenantId,
        proof: Option<(AccountId, SecondFactor)>,
        audit: NewAuditEntry,
    ) -> Result<TenantDeletion, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            deletion::delete(batch, tenant, proof.as_ref(), &audit)
        })
        .await
    }

    async fn rename_tenant(
        &self,
        tenant: &TenantId,
        name: &str,
        audit: NewAuditEntry,
    ) -> Result<(), ServerStoreError> {
        let name = name.to_owned();
        self.write(tenant, move |batch, tenant| {
            let former = members::tenant_name(batch.db, tenant)?;
            members::name_tenant(batch.db, tenant, &name)?;
            let audit = audit.with_before(Some(json!({ "name": former })));
            audit::append(batch.db, tenant, &audit)
        })
        .await
    }

    async fn is_deleted(&self, tenant: &TenantId) -> Result<bool, ServerStoreError> {
        self.read(tenant, deletion::is_deleted).await
    }
}
