//! Links by mail: registration, new passwords and new addresses.

use std::sync::Arc;

use chrono::TimeDelta;
use license_core::time::saturating_add;
use serde_json::json;

use super::accounts::Reauthentication;
use super::organizations::organization_name;
use super::{AccountService, ClientInfo, Password, address_taken, conflict, link_ended, sessions};
use crate::domain::{
    Account, AccountChange, AccountLink, Actor, EmailAddress, JoinOutcome, LinkPurpose, Membership,
    NewAuditEntry, Refusal, RefusalKind, SecretDigest, ServerCode, SignedIn, TenantId,
};
use crate::log_limit;
use crate::services::tokens::new_secret;

/// The largest number of valid links of one purpose for one address, if anybody can ask for them.
const MAX_LINKS: u32 = 3;

/// The largest number of these links if an administrator or the console gives another one.
/// Strangers who ask for links must not stop them.
const MAX_GIVEN_LINKS: u32 = 20;

/// The content of a registration.
#[derive(Debug)]
pub struct Registration {
    /// The secret of the link.
    pub token: String,
    /// The name of the person.
    pub name: String,
    /// The password.
    pub password: Password,
    /// The name of the organization.
    pub organization: String,
}

/// How a person gets a link for a new password.
#[derive(Clone, PartialEq, Eq)]
pub enum ResetLink {
    /// It was sent by mail.
    Mailed,
    /// The server cannot send mail, so the administrator passes the link on.
    Shown(String),
}

impl AccountService {
    /// Sends a link for a registration. The work runs in the background, so that neither the answer
    /// nor its time reveals whether the address has an account.
    ///
    /// # Errors
    ///
    /// Returns `REGISTRATION_OFF` if the server accepts no registrations, and `MAIL_OFF` if it
    /// cannot send mail.
    pub fn request_registration(self: &Arc<Self>, email: EmailAddress) -> Result<(), Refusal> {
        self.require_registration()?;
        self.require_mail()?;
        self.in_background(email, LinkPurpose::Registration, None);
        Ok(())
    }

    /// Sends a link for a new password, as [`request_registration`](Self::request_registration)
    /// does.
    ///
    /// # Errors
    ///
    /// Returns `MAIL_OFF` if the server cannot send mail.
    pub fn request_reset(self: &Arc<Self>, email: EmailAddress) -> Result<(), Refusal> {
        self.require_mail()?;
        self.in_background(email, LinkPurpose::PasswordReset, None);
        Ok(())
    }

    /// Refuses a new organization if the server accepts none.
    pub(super) fn require_registration(&self) -> Result<(), Refusal> {
        if self.tools.settings.registration {
            return Ok(());
        }
        Err(Refusal::new(
            RefusalKind::Forbidden,
            ServerCode::RegistrationOff,
            "the server accepts no registrations",
        )
        .hint("ask an administrator of your organization for an invitation"))
    }

    fn require_mail(&self) -> Result<(), Refusal> {
        if self.tools.has_mail() {
            return Ok(());
        }
        Err(
            conflict(ServerCode::MailOff, "the server cannot send mail").hint(
                "ask an administrator of your organization for a link; at the server, \
                 `license-server account reset-password` prints one",
            ),
        )
    }

    /// Sends a link after the answer. `owner` is the account that wants another address.
    fn in_background(
        self: &Arc<Self>,
        email: EmailAddress,
        purpose: LinkPurpose,
        owner: Option<Account>,
    ) {
        let service = Arc::clone(self);
        tokio::spawn(async move {
            let Ok(_turn) = Arc::clone(&service.turns).acquire_owned().await else {
                return;
            };
            let sent = service.send_link(&email, purpose, owner.as_ref());
            if let Err(refusal) = sent.await
                && let Some(repeated) = log_limit::pass("link")
            {
                tracing::warn!(code = refusal.code, repeated, "a link cannot be sent");
            }
        });
    }

