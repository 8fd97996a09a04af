//! Requests to an OpenID provider.

use std::path::PathBuf;
use std::time::Duration;

use license_core::chrono::{DateTime, Utc};
use license_core::encoding::from_strict_json;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use ureq::http::{Request, header};
use ureq::tls::TlsConfig;
use zeroize::Zeroizing;

use super::id_token::IdClaims;
use super::poll::PollAnswer;
use crate::boot_time::BootTime;
use crate::online::error::{CertificateFault, LoginError, OnlineError, one_line};
use crate::online::server_url::ServerUrl;
use crate::online::setting::OnlineSetting;
use crate::online::settings::{LoginSettings, Resolved};
use crate::online::tls;
use crate::online::transport::{Received, Server};

const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// The longest time for a renewal, which keeps the lock of the state directory. It is less than the
/// time for which other processes wait for the lock.
const REFRESH_LIMIT: Duration = Duration::from_secs(8);

/// The longest validity of a code that counts, in seconds.
const MAX_EXPIRES_IN: u64 = 24 * 60 * 60;

/// The configured OpenID provider.
pub(super) struct Provider {
    settings: LoginSettings,
    /// The TLS configurations: with the authorities of `ca-file`, and with the public ones. A
    /// provider often has a public certificate where the license server has a private one.
    tls: Vec<TlsConfig>,
    connect: Duration,
    total: Duration,
    ca_file: Option<PathBuf>,
}

/// The members of a discovery document that this program reads (OpenID Connect Discovery 1.0).
#[derive(Deserialize)]
pub(super) struct Discovered {
    issuer: String,
    token_endpoint: String,
    device_authorization_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
}

/// A device authorization response (RFC 8628 section 3.2).
#[derive(Deserialize)]
pub(super) struct DeviceCode {
    pub(super) device_code: String,
    pub(super) user_code: String,
    pub(super) verification_uri: String,
    pub(super) verification_uri_complete: Option<String>,
    pub(super) expires_in: u64,
    pub(super) interval: Option<u64>,
}

impl Drop for DeviceCode {
    fn drop(&mut self) {
        drop(Zeroizing::new(std::mem::take(&mut self.device_code)));
    }
}

/// The tokens of a login. The access token is not used.
#[derive(Deserialize)]
struct TokenReply {
    id_token: Option<String>,
    refresh_token: Option<String>,
}

/// The tokens of a login, from the configured provider and for this program.
pub(super) struct LoginGrant {
    pub(super) id_token: String,
    pub(super) refresh_token: Option<String>,
}

impl LoginGrant {
    /// Returns the end of the ID token, which was received at a time, in Unix seconds.
    pub(super) fn expires_at(&self, received: DateTime<Utc>) -> i64 {
        let claims = IdClaims::read(&self.id_token);
        claims.map_or(0, |claims| claims.expires_at(received))
    }
}

/// An error response (RFC 6749 section 5.2).
#[derive(Deserialize)]
struct ErrorReply {
    error: String,
    error_description: Option<String>,
}

impl Provider {
    /// Reads the settings and the certificates. Sends nothing. Returns `None` without a provider.
    pub(super) fn new(resolved: &Resolved) -> Result<Option<Self>, OnlineError> {
        let Some(settings) = resolved.login() else {
            return Ok(None);
        };
        Ok(Some(Self {
            settings,
            tls: tls::with_public_authorities(resolved)?,
            connect: resolved.connect_timeout(),
            total: resolved.timeout(),
            ca_file: resolved.ca_file(),
        }))
    }

    pub(super) fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    pub(super) fn client_id(&self) -> &str {
        &self.settings.client_id
    }

    /// Reads the discovery document.
    pub(super) fn discover(&self) -> Result<Discovered, OnlineError> {
        self.discover_within(self.total)
    }

    fn discover_within(&self, limit: Duration) -> Result<Discovered, OnlineError> {
        let base = self.issuer().trim_end_matches('/');
        let url = format!("{base}/.well-known/openid-configuration");
        let found: Discovered = match self.exchange(&url, None, limit)? {
            Ok(body) => self.parse(&body)?,
            Err(refused) => return Err(self.refused(&refused)),
        };
        if found.issuer != self.issuer() {
            let (expected, found) = (self.issuer(), one_line(&found.issuer));
            let reason = format!("it calls itself {found}, but `login-issuer` is {expected}");
            return Err(self.unexpected(reason));
        }
        Ok(found)
    }

