//! HTTP requests to key services: short messages over TLS, with time limits.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use ureq::http::Uri;
use ureq::tls::{TlsConfig, TlsProvider};
use ureq::{Agent, Error};
use zeroize::Zeroizing;

/// The time limits for a service.
const SERVICE_LIMITS: TimeLimits = TimeLimits {
    connect: Duration::from_secs(10),
    total: Duration::from_secs(30),
};
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

/// A request. A request without a body is a GET, and a request with a body is a POST.
pub(super) struct HttpRequest<'a> {
    /// The path with its query.
    pub(super) path: &'a str,
    pub(super) headers: &'a [(&'static str, Zeroizing<String>)],
    pub(super) body: Option<&'a str>,
}

/// The response of a service. The body is wiped from memory, because it may contain a token.
pub(super) struct HttpResponse {
    pub(super) status: u16,
    /// The value of the header `Metadata-Flavor`, by which Google's metadata server identifies
    /// itself.
    #[cfg_attr(
        not(feature = "gcp-kms"),
        allow(dead_code, reason = "only Google has a metadata server")
    )]
    pub(super) metadata_flavor: Option<String>,
    pub(super) body: Zeroizing<String>,
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpResponse(status {}, ..)", self.status)
    }
}

/// The time limits of a request with its response.
#[derive(Clone, Copy)]
pub(super) struct TimeLimits {
    pub(super) connect: Duration,
    pub(super) total: Duration,
}

/// The reason for a network error, in one line and without secrets. The original error of the HTTP
/// client is not a source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct KmsNetworkError {
    reason: String,
}