    async fn send_link(
        &self,
        email: &EmailAddress,
        purpose: LinkPurpose,
        owner: Option<&Account>,
    ) -> Result<(), Refusal> {
        let account = self.store.account_by_email(email).await?;
        match (purpose, account) {
            (LinkPurpose::Registration, Some(_)) => {
                self.tools.send_existing(email);
                Ok(())
            }
            (LinkPurpose::Registration, None) => self.mail_link(email, purpose, None).await,
            (LinkPurpose::PasswordReset, Some(account)) => {
                self.mail_link(email, purpose, Some(&account)).await
            }
            (LinkPurpose::PasswordReset, None) => Ok(()),
            (LinkPurpose::EmailChange, found) => {
                // The owner of an address verifies it with such a link too.
                let is_free =
                    found.is_none_or(|found| owner.is_some_and(|owner| owner.id == found.id));
                if is_free {
                    self.mail_link(email, purpose, owner).await?;
                }
                Ok(())
            }
        }
    }

    async fn mail_link(
        &self,
        email: &EmailAddress,
        purpose: LinkPurpose,
        account: Option<&Account>,
    ) -> Result<(), Refusal> {
        let secret = self.new_link(email, purpose, account, MAX_LINKS).await?;
        if let Some(secret) = secret {
            self.tools.send_link(email, purpose, &secret);
        }
        Ok(())
    }

    /// Stores a link, and returns its secret. `None`: the address has enough valid links.
    async fn new_link(
        &self,
        email: &EmailAddress,
        purpose: LinkPurpose,
        account: Option<&Account>,
        most: u32,
    ) -> Result<Option<String>, Refusal> {
        let validity = match purpose {
            LinkPurpose::Registration => TimeDelta::hours(24),
            LinkPurpose::PasswordReset | LinkPurpose::EmailChange => TimeDelta::hours(1),
        };
        let (secret, now) = (new_secret()?, self.now());
        let link = AccountLink {
            digest: SecretDigest::new(&secret),
            purpose,
            email: email.clone(),
            account: account.map(|account| account.id.clone()),
            created_at: now,
            expires_at: saturating_add(now, validity),
        };
        let is_stored = self.store.create_link(link, most).await?;
        Ok(is_stored.then_some(secret))
    }

    /// Returns the link for a new password, for an administrator who passes it on.
    pub(super) async fn reset_link_of(&self, account: &Account) -> Result<String, Refusal> {
        let (_, secret) = self.given_link(account).await?;
        Ok(self.tools.link("password-reset", &secret))
    }

    /// Gives a member a link for a new password: by mail, or else to the administrator who asks. In
    /// the second case the caller has checked that the account belongs to one organization only.
    pub(super) async fn reset_link(&self, account: &Account) -> Result<ResetLink, Refusal> {
        if !self.tools.has_mail() {
            return Ok(ResetLink::Shown(self.reset_link_of(account).await?));
        }
        let (email, secret) = self.given_link(account).await?;
        self.tools
            .send_link(email, LinkPurpose::PasswordReset, &secret);
        Ok(ResetLink::Mailed)
    }

