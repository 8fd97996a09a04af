//! Access tokens (RFC 6749), which the credentials are exchanged for.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use super::super::http::{
    Endpoint, HttpClient, HttpRequest, HttpResponse, KmsNetworkError, TimeLimits, one_line,
};
use super::credentials::{AuthorizedUser, GoogleCredentials, TokenServer};
use super::error::GcpKmsError;
use super::refusal::is_temporary;
use super::service_account::ServiceAccount;
use crate::clock::{Clock, SystemClock};

/// The path of the token of a machine's default account.
const METADATA_PATH: &str = "/computeMetadata/v1/instance/service-accounts/default/token";
/// The time limits for a metadata server, which is on the same machine or next to it.
const METADATA_LIMITS: TimeLimits = TimeLimits {
    connect: Duration::from_secs(3),
    total: Duration::from_secs(10),
};
/// A token is replaced this long before it expires, so that it does not expire on its way.
const MARGIN: Duration = Duration::from_secs(60);
/// The longest lifetime of a token that is believed.
const MAX_LIFETIME: u64 = 12 * 3600;

/// An access token. It is wiped when it is dropped, and never printed.
#[derive(Clone)]
pub(super) struct AccessToken {
    secret: Zeroizing<String>,
    /// The instant at which the token must be replaced, if it is known.
    until: Option<Instant>,
}

impl AccessToken {
    /// Creates a token that is never replaced.
    pub(super) fn fixed(secret: Zeroizing<String>) -> Self {
        let until = None;
        Self { secret, until }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.secret
    }

    /// Returns whether a text contains the token.
    pub(super) fn occurs_in(&self, text: &str) -> bool {
        text.contains(self.as_str())
    }

    fn is_fresh(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() < until)
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(..)")
    }
}

/// A source of access tokens. It keeps a token until shortly before the token expires.
pub(super) struct AccessTokens {
    credentials: GoogleCredentials,
    latest: Mutex<Option<AccessToken>>,
}

/// The response of a server that issues tokens.
#[derive(Deserialize)]
struct TokenResponse {
    access_token: Zeroizing<String>,
    /// The lifetime in seconds.
    expires_in: Option<u64>,
}

impl AccessTokens {
    pub(super) fn new(credentials: GoogleCredentials) -> Self {
        let latest = Mutex::new(None);
        Self {
            credentials,
            latest,
        }
    }

    /// Returns the project that pays for the requests, if the credentials name one.
    pub(super) fn quota_project(&self) -> Option<&str> {
        match &self.credentials {
            GoogleCredentials::AuthorizedUser(user) => user.quota_project.as_deref(),
            _ => None,
        }
    }

    /// Returns a token that is valid for at least a minute, as far as is known.
    pub(super) fn get(&self) -> Result<AccessToken, GcpKmsError> {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(token) = latest.as_ref().filter(|token| token.is_fresh()) {
            return Ok(token.clone());
        }
        let token = self.request()?;
        *latest = Some(token.clone());
        Ok(token)
    }

    fn request(&self) -> Result<AccessToken, GcpKmsError> {
        match &self.credentials {
            GoogleCredentials::AccessToken(secret) => Ok(AccessToken::fixed(secret.clone())),
            GoogleCredentials::ServiceAccount(account) => of_service_account(account),
            GoogleCredentials::AuthorizedUser(user) => of_user(user),
            GoogleCredentials::MetadataServer(endpoint) => of_machine(endpoint),
        }
    }
}

fn of_service_account(account: &ServiceAccount) -> Result<AccessToken, GcpKmsError> {
    let now = SystemClock.since_epoch().as_secs();
    let assertion = account.assertion(now);
    let assertion = assertion.ok_or(GcpKmsError::ServiceAccountSignature)?;
    let grant = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
    let form = format!("grant_type={grant}&assertion={}", assertion.as_str());
    exchange(&account.server, &Zeroizing::new(form), &[&assertion])
}

fn of_user(user: &AuthorizedUser) -> Result<AccessToken, GcpKmsError> {
    let encoded =
        |text: &str| Zeroizing::new(utf8_percent_encode(text, NON_ALPHANUMERIC).to_string());
    let form = format!(
        "grant_type=refresh_token&client_id={}&client_secret={}&refresh_token={}",
        encoded(&user.client_id).as_str(),
        encoded(&user.client_secret).as_str(),
        encoded(&user.refresh_token).as_str(),
    );
    let secrets = [&user.client_secret, &user.refresh_token];
    exchange(&user.server, &Zeroizing::new(form), &secrets)
}

