//! The client of one identity provider: discovery, token requests and the checks of their answers.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use license_core::encoding::from_strict_json;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use ureq::tls::RootCerts;
use zeroize::Zeroizing;

use super::logout::LogoutNotice;
use super::values::{challenge, encoded, with_query};
use crate::clock::ServerClock;
use crate::domain::{
    EmailAddress, IdentityProvider, ProviderPerson, ProviderSettings, Refusal, RefusalKind,
    ServerCode,
};
use crate::log_limit;
use crate::login::{
    self, LoadedProvider, LoginClaims, LoginFault, LoginToken, NoKeys, ProviderHttp, ProviderKeys,
    Reach,
};
use crate::web_roots;

/// The largest number of requests to a provider at the same time, so that a slow provider keeps no
/// more threads of the server.
const MAX_REQUESTS: usize = 8;

/// How long a person who signs out waits for the discovery document of the provider.
const LOGOUT_PATIENCE: Duration = Duration::from_secs(2);

/// The longest id of a person or of a session at a provider, in bytes.
const MAX_ID: usize = 255;

/// The longest name of a person, in characters.
const MAX_NAME: usize = 100;

/// The client of one identity provider.
pub(super) struct ProviderClient {
    settings: ProviderSettings,
    secret: Option<Zeroizing<String>>,
    http: ProviderHttp,
    keys: Arc<ProviderKeys>,
    clock: Arc<dyn ServerClock>,
    requests: Arc<Semaphore>,
}

/// The values that bind an answer of the provider to its request.
pub(super) struct SignInValues<'a> {
    pub(super) redirect_uri: &'a str,
    pub(super) state: &'a str,
    pub(super) nonce: &'a str,
    pub(super) verifier: &'a str,
}

/// A successful answer of the token endpoint (RFC 6749, section 5.1).
#[derive(Deserialize)]
struct TokenReply {
    id_token: Option<Zeroizing<String>>,
    access_token: Option<Zeroizing<String>>,
}

/// An error of the token endpoint (RFC 6749, section 5.2).
#[derive(Deserialize)]
struct ErrorReply {
    error: String,
}

