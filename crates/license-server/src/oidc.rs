//! Sign-in of people by identity providers (OpenID Connect).
//!
//! The authorization code flow with PKCE: [`OidcService::start`] sends a browser to the provider,
//! and [`OidcService::finish`] takes the answer and creates the session. ADR-116 has the reasons.

mod attempt;
mod client;
mod logout;
mod values;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::DateTime;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

pub(crate) use self::attempt::ATTEMPT_SECONDS;
use self::attempt::SignInAttempt;
use self::client::{ProviderClient, invalid, unavailable};
pub(crate) use self::values::{MAX_PATH, is_own_path};
use crate::clock::ServerClock;
use crate::domain::{
    AdmissionFault, IdentityProvider, ProviderOutcome, ProviderPerson, Refusal, RefusalKind,
    ServerCode, SignInSession, TenantId,
};
use crate::login::Reach;
use crate::services::{ClientInfo, Services, TenantServices};

/// The largest number of providers whose keys are kept.
const MAX_CLIENTS: usize = 1000;

/// Signs people in at the identity providers of organizations.
pub(crate) struct OidcService {
    tenants: Arc<TenantServices>,
    clock: Arc<dyn ServerClock>,
    /// The URL of this server for browsers, without a slash at the end.
    url: String,
    /// The time limit of a request to a provider.
    timeout: Duration,
    /// The client of each provider, with the version of its settings.
    clients: Mutex<HashMap<String, (i64, Arc<ProviderClient>)>>,
}

/// The start of a sign-in.
pub(crate) struct StartedSignIn {
    /// The URL of the provider.
    pub(crate) location: String,
    /// The value of the cookie.
    pub(crate) cookie: String,
}

/// The parameters of an authorization response (RFC 6749, section 4.1.2, and RFC 9207).
#[derive(Default)]
pub(crate) struct AuthorizationAnswer {
    pub(crate) state: String,
    pub(crate) code: Option<Zeroizing<String>>,
    pub(crate) issuer: Option<String>,
    pub(crate) error: Option<String>,
}

/// The program of a person who signs in.
pub(crate) struct Browser {
    pub(crate) client: ClientInfo,
    /// The value of the cookie with the started sign-in.
    pub(crate) attempt: Option<String>,
    /// The secret of a former session, which ends.
    pub(crate) session: Option<Zeroizing<String>>,
}

/// A person who has signed in.
pub(crate) struct FinishedSignIn {
    /// The new session.
    pub(crate) session: SignInSession,
    /// The secret of the new session.
    pub(crate) secret: Zeroizing<String>,
    /// The path on this server to which the browser returns.
    pub(crate) return_to: String,
}

/// A provider of an organization.
struct FoundProvider {
    provider: IdentityProvider,
    services: Arc<Services>,
    client: Arc<ProviderClient>,
}

impl OidcService {
    /// Creates the service for a server with this URL. Sends nothing.
    pub(crate) fn new(
        tenants: Arc<TenantServices>,
        clock: Arc<dyn ServerClock>,
        url: &str,
        timeout: Duration,
    ) -> Self {
        Self {
            tenants,
            clock,
            url: url.trim_end_matches('/').to_owned(),
            timeout,
            clients: Mutex::default(),
        }
    }

    /// Returns the URL of this server for a route of a provider.
    pub(crate) fn url(&self, provider: &str, route: &str) -> String {
        format!("{}/api/v1/oidc/{provider}/{route}", self.url)
    }

    /// Starts a sign-in. `return_to` is a path on this server.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if there is no such provider, and `LOGIN_UNAVAILABLE` if the provider
    /// cannot be reached.
    pub(crate) async fn start(&self, id: &str, return_to: &str) -> Result<StartedSignIn, Refusal> {
        let found = self.find(id).await?;
        let random = found.services.sign_ins.random()?;
        let attempt = SignInAttempt::new(id, return_to, found.services.now(), &random);
        let redirect_uri = self.url(id, "callback");
        let values = attempt.values(&redirect_uri);
        Ok(StartedSignIn {
            location: found.client.authorization_url(&values).await?,
            cookie: attempt.cookie(self.tenants.sealer())?,
        })
    }