    /// Asks for a code that the user enters.
    pub(super) fn device_code(&self, discovered: &Discovered) -> Result<DeviceCode, OnlineError> {
        let endpoint = discovered.device_authorization_endpoint.as_deref();
        let endpoint = endpoint.ok_or_else(|| {
            self.unexpected("expected `device_authorization_endpoint`, found none".to_owned())
        })?;
        let (client_id, scope) = (self.client_id(), self.settings.scopes.as_str());
        let form = [("client_id", client_id), ("scope", scope)];
        match self.exchange(endpoint, Some(&form), self.total)? {
            Ok(body) => {
                let mut code: DeviceCode = self.parse(&body)?;
                code.expires_in = code.expires_in.min(MAX_EXPIRES_IN);
                Ok(code)
            }
            Err(refused) => Err(self.refused(&refused)),
        }
    }

    /// Asks whether the user has logged in.
    pub(super) fn poll(
        &self,
        discovered: &Discovered,
        device_code: &str,
    ) -> Result<PollAnswer<LoginGrant>, OnlineError> {
        let form = [
            ("grant_type", DEVICE_GRANT),
            ("device_code", device_code),
            ("client_id", self.client_id()),
        ];
        let provider = || self.issuer().to_owned();
        let refused = match self.exchange(&discovered.token_endpoint, Some(&form), self.total) {
            Ok(Ok(body)) => return self.grant(&body).map(PollAnswer::Granted),
            Ok(Err(refused)) => refused,
            // The user is still at the page of the provider, so a short failure ends nothing.
            Err(error) if is_temporary(&error) => return Ok(PollAnswer::Unreachable),
            Err(error) => return Err(error),
        };
        match refused.error.as_str() {
            "authorization_pending" => Ok(PollAnswer::Pending),
            "slow_down" => Ok(PollAnswer::SlowDown),
            "access_denied" => {
                let provider = provider();
                Err(LoginError::Denied { provider }.into())
            }
            "expired_token" => {
                let provider = provider();
                Err(LoginError::CodeExpired { provider }.into())
            }
            _ => Err(self.refused(&refused)),
        }
    }

