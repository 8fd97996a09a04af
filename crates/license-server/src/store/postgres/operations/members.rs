//! Members of a tenant, and invitations.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::json;

use super::accounts::create;
use crate::domain::{
    Account, AccountId, Invitation, JoinOutcome, Member, MemberOutcome, Membership, NewAuditEntry,
    Page, PageRequest, PoolId, Role, SecondFactor, SecretDigest, TenantDeletion, TenantId,
};
use crate::store::postgres::transaction::{Transaction, VisibleRows};
use crate::store::postgres::{PostgresStore, accounts, audit, deletion, members, tenants, tokens};
use crate::store::{MemberStore, ServerStoreError};

impl PostgresStore {
    /// Changes the role of a member, or removes the member.
    async fn change_member(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        roles: (Role, Option<Role>),
        audit: &NewAuditEntry,
    ) -> Result<MemberOutcome, ServerStoreError> {
        let mut db = self.database.begin(tenant).await?;
        let result = members::change(&mut db, tenant, account, roles, audit).await;
        db.end(result).await
    }
}

#[async_trait]
impl MemberStore for PostgresStore {
    async fn members(
        &self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<Member>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = members::page(&db, page).await;
        db.end(result).await
    }

    async fn member(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Option<Member>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = members::get(&db, account).await;
        db.end(result).await
    }

    async fn tenant_name(&self, tenant: &TenantId) -> Result<Option<String>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = members::tenant_name(&db).await;
        db.end(result).await
    }

    async fn record(
        &self,
        tenant: &TenantId,
        audit: NewAuditEntry,
    ) -> Result<(), ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = audit::append(&db, &audit).await;
        db.end(result).await
    }

    async fn change_role(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        (from, to): (Role, Role),
        audit: NewAuditEntry,
    ) -> Result<MemberOutcome, ServerStoreError> {
        self.change_member(tenant, account, (from, Some(to)), &audit)
            .await
    }

    async fn remove_member(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        role: Role,
        audit: NewAuditEntry,
    ) -> Result<MemberOutcome, ServerStoreError> {
        self.change_member(tenant, account, (role, None), &audit)
            .await
    }

    async fn complete_setup_with_account(
        &self,
        tenant: &TenantId,
        secret: SecretDigest,
        account: Account,
        audit: NewAuditEntry,
    ) -> Result<JoinOutcome, ServerStoreError> {
        let mut db = self.database.begin(tenant).await?;
        let result = complete_setup(&mut db, tenant, secret, &account, &audit).await;
        db.end_if(result, is_joined).await
    }

    async fn create_invitation(
        &self,
        tenant: &TenantId,
        invitation: Invitation,
        most: u32,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = create_invitation(&db, &invitation, most, &audit).await;
        db.end(result).await
    }

    async fn invitations(
        &self,
        tenant: &TenantId,
        now: DateTime<Utc>,
    ) -> Result<Vec<Invitation>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = members::invitations(&db, now).await;
        db.end(result).await
    }

    async fn delete_invitation(
        &self,
        tenant: &TenantId,
        id: &str,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = delete_invitation(&db, id, audit).await;
        db.end(result).await
    }

    async fn find_invitation(
        &self,
        secret: SecretDigest,
    ) -> Result<Option<(TenantId, Invitation)>, ServerStoreError> {
        let db = self.database.begin_read_by_secret(secret).await?;
        let result = members::find_invitation(&db, secret).await;
        db.end(result).await
    }

    async fn join_with_new_account(
        &self,
        tenant: &TenantId,
        secret: SecretDigest,
        account: Account,
        audit: NewAuditEntry,
    ) -> Result<JoinOutcome, ServerStoreError> {
        let mut db = self.database.begin(tenant).await?;
        let result = join_with_new_account(&mut db, tenant, secret, account, &audit).await;
        db.end_if(result, is_joined).await
    }

    async fn join(
        &self,
        tenant: &TenantId,
        secret: SecretDigest,
        account: &AccountId,
        audit: NewAuditEntry,
    ) -> Result<JoinOutcome, ServerStoreError> {
        let mut db = self.database.begin(tenant).await?;
        let result = join(&mut db, tenant, secret, account, &audit).await;
        // The invitation of a member is used up.
        db.end(result).await
    }

    async fn delete_tenant(
        &self,
        tenant: &TenantId,
        proof: Option<(AccountId, SecondFactor)>,
        audit: NewAuditEntry,
    ) -> Result<TenantDeletion, ServerStoreError> {
        let mut db = self.database.begin(tenant).await?;
        let result = delete_tenant(&mut db, proof.as_ref(), &audit).await;
        let is_deleted = |(outcome, _): &(TenantDeletion, _)| *outcome == TenantDeletion::Deleted;
        let (outcome, pools) = db.end_if(result, is_deleted).await?;
        if outcome == TenantDeletion::Deleted {
            self.pools.context().renewals.forget(tenant, &pools).await;
        }
        Ok(outcome)
    }

    async fn rename_tenant(
        &self,
        tenant: &TenantId,
        name: &str,
        audit: NewAuditEntry,
    ) -> Result<(), ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = rename_tenant(&db, name, audit).await;
        db.end(result).await
    }

    async fn is_deleted(&self, tenant: &TenantId) -> Result<bool, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = deletion::is_deleted(&db).await;
        db.end(result).await
    }
}