impl ProviderClient {
    /// Creates the client. Sends nothing.
    ///
    /// # Errors
    ///
    /// Returns the expected content if the certificates cannot be read.
    pub(super) fn new(
        provider: &IdentityProvider,
        secret: Option<Zeroizing<String>>,
        reach: (Reach, Duration),
        clock: Arc<dyn ServerClock>,
    ) -> Result<Self, &'static str> {
        let settings = provider.settings.clone();
        let roots = match &settings.ca_certificates {
            None => RootCerts::WebPki,
            Some(pem) => web_roots::authorities(pem.as_bytes())?,
        };
        let http = ProviderHttp::new(&settings.issuer, &settings.hosts, roots, reach);
        let keys = ProviderKeys::of_provider(&settings.issuer, http.clone(), Arc::clone(&clock));
        Ok(Self {
            settings,
            secret,
            http,
            keys: Arc::new(keys),
            clock,
            requests: Arc::new(Semaphore::new(MAX_REQUESTS)),
        })
    }

    /// Returns the URL at which a person signs in.
    ///
    /// # Errors
    ///
    /// Returns `LOGIN_UNAVAILABLE` if the provider cannot be reached or has no such URL.
    pub(super) async fn authorization_url(
        &self,
        values: &SignInValues<'_>,
    ) -> Result<String, Refusal> {
        let provider = self.provider().await?;
        let url = self.endpoint(&provider, "authorization_endpoint")?;
        let scopes = self.settings.scopes.join(" ");
        let parameters = [
            ("response_type", "code"),
            ("client_id", &self.settings.client_id),
            ("redirect_uri", values.redirect_uri),
            ("scope", &scopes),
            ("state", values.state),
            ("nonce", values.nonce),
            ("code_challenge", &challenge(values.verifier)),
            ("code_challenge_method", "S256"),
        ];
        Ok(with_query(&url, &parameters))
    }

    /// Checks the issuer that an authorization response names (RFC 9207), so that a response of
    /// another provider is not taken for one of this provider.
    ///
    /// # Errors
    ///
    /// Returns `LOGIN_INVALID` if the response names another issuer, or none although the provider
    /// always names its issuer.
    pub(super) async fn check_issuer(&self, found: Option<&str>) -> Result<(), Refusal> {
        let is_right = match found {
            Some(found) => found == self.settings.issuer,
            None => {
                let provider = self.provider().await?;
                let endpoints = provider.endpoints.as_ref();
                !endpoints.is_some_and(|endpoints| endpoints.states_issuer())
            }
        };
        if is_right {
            return Ok(());
        }
        Err(invalid("the answer names another issuer than the provider"))
    }

    /// Exchanges a code for an ID token, and returns the person.
    ///
    /// # Errors
    ///
    /// Returns `LOGIN_INVALID` or `LOGIN_EXPIRED` if the code or the ID token is refused, and
    /// `LOGIN_UNAVAILABLE` if the provider does not answer.
    pub(super) async fn person(
        self: &Arc<Self>,
        code: &str,
        values: &SignInValues<'_>,
    ) -> Result<ProviderPerson, Refusal> {
        let provider = self.provider().await?;
        let reply = self.exchange(&provider, code, values).await?;
        let token = reply
            .id_token
            .ok_or_else(|| invalid("the provider has sent no ID token"))?;
        let claims = self.verify(&token).await?;
        let is_bound = claims.text("nonce").is_some_and(|found| {
            verify_slices_are_equal(found.as_bytes(), values.nonce.as_bytes()).is_ok()
        });
        if !is_bound {
            return Err(invalid("the ID token has another nonce than the sign-in"));
        }
        let subject = id_of(&claims, "sub")
            .ok_or_else(|| invalid("the ID token does not name a person (`sub`)"))?;
        let more = self
            .user_info(&provider, &claims, &subject, reply.access_token)
            .await?;
        self.read_person(subject, &claims, &more)
    }

    /// Verifies a logout token (OpenID Connect Back-Channel Logout 1.0, section 2.6).
    ///
    /// # Errors
    ///
    /// Returns `LOGIN_INVALID` or `LOGIN_EXPIRED` if the token is refused, and `LOGIN_UNAVAILABLE`
    /// if the keys of the provider cannot be loaded.
    pub(super) async fn logout_notice(&self, token: &str) -> Result<LogoutNotice, Refusal> {
        let parsed = LoginToken::parse_typed(token, &["logout+jwt", "JWT"]);
        let claims = self.claims(parsed.map_err(login::refused)?).await?;
        LogoutNotice::new(&claims).map_err(invalid)
    }

    /// Returns the URL at which the person also signs out of the provider, if there is one (OpenID
    /// Connect RP-Initiated Logout 1.0). A provider that cannot be reached within two seconds has
    /// none, because a person who signs out must not wait for it.
    pub(super) async fn logout_url(&self) -> Option<String> {
        let provider = tokio::time::timeout(LOGOUT_PATIENCE, self.provider()).await;
        let provider = provider.ok()?.ok()?;
        let url = self.endpoint(&provider, "end_session_endpoint").ok()?;
        let mut parameters = vec![("client_id", self.settings.client_id.as_str())];
        if let Some(after) = &self.settings.after_logout {
            parameters.push(("post_logout_redirect_uri", after));
        }
        Some(with_query(&url, &parameters))
    }

    async fn provider(&self) -> Result<Arc<LoadedProvider>, Refusal> {
        self.keys
            .any()
            .await
            .map_err(|missing| self.unreached(missing))
    }

    fn unreached(&self, missing: NoKeys) -> Refusal {
        let after = Duration::from_millis(missing.after_ms.max(1000));
        unavailable("the server cannot load the document or the keys of the identity provider")
            .retry_after(after)
    }

    /// Returns an endpoint of the discovery document, if it is on a host that may get requests.
    fn endpoint(&self, provider: &LoadedProvider, name: &str) -> Result<String, Refusal> {
        let endpoints = provider.endpoints.as_ref();
        let url = endpoints.and_then(|endpoints| match name {
            "authorization_endpoint" => endpoints.authorization_endpoint.clone(),
            "token_endpoint" => endpoints.token_endpoint.clone(),
            "userinfo_endpoint" => endpoints.userinfo_endpoint.clone(),
            _ => endpoints.end_session_endpoint.clone(),
        });
        let usable = url.filter(|url| self.http.reaches(url) && !url.contains('#'));
        usable.ok_or_else(|| {
            unavailable("the identity provider has no usable endpoint for the request")
                .values(
                    format!("{name} on the host of the issuer or in `hosts`"),
                    "none",
                )
                .hint(
                    "ask the administrator to compare the settings of the provider with its discovery \
                     document",
                )
        })
    }

    /// Sends the code to the token endpoint.
    async fn exchange(
        self: &Arc<Self>,
        provider: &LoadedProvider,
        code: &str,
        values: &SignInValues<'_>,
    ) -> Result<TokenReply, Refusal> {
        let url = self.endpoint(provider, "token_endpoint")?;
        let in_form = provider
            .endpoints
            .as_ref()
            .is_some_and(|endpoints| endpoints.takes_secret_in_form());
        let (code, verifier) = (Zeroizing::new(code.to_owned()), values.verifier.to_owned());
        let (verifier, redirect) = (Zeroizing::new(verifier), values.redirect_uri.to_owned());
        let client = Arc::clone(self);
        let reply = self.blocking(move || {
            let id = client.settings.client_id.as_str();
            let mut form = vec![
                ("grant_type", "authorization_code"),
                ("code", code.as_str()),
                ("redirect_uri", redirect.as_str()),
                ("code_verifier", verifier.as_str()),
            ];
            let mut authorization = None;
            match &client.secret {
                Some(secret) if in_form => {
                    form.extend([("client_id", id), ("client_secret", secret.as_str())]);
                }
                Some(secret) => authorization = Some(basic(id, secret)),
                None => form.push(("client_id", id)),
            }
            let authorization = authorization.as_ref().map(|value| value.as_str());
            client.http.post(&url, &form, authorization)
        });
        let reply = reply.await?;
        if reply.status != 200 {
            return Err(self.token_error(reply.status, &reply.body));
        }
        from_strict_json(&reply.body).map_err(|_| invalid("the provider has sent no tokens"))
    }

    /// Returns the refusal of an answer of the token endpoint. The text of the provider is not
    /// shown, because it could be that of an attacker.
    fn token_error(&self, status: u16, body: &[u8]) -> Refusal {
        let found: Option<ErrorReply> = from_strict_json(body).ok();
        let error = found.map(|reply| reply.error).unwrap_or_default();
        if error == "invalid_grant" {
            return invalid("the provider refuses the code of the sign-in");
        }
        const KNOWN: [&str; 4] = [
            "invalid_client",
            "invalid_request",
            "unauthorized_client",
            "unsupported_grant_type",
        ];
        let known = KNOWN.into_iter().find(|known| *known == error);
        if let Some(repeated) = log_limit::pass("oidc_token") {
            let (issuer, error) = (&self.settings.issuer, known.unwrap_or("another error"));
            tracing::warn!(
                issuer,
                status,
                error,
                repeated,
                "the provider refuses a token request"
            );
        }
        unavailable("the identity provider refuses the request of the server")
            .values("status 200", format!("status {status}, {}", known.unwrap_or("another error")))
            .hint("ask the administrator to compare the client id and the client secret with the provider")
    }

    /// Verifies an ID token.
    async fn verify(&self, token: &str) -> Result<LoginClaims, Refusal> {
        self.claims(LoginToken::parse(token).map_err(login::refused)?)
            .await
    }

    async fn claims(&self, token: LoginToken<'_>) -> Result<LoginClaims, Refusal> {
        let provider = self.keys.with(token.key_id()).await;
        let provider = provider.map_err(|missing| self.unreached(missing))?;
        let claims = token.verify(&provider.keys).map_err(login::refused)?;
        let now = self.clock.wall().timestamp();
        let (issuer, client_id) = (&self.settings.issuer, &self.settings.client_id);
        claims
            .check(issuer, client_id, now)
            .map_err(login::refused)?;
        Ok(claims)
    }

    /// Returns the claims of the UserInfo endpoint if the ID token lacks the address or the groups.
    async fn user_info(
        self: &Arc<Self>,
        provider: &LoadedProvider,
        claims: &LoginClaims,
        subject: &str,
        access_token: Option<Zeroizing<String>>,
    ) -> Result<Map<String, Value>, Refusal> {
        let has_groups = self.settings.groups(|name| claims.get(name));
        let is_complete =
            claims.get("email").is_some() && has_groups.is_ok_and(|groups| !groups.is_empty());
        let url = self.endpoint(provider, "userinfo_endpoint").ok();
        let (Some(token), Some(url), false) = (access_token, url, is_complete) else {
            return Ok(Map::new());
        };
        let client = Arc::clone(self);
        let reply = self
            .blocking(move || client.http.get_with(&url, &token))
            .await?;
        // A signed answer, which the server has not requested, has another type.
        let found: Option<Map<String, Value>> = Some(reply)
            .filter(|reply| reply.is_json)
            .and_then(|reply| from_strict_json(&reply.body).ok());
        let found =
            found.ok_or_else(|| invalid("the provider has sent no JSON about the person"))?;
        // Without this check, a token of another person could be substituted.
        if found.get("sub").and_then(Value::as_str) != Some(subject) {
            return Err(invalid("the provider has answered about another person"));
        }
        Ok(found)
    }

    fn read_person(
        &self,
        subject: String,
        claims: &LoginClaims,
        more: &Map<String, Value>,
    ) -> Result<ProviderPerson, Refusal> {
        let get = |name: &str| claims.get(name).or_else(|| more.get(name));
        let email = get("email").and_then(Value::as_str);
        // The flag counts together with the address that it is about.
        let flags = match claims.get("email") {
            Some(_) => claims.get("email_verified"),
            None => more.get("email_verified"),
        };
        let name = get("name").and_then(Value::as_str).map(str::trim);
        let name = name.filter(|name| {
            (1..=MAX_NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control)
        });
        Ok(ProviderPerson {
            session: id_of(claims, "sid"),
            email: email.and_then(EmailAddress::parse),
            is_email_verified: flags == Some(&Value::Bool(true)),
            name: name.map(str::to_owned),
            groups: self.settings.groups(get).map_err(invalid)?,
            subject,
        })
    }

    /// Sends a request on another thread.
    async fn blocking<T: Send + 'static>(
        &self,
        send: impl FnOnce() -> Result<T, String> + Send + 'static,
    ) -> Result<T, Refusal> {
        let Ok(permit) = Arc::clone(&self.requests).try_acquire_owned() else {
            let detail = "too many people sign in at this identity provider at the same time";
            return Err(unavailable(detail).retry_after(Duration::from_secs(2)));
        };
        let sent = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            send()
        });
        let reason = match sent.await {
            Ok(Ok(reply)) => return Ok(reply),
            Ok(Err(reason)) => reason,
            Err(_) => "the task failed".to_owned(),
        };
        if let Some(repeated) = log_limit::pass("oidc_request") {
            let issuer = &self.settings.issuer;
            tracing::warn!(
                issuer,
                reason,
                repeated,
                "the identity provider cannot be reached"
            );
        }
        Err(unavailable("the identity provider does not answer"))
    }
}

/// Returns the credentials of a client (RFC 6749, section 2.3.1).
fn basic(id: &str, secret: &str) -> Zeroizing<String> {
    let pair = Zeroizing::new(format!("{}:{}", encoded(id), encoded(secret)));
    Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())))
}

/// Returns a claim that is an id.
fn id_of(claims: &LoginClaims, name: &str) -> Option<String> {
    let id = claims.text(name)?;
    let is_id = (1..=MAX_ID).contains(&id.len()) && !id.chars().any(char::is_control);
    is_id.then(|| id.to_owned())
}

pub(super) fn invalid(reason: &str) -> Refusal {
    login::refused(LoginFault::Invalid(reason.to_owned()))
}

pub(super) fn unavailable(detail: &str) -> Refusal {
    Refusal::new(
        RefusalKind::Unavailable,
        ServerCode::LoginUnavailable,
        detail,
    )
    .hint("repeat the sign-in later; the log of the server has the reason")
    .retry_after(Duration::from_secs(5))
}
