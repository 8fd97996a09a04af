//! Accounts of people, their sessions, and links that they get by mail.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::{
    Account, AccountChange, AccountId, AccountLink, DeletionOutcome, EmailAddress, EndedSessions,
    JoinOutcome, LinkPurpose, Membership, NewAuditEntry, OrganizationCreation, PasswordHash, Role,
    SecondFactor, SecretDigest, SignInSession, SignedIn, TenantId,
};
use crate::store::postgres::queries::query;
use crate::store::postgres::transaction::{Transaction, VisibleRows};
use crate::store::postgres::values::{left_without_owner, millis};
use crate::store::postgres::{PostgresStore, accounts, audit, links, sessions, tenants};
use crate::store::{AccountStore, AccountTrail, ServerStoreError};

#[async_trait]
impl AccountStore for PostgresStore {
    async fn create_account(
        &self,
        account: Account,
        membership: Membership,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let mut db = self.database.begin(&membership.tenant).await?;
        let result = create(&mut db, &account, &membership, &audit).await;
        db.end_if(result, |is_created| *is_created).await
    }

    async fn create_organization(
        &self,
        account: &AccountId,
        membership: Membership,
        most: usize,
        audit: NewAuditEntry,
    ) -> Result<OrganizationCreation, ServerStoreError> {
        let mut db = self.database.begin_for_all().await?;
        let result =
            accounts::create_organization(&mut db, account, &membership, most, &audit).await;
        let is_created = |outcome: &OrganizationCreation| *outcome == OrganizationCreation::Created;
        db.end_if(result, is_created).await
    }

    async fn account(&self, id: &AccountId) -> Result<Option<Account>, ServerStoreError> {
        let db = self.database.begin_read_for_all().await?;
        let result = accounts::get(&db, id).await;
        db.end(result).await
    }

    async fn account_by_email(
        &self,
        email: &EmailAddress,
    ) -> Result<Option<Account>, ServerStoreError> {
        let db = self.database.begin_read_for_all().await?;
        let result = accounts::by_email(&db, email).await;
        db.end(result).await
    }

    async fn memberships(&self, account: &AccountId) -> Result<Vec<Membership>, ServerStoreError> {
        let db = self.database.begin_read_of_account(account).await?;
        let result = accounts::memberships(&db, account).await;
        db.end(result).await
    }

    async fn change_account(
        &self,
        account: &AccountId,
        change: AccountChange,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let mut db = self.database.begin_for_all().await?;
        let result = change_account(&mut db, account, &change, &audit).await;
        db.end_if(result, |is_changed| *is_changed).await
    }

    async fn record_account(
        &self,
        account: &AccountId,
        audit: NewAuditEntry,
    ) -> Result<(), ServerStoreError> {
        let mut db = self.database.begin_for_all().await?;
        let result = accounts::append_audit(&mut db, account, &audit).await;
        db.end(result).await
    }

    async fn has_recovery_code(
        &self,
        account: &AccountId,
        code: SecretDigest,
    ) -> Result<bool, ServerStoreError> {
        let db = self.database.begin_read_for_all().await?;
        let result = accounts::has_code(&db, account, code).await;
        db.end(result).await
    }

    async fn delete_account(
        &self,
        account: &AccountId,
        audit: NewAuditEntry,
    ) -> Result<DeletionOutcome, ServerStoreError> {
        let mut db = self.database.begin_for_all().await?;
        let result = delete(&mut db, account, &audit).await;
        let is_deleted = |outcome: &DeletionOutcome| *outcome == DeletionOutcome::Deleted;
        db.end_if(result, is_deleted).await
    }

    async fn account_trail(
        &self,
        account: &AccountId,
    ) -> Result<Vec<AccountTrail>, ServerStoreError> {
        let mut db = self.database.begin_read_of_account(account).await?;
        let result = accounts::trail(&mut db, account).await;
        db.end(result).await
    }

    async fn create_session(
        &self,
        session: SignInSession,
        factor: SecondFactor,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let mut db = self.database.begin_for_all().await?;
        let result = create_session(&mut db, &session, &factor, &audit).await;
        db.end_if(result, |is_created| *is_created).await
    }

    async fn find_session(
        &self,
        secret: SecretDigest,
    ) -> Result<Option<SignedIn>, ServerStoreError> {
        let mut db = self.database.begin_read_for_all().await?;
        let result = sessions::find(&mut db, secret).await;
        db.end(result).await
    }

    async fn record_session_use(
        &self,
        id: &str,
        at: DateTime<Utc>,
        address: &str,
    ) -> Result<(), ServerStoreError> {
        let db = self.database.begin_for_all().await?;
        let result = sessions::record_use(&db, id, at, address).await;
        db.end(result).await
    }

