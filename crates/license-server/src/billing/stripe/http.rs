//! Requests to the interface of Stripe: to one host, without redirects, and with limits of time and
//! size.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use ureq::http::{Response, header};
use ureq::tls::RootCerts;
use ureq::{Agent, Body, Error};
use zeroize::Zeroizing;

use super::API_VERSION;
use super::forms::Form;
use crate::billing::provider::ProviderError;
use crate::web_roots;

/// The time limit of a request with its answer. Stripe recommends to wait for up to 80 seconds, and
/// usually answers within one.
const TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The maximum size of an answer in bytes. A page of 100 events has about 1 MB.
const MAX_ANSWER: u64 = 16 * 1024 * 1024;

const USER_AGENT: &str = concat!("license-server/", env!("CARGO_PKG_VERSION"));

/// Sends requests with the key of an account.
pub(super) struct StripeHttp {
    agent: Agent,
    /// The URL up to `/v1/`.
    base: String,
    bearer: Zeroizing<String>,
}

/// The body of an answer with an error.
#[derive(Deserialize)]
struct ErrorAnswer {
    error: ErrorDetails,
}

/// The error of an answer. Its message can repeat values of the request, so it is never shown.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorDetails {
    r#type: Option<String>,
    code: Option<String>,
    param: Option<String>,
    message: Option<String>,
}

impl StripeHttp {
    /// Creates the client.
    pub(super) fn new(key: Zeroizing<String>, api_url: &str) -> Self {
        let is_https = api_url.starts_with("https://");
        let config = Agent::config_builder()
            .tls_config(web_roots::tls_config(RootCerts::WebPki))
            .https_only(is_https)
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(TIMEOUT))
            .user_agent(USER_AGENT);
        // Only a double on this machine is reached over http, and not through a proxy.
        let config = if is_https { config } else { config.proxy(None) };
        Self {
            agent: config.build().into(),
            base: format!("{}/v1", api_url.trim_end_matches('/')),
            bearer: Zeroizing::new(format!("Bearer {}", key.as_str())),
        }
    }

    fn url(&self, path: &[&str]) -> String {
        let mut url = self.base.clone();
        for part in path {
            url.push('/');
            url.push_str(part);
        }
        url
    }

    /// Reads an object or a list. Returns `None` if it does not exist. The parts of the path need
    /// no escapes.
    pub(super) fn get(
        &self,
        path: &[&str],
        query: &Form,
    ) -> Result<Option<Vec<u8>>, ProviderError> {
        let mut url = self.url(path);
        if !query.as_str().is_empty() {
            url.push('?');
            url.push_str(query.as_str());
        }
        let request = self
            .agent
            .get(url)
            .header(header::AUTHORIZATION, self.bearer.as_str())
            .header("stripe-version", API_VERSION);
        let response = request.call().map_err(|error| unreachable(&error))?;
        if response.status() == 404 {
            return Ok(None);
        }
        let (status, body) = answer(response)?;
        accepted(status, body).map(Some)
    }

    /// Creates or changes an object. Stripe saves its answer to a key for at least 24 hours, errors
    /// with the status 500 included, and gives it to each repetition.
    pub(super) fn post(
        &self,
        path: &[&str],
        form: &Form,
        key: &str,
    ) -> Result<Vec<u8>, ProviderError> {
        let (status, body) = self.send(path, form, Some(key))?;
        accepted(status, body)
    }

    /// Reports something whose form has an identifier. If Stripe refuses the identifier because it
    /// has it, the report is a success. There is no idempotency key, so that each attempt gets an
    /// answer of its own.
    pub(super) fn report(&self, path: &[&str], form: &Form) -> Result<(), ProviderError> {
        let (status, body) = self.send(path, form, None)?;
        if status == 400 && is_known_identifier(&body) {
            return Ok(());
        }
        accepted(status, body).map(|_| ())
    }

    /// Sends a form. Returns the status and the body of the answer.
    fn send(
        &self,
        path: &[&str],
        form: &Form,
        key: Option<&str>,
    ) -> Result<(u16, Vec<u8>), ProviderError> {
        let mut request = self
            .agent
            .post(self.url(path))
            .header(header::AUTHORIZATION, self.bearer.as_str())
            .header("stripe-version", API_VERSION)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let sent = request.send(form.as_str());
        answer(sent.map_err(|error| unreachable(&error))?)
    }
}

/// Omits the key.
impl fmt::Debug for StripeHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StripeHttp")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

/// Returns the status and the body of an answer.
fn answer(response: Response<Body>) -> Result<(u16, Vec<u8>), ProviderError> {
    let status = response.status().as_u16();
    let body = response.into_body().into_with_config().limit(MAX_ANSWER);
    let body = body.read_to_vec().map_err(|error| unreachable(&error))?;
    Ok((status, body))
}

/// Returns the body of an answer that is not an error.
fn accepted(status: u16, body: Vec<u8>) -> Result<Vec<u8>, ProviderError> {
    if (200..300).contains(&status) {
        return Ok(body);
    }
    let details = serde_json::from_slice::<ErrorAnswer>(&body);
    let details = details.map(|answer| answer.error).unwrap_or_default();
    let reason = details.describe(status);
    Err(match status {
        401 | 403 => ProviderError::Unauthorized(reason),
        // 409: another request with the same idempotency key is running.
        409 | 424 | 429 | 500.. => ProviderError::Unreachable(format!("Stripe answers {reason}")),
        _ => ProviderError::Refused(reason),
    })
}

/// Returns whether Stripe refuses an identifier because it has it already. The error has the type
/// of all invalid requests and no code, so its message decides. With another message, the refusal
/// counts as any other one.
fn is_known_identifier(body: &[u8]) -> bool {
    let details = serde_json::from_slice::<ErrorAnswer>(body).map(|answer| answer.error);
    let message = details.ok().and_then(|details| details.message);
    message.is_some_and(|text| text.contains("event already exists with identifier"))
}

impl ErrorDetails {
    /// Returns the status and the names of the error, after what does not exist.
    fn describe(self, status: u16) -> String {
        let param = self.param.filter(|text| is_name(text));
        let is_missing = status == 404 || self.code.as_deref() == Some("resource_missing");
        let missing = is_missing.then(|| {
            let what = param.as_deref().unwrap_or("object");
            format!("no such {what}")
        });
        let named = [self.r#type, self.code].into_iter().flatten();
        let named = named.filter(|text| is_name(text)).chain(param);
        let status = format!("status {status}");
        let parts: Vec<String> = missing.into_iter().chain([status]).chain(named).collect();
        parts.join(", ")
    }
}

/// Returns whether a text is a name of the interface, and no value of a request.
fn is_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_[]".contains(&byte);
    (1..=80).contains(&text.len()) && text.bytes().all(is_plain)
}

/// Returns why a request had no answer, without its URL.
fn unreachable(error: &Error) -> ProviderError {
    ProviderError::Unreachable(match error {
        Error::Timeout(_) => "Stripe does not answer in time".to_owned(),
        Error::HostNotFound => "the host of Stripe has no address".to_owned(),
        Error::Io(error) => format!("the connection to Stripe failed: {}", error.kind()),
        Error::Rustls(error) => format!("TLS with Stripe failed: {error}"),
        Error::BodyExceedsLimit(_) => "the answer of Stripe is too large".to_owned(),
        _ => "the connection to Stripe failed".to_owned(),
    })
}