/// Exchanges a form for a token. A message of the server that repeats a secret is omitted.
fn exchange(
    server: &TokenServer,
    form: &str,
    secrets: &[&Zeroizing<String>],
) -> Result<AccessToken, GcpKmsError> {
    let media_type = "application/x-www-form-urlencoded".to_owned();
    let request = HttpRequest {
        path: &server.path,
        headers: &[("content-type", Zeroizing::new(media_type))],
        body: Some(form),
    };
    let client = HttpClient::new(server.endpoint.clone());
    let response = client.send(&request, is_temporary);
    let host = server.endpoint.authority();
    let response = response.map_err(|source| GcpKmsError::network(host, source))?;
    if response.status == 200 {
        return parse(&response, host);
    }
    let message = message(&response).filter(|message| {
        let mut secrets = secrets.iter();
        !secrets.any(|secret| message.contains(secret.as_str()))
    });
    Err(refused(host, message, response.status))
}

/// Gets the token of the machine's account from its metadata server.
fn of_machine(endpoint: &Endpoint) -> Result<AccessToken, GcpKmsError> {
    let request = HttpRequest {
        path: METADATA_PATH,
        headers: &[("metadata-flavor", Zeroizing::new("Google".to_owned()))],
        body: None,
    };
    let client = HttpClient::with_limits(endpoint.clone(), METADATA_LIMITS);
    let host = endpoint.authority();
    let no_credentials = |source: KmsNetworkError| GcpKmsError::NoCredentials {
        host: host.to_owned(),
        source,
    };
    let response = client
        .send(&request, is_temporary)
        .map_err(no_credentials)?;
    if response.metadata_flavor.as_deref() != Some("Google") {
        let host = host.to_owned();
        return Err(GcpKmsError::TokenResponse { host });
    }
    match response.status {
        200 => parse(&response, host),
        404 => {
            let message = "this machine has no service account".to_owned();
            Err(refused(host, Some(message), 404))
        }
        status => Err(refused(host, None, status)),
    }
}

fn refused(host: &str, message: Option<String>, status: u16) -> GcpKmsError {
    let message = message.unwrap_or_else(|| format!("status {status}"));
    GcpKmsError::TokenRefused {
        host: host.to_owned(),
        message: one_line(&message),
        status,
    }
}

/// Reads the error of RFC 6749 section 5.2, `{"error": "…", "error_description": "…"}`.
fn message(response: &HttpResponse) -> Option<String> {
    let body: Value = serde_json::from_str(&response.body).ok()?;
    let error = body.get("error")?.as_str()?;
    let description = body.get("error_description").and_then(Value::as_str);
    Some(match description {
        Some(description) => format!("{error}: {description}"),
        None => error.to_owned(),
    })
}

fn parse(response: &HttpResponse, host: &str) -> Result<AccessToken, GcpKmsError> {
    let requested = Instant::now();
    let parsed: Option<TokenResponse> = serde_json::from_str(&response.body).ok();
    let is_printable =
        |token: &str| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    let parsed = parsed.filter(|parsed| is_printable(&parsed.access_token));
    let parsed = parsed.ok_or_else(|| GcpKmsError::TokenResponse {
        host: host.to_owned(),
    })?;
    let lifetime = parsed.expires_in.map(|seconds| {
        let seconds = seconds.min(MAX_LIFETIME);
        Duration::from_secs(seconds).saturating_sub(MARGIN)
    });
    Ok(AccessToken {
        secret: parsed.access_token,
        until: lifetime.and_then(|lifetime| requested.checked_add(lifetime)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(body: &str) -> HttpResponse {
        HttpResponse {
            status: 200,
            metadata_flavor: None,
            body: body.to_owned().into(),
        }
    }

    #[test]
    fn a_token_is_fresh_until_a_minute_before_its_end() {
        for (expires, is_fresh) in [("", true), (",\"expires_in\":3600", true)] {
            let body = format!(r#"{{"access_token":"ya29.x"{expires}}}"#);
            let token = parse(&response(&body), "host").unwrap();
            assert_eq!(token.is_fresh(), is_fresh, "{body}");
        }
        let short = r#"{"access_token":"ya29.x","expires_in":60}"#;
        assert!(!parse(&response(short), "host").unwrap().is_fresh());
    }

    #[test]
    fn a_response_without_a_token_that_fits_into_a_header_is_refused() {
        for body in [
            "",
            "[]",
            "{}",
            r#"{"access_token":""}"#,
            r#"{"access_token":"a b"}"#,
            r#"{"access_token":"a\r\nx: y"}"#,
            r#"{"access_token":7}"#,
            "<html>",
        ] {
            assert!(parse(&response(body), "host").is_err(), "{body}");
        }
    }

    #[test]
    fn debug_does_not_show_a_token() {
        let token = AccessToken::fixed("ya29.s3cret".to_owned().into());
        assert_eq!(format!("{token:?}"), "AccessToken(..)");
    }
}