/// Deletes the tenant of a transaction, and returns the pools that it had.
async fn delete_tenant(
    db: &mut Transaction,
    proof: Option<&(AccountId, SecondFactor)>,
    audit: &NewAuditEntry,
) -> Result<(TenantDeletion, Vec<PoolId>), ServerStoreError> {
    let pools = deletion::pools(db).await?;
    let outcome = deletion::delete(db, proof, audit).await?;
    Ok((outcome, pools))
}

async fn rename_tenant(
    db: &Transaction,
    name: &str,
    audit: NewAuditEntry,
) -> Result<(), ServerStoreError> {
    tenants::lock(db).await?;
    let former = members::tenant_name(db).await?;
    members::name_tenant(db, name).await?;
    let audit = audit.with_before(Some(json!({ "name": former })));
    audit::append(db, &audit).await
}

fn is_joined(outcome: &JoinOutcome) -> bool {
    *outcome == JoinOutcome::Joined
}

async fn complete_setup(
    db: &mut Transaction,
    tenant: &TenantId,
    secret: SecretDigest,
    account: &Account,
    audit: &NewAuditEntry,
) -> Result<JoinOutcome, ServerStoreError> {
    if !tokens::end_setup(db, secret, audit.at).await? {
        return Ok(JoinOutcome::LinkEnded);
    }
    let owner = Membership::of_owner(tenant.clone(), audit.at);
    Ok(joined(create(db, account, &owner, audit).await?))
}

fn joined(is_created: bool) -> JoinOutcome {
    if is_created {
        JoinOutcome::Joined
    } else {
        JoinOutcome::AddressTaken
    }
}

async fn create_invitation(
    db: &Transaction,
    invitation: &Invitation,
    most: u32,
    audit: &NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    let is_stored = members::invite(db, invitation, most).await?;
    if is_stored {
        audit::append(db, audit).await?;
    }
    Ok(is_stored)
}

async fn delete_invitation(
    db: &Transaction,
    id: &str,
    audit: NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    let Some(former) = members::withdraw(db, id).await? else {
        return Ok(false);
    };
    audit::append(db, &audit.with_before(Some(former.audited()))).await?;
    Ok(true)
}

async fn join_with_new_account(
    db: &mut Transaction,
    tenant: &TenantId,
    secret: SecretDigest,
    account: Account,
    audit: &NewAuditEntry,
) -> Result<JoinOutcome, ServerStoreError> {
    tenants::lock(db).await?;
    let Some(email) = account.email.clone() else {
        return Ok(JoinOutcome::LinkEnded);
    };
    let taken = members::take_invitation(db, secret, &email, audit.at).await?;
    let Some((role, is_mailed)) = taken else {
        return Ok(JoinOutcome::LinkEnded);
    };
    let account = Account {
        verified_at: is_mailed.then_some(audit.at),
        ..account
    };
    let membership = Membership::new(tenant.clone(), role, audit.at);
    Ok(joined(create(db, &account, &membership, audit).await?))
}

async fn join(
    db: &mut Transaction,
    tenant: &TenantId,
    secret: SecretDigest,
    account: &AccountId,
    audit: &NewAuditEntry,
) -> Result<JoinOutcome, ServerStoreError> {
    tenants::lock(db).await?;
    db.see(VisibleRows::AllTenants).await?;
    let email = accounts::get(db, account)
        .await?
        .and_then(|found| found.email);
    let Some(email) = email else {
        return Ok(JoinOutcome::LinkEnded);
    };
    db.set_tenant(tenant).await?;
    let taken = members::take_invitation(db, secret, &email, audit.at).await?;
    let Some((role, _)) = taken else {
        return Ok(JoinOutcome::LinkEnded);
    };
    let membership = Membership::new(tenant.clone(), role, audit.at);
    if !accounts::add_membership(db, account, &membership).await? {
        return Ok(JoinOutcome::AlreadyMember);
    }
    audit::append(db, audit).await?;
    Ok(JoinOutcome::Joined)
}
