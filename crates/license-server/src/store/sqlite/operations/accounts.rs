//! Accounts of people, their sessions, and links that they get by mail.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};

use crate::domain::{
    Account, AccountChange, AccountId, AccountLink, DeletionOutcome, EmailAddress, EndedSessions,
    JoinOutcome, LinkPurpose, Membership, NewAuditEntry, OrganizationCreation, PasswordHash,
    SecondFactor, SecretDigest, SignInSession, SignedIn, TenantId,
};
use crate::store::sqlite::queries::query;
use crate::store::sqlite::values::millis;
use crate::store::sqlite::{SqliteStore, accounts, audit, links, sessions};
use crate::store::{AccountStore, AccountTrail, ServerStoreError};

#[async_trait]
impl AccountStore for SqliteStore {
    async fn create_account(
        &self,
        account: Account,
        membership: Membership,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        self.write_all(move |db| create(db, &account, &membership, &audit))
            .await
    }

    async fn create_organization(
        &self,
        account: &AccountId,
        membership: Membership,
        most: usize,
        audit: NewAuditEntry,
    ) -> Result<OrganizationCreation, ServerStoreError> {
        let account = account.clone();
        self.write_all(move |db| {
            if accounts::get(db, &account)?.is_none() {
                return Ok(OrganizationCreation::NotFound);
            }
            if Membership::owned(&accounts::memberships(db, &account)?) >= most {
                return Ok(OrganizationCreation::LimitReached);
            }
            accounts::add_membership(db, &account, &membership)?;
            audit::append(db, &membership.tenant, &audit)?;
            Ok(OrganizationCreation::Created)
        })
        .await
    }

    async fn account(&self, id: &AccountId) -> Result<Option<Account>, ServerStoreError> {
        let id = id.clone();
        self.readers.run(move |db| accounts::get(db, &id)).await
    }

    async fn account_by_email(
        &self,
        email: &EmailAddress,
    ) -> Result<Option<Account>, ServerStoreError> {
        let email = email.clone();
        self.readers
            .run(move |db| accounts::by_email(db, &email))
            .await
    }

    async fn memberships(&self, account: &AccountId) -> Result<Vec<Membership>, ServerStoreError> {
        let account = account.clone();
        self.readers
            .run(move |db| accounts::memberships(db, &account))
            .await
    }

    async fn change_account(
        &self,
        account: &AccountId,
        change: AccountChange,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let account = account.clone();
        self.write_all(move |db| {
            let is_changed = accounts::change(db, &account, &change)?;
            if is_changed {
                let audit = audit.with_before(change.former());
                accounts::append_audit(db, &account, &audit)?;
            }
            Ok(is_changed)
        })
        .await
    }

    async fn record_account(
        &self,
        account: &AccountId,
        audit: NewAuditEntry,
    ) -> Result<(), ServerStoreError> {
        let account = account.clone();
        self.write_all(move |db| accounts::append_audit(db, &account, &audit))
            .await
    }

    async fn has_recovery_code(
        &self,
        account: &AccountId,
        code: SecretDigest,
    ) -> Result<bool, ServerStoreError> {
        let account = account.clone();
        let read = move |db: &Connection| accounts::has_code(db, &account, code);
        self.readers.run(read).await
    }

    async fn delete_account(
        &self,
        account: &AccountId,
        audit: NewAuditEntry,
    ) -> Result<DeletionOutcome, ServerStoreError> {
        let account = account.clone();
        self.write_all(move |db| accounts::delete(db, &account, &audit))
            .await
    }

    async fn account_trail(
        &self,
        account: &AccountId,
    ) -> Result<Vec<AccountTrail>, ServerStoreError> {
        let account = account.clone();
        let read = move |db: &Connection| accounts::trail(db, &account);
        self.readers.run_long(read).await
    }

    async fn create_session(
        &self,
        session: SignInSession,
        factor: SecondFactor,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        self.write_all(move |db| {
            if !sessions::use_factor(db, &session.account, &factor)? {
                return Ok(false);
            }
            sessions::create(db, &session)?;
            audit::append(db, &session.trail(), &audit)?;
            Ok(true)
        })
        .await
    }

    async fn find_session(
        &self,
        secret: SecretDigest,
    ) -> Result<Option<SignedIn>, ServerStoreError> {
        self.readers.run(move |db| sessions::find(db, secret)).await
    }

    async fn record_session_use(
        &self,
        id: &str,
        at: DateTime<Utc>,
        address: &str,
    ) -> Result<(), ServerStoreError> {
        let (id, address) = (id.to_owned(), address.to_owned());
        self.write_all(move |db| sessions::record_use(db, &id, at, &address))
            .await
    }

    async fn sessions(&self, account: &AccountId) -> Result<Vec<SignInSession>, ServerStoreError> {
        let account = account.clone();
        self.readers
            .run(move |db| sessions::all(db, &account))
            .await
    }

