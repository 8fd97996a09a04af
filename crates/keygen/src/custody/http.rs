//! HTTP to a key service: short messages, over TLS, with an end to every wait.

use std::net::IpAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use license_terminal::{Exit, Failure, escape};
use ureq::http::Uri;
use ureq::tls::{TlsConfig, TlsProvider};
use ureq::{Agent, Error};

const CONNECT: Duration = Duration::from_secs(10);
/// The whole of a request and its answer.
const WHOLE: Duration = Duration::from_secs(30);
const BEFORE_RETRY: Duration = Duration::from_millis(300);
/// A public key of 8192 bits has under 2,000 bytes.
const MAX_ANSWER: u64 = 64 * 1024;

/// Where a service is: scheme and authority, nothing more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    scheme: &'static str,
    authority: String,
}

/// What a service answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Endpoint {
    /// Takes `https://HOST[:PORT]`; `http` to this machine alone, since it carries what nobody else may read or change.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let refused = |found: &str| {
            Failure::usage(format!(
                "expected an endpoint https://HOST[:PORT], found {found}"
            ))
            .hint("http:// is for emulators on this machine alone (127.0.0.1, ::1, localhost)")
        };
        let uri: Uri = text.parse().map_err(|_| refused("no URL"))?;
        let (Some(host), Some(authority)) = (uri.host(), uri.authority()) else {
            return Err(refused("one without a host"));
        };
        if authority.as_str().contains('@') {
            return Err(refused("one with a user in it"));
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(refused("one with a path"));
        }
        let scheme = match uri.scheme_str() {
            Some("https") => "https",
            Some("http") if is_loopback(host) => "http",
            Some("http") => return Err(refused("http to another machine")),
            _ => return Err(refused("another scheme")),
        };
        let default_port = if scheme == "https" { ":443" } else { ":80" };
        let authority = authority.as_str();
        Ok(Self {
            scheme,
            authority: authority
                .strip_suffix(default_port)
                .unwrap_or(authority)
                .to_owned(),
        })
    }

    /// What goes into the header `Host`.
    pub(crate) fn authority(&self) -> &str {
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

/// A client of one service.
#[derive(Debug)]
pub(crate) struct Client {
    agent: Agent,
    endpoint: Endpoint,
}

impl Client {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
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
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(WHOLE))
            .user_agent(concat!("keygen/", env!("CARGO_PKG_VERSION")));
        // A proxy is for other machines.
        let config = match endpoint.is_plain() {
            true => config.proxy(None),
            false => config,
        };
        Self {
            agent: config.build().into(),
            endpoint,
        }
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Posts a body, and once more if the service is busy or broken for the moment.
    pub(crate) fn post(
        &self,
        headers: &[(&'static str, String)],
        body: &str,
        is_passing: impl Fn(&Answer) -> bool,
    ) -> Result<Answer, Failure> {
        let first = self.post_once(headers, body)?;
        if !is_passing(&first) {
            return Ok(first);
        }
        thread::sleep(BEFORE_RETRY);
        self.post_once(headers, body)
    }

    fn post_once(&self, headers: &[(&'static str, String)], body: &str) -> Result<Answer, Failure> {
        let Endpoint { scheme, authority } = &self.endpoint;
        let mut request = self.agent.post(format!("{scheme}://{authority}/"));
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let answer = request.send(body).and_then(|mut answer| {
            let status = answer.status().as_u16();
            let body = answer.body_mut().with_config().limit(MAX_ANSWER);
            let body = body.lossy_utf8(true).read_to_string()?;
            Ok(Answer { status, body })
        });
        answer.map_err(|error| self.unreachable(&error))
    }

    fn unreachable(&self, error: &Error) -> Failure {
        let why = match error {
            Error::Timeout(_) => "no answer in time".to_owned(),
            Error::HostNotFound => "there is no such host".to_owned(),
            Error::BodyExceedsLimit(most) => format!("it answers more than {most} bytes"),
            other => other.to_string(),
        };
        let why = why.strip_prefix("io: ").unwrap_or(&why).replace('\n', " ");
        let message = format!("cannot reach {}: {}", self.endpoint.authority, escape(&why));
        Failure::new(Exit::Machine, "NETWORK", message)
            .hint("check the network, a proxy (HTTPS_PROXY), the region and the endpoint")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_host_and_http_is_for_this_machine() {
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
            let failure = Endpoint::parse(text).expect_err(text);
            assert!(!failure.message().contains("secret"), "{failure:?}");
        }
    }
}