    /// Finishes a sign-in with the answer of the provider.
    ///
    /// # Errors
    ///
    /// Returns `LOGIN_STATE` if the browser did not start the sign-in, `LOGIN_DENIED` if the
    /// provider has refused it, `LOGIN_INVALID`, `LOGIN_EXPIRED` or `LOGIN_UNAVAILABLE` if the
    /// answer cannot be verified, and `LOGIN_EMAIL`, `LOGIN_NO_ROLE` or `LOGIN_NOT_INVITED` if the
    /// person may not sign in.
    pub(crate) async fn finish(
        &self,
        id: &str,
        answer: AuthorizationAnswer,
        browser: &Browser,
    ) -> Result<FinishedSignIn, Refusal> {
        let now = self.tenants.own().now();
        let expected = (id, answer.state.as_str());
        let attempt = SignInAttempt::open(
            browser.attempt.as_deref(),
            expected,
            now,
            self.tenants.sealer(),
        )?;
        let found = self.find(id).await?;
        let (digest, end) = attempt.used();
        if !found.services.sign_ins.use_once(digest, end).await? {
            return Err(attempt::refused());
        }
        found.client.check_issuer(answer.issuer.as_deref()).await?;
        if let Some(error) = &answer.error {
            return Err(denied(error));
        }
        let code = answer
            .code
            .ok_or_else(|| invalid("the answer of the provider has no code"))?;
        let redirect_uri = self.url(id, "callback");
        let values = attempt.values(&redirect_uri);
        let person = found.client.person(&code, &values).await?;
        let (secret, session) = self.enter(&found, person, &browser.client).await?;
        if let Some(former) = &browser.session {
            let accounts = self.tenants.accounts();
            let signed_in = accounts.authenticate(former, &browser.client.address).await;
            if signed_in.is_ok_and(|person| person.account.id != session.account) {
                accounts.end_former(&secret, &browser.client).await?;
                return Err(other_account());
            }
            accounts.end_former(former, &browser.client).await?;
        }
        Ok(FinishedSignIn {
            session,
            secret,
            return_to: attempt.return_to.clone(),
        })
    }

    /// Signs a person in, or withdraws the role of a person who may no longer sign in. Returns the
    /// session with its secret.
    async fn enter(
        &self,
        found: &FoundProvider,
        person: ProviderPerson,
        client: &ClientInfo,
    ) -> Result<(Zeroizing<String>, SignInSession), Refusal> {
        let (provider, sign_ins) = (&found.provider, &found.services.sign_ins);
        let admitted = provider.settings.admit(&person);
        if admitted == Err(AdmissionFault::Email) {
            return Err(no_address());
        }
        let account = sign_ins.account(&person)?;
        let tenant = Some(found.services.tenant().clone());
        let accounts = self.tenants.accounts();
        let new = accounts.new_session(&account, tenant, Some(provider.id.clone()), client);
        let (secret, session) = new?;
        let admission = admitted.ok();
        let is_admitted = admission.is_some();
        let request = sign_ins.prepare(provider, (person, admission), account, session);
        if !is_admitted {
            sign_ins.withdraw(request).await?;
            let detail = "your groups at the identity provider have no role on this server";
            return Err(no_role(detail));
        }
        let session = request.session.clone();
        match sign_ins.enter(request).await? {
            ProviderOutcome::SignedIn(account) => {
                Ok((secret, SignInSession { account, ..session }))
            }
            ProviderOutcome::Unknown => Err(unknown()),
            ProviderOutcome::RoleTooHigh(role) => {
                let detail =
                    format!("this identity provider may not sign in people with your role, {role}");
                Err(no_role(&detail))
            }
        }
    }

    /// Ends sessions at the request of a provider, which came from `address`. A token counts once,
    /// and a repetition changes nothing.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if there is no such provider, and `LOGIN_INVALID`, `LOGIN_EXPIRED` or
    /// `LOGIN_UNAVAILABLE` if the token cannot be verified.
    pub(crate) async fn log_out(
        &self,
        id: &str,
        token: &str,
        address: Option<IpAddr>,
    ) -> Result<(), Refusal> {
        let found = self.find(id).await?;
        let notice = found.client.logout_notice(token).await?;
        let mut digest = Sha256::new();
        for part in ["logout", id, &notice.id] {
            digest.update(part.as_bytes());
            digest.update([0]);
        }
        let end = DateTime::from_timestamp(notice.ends_at, 0).unwrap_or(license_core::time::MAX);
        let sign_ins = &found.services.sign_ins;
        if !sign_ins.use_once(digest.finalize().into(), end).await? {
            return Err(invalid("the logout token was used before"));
        }
        let (subject, session) = (notice.subject.as_deref(), notice.session.as_deref());
        let ended = sign_ins.end(&found.provider, subject, session, address);
        ended.await
    }