    /// Renews a login.
    pub(super) fn refresh(&self, refresh_token: &str) -> Result<LoginGrant, OnlineError> {
        let started = BootTime::now();
        let limit = self.total.min(REFRESH_LIMIT);
        let discovered = self.discover_within(limit)?;
        let left = limit.saturating_sub(BootTime::now().since(started));
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token),
            ("client_id", self.client_id()),
        ];
        match self.exchange(&discovered.token_endpoint, Some(&form), left)? {
            Ok(body) => self.grant(&body),
            Err(refused) => Err(self.refused(&refused)),
        }
    }

    /// Revokes a refresh token (RFC 7009). Returns whether the provider revokes tokens.
    pub(super) fn revoke(&self, refresh_token: &str) -> Result<bool, OnlineError> {
        let discovered = self.discover()?;
        let Some(endpoint) = discovered.revocation_endpoint.as_deref() else {
            return Ok(false);
        };
        let form = [
            ("token", refresh_token),
            ("token_type_hint", "refresh_token"),
            ("client_id", self.client_id()),
        ];
        let (server, received) = self.send(endpoint, Some(&form), self.total)?;
        // A success has no body that counts (RFC 7009 section 2.2).
        match (received.status(), error_reply(&received)) {
            (200..=299, _) => Ok(true),
            (_, Some(refused)) => Err(self.refused(&refused)),
            _ => server.judge(received).map(|_| true),
        }
    }

    /// Returns the tokens of a reply, if they are from this provider and for this program.
    fn grant(&self, body: &[u8]) -> Result<LoginGrant, OnlineError> {
        let reply: TokenReply = self.parse(body)?;
        let id_token = reply.id_token.map(Zeroizing::new);
        let id_token = id_token.ok_or_else(|| {
            self.unexpected("expected an ID token, found none; check `login-scopes`".to_owned())
        })?;
        let claims = IdClaims::read(&id_token).and_then(|claims| {
            claims.check(self.issuer(), self.client_id())?;
            Ok(claims)
        });
        claims.map_err(|reason| self.unexpected(reason))?;
        Ok(LoginGrant {
            id_token: id_token.to_string(),
            refresh_token: reply.refresh_token,
        })
    }

    /// Sends a request, and returns the body of a success or the error of the provider.
    fn exchange(
        &self,
        url: &str,
        form: Option<&[(&str, &str)]>,
        limit: Duration,
    ) -> Result<Result<Zeroizing<Vec<u8>>, ErrorReply>, OnlineError> {
        let (server, received) = self.send(url, form, limit)?;
        match error_reply(&received) {
            Some(refused) => Ok(Err(refused)),
            None => server.judge(received).map(Ok).map_err(|error| match error {
                OnlineError::NotALicenseServer { reason, .. } => self.unexpected(reason),
                // Another server answers, such as a license server.
                OnlineError::Problem(problem) if problem.status < 500 => {
                    let (status, detail) = (problem.status, problem.detail);
                    self.unexpected(format!("status {status}: {detail}"))
                }
                error => error,
            }),
        }
    }

    /// Sends a GET, or a POST with a form.
    fn send(
        &self,
        url: &str,
        form: Option<&[(&str, &str)]>,
        limit: Duration,
    ) -> Result<(Server, Received), OnlineError> {
        let parsed = ServerUrl::parse(url).and_then(|server| {
            let is_secure = server.is_authenticated();
            is_secure.then_some(server).ok_or("http to another machine")
        });
        let parsed = parsed.map_err(|found| {
            self.unexpected(format!("expected https for each endpoint, found {found}"))
        })?;
        let mut unknown_issuer = None;
        for tls in &self.tls {
            let variable = |name: &str| std::env::var_os(name);
            let server = Server::new(parsed.clone(), tls, OnlineSetting::LoginIssuer, variable)?;
            let server = server.with_ca_file(self.ca_file.clone());
            let request = Request::builder()
                .uri(url)
                .header(header::ACCEPT, "application/json");
            let limits = (self.connect.min(limit), limit);
            let received = match form {
                None => server.run(request.body(()), limits),
                Some(form) => {
                    let form_type = "application/x-www-form-urlencoded";
                    let request = request
                        .method("POST")
                        .header(header::CONTENT_TYPE, form_type);
                    let body = encode(form);
                    server.run(request.body(body.as_bytes()), limits)
                }
            };
            match received {
                Ok(received) => return Ok((server, received)),
                Err(
                    error @ OnlineError::Certificate {
                        fault: CertificateFault::UnknownIssuer,
                        ..
                    },
                ) => unknown_issuer = Some(error),
                Err(OnlineError::NotALicenseServer { reason, .. }) => {
                    return Err(self.unexpected(reason));
                }
                Err(error) => return Err(error),
            }
        }
        Err(unknown_issuer.unwrap_or_else(|| LoginError::NotConfigured.into()))
    }

    fn parse<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, OnlineError> {
        from_strict_json(body).map_err(|error| self.unexpected(license_core::with_causes(&error)))
    }

    fn unexpected(&self, reason: String) -> OnlineError {
        LoginError::Provider {
            provider: self.issuer().to_owned(),
            reason,
        }
        .into()
    }

    fn refused(&self, reply: &ErrorReply) -> OnlineError {
        let reason = match &reply.error_description {
            Some(description) => format!("{} ({description})", reply.error),
            None => reply.error.clone(),
        };
        LoginError::Refused {
            provider: self.issuer().to_owned(),
            reason: one_line(&reason),
        }
        .into()
    }
}

/// Returns the error in a response with a status of 400 to 499.
fn error_reply(received: &Received) -> Option<ErrorReply> {
    let is_refusal = (400..=499).contains(&received.status());
    is_refusal.then(|| from_strict_json(&received.body).ok())?
}

fn is_temporary(error: &OnlineError) -> bool {
    match error {
        OnlineError::Unreachable { .. } | OnlineError::Truncated { .. } => true,
        OnlineError::Status { status, .. } => *status >= 500 || *status == 429,
        _ => false,
    }
}

fn encode(form: &[(&str, &str)]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::new());
    for (name, value) in form {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(name);
        text.push('=');
        text.extend(utf8_percent_encode(value, NON_ALPHANUMERIC));
    }
    text
}