impl Endpoint {
    /// Parses `https://HOST[:PORT]`. Only loopback addresses may use `http`, because requests
    /// contain credentials.
    ///
    /// # Errors
    ///
    /// Returns a description of the text that was found.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        match Self::with_path(text)? {
            (endpoint, path) if path == "/" => Ok(endpoint),
            _ => Err("a URL with a path"),
        }
    }

    /// Parses `https://HOST[:PORT]/PATH`, and returns the path separately.
    ///
    /// # Errors
    ///
    /// Returns a description of the text that was found.
    pub(super) fn with_path(text: &str) -> Result<(Self, String), &'static str> {
        let uri: Uri = text.parse().map_err(|_| "text that is not a URL")?;
        let (Some(host), Some(authority)) = (uri.host(), uri.authority()) else {
            return Err("a URL without a host");
        };
        if authority.as_str().contains('@') {
            return Err("a URL with a user name");
        }
        if uri.query().is_some() {
            return Err("a URL with a path");
        }
        let (scheme, default_port) = match uri.scheme_str() {
            Some("https") => ("https", ":443"),
            Some("http") if is_loopback(host) => ("http", ":80"),
            Some("http") => return Err("http to another machine"),
            _ => return Err("a URL with another scheme"),
        };
        let authority = authority.as_str();
        let authority = authority.strip_suffix(default_port).unwrap_or(authority);
        let endpoint = Self {
            scheme,
            authority: authority.to_owned(),
        };
        Ok((endpoint, uri.path().to_owned()))
    }

    /// Parses the host and port of a metadata server, which is reached over `http` inside the
    /// cloud. Requests to it contain no credentials.
    ///
    /// # Errors
    ///
    /// Returns a description of the text that was found.
    #[cfg(feature = "gcp-kms")]
    pub(super) fn metadata_server(authority: &str) -> Result<Self, &'static str> {
        let parsed: Uri = authority.parse().map_err(|_| "text that is not a host")?;
        if parsed.authority().map(ureq::http::uri::Authority::as_str) != Some(authority)
            || parsed.scheme().is_some()
            || authority.contains('@')
        {
            return Err("text that is not a host");
        }
        Ok(Self {
            scheme: "http",
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
        Self::with_limits(endpoint, SERVICE_LIMITS)
    }

    pub(super) fn with_limits(endpoint: Endpoint, limits: TimeLimits) -> Self {
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
            .timeout_connect(Some(limits.connect))
            .timeout_global(Some(limits.total))
            .user_agent(USER_AGENT);
        // A loopback address or a metadata server is not reached through a proxy.
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

    /// Sends a request. Sends it once more if the response reports a temporary problem.
    ///
    /// # Errors
    ///
    /// Returns the reason if there is no complete response in time.
    pub(super) fn send(
        &self,
        request: &HttpRequest<'_>,
        is_temporary: impl Fn(&HttpResponse) -> bool,
    ) -> Result<HttpResponse, KmsNetworkError> {
        let first = self.send_once(request)?;
        if !is_temporary(&first) {
            return Ok(first);
        }
        thread::sleep(RETRY_DELAY);
        self.send_once(request)
    }

    fn send_once(&self, request: &HttpRequest<'_>) -> Result<HttpResponse, KmsNetworkError> {
        let Endpoint { scheme, authority } = &self.endpoint;
        let url = format!("{scheme}://{authority}{}", request.path);
        let headers = request.headers;
        let response = match request.body {
            Some(body) => headers
                .iter()
                .fold(self.agent.post(url), |post, (name, value)| {
                    post.header(*name, value.as_str())
                })
                .send(body),
            None => headers
                .iter()
                .fold(self.agent.get(url), |get, (name, value)| {
                    get.header(*name, value.as_str())
                })
                .call(),
        };
        let response = response.and_then(|mut response| {
            let flavor = response.headers().get("metadata-flavor");
            let flavor = flavor.and_then(|flavor| flavor.to_str().ok());
            let metadata_flavor = flavor.map(str::to_owned);
            let status = response.status().as_u16();
            let body = response.body_mut().with_config().limit(MAX_RESPONSE);
            let body = body.lossy_utf8(true).read_to_string()?.into();
            Ok(HttpResponse {
                status,
                metadata_flavor,
                body,
            })
        });
        response.map_err(|error| KmsNetworkError {
            reason: reason(&error),
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

/// Limits a message of a service to one short line.
pub(super) fn one_line(message: &str) -> String {
    /// The maximum length in characters.
    const MAX_SHOWN: usize = 300;
    let shown = message.chars().take(MAX_SHOWN);
    shown
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

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
            assert!(!error.contains("secret"));
        }
    }

    /// Starts a server that sends these parts of a response, with a pause before each part, and
    /// then keeps the connection open. The thread ends with the test process.
    fn slow_server(parts: &'static [&'static str], pause: Duration) -> Endpoint {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]);
            for part in parts {
                thread::sleep(pause);
                let _ = stream.write_all(part.as_bytes());
            }
            thread::sleep(Duration::from_secs(600));
        });
        Endpoint::parse(&format!("http://{authority}")).unwrap()
    }

    fn get(endpoint: Endpoint, total: Duration) -> Result<HttpResponse, KmsNetworkError> {
        let limits = TimeLimits {
            connect: total,
            total,
        };
        let request = HttpRequest {
            path: "/",
            headers: &[],
            body: None,
        };
        HttpClient::with_limits(endpoint, limits).send(&request, |_| false)
    }

    #[test]
    fn a_slow_response_is_read_within_the_time_limit_and_given_up_after_it() {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";
        let pause = Duration::from_millis(20);
        let whole: &[&str] = Box::leak(Box::new([head, "sl", "ow"]));
        let read = get(slow_server(whole, pause), Duration::from_secs(60)).unwrap();
        assert_eq!(*read.body, "slow");
        let partial: &[&str] = Box::leak(Box::new([head, "sl"]));
        for parts in [&[][..], &partial[..1], partial] {
            let server = slow_server(parts, pause);
            let error = get(server, Duration::from_millis(300)).unwrap_err();
            assert_eq!(error.to_string(), "the request timed out", "{parts:?}");
        }
    }

    #[test]
    fn a_message_of_a_service_is_shown_in_one_short_line() {
        assert_eq!(one_line("a\nb\u{1b}[2J"), "a b [2J");
        assert_eq!(one_line(&"x".repeat(1000)).len(), 300);
    }
}
