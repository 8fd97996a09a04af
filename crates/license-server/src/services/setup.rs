//! The one-time link, which creates the first administrator.

use std::net::IpAddr;
use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::json;

use super::people::{Password, address_taken};
use super::site::Site;
use super::tokens::{NewToken, new_secret, new_token};
use crate::domain::{
    AccountId, Actor, EmailAddress, JoinOutcome, Refusal, RefusalKind, Role, SecretDigest,
    ServerCode,
};

/// How long the link is valid.
const VALIDITY: TimeDelta = TimeDelta::hours(24);

/// Creates the first administrator.
#[derive(Clone)]
pub struct SetupService {
    site: Arc<Site>,
}

impl SetupService {
    pub(super) fn new(site: Arc<Site>) -> Self {
        Self { site }
    }

    /// Creates a secret for the one-time link, and replaces an earlier one. Returns `None` if the
    /// server has an API token already.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store fails.
    pub async fn start(&self) -> Result<Option<String>, Refusal> {
        let secret = new_secret()?;
        let digest = SecretDigest::new(&secret);
        let expires_at = license_core::time::saturating_add(self.site.wall(), VALIDITY);
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let is_new = store.begin_setup(tenant, digest, expires_at).await?;
        Ok(is_new.then_some(secret))
    }

    /// Checks the secret of the one-time link.
    ///
    /// # Errors
    ///
    /// Returns `SETUP_USED` if the secret is wrong, was used, or has expired.
    pub async fn check(&self, secret: &str) -> Result<(), Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let digest = SecretDigest::new(secret);
        let is_valid = store.check_setup(tenant, digest, self.site.wall()).await?;
        if is_valid { Ok(()) } else { Err(used()) }
    }

    /// Creates the first administrator, whose request comes from `address`, and ends the validity
    /// of the link.
    ///
    /// # Errors
    ///
    /// Returns `SETUP_USED` if the secret is wrong, was used, or has expired.
    pub async fn complete(
        &self,
        secret: &str,
        name: &str,
        address: Option<IpAddr>,
    ) -> Result<NewToken, Refusal> {
        let actor = Actor::Setup.at_some(address);
        let new = new_token(&self.site, &actor, name, Role::Owner.into(), None)?;
        let details = json!({ "name": new.token.name, "scopes": new.token.scopes.names() });
        let audit = self
            .site
            .audit(&actor, "setup.complete", &new.token.id, details);
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let digest = SecretDigest::new(secret);
        let is_complete = store.complete_setup(tenant, digest, new.token.clone(), audit);
        if is_complete.await? {
            Ok(new)
        } else {
            Err(used())
        }
    }

    /// Creates the first administrator with an account, whose request comes from `address`, and
    /// ends the validity of the link.
    ///
    /// # Errors
    ///
    /// Returns `SETUP_USED` if the secret is wrong, was used, or has expired, `ADDRESS_TAKEN` if
    /// the address has an account, and the refusals of names and passwords.
    pub async fn complete_with_account(
        &self,
        secret: &str,
        name: &str,
        email: EmailAddress,
        password: Password,
        address: Option<IpAddr>,
    ) -> Result<AccountId, Refusal> {
        self.check(secret).await?;
        let (people, now) = (&self.site.people, self.site.wall());
        let account = people.new_account(email, name, password, now).await?;
        let id = account.id.clone();
        let details = json!({ "role": Role::Owner.as_str() });
        let actor = Actor::Setup.at_some(address);
        let audit = self
            .site
            .audit(&actor, "setup.complete", id.as_str(), details);
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let digest = SecretDigest::new(secret);
        let completed = store.complete_setup_with_account(tenant, digest, account, audit);
        match completed.await? {
            JoinOutcome::Joined | JoinOutcome::AlreadyMember => Ok(id),
            JoinOutcome::LinkEnded => Err(used()),
            JoinOutcome::AddressTaken => Err(address_taken()),
        }
    }
}

fn used() -> Refusal {
    Refusal::new(
        RefusalKind::Forbidden,
        ServerCode::SetupUsed,
        "the one-time link was used or has expired",
    )
    .hint(
        "sign in with the account that it created; or run `license-server account create` or \
         `license-server token create` on the server",
    )
}
