//! Sign-ins of people through identity providers of the organization.

use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use license_core::time::saturating_add;
use serde_json::json;
use zeroize::Zeroizing;

use super::people::checked_name;
use super::site::{Site, random};
use crate::domain::{
    Account, AccountId, Actor, Admission, EmailAddress, IdentityProvider, ProviderOutcome,
    ProviderPerson, ProviderSignIn, Refusal, SignInSession,
};

/// The lifetime of a session that a provider has permitted. Groups of a person count at the next
/// sign-in, so the loss of a group takes effect after this time at the latest.
const LONGEST_SESSION: TimeDelta = TimeDelta::hours(24);

/// Signs in people whom a provider has named.
#[derive(Clone)]
pub struct SignInService {
    site: Arc<Site>,
}

impl SignInService {
    pub(super) fn new(site: Arc<Site>) -> Self {
        Self { site }
    }

    /// Returns random bytes for the values of an authorization request.
    ///
    /// # Errors
    ///
    /// Returns `SIGNING_FAILED` if the operating system provides none.
    pub fn random(&self) -> Result<Zeroizing<[u8; 96]>, Refusal> {
        random().map(Zeroizing::new)
    }

    /// Records that a value was used, until a time. Returns whether this is the first use.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store fails.
    pub async fn use_once(&self, value: [u8; 32], until: DateTime<Utc>) -> Result<bool, Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        Ok(store
            .use_once(tenant, value, until, self.site.wall())
            .await?)
    }

    /// Returns the account that an unknown person gets. Stores nothing.
    ///
    /// # Errors
    ///
    /// Returns `SIGNING_FAILED` if the operating system provides no random bytes.
    pub fn account(&self, person: &ProviderPerson) -> Result<Account, Refusal> {
        let email = person.verified_email().map(EmailAddress::as_str);
        let names = [person.name.as_deref(), email, Some(&person.subject)];
        let mut names = names.into_iter().flatten();
        let name = names.find_map(|name| checked_name("person", name).ok());
        Ok(Account {
            id: AccountId::from_random(random()?),
            email: None,
            name: name.unwrap_or_else(|| "unknown".to_owned()),
            password: None,
            totp: None,
            created_at: self.site.wall(),
            verified_at: None,
        })
    }

    /// Returns the request of a sign-in with a new session of the account. Stores nothing.
    pub fn prepare(
        &self,
        provider: &IdentityProvider,
        (person, admission): (ProviderPerson, Option<Admission>),
        account: Account,
        session: SignInSession,
    ) -> ProviderSignIn {
        let details = json!({ "provider": provider.id });
        let actor = Actor::Server.at_some(session.address.parse().ok());
        let audit = self.site.audit(&actor, "session.create", "", details);
        let latest = saturating_add(session.created_at, LONGEST_SESSION);
        ProviderSignIn {
            provider: provider.clone(),
            person,
            admission,
            account,
            session: SignInSession {
                expires_at: session.expires_at.min(latest),
                ..session
            },
            audit,
        }
    }

    /// Signs a person in.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store fails.
    pub async fn enter(&self, request: ProviderSignIn) -> Result<ProviderOutcome, Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        Ok(store.sign_in(tenant, request).await?)
    }

    /// Withdraws the role of a person who may no longer sign in.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store fails.
    pub async fn withdraw(&self, request: ProviderSignIn) -> Result<(), Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        store.withdraw_role(tenant, request).await?;
        Ok(())
    }

    /// Ends the sessions of a person, or the session with an id at the provider. The request of the
    /// provider came from `address`.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store fails.
    pub async fn end(
        &self,
        provider: &IdentityProvider,
        subject: Option<&str>,
        session: Option<&str>,
        address: Option<IpAddr>,
    ) -> Result<(), Refusal> {
        let details = json!({ "provider": provider.id });
        let actor = Actor::Server.at_some(address);
        let audit = self
            .site
            .audit(&actor, "session.logout_by_provider", "", details);
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        store
            .end_provider_sessions(tenant, provider, subject, session, audit)
            .await?;
        Ok(())
    }
}
