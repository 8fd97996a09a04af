//! Sessions of people who have signed in.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use license_core::time::saturating_add;
use serde_json::json;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{AccountService, Password, not_found};
use crate::domain::{
    Account, Actor, EmailAddress, EndedSessions, MAX_USER_AGENT, Membership, NewAuditEntry,
    Refusal, RefusalKind, SecondFactor, SecretDigest, ServerCode, SignInSession, SignedIn,
    TenantId,
};
use crate::log_limit;
use crate::services::site::random;

/// How precisely the last use of a session is recorded.
const USE_PRECISION: TimeDelta = TimeDelta::minutes(1);

/// The start of each secret of a session.
const PREFIX: &str = "lss_";

/// The program and the address from which a person signs in.
#[derive(Clone, Debug, Default)]
pub struct ClientInfo {
    /// The network address.
    pub address: String,
    /// The name that the program gives itself.
    pub user_agent: String,
}

impl ClientInfo {
    /// Returns the network address for the audit trail.
    pub(super) fn actor_address(&self) -> Option<IpAddr> {
        self.address.parse().ok()
    }
}

/// A new session with its secrets, which only the cookies of the person contain.
pub struct NewSession {
    /// The secret of the session.
    pub secret: Zeroizing<String>,
    /// The mark of a device that the person has used. `None` for a session without a password.
    pub device: Option<String>,
    /// The session with its account and role.
    pub signed_in: SignedIn,
}

/// Omits the secrets.
impl std::fmt::Debug for NewSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewSession")
            .field("signed_in", &self.signed_in)
            .finish_non_exhaustive()
    }
}

/// Returns the token that a change with the cookie of a session needs. Only a program that got the
/// token from the server knows it: the token does not reveal the secret of the session.
pub fn csrf_token(secret: &str) -> String {
    let hash = Sha256::new().chain_update(b"license-server-csrf-v1\0");
    URL_SAFE_NO_PAD.encode(hash.chain_update(secret.as_bytes()).finalize())
}

impl AccountService {
    /// Returns the account with an address, if the password is right. `email` is the address, if
    /// the text of the request is one.
    ///
    /// # Errors
    ///
    /// Returns `UNAUTHORIZED` if the address or the password is wrong.
    pub async fn verified_account(
        &self,
        email: Option<&EmailAddress>,
        password: Password,
    ) -> Result<Account, Refusal> {
        let account = match email {
            Some(email) => self.store.account_by_email(email).await?,
            None => None,
        };
        let hash = account.as_ref().and_then(|one| one.password.as_ref());
        let is_right = self.tools.hasher.verify(password, hash).await?;
        account.filter(|_| is_right).ok_or_else(wrong)
    }

    /// Creates a session of an account whose password was right, and ends the former session of the
    /// same program. The session begins in the organization that the person chose last, or else in
    /// that of the server.
    ///
    /// # Errors
    ///
    /// Returns `TOTP_REQUIRED` if the account needs a code and there is none, and `UNAUTHORIZED` if
    /// the code is wrong.
    pub async fn sign_in(
        &self,
        account: &Account,
        code: Option<&str>,
        client: &ClientInfo,
        former: Option<&str>,
    ) -> Result<NewSession, Refusal> {
        let factor = self.factor(account, code)?;
        let memberships = self.store.memberships(&account.id).await?;
        let organization = Membership::first(&memberships, &self.own);
        let new = self.create_session(account, organization, None, factor, client);
        let mut new = new.await?;
        new.device = Some(self.device_mark(&new.signed_in.account)?);
        if let Some(former) = former {
            self.end_former(former, client).await?;
        }
        Ok(new)
    }

    /// Creates a session of an account. A provider binds the session to its organization.
    ///
    /// # Errors
    ///
    /// Returns `UNAUTHORIZED` if the factor was used before.
    pub async fn create_session(
        &self,
        account: &Account,
        organization: Option<TenantId>,
        provider: Option<String>,
        factor: SecondFactor,
        client: &ClientInfo,
    ) -> Result<NewSession, Refusal> {
        let (secret, session) = self.new_session(account, organization, provider, client)?;
        let actor = Actor::Account(account.id.clone()).at_some(client.actor_address());
        let audit = NewAuditEntry {
            details: json!({ "code": factor != SecondFactor::NotNeeded }),
            ..self.audit(actor, &account.id, "session.create")
        };
        let audit = audit.with_subject(&session.id);
        let digest = session.digest;
        if !self.store.create_session(session, factor, audit).await? {
            return Err(wrong());
        }
        let found = self.store.find_session(digest).await?;
        Ok(NewSession {
            secret,
            device: None,
            signed_in: found.ok_or_else(ended)?,
        })
    }

