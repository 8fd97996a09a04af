//! HTTP requests to a key service: short messages over TLS, with time limits.

use std::net::IpAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use ureq::http::Uri;
use ureq::tls::{TlsConfig, TlsProvider};
use ureq::{Agent, Error};

use super::error::{AwsKmsError, KmsNetworkError};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The time limit of a request and its response.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(30);
const RETRY_DELAY: Duration = Duration::from_millis(300);
/// The maximum size of a response. A public key of 8192 bits has less than 2,000 bytes.
const MAX_RESPONSE: u64 = 64 * 1024;
const USER_AGENT: &str = concat!("license-issuer/", env!("CARGO_PKG_VERSION"));

/// The scheme and authority of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    scheme: &'static str,
    authority: String,
}

/// The response of a service.
#[derive(Debug)]
pub(super) struct HttpResponse {
    pub(super) status: u16,
    pub(super) body: String,
}

impl Endpoint {
    /// Parses `https://HOST[:PORT]`. Only loopback addresses may use `http`, because requests
    /// contain credentials.
    pub(super) fn parse(text: &str) -> Result<Self, AwsKmsError> {
        let error = |found| AwsKmsError::Endpoint(found);
        let uri: Uri = text.parse().map_err(|_| error("text that is not a URL"))?;
        let (Some(host), Some(authority)) = (uri.host(), uri.authority()) else {
            return Err(error("a URL without a host"));
        };
        if authority.as_str().contains('@') {
            return Err(error("a URL with a user name"));
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(error("a URL with a path"));
        }
        let (scheme, default_port) = match uri.scheme_str() {
            Some("https") => ("https", ":443"),
            Some("http") if is_loopback(host) => ("http", ":80"),
            Some("http") => return Err(error("http to another machine")),
            _ => return Err(error("a URL with another scheme")),
        };
        let authority = authority.as_str();
        let authority = authority.strip_suffix(default_port).unwrap_or(authority);
        Ok(Self {
            scheme,
            authority: authority.to_owned(),
        })
    }

    /// Returns the value of the header `Host`.
    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    fn is_plain(&self) -> bool {
        self.scheme == "http"
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// An HTTP client of one service.
#[derive(Debug)]
pub(super) struct HttpClient {
    agent: Agent,
    endpoint: Endpoint,
}

impl HttpClient {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(
                rustls::crypto::aws_lc_rs::default_provider(),
            ))
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .https_only(!endpoint.is_plain())
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(TOTAL_TIMEOUT))
            .user_agent(USER_AGENT);
        // A loopback address is not reached through a proxy.
        let config = if endpoint.is_plain() {
            config.proxy(None)
        } else {
            config
        };
        Self {
            agent: config.build().into(),
            endpoint,
        }
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Posts a body. Retries once if the response reports a temporary problem.
    pub(super) fn post(
        &self,
        headers: &[(&'static str, String)],
        body: &str,
        is_temporary: impl Fn(&HttpResponse) -> bool,
    ) -> Result<HttpResponse, AwsKmsError> {
        let first = self.post_once(headers, body)?;
        if !is_temporary(&first) {
            return Ok(first);
        }
        thread::sleep(RETRY_DELAY);
        self.post_once(headers, body)
    }

    fn post_once(
        &self,
        headers: &[(&'static str, String)],
        body: &str,
    ) -> Result<HttpResponse, AwsKmsError> {
        let Endpoint { scheme, authority } = &self.endpoint;
        let mut request = self.agent.post(format!("{scheme}://{authority}/"));
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let response = request.send(body).and_then(|mut response| {
            let status = response.status().as_u16();
            let body = response.body_mut().with_config().limit(MAX_RESPONSE);
            let body = body.lossy_utf8(true).read_to_string()?;
            Ok(HttpResponse { status, body })
        });
        response.map_err(|error| AwsKmsError::Network {
            host: self.endpoint.authority.clone(),
            source: KmsNetworkError::new(reason(&error)),
        })
    }
}

fn reason(error: &Error) -> String {
    let reason = match error {
        Error::Timeout(_) => "the request timed out".to_owned(),
        Error::HostNotFound => "the host does not exist".to_owned(),
        Error::BodyExceedsLimit(limit) => format!("the response has more than {limit} bytes"),
        other => other.to_string(),
    };
    let reason = reason.strip_prefix("io: ").unwrap_or(&reason);
    reason.replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_host_and_only_a_loopback_address_may_use_http() {
        for (text, authority) in [
            (
                "https://kms.eu-central-1.amazonaws.com",
                "kms.eu-central-1.amazonaws.com",
            ),
            ("https://kms.example:443/", "kms.example"),
            ("https://kms.example:8443", "kms.example:8443"),
            ("http://127.0.0.1:5000", "127.0.0.1:5000"),
            ("http://localhost:80", "localhost"),
            ("http://[::1]:5000", "[::1]:5000"),
        ] {
            assert_eq!(
                Endpoint::parse(text).unwrap().authority(),
                authority,
                "{text}"
            );
        }
        for text in [
            "http://kms.example",
            "http://127.0.0.1.example",
            "http://localhost.example",
            "ftp://127.0.0.1",
            "https://user:secret@kms.example",
            "http://127.0.0.1@kms.example",
            "https://kms.example/path",
            "https://kms.example/?q",
            "kms.example",
            "",
        ] {
            let error = Endpoint::parse(text).expect_err(text);
            assert!(!format!("{error:?} {error}").contains("secret"));
        }
    }
}