    async fn choose_organization(
        &self,
        session: &SignInSession,
        organization: &TenantId,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let session = session.clone();
        self.write(organization, move |batch, organization| {
            let is_chosen = sessions::choose(batch.db, &session, organization, audit.at)?;
            if is_chosen {
                audit::append(batch.db, organization, &audit)?;
            }
            Ok(is_chosen)
        })
        .await
    }

    async fn end_sessions(
        &self,
        account: &AccountId,
        which: EndedSessions,
        audit: NewAuditEntry,
    ) -> Result<Vec<String>, ServerStoreError> {
        let account = account.clone();
        self.write_all(move |db| {
            let mut ids = Vec::new();
            for (id, organization) in sessions::end(db, &account, &which)? {
                let tenant = organization.unwrap_or_else(TenantId::site);
                audit::append(db, &tenant, &audit.with_subject(&id))?;
                ids.push(id);
            }
            Ok(ids)
        })
        .await
    }

    async fn create_link(&self, link: AccountLink, most: u32) -> Result<bool, ServerStoreError> {
        self.write_all(move |db| links::create(db, &link, most))
            .await
    }

    async fn find_link(
        &self,
        secret: SecretDigest,
        purpose: LinkPurpose,
    ) -> Result<Option<AccountLink>, ServerStoreError> {
        self.readers
            .run(move |db| links::find(db, secret, purpose))
            .await
    }

    async fn complete_registration(
        &self,
        secret: SecretDigest,
        account: Account,
        membership: Membership,
        audit: NewAuditEntry,
    ) -> Result<JoinOutcome, ServerStoreError> {
        self.write_all(move |db| {
            let purpose = LinkPurpose::Registration;
            let link = links::take(db, secret, purpose, audit.at)?;
            let Some(link) = link.filter(|link| account.email.as_ref() == Some(&link.email)) else {
                return Ok(JoinOutcome::LinkEnded);
            };
            links::end_all(db, &link.email, purpose)?;
            let is_created = create(db, &account, &membership, &audit)?;
            Ok(if is_created {
                JoinOutcome::Joined
            } else {
                JoinOutcome::AddressTaken
            })
        })
        .await
    }

    async fn complete_reset(
        &self,
        secret: SecretDigest,
        password: PasswordHash,
        audit: NewAuditEntry,
    ) -> Result<Option<AccountId>, ServerStoreError> {
        self.write_all(move |db| {
            let link = links::take(db, secret, LinkPurpose::PasswordReset, audit.at)?;
            let Some(account) = link.and_then(|link| link.account) else {
                return Ok(None);
            };
            accounts::set_password(db, &account, &password)?;
            sessions::end(db, &account, &EndedSessions::All)?;
            db.prepare_cached(query!("account_verified"))?
                .execute(params![account.as_str(), millis(audit.at)])?;
            let audit = audit.of_account(&account);
            accounts::append_audit(db, &account, &audit)?;
            Ok(Some(account))
        })
        .await
    }

    async fn complete_email_change(
        &self,
        secret: SecretDigest,
        audit: NewAuditEntry,
    ) -> Result<JoinOutcome, ServerStoreError> {
        self.write_all(move |db| {
            let link = links::find(db, secret, LinkPurpose::EmailChange)?;
            let link = link.filter(|link| audit.at < link.expires_at);
            let Some((account, email)) = link.and_then(|link| Some((link.account?, link.email)))
            else {
                return Ok(JoinOutcome::LinkEnded);
            };
            let values = params![account.as_str(), email.as_str(), millis(audit.at)];
            if db
                .prepare_cached(query!("account_email"))?
                .execute(values)?
                == 0
            {
                return Ok(JoinOutcome::AddressTaken);
            }
            // This also deletes the link itself.
            db.prepare_cached(query!("link_end_of_account"))?
                .execute([account.as_str()])?;
            let audit = audit.of_account(&account);
            accounts::append_audit(db, &account, &audit)?;
            Ok(JoinOutcome::Joined)
        })
        .await
    }

    async fn forget_ended(
        &self,
        now: DateTime<Utc>,
        idle_before: DateTime<Utc>,
    ) -> Result<usize, ServerStoreError> {
        self.write_all(move |db| {
            let sessions = sessions::forget(db, now, idle_before)?;
            Ok(sessions.saturating_add(links::forget(db, now)?))
        })
        .await
    }
}

/// Creates an account with a membership.
pub(super) fn create(
    db: &Connection,
    account: &Account,
    membership: &Membership,
    audit: &NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    if !accounts::create(db, account)? {
        return Ok(false);
    }
    accounts::add_membership(db, &account.id, membership)?;
    audit::append(db, &membership.tenant, audit)?;
    Ok(true)
}
