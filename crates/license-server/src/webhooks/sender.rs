//! One attempt to deliver: a request to an address that the policy permits.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use ureq::config::Config;
use ureq::http::{Response, Uri, header};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Body, Error};

use crate::domain::DueDelivery;
use crate::network::DestinationPolicy;
use crate::web_roots;

/// The time limit of an attempt, from the lookup of the address to the end of the answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The part of an answer that is read and kept, in bytes.
const MAX_RESPONSE: usize = 4096;

/// The maximum size of the header of an answer in bytes.
const MAX_HEADER: usize = 16 * 1024;

/// The reason of a failed attempt that nothing can sign.
const NO_SECRET: &str = "the server does not have the key of the stored secret: rotate the secret";

const USER_AGENT: &str = concat!("license-server/", env!("CARGO_PKG_VERSION"));

/// Sends deliveries. Clones share nothing between attempts: each attempt looks up the address of
/// its endpoint, and opens its own connection to it.
pub(crate) struct WebhookSender {
    agent: Agent,
}

/// The answer to an attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    /// The status. `None`: there was no answer.
    pub(super) status: Option<u16>,
    /// The reason why the attempt failed. `None`: the endpoint has received the delivery.
    pub(super) error: Option<String>,
    /// The beginning of the answer.
    pub(super) response: Option<String>,
    /// When the endpoint wants the next attempt.
    pub(super) retry_after: Option<Duration>,
}

impl WebhookSender {
    /// Creates a sender for the addresses of a policy. `ca_file` has the authorities of the
    /// endpoints. Without it, those of Mozilla count.
    ///
    /// # Errors
    ///
    /// Returns the expected and the found content of the file.
    pub(crate) fn new(
        policy: Arc<DestinationPolicy>,
        ca_file: Option<&Path>,
    ) -> Result<Self, String> {
        Self::with_resolver(policy, ca_file, DefaultResolver::default(), TIMEOUT)
    }

    /// Creates a sender that finds addresses with another resolver.
    fn with_resolver(
        policy: Arc<DestinationPolicy>,
        ca_file: Option<&Path>,
        resolver: impl Resolver,
        timeout: Duration,
    ) -> Result<Self, String> {
        let config = Agent::config_builder()
            .tls_config(web_roots::tls_config(web_roots::roots_of(ca_file)?))
            .http_status_as_error(false)
            // A redirect would lead to another address. A proxy would look up the address itself.
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(timeout))
            .max_response_header_size(MAX_HEADER)
            // A connection of an earlier attempt could lead to an address of that time.
            .max_idle_connections(0)
            .user_agent(USER_AGENT)
            .build();
        let resolver = PermittedResolver { resolver, policy };
        Ok(Self {
            agent: Agent::with_parts(config, DefaultConnector::default(), resolver),
        })
    }

    /// Makes an attempt. Blocks its thread, for about 10 seconds at most.
    pub(super) fn send(&self, delivery: &DueDelivery, now: DateTime<Utc>) -> Answer {
        let timestamp = now.timestamp();
        let signatures = delivery
            .secrets
            .iter()
            .map(|secret| secret.sign(&delivery.id, timestamp, &delivery.body));
        let signatures: Vec<String> = signatures.collect();
        if signatures.is_empty() {
            return Answer {
                error: Some(NO_SECRET.to_owned()),
                ..Answer::default()
            };
        }
        let sent = self
            .agent
            .post(delivery.url.expose())
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", &delivery.id)
            .header("webhook-timestamp", timestamp.to_string())
            .header("webhook-signature", signatures.join(" "))
            .send(delivery.body.as_bytes());
        match sent {
            Ok(response) => answer(response),
            Err(error) => Answer {
                error: Some(reason(&error)),
                ..Answer::default()
            },
        }
    }
}

impl fmt::Debug for WebhookSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookSender").finish_non_exhaustive()
    }
}

/// Returns the answer of an endpoint. An endpoint that is slow with the body has received the
/// delivery nevertheless, so the status alone decides.
fn answer(response: Response<Body>) -> Answer {
    let status = response.status();
    let retry_after = response.headers().get(header::RETRY_AFTER);
    let retry_after = retry_after.and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_RESPONSE).unwrap_or(u64::MAX);
    let body = response.into_body().into_reader();
    // Bytes that were read before an error are kept.
    let _ = body.take(limit).read_to_end(&mut bytes);
    let error = if status.is_success() {
        None
    } else if status.is_redirection() {
        Some(format!(
            "status {}: redirects are not followed",
            status.as_u16()
        ))
    } else {
        Some(format!("status {}", status.as_u16()))
    };
    Answer {
        status: Some(status.as_u16()),
        error,
        response: (!bytes.is_empty()).then(|| text(&bytes)),
        retry_after: retry_after.map(Duration::from_secs),
    }
}

/// Returns bytes of an endpoint as text that every database can store.
fn text(bytes: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(bytes).replace('\0', "\u{fffd}");
    // The replacement of a byte is longer than the byte.
    while text.len() > MAX_RESPONSE {
        text.pop();
    }
    text
}

/// Returns why an attempt had no answer, without the URL and the addresses of the endpoint.
fn reason(error: &Error) -> String {
    match error {
        Error::Other(other) if other.is::<NoPermittedAddress>() => other.to_string(),
        Error::Timeout(_) => format!("no answer within {} seconds", TIMEOUT.as_secs()),
        Error::HostNotFound => "the host has no address".to_owned(),
        Error::Io(error) => format!("the connection failed: {}", error.kind()),
        Error::ConnectionFailed => "the connection failed".to_owned(),
        Error::Rustls(error) => text(format!("TLS failed: {error}").as_bytes()),
        Error::Tls(reason) => format!("TLS failed: {reason}"),
        Error::LargeResponseHeader(..) => "the header of the answer is too large".to_owned(),
        _ => "the answer is not HTTP".to_owned(),
    }
}

/// The error of an endpoint without an address that the policy permits.
#[derive(Debug, thiserror::Error)]
#[error("the server sends nothing to the addresses of the host; see webhook_networks")]
struct NoPermittedAddress;

/// Finds the addresses of a host, and returns the permitted ones. The connection is made to one of
/// them, so that a name with another address a moment later has no effect.
struct PermittedResolver<R> {
    resolver: R,
    policy: Arc<DestinationPolicy>,
}

impl<R> fmt::Debug for PermittedResolver<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PermittedResolver").finish_non_exhaustive()
    }
}

impl<R: Resolver> Resolver for PermittedResolver<R> {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let is_https = uri.scheme_str() == Some("https");
        let found = self.resolver.resolve(uri, config, timeout)?;
        let mut permitted = self.empty();
        for address in found
            .iter()
            .filter(|address| self.policy.permits(address.ip(), is_https))
        {
            permitted.push(*address);
        }
        if permitted.is_empty() {
            return Err(Error::Other(Box::new(NoPermittedAddress)));
        }
        Ok(permitted)
    }
}

#[cfg(test)]
mod tests;
