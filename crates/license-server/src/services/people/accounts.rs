//! The account of a person who has signed in.

use serde_json::json;

use super::{AccountService, Password, checked_name, sessions};
use crate::domain::{
    Account, AccountChange, AccountId, Actor, DeletionOutcome, EmailAddress, Membership,
    NewAuditEntry, Refusal, RefusalKind, Role, SecondFactor, ServerCode, SignedIn, TenantId,
};

/// An account with its organizations.
#[derive(Clone, Debug)]
pub struct AccountView {
    /// The account.
    pub account: Account,
    /// The organizations. An identity provider shows its own organization only.
    pub memberships: Vec<Membership>,
}

/// The credentials that a person gives again for a change of the account.
#[derive(Debug)]
pub struct Reauthentication {
    /// The current password.
    pub password: Password,
    /// A one-time code or a recovery code, if the account needs one.
    pub code: Option<String>,
}

/// How an administrator at the console names an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountName {
    /// By its address.
    Email(EmailAddress),
    /// By its id. An account of an identity provider has no address.
    Id(AccountId),
}

impl AccountService {
    /// Returns the account of a person with its organizations.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn view(&self, person: &SignedIn) -> Result<AccountView, Refusal> {
        let mut memberships = self.store.memberships(&person.account.id).await?;
        if person.session.provider.is_some() {
            let own = person.session.organization.as_ref();
            memberships.retain(|membership| Some(&membership.tenant) == own);
        }
        let found = self.store.account(&person.account.id).await?;
        Ok(AccountView {
            account: found.ok_or_else(|| super::not_found("account"))?,
            memberships,
        })
    }

    /// Changes the name of a person.
    ///
    /// # Errors
    ///
    /// Returns `BAD_REQUEST` for a name that is not accepted.
    pub async fn rename(&self, person: &SignedIn, name: &str) -> Result<(), Refusal> {
        person.require_own_credentials()?;
        let change = AccountChange::Name(checked_name("person", name)?);
        self.change(person, change, "account.rename").await
    }

    /// Changes the password, and ends the other sessions of the person and the marks of all
    /// devices. Returns a new mark for this device.
    ///
    /// # Errors
    ///
    /// Returns `UNAUTHORIZED` for a wrong current password, and `WEAK_PASSWORD` for a new one that
    /// is not accepted.
    pub async fn change_password(
        &self,
        person: &SignedIn,
        current: Password,
        new: Password,
    ) -> Result<String, Refusal> {
        self.verify_password(person, current).await?;
        let account = &person.account;
        let hash = self.tools.hasher.hash(new, account.email.as_ref()).await?;
        let change = AccountChange::Password(hash, Some(person.session.id.clone()));
        self.change(person, change, "account.password").await?;
        self.notify(account, "The password of your account was changed.");
        self.new_device_mark(&account.id).await
    }

    async fn change(
        &self,
        person: &SignedIn,
        change: AccountChange,
        action: &'static str,
    ) -> Result<(), Refusal> {
        let (account, audit) = (&person.account.id, self.own_audit(person, action));
        if self.store.change_account(account, change, audit).await? {
            return Ok(());
        }
        Err(super::not_found("account"))
    }

    /// Deletes the account of a person, with everything that belongs to it. The audit trails of the
    /// organizations keep its id, which does not identify a person. Assignments that have ended lose
    /// the address.
    ///
    /// # Errors
    ///
    /// Returns `UNAUTHORIZED` for a wrong password or code, and `LAST_OWNER` if an organization
    /// would have no owner.
    pub async fn delete(&self, person: &SignedIn, proof: Reauthentication) -> Result<(), Refusal> {
        self.reauthenticate(person, proof).await?;
        let audit = self.own_audit(person, "account.delete");
        self.delete_account(&person.account, audit).await
    }

    async fn delete_account(&self, account: &Account, audit: NewAuditEntry) -> Result<(), Refusal> {
        match self.store.delete_account(&account.id, audit).await? {
            DeletionOutcome::Deleted => {
                self.notify(account, "Your account was deleted.");
                Ok(())
            }
            DeletionOutcome::NotFound => Err(super::not_found("account")),
            DeletionOutcome::LastOwner(tenants) => {
                let tenants: Vec<_> = tenants.iter().map(TenantId::as_str).collect();
                Err(last_owner().facts(json!({ "organizations": tenants })))
            }
        }
    }

    /// Verifies the current password of a person.
    pub(super) async fn verify_password(
        &self,
        person: &SignedIn,
        password: Password,
    ) -> Result<(), Refusal> {
        person.require_own_credentials()?;
        let hash = person.account.password.as_ref();
        if self.tools.hasher.verify(password, hash).await? {
            return Ok(());
        }
        Err(sessions::wrong())
    }

    /// Verifies the password and the code of a person. Returns the second factor, which the caller
    /// uses up.
    pub(super) async fn reauthenticate(
        &self,
        person: &SignedIn,
        proof: Reauthentication,
    ) -> Result<SecondFactor, Refusal> {
        self.verify_password(person, proof.password).await?;
        let factor = self.factor(&person.account, proof.code.as_deref())?;
        if let SecondFactor::Recovery(digest) = factor
            && !self
                .store
                .has_recovery_code(&person.account.id, digest)
                .await?
        {
            return Err(sessions::wrong());
        }
        Ok(factor)
    }

    /// Verifies the password and the code of a person whose account has a password, before a change
    /// for good. Returns the second factor, which the caller uses up.
    pub(in crate::services) async fn confirm(
        &self,
        person: &SignedIn,
        proof: Option<Reauthentication>,
    ) -> Result<SecondFactor, Refusal> {
        if person.account.password.is_none() {
            return Ok(SecondFactor::NotNeeded);
        }
        let missing = || {
            super::bad_request("the password is missing")
                .hint("send the password of the account in the member `password`")
        };
        self.reauthenticate(person, proof.ok_or_else(missing)?)
            .await
    }

    /// Tells a person by mail about a change of the account.
    pub(super) fn notify(&self, account: &Account, change: &str) {
        if let Some(email) = &account.email {
            self.tools.send_notice(email, change);
        }
    }

    /// Creates an account at the console, without a password. The returned link sets it.
    ///
    /// # Errors
    ///
    /// Returns `ADDRESS_TAKEN` if another account has the address, and `BAD_REQUEST` for a name
    /// that is not accepted.
    pub async fn create_at_console(
        &self,
        email: EmailAddress,
        name: &str,
        role: Role,
    ) -> Result<String, Refusal> {
        let now = self.now();
        let account = Account {
            id: super::new_account_id()?,
            email: Some(email),
            name: checked_name("person", name)?,
            password: None,
            totp: None,
            created_at: now,
            verified_at: None,
        };
        let membership = Membership::new(self.own.clone(), role, now);
        let audit = self.console_audit(&account.id, "account.create");
        let created = self
            .store
            .create_account(account.clone(), membership, audit);
        if !created.await? {
            return Err(super::address_taken());
        }
        self.reset_link_of(&account).await
    }

    /// Returns a link with which the owner of an address sets a new password, for an administrator
    /// at the console.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if no account has the address.
    pub async fn reset_at_console(&self, email: &EmailAddress) -> Result<String, Refusal> {
        let account = self.console_account(email).await?;
        let link = self.reset_link_of(&account).await?;
        let audit = self.console_audit(&account.id, "account.reset_link");
        self.store.record_account(&account.id, audit).await?;
        Ok(link)
    }

    /// Stops requiring one-time codes for an account, for an administrator at the console.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if no account has the address, and `BAD_REQUEST` if it needs no codes.
    pub async fn end_totp_at_console(&self, email: &EmailAddress) -> Result<(), Refusal> {
        let account = self.console_account(email).await?;
        let audit = self.console_audit(&account.id, "account.totp_off");
        self.end_totp_without_proof(&account, audit).await
    }

    /// Stops requiring one-time codes for an account whose owner has lost them. The caller may do
    /// this, and the owner is notified.
    pub(super) async fn end_totp_without_proof(
        &self,
        account: &Account,
        audit: NewAuditEntry,
    ) -> Result<(), Refusal> {
        let change = AccountChange::EndTotp(SecondFactor::NotNeeded);
        if self
            .store
            .change_account(&account.id, change, audit)
            .await?
        {
            self.notify(
                account,
                "Sign-in to your account no longer needs a one-time code.",
            );
            return Ok(());
        }
        Err(super::bad_request("the account needs no one-time codes"))
    }

    /// Deletes an account, for an administrator at the console.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if there is no such account, and `LAST_OWNER` if an organization would
    /// have no owner.
    pub async fn delete_at_console(&self, account: &AccountName) -> Result<(), Refusal> {
        let account = match account {
            AccountName::Email(email) => self.console_account(email).await?,
            AccountName::Id(id) => {
                let found = self.store.account(id).await?;
                found.ok_or_else(|| super::not_found("account"))?
            }
        };
        let audit = self.console_audit(&account.id, "account.delete");
        self.delete_account(&account, audit).await
    }

    async fn console_account(&self, email: &EmailAddress) -> Result<Account, Refusal> {
        let found = self.store.account_by_email(email).await?;
        found.ok_or_else(|| super::not_found("account"))
    }

    fn console_audit(&self, account: &AccountId, action: &'static str) -> NewAuditEntry {
        self.audit(Actor::Console, account, action)
    }
}

/// Returns the refusal of a change that would leave an organization without an owner.
pub(super) fn last_owner() -> Refusal {
    Refusal::new(
        RefusalKind::Conflict,
        ServerCode::LastOwner,
        "the organization would have no owner",
    )
    .hint("make another member an owner first")
}