    /// Returns a new session with its secret, without storing it.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the operating system provides no random bytes.
    pub fn new_session(
        &self,
        account: &Account,
        organization: Option<TenantId>,
        provider: Option<String>,
        client: &ClientInfo,
    ) -> Result<(Zeroizing<String>, SignInSession), Refusal> {
        let bytes: [u8; 32] = random()?;
        let secret = Zeroizing::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)));
        let now = self.now();
        let shown = client.user_agent.chars().filter(|one| !one.is_control());
        let session = SignInSession {
            id: self.ids.next_of("ses", now)?,
            digest: SecretDigest::new(&secret),
            account: account.id.clone(),
            organization,
            created_at: now,
            last_used_at: now,
            expires_at: saturating_add(now, self.tools.settings.session_lifetime),
            address: client.address.clone(),
            user_agent: shown.take(MAX_USER_AGENT).collect(),
            provider,
        };
        Ok((secret, session))
    }

    /// Ends the session with a secret, if there is one, because its program signs in again.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store fails.
    pub async fn end_former(&self, secret: &str, client: &ClientInfo) -> Result<(), Refusal> {
        let found = self.store.find_session(SecretDigest::new(secret)).await?;
        let Some(mut found) = found else {
            return Ok(());
        };
        found.session.address.clone_from(&client.address);
        self.end_sessions(&found, EndedSessions::One(found.session.id.clone()))
            .await?;
        Ok(())
    }

    /// Returns the session with a secret, and records its use.
    ///
    /// # Errors
    ///
    /// Returns `UNAUTHORIZED` if no session has the secret, or if the session has ended.
    pub async fn authenticate(&self, secret: &str, address: &str) -> Result<SignedIn, Refusal> {
        let found = self.store.find_session(SecretDigest::new(secret)).await?;
        let (now, idle) = (self.now(), self.tools.settings.session_idle);
        let found = found.filter(|found| found.session.is_valid_at(now, idle));
        let mut found = found.ok_or_else(ended)?;
        // The database has the address of the last recorded use.
        address.clone_into(&mut found.session.address);
        let session = &found.session;
        if now >= saturating_add(session.last_used_at, USE_PRECISION)
            && let Err(error) = self
                .store
                .record_session_use(&session.id, now, address)
                .await
            && let Some(repeated) = log_limit::pass("session use")
        {
            let error = license_core::with_causes(&error);
            tracing::warn!(%error, repeated, "the use of a session cannot be recorded");
        }
        Ok(found)
    }

    /// Returns the sessions of a person that have not ended, the newest first.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn sessions(&self, person: &SignedIn) -> Result<Vec<SignInSession>, Refusal> {
        let (now, idle) = (self.now(), self.tools.settings.session_idle);
        let mut sessions = self.store.sessions(&person.account.id).await?;
        sessions.retain(|session| session.is_valid_at(now, idle));
        if person.session.provider.is_some() {
            // The provider of one organization must not reach the sessions of others.
            sessions.retain(|session| session.organization == person.session.organization);
        }
        Ok(sessions)
    }

    /// Ends a session of a person.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the person has no session with this id.
    pub async fn end_session(&self, person: &SignedIn, id: &str) -> Result<(), Refusal> {
        let own = self.sessions(person).await?;
        if !own.iter().any(|session| session.id == id) {
            return Err(not_found("session"));
        }
        self.end_sessions(person, EndedSessions::One(id.to_owned()))
            .await?;
        Ok(())
    }

    /// Ends all sessions of a person but this one. Returns how many have ended.
    ///
    /// # Errors
    ///
    /// Returns `FORBIDDEN` to a person for whom an identity provider vouches, and a refusal if the
    /// store fails.
    pub async fn end_other_sessions(&self, person: &SignedIn) -> Result<usize, Refusal> {
        person.require_own_credentials()?;
        let others = EndedSessions::Others(person.session.id.clone());
        Ok(self.end_sessions(person, others).await?.len())
    }

    async fn end_sessions(
        &self,
        person: &SignedIn,
        which: EndedSessions,
    ) -> Result<Vec<String>, Refusal> {
        let audit = self.own_audit(person, "session.end");
        let ended = self.store.end_sessions(&person.account.id, which, audit);
        Ok(ended.await?)
    }

    /// Continues a session in another organization of the person.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the person is not a member of the organization, and `FORBIDDEN` if an
    /// identity provider has bound the session to its organization.
    pub async fn choose_organization(
        &self,
        person: &SignedIn,
        organization: &TenantId,
    ) -> Result<(), Refusal> {
        person.require_own_credentials()?;
        let audit = self.own_audit(person, "session.enter");
        let audit = audit.with_subject(&person.session.id);
        let chosen = self
            .store
            .choose_organization(&person.session, organization, audit);
        if chosen.await? {
            return Ok(());
        }
        Err(not_found("organization"))
    }
}

impl SignedIn {
    /// Refuses a person for whom an identity provider of one organization vouches. The provider
    /// must not give access to the account itself, which belongs to other organizations too.
    ///
    /// # Errors
    ///
    /// Returns `FORBIDDEN`.
    pub fn require_own_credentials(&self) -> Result<(), Refusal> {
        if self.session.provider.is_none() {
            return Ok(());
        }
        let hint = if self.account.password.is_some() {
            "sign in with the password of the account"
        } else {
            "the account has no password; it is deleted when the person leaves the organization, with \
             DELETE /api/v1/account/organizations/ID or on the page of the account"
        };
        let detail = "the identity provider of an organization does not permit this";
        Err(super::forbidden(detail).hint(hint))
    }
}

/// Returns the refusal of wrong credentials. It is the same for an unknown address.
pub(in crate::services) fn wrong() -> Refusal {
    Refusal::new(
        RefusalKind::Unauthorized,
        ServerCode::Unauthorized,
        "the e-mail address, the password or the code is wrong",
    )
    .hint("check them, or request a new password with POST /api/v1/password-resets")
}

fn ended() -> Refusal {
    Refusal::new(
        RefusalKind::Unauthorized,
        ServerCode::Unauthorized,
        "the session is unknown or has ended",
    )
    .hint("sign in again with POST /api/v1/sessions")
}