    async fn sessions(&self, account: &AccountId) -> Result<Vec<SignInSession>, ServerStoreError> {
        let db = self.database.begin_read_for_all().await?;
        let result = sessions::all(&db, account).await;
        db.end(result).await
    }

    async fn choose_organization(
        &self,
        session: &SignInSession,
        organization: &TenantId,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let mut db = self.database.begin(organization).await?;
        let result = sessions::choose(&mut db, session, organization, &audit).await;
        db.end_if(result, |is_chosen| *is_chosen).await
    }

    async fn end_sessions(
        &self,
        account: &AccountId,
        which: EndedSessions,
        audit: NewAuditEntry,
    ) -> Result<Vec<String>, ServerStoreError> {
        let mut db = self.database.begin_for_all().await?;
        let result = end_sessions(&mut db, account, &which, &audit).await;
        db.end(result).await
    }

    async fn create_link(&self, link: AccountLink, most: u32) -> Result<bool, ServerStoreError> {
        let db = self.database.begin_for_all().await?;
        let result = links::create(&db, &link, most).await;
        db.end(result).await
    }

    async fn find_link(
        &self,
        secret: SecretDigest,
        purpose: LinkPurpose,
    ) -> Result<Option<AccountLink>, ServerStoreError> {
        let db = self.database.begin_read_for_all().await?;
        let result = links::find(&db, secret, purpose).await;
        db.end(result).await
    }

    async fn complete_registration(
        &self,
        secret: SecretDigest,
        account: Account,
        membership: Membership,
        audit: NewAuditEntry,
    ) -> Result<JoinOutcome, ServerStoreError> {
        let mut db = self.database.begin_for_all().await?;
        let result = register(&mut db, secret, &account, &membership, &audit).await;
        // A used link stays used, whether it created an account or not.
        db.end(result).await
    }

    async fn complete_reset(
        &self,
        secret: SecretDigest,
        password: PasswordHash,
        audit: NewAuditEntry,
    ) -> Result<Option<AccountId>, ServerStoreError> {
        let mut db = self.database.begin_for_all().await?;
        let result = reset(&mut db, secret, &password, &audit).await;
        db.end(result).await
    }

    async fn complete_email_change(
        &self,
        secret: SecretDigest,
        audit: NewAuditEntry,
    ) -> Result<JoinOutcome, ServerStoreError> {
        let mut db = self.database.begin_for_all().await?;
        let result = change_email(&mut db, secret, &audit).await;
        db.end_if(result, |outcome| *outcome == JoinOutcome::Joined)
            .await
    }

    async fn forget_ended(
        &self,
        now: DateTime<Utc>,
        idle_before: DateTime<Utc>,
    ) -> Result<usize, ServerStoreError> {
        let db = self.database.begin_for_all().await?;
        let result = forget_ended(&db, now, idle_before).await;
        db.end(result).await
    }
}

/// Creates an account with a membership in the tenant of the transaction. The caller rolls the
/// transaction back if another account has the address.
pub(super) async fn create(
    db: &mut Transaction,
    account: &Account,
    membership: &Membership,
    audit: &NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    tenants::lock(db).await?;
    db.see(VisibleRows::AllTenants).await?;
    if !accounts::create(db, account).await? {
        return Ok(false);
    }
    db.set_tenant(&membership.tenant).await?;
    accounts::add_membership(db, &account.id, membership).await?;
    audit::append(db, audit).await?;
    Ok(true)
}

async fn change_account(
    db: &mut Transaction,
    account: &AccountId,
    change: &AccountChange,
    audit: &NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    let audit = audit.clone().with_before(change.former());
    accounts::append_audit(db, account, &audit).await?;
    accounts::change(db, account, change).await
}

async fn delete(
    db: &mut Transaction,
    account: &AccountId,
    audit: &NewAuditEntry,
) -> Result<DeletionOutcome, ServerStoreError> {
    let Some(found) = accounts::get(db, account).await? else {
        return Ok(DeletionOutcome::NotFound);
    };
    db.see(VisibleRows::Account(account)).await?;
    let memberships = accounts::memberships(db, account).await?;
    if memberships.is_empty() {
        db.set_tenant(&TenantId::site()).await?;
        audit::append(db, audit).await?;
    }
    let mut owned = Vec::new();
    for membership in &memberships {
        db.set_tenant(&membership.tenant).await?;
        tenants::lock(db).await?;
        if membership.role == Role::Owner {
            owned.push((membership.tenant.clone(), accounts::owners(db).await?));
        }
        let audit = audit.clone().with_before(Some(membership.role.audited()));
        accounts::leave(db, &found, &audit).await?;
    }
    let orphaned = left_without_owner(owned.into_iter());
    if !orphaned.is_empty() {
        return Ok(DeletionOutcome::LastOwner(orphaned));
    }
    db.see(VisibleRows::AllTenants).await?;
    db.execute(query!("account_delete"), &[&account.as_str()])
        .await?;
    Ok(DeletionOutcome::Deleted)
}