    /// Stores a link for a new password that an administrator gives. Returns the address and the
    /// secret.
    async fn given_link<'a>(
        &self,
        account: &'a Account,
    ) -> Result<(&'a EmailAddress, String), Refusal> {
        let email = account.email.as_ref().ok_or_else(no_address)?;
        let purpose = LinkPurpose::PasswordReset;
        let secret = self.new_link(email, purpose, Some(account), MAX_GIVEN_LINKS);
        let secret = secret.await?.ok_or_else(enough_links)?;
        Ok((email, secret))
    }

    async fn valid_link(&self, token: &str, purpose: LinkPurpose) -> Result<AccountLink, Refusal> {
        let link = self.store.find_link(SecretDigest::new(token), purpose);
        let now = self.now();
        let link = link.await?.filter(|link| now < link.expires_at);
        link.ok_or_else(link_ended)
    }

    /// Creates an account with an organization of its own.
    ///
    /// # Errors
    ///
    /// Returns `LINK_ENDED` for a link that cannot be used, `REGISTRATION_OFF` if the server
    /// accepts no registrations, and the refusals of names and passwords.
    pub async fn confirm_registration(
        &self,
        new: Registration,
        client: &ClientInfo,
    ) -> Result<(), Refusal> {
        let link = self
            .valid_link(&new.token, LinkPurpose::Registration)
            .await?;
        let organization = organization_name(&*self.store, &self.issuer, &new.organization).await?;
        let (email, now) = (link.email, self.now());
        let account = self
            .tools
            .new_account(email, &new.name, new.password, now)
            .await?;
        let account = Account {
            verified_at: Some(now),
            ..account
        };
        let tenant = TenantId::new(uuid::Uuid::new_v4());
        let membership = Membership {
            name: Some(organization),
            ..Membership::of_owner(tenant, now)
        };
        let actor = Actor::Account(account.id.clone()).at_some(client.actor_address());
        let audit = NewAuditEntry {
            details: json!({ "registered": true }),
            ..self.audit(actor, &account.id, "account.create")
        };
        let completed = self
            .store
            .complete_registration(link.digest, account, membership, audit);
        joined(completed.await?)
    }

    /// Sets a new password by a link, and ends all sessions of the account and the marks of all
    /// devices. One-time codes stay required. Returns a mark for the device that has the link.
    ///
    /// # Errors
    ///
    /// Returns `LINK_ENDED` for a link that cannot be used, and `WEAK_PASSWORD` for a password that
    /// is not accepted.
    pub async fn confirm_reset(
        &self,
        token: &str,
        password: Password,
        client: &ClientInfo,
    ) -> Result<String, Refusal> {
        let link = self.valid_link(token, LinkPurpose::PasswordReset).await?;
        let account = link.account.ok_or_else(link_ended)?;
        let hash = self.tools.hasher.hash(password, Some(&link.email)).await?;
        let actor = Actor::Account(account.clone()).at_some(client.actor_address());
        let audit = self.audit(actor, &account, "account.password_reset");
        let completed = self.store.complete_reset(link.digest, hash, audit).await?;
        completed.ok_or_else(link_ended)?;
        self.tools
            .send_notice(&link.email, "A new password was set for your account.");
        self.new_device_mark(&account).await
    }

    /// Sends a link to a new address of a person.
    ///
    /// # Errors
    ///
    /// Returns `UNAUTHORIZED` for a wrong password or code, and `MAIL_OFF` if the server cannot
    /// send mail. An address that another account has gets no link, and the answer is the same.
    pub async fn request_email_change(
        self: &Arc<Self>,
        person: &SignedIn,
        proof: Reauthentication,
        email: EmailAddress,
    ) -> Result<(), Refusal> {
        self.require_mail()?;
        let factor = self.reauthenticate(person, proof).await?;
        let change = AccountChange::UseFactor(factor);
        let audit = self.own_audit(person, "account.email_request");
        let account = &person.account.id;
        if !self.store.change_account(account, change, audit).await? {
            return Err(sessions::wrong());
        }
        self.in_background(
            email,
            LinkPurpose::EmailChange,
            Some(person.account.clone()),
        );
        Ok(())
    }

    /// Gives an account the address that got the link.
    ///
    /// # Errors
    ///
    /// Returns `LINK_ENDED` for a link that cannot be used, and `ADDRESS_TAKEN` if another account
    /// has the address now.
    pub async fn confirm_email_change(
        &self,
        token: &str,
        client: &ClientInfo,
    ) -> Result<(), Refusal> {
        let link = self.valid_link(token, LinkPurpose::EmailChange).await?;
        let account = link.account.ok_or_else(link_ended)?;
        let former = self.store.account(&account).await?;
        let actor = Actor::Account(account.clone()).at_some(client.actor_address());
        let audit = self.audit(actor, &account, "account.email");
        joined(self.store.complete_email_change(link.digest, audit).await?)?;
        if let Some(former) = former {
            self.notify(&former, "Your account has another e-mail address now.");
        }
        Ok(())
    }
}

fn joined(outcome: JoinOutcome) -> Result<(), Refusal> {
    match outcome {
        JoinOutcome::Joined | JoinOutcome::AlreadyMember => Ok(()),
        JoinOutcome::LinkEnded => Err(link_ended()),
        JoinOutcome::AddressTaken => Err(address_taken()),
    }
}

fn no_address() -> Refusal {
    super::bad_request("the account has no e-mail address and no password")
        .hint("the person signs in through an identity provider")
}

fn enough_links() -> Refusal {
    conflict(
        ServerCode::LimitReached,
        "the address has enough links that were not used",
    )
    .values(format!("fewer than {MAX_GIVEN_LINKS} links"), "as many")
    .hint("use one of them, or wait until they end")
}