    /// Returns the URL at which a person also signs out of a provider, if it has one.
    pub(crate) async fn logout_url(&self, id: &str) -> Option<String> {
        let found = self.find(id).await.ok()?;
        found.client.logout_url().await
    }

    /// Returns an enabled provider with its client.
    async fn find(&self, id: &str) -> Result<FoundProvider, Refusal> {
        let found = self.tenants.identity_provider(id).await?;
        let found = found.filter(|(_, provider)| provider.settings.is_enabled);
        let (tenant, provider) = found.ok_or_else(|| {
            let detail = "there is no such identity provider";
            Refusal::new(RefusalKind::NotFound, ServerCode::NotFound, detail)
                .hint("ask the administrator for the address of the sign-in")
        })?;
        Ok(FoundProvider {
            services: self.tenants.of(&tenant).await?,
            client: self.client(&tenant, &provider)?,
            provider,
        })
    }

    /// Returns the client of a provider, with the keys that it has loaded.
    fn client(
        &self,
        tenant: &TenantId,
        provider: &IdentityProvider,
    ) -> Result<Arc<ProviderClient>, Refusal> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        match clients.get(&provider.id) {
            Some((version, client)) if *version == provider.version => {
                return Ok(Arc::clone(client));
            }
            _ => {}
        }
        let secret = self.tenants.client_secret(provider)?;
        let reach = if tenant == self.tenants.own().tenant() {
            Reach::Any
        } else {
            Reach::Public
        };
        let client = ProviderClient::new(
            provider,
            secret,
            (reach, self.timeout),
            Arc::clone(&self.clock),
        );
        let client = Arc::new(client.map_err(unavailable)?);
        if clients.len() >= MAX_CLIENTS {
            clients.clear();
        }
        clients.insert(provider.id.clone(), (provider.version, Arc::clone(&client)));
        Ok(client)
    }
}

fn unknown() -> Refusal {
    let detail = "you are not a member of this organization";
    Refusal::new(RefusalKind::Forbidden, ServerCode::LoginNotInvited, detail)
        .hint("ask the administrator to invite you, or to let the provider create people")
}

fn no_address() -> Refusal {
    let detail = "the provider states no verified e-mail address in a domain of this organization";
    Refusal::new(RefusalKind::Forbidden, ServerCode::LoginEmail, detail)
        .hint("verify your address at the provider, or ask the administrator about `email_domains`")
}

/// Returns the refusal of a sign-in that would replace the session of another account. Another site
/// can send a browser through a provider of its choice, so the person must decide.
fn other_account() -> Refusal {
    let detail = "the browser has a session of another account";
    Refusal::new(RefusalKind::Conflict, ServerCode::LoginOther, detail)
        .hint("sign out first if you want to continue with the other account")
}

fn no_role(detail: &str) -> Refusal {
    Refusal::new(RefusalKind::Forbidden, ServerCode::LoginNoRole, detail)
        .hint("ask the administrator to give one of your groups a role, and sign in again")
}

/// Returns the refusal of an error response. Only errors of the specifications are shown, because
/// anybody can write another text into the URL.
fn denied(error: &str) -> Refusal {
    const KNOWN: [&str; 8] = [
        "access_denied",
        "consent_required",
        "interaction_required",
        "invalid_request",
        "invalid_scope",
        "login_required",
        "server_error",
        "temporarily_unavailable",
    ];
    let known = KNOWN.into_iter().find(|known| *known == error);
    let detail = "the identity provider has refused the sign-in";
    Refusal::new(RefusalKind::Forbidden, ServerCode::LoginDenied, detail)
        .values("a code", known.unwrap_or("another error"))
        .hint("sign in again; if it happens again, ask the administrator of the provider")
}