async fn create_session(
    db: &mut Transaction,
    session: &SignInSession,
    factor: &SecondFactor,
    audit: &NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    db.set_tenant(&session.trail()).await?;
    audit::append(db, audit).await?;
    db.see(VisibleRows::AllTenants).await?;
    if !sessions::use_factor(db, &session.account, factor).await? {
        return Ok(false);
    }
    sessions::create(db, session).await?;
    Ok(true)
}

async fn end_sessions(
    db: &mut Transaction,
    account: &AccountId,
    which: &EndedSessions,
    audit: &NewAuditEntry,
) -> Result<Vec<String>, ServerStoreError> {
    lock_organizations(db, account).await?;
    let ended = sessions::end(db, account, which).await?;
    for (id, organization) in &ended {
        let tenant = organization.clone().unwrap_or_else(TenantId::site);
        db.set_tenant(&tenant).await?;
        audit::append(db, &audit.with_subject(id)).await?;
    }
    Ok(ended.into_iter().map(|(id, _)| id).collect())
}

/// Locks the rows of the tenants of an account in their order, before rows of accounts are locked.
/// The row of the server's tenant is the last one: its trail has what concerns no other tenant.
async fn lock_organizations(
    db: &mut Transaction,
    account: &AccountId,
) -> Result<(), ServerStoreError> {
    db.see(VisibleRows::Account(account)).await?;
    for membership in accounts::memberships(db, account).await? {
        db.set_tenant(&membership.tenant).await?;
        tenants::lock(db).await?;
    }
    db.set_tenant(&TenantId::site()).await?;
    tenants::lock(db).await?;
    db.see(VisibleRows::AllTenants).await
}

async fn register(
    db: &mut Transaction,
    secret: SecretDigest,
    account: &Account,
    membership: &Membership,
    audit: &NewAuditEntry,
) -> Result<JoinOutcome, ServerStoreError> {
    let purpose = LinkPurpose::Registration;
    let link = links::take(db, secret, purpose, audit.at).await?;
    let Some(link) = link.filter(|link| account.email.as_ref() == Some(&link.email)) else {
        return Ok(JoinOutcome::LinkEnded);
    };
    links::end_all(db, &link.email, purpose).await?;
    if !accounts::create(db, account).await? {
        return Ok(JoinOutcome::AddressTaken);
    }
    db.set_tenant(&membership.tenant).await?;
    accounts::add_membership(db, &account.id, membership).await?;
    audit::append(db, audit).await?;
    Ok(JoinOutcome::Joined)
}

async fn reset(
    db: &mut Transaction,
    secret: SecretDigest,
    password: &PasswordHash,
    audit: &NewAuditEntry,
) -> Result<Option<AccountId>, ServerStoreError> {
    let found = links::find(db, secret, LinkPurpose::PasswordReset).await?;
    let Some(account) = found.and_then(|link| link.account) else {
        return Ok(None);
    };
    lock_organizations(db, &account).await?;
    if links::take(db, secret, LinkPurpose::PasswordReset, audit.at)
        .await?
        .is_none()
    {
        return Ok(None);
    }
    accounts::append_audit(db, &account, &audit.of_account(&account)).await?;
    accounts::set_password(db, &account, password).await?;
    sessions::end(db, &account, &EndedSessions::All).await?;
    db.execute(
        query!("account_verified"),
        &[&account.as_str(), &millis(audit.at)],
    )
    .await?;
    Ok(Some(account))
}

async fn change_email(
    db: &mut Transaction,
    secret: SecretDigest,
    audit: &NewAuditEntry,
) -> Result<JoinOutcome, ServerStoreError> {
    let found = links::find(db, secret, LinkPurpose::EmailChange).await?;
    let Some(account) = found.and_then(|link| link.account) else {
        return Ok(JoinOutcome::LinkEnded);
    };
    accounts::append_audit(db, &account, &audit.of_account(&account)).await?;
    let link = links::take(db, secret, LinkPurpose::EmailChange, audit.at).await?;
    let Some(link) = link else {
        return Ok(JoinOutcome::LinkEnded);
    };
    let values = (account.as_str(), link.email.as_str(), millis(audit.at));
    let changed = db
        .execute(query!("account_email"), &[&values.0, &values.1, &values.2])
        .await?;
    if changed == 0 {
        return Ok(JoinOutcome::AddressTaken);
    }
    db.execute(query!("link_end_of_account"), &[&account.as_str()])
        .await?;
    Ok(JoinOutcome::Joined)
}

async fn forget_ended(
    db: &Transaction,
    now: DateTime<Utc>,
    idle_before: DateTime<Utc>,
) -> Result<usize, ServerStoreError> {
    let sessions = sessions::forget(db, now, idle_before).await?;
    Ok(sessions.saturating_add(links::forget(db, now).await?))
}
