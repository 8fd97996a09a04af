//! Requests to a provider: to hosts that the operator named, without redirects, and with limits of
//! time and size.

use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::http::{Response, Uri, header};
use ureq::tls::RootCerts;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use zeroize::Zeroizing;

use crate::network::is_public;
use crate::web_roots;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The time limit of a request with its response.
pub(crate) const PROVIDER_TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum size of a response in bytes.
pub(super) const MAX_SIZE: u64 = 256 * 1024;
const USER_AGENT: &str = concat!("license-server/", env!("CARGO_PKG_VERSION"));

/// The addresses to which requests may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Every address. The operator of the server named the provider.
    Any,
    /// Addresses of the public internet. Another organization named the provider.
    Public,
}

/// Sends requests to one provider.
#[derive(Clone, Debug)]
pub(crate) struct ProviderHttp {
    agent: Agent,
    /// The scheme, host and port of each place that may get requests.
    places: Arc<[ProviderOrigin]>,
}

/// A scheme, and a host with its port.
type ProviderOrigin = (String, String);

/// A response with any status.
pub(crate) struct ProviderReply {
    pub(crate) status: u16,
    pub(crate) is_json: bool,
    /// The body, which can have tokens.
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl ProviderHttp {
    /// Creates the client for the host of an issuer, and for `hosts` over HTTPS. A request with its
    /// response takes at most `timeout`. Sends nothing.
    pub(crate) fn new(
        issuer: &str,
        hosts: &[String],
        roots: RootCerts,
        (reach, timeout): (Reach, Duration),
    ) -> Self {
        let is_https = issuer.starts_with("https://");
        let config = Agent::config_builder()
            .tls_config(web_roots::tls_config(roots))
            .https_only(is_https)
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(timeout))
            .user_agent(USER_AGENT);
        // Only a provider on this machine is reached over http, and not through a proxy.
        let config = if is_https { config } else { config.proxy(None) };
        let config = config.build();
        let agent = match reach {
            Reach::Any => config.into(),
            Reach::Public => {
                Agent::with_parts(config, DefaultConnector::new(), PublicResolver::default())
            }
        };
        let others = hosts.iter().map(|host| format!("https://{host}"));
        let places = std::iter::once(issuer.to_owned()).chain(others);
        Self {
            agent,
            places: places.filter_map(|url| place(&url)).collect(),
        }
    }

    /// Returns whether requests may go to a URL.
    pub(crate) fn reaches(&self, url: &str) -> bool {
        place(url).is_some_and(|place| self.places.contains(&place))
    }

    /// Reads a document. Blocks its thread, as every request.
    ///
    /// # Errors
    ///
    /// Returns the expected and the found content, in one line.
    pub(crate) fn get(&self, url: &str) -> Result<Zeroizing<Vec<u8>>, String> {
        let reply = self.request(url, |agent| agent.get(url).call())?;
        reply.of_status_200(url).map(|reply| reply.body)
    }

    /// Reads a document with an access token.
    ///
    /// # Errors
    ///
    /// Same as [`get`](Self::get).
    pub(crate) fn get_with(&self, url: &str, token: &str) -> Result<ProviderReply, String> {
        let bearer = Zeroizing::new(format!("Bearer {token}"));
        let get = |agent: &Agent| {
            let request = agent.get(url).header(header::ACCEPT, "application/json");
            request
                .header(header::AUTHORIZATION, bearer.as_str())
                .call()
        };
        self.request(url, get)?.of_status_200(url)
    }

    /// Sends a form, and returns the response with any status.
    ///
    /// # Errors
    ///
    /// Returns the reason why there is no response, in one line.
    pub(crate) fn post(
        &self,
        url: &str,
        form: &[(&str, &str)],
        authorization: Option<&str>,
    ) -> Result<ProviderReply, String> {
        self.request(url, |agent| {
            let request = agent.post(url).header(header::ACCEPT, "application/json");
            let request = match authorization {
                Some(value) => request.header(header::AUTHORIZATION, value),
                None => request,
            };
            request.send_form(form.iter().copied())
        })
    }

    fn request(
        &self,
        url: &str,
        send: impl FnOnce(&Agent) -> Result<Response<ureq::Body>, ureq::Error>,
    ) -> Result<ProviderReply, String> {
        if !self.reaches(url) {
            return Err("expected a URL on a host of the provider, found another host".to_owned());
        }
        let failed = |error: ureq::Error| format!("{url}: {error}").replace(['\n', '\r'], " ");
        let mut response = send(&self.agent).map_err(failed)?;
        let kind = response.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let is_json = kind.split(';').next().unwrap_or_default().trim() == "application/json";
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(MAX_SIZE);
        Ok(ProviderReply {
            status,
            is_json,
            body: Zeroizing::new(body.read_to_vec().map_err(failed)?),
        })
    }
}

impl ProviderReply {
    fn of_status_200(self, url: &str) -> Result<Self, String> {
        match self.status {
            200 => Ok(self),
            status => Err(format!("{url}: expected status 200, found {status}")),
        }
    }
}

/// Returns the scheme, host and port of a URL.
fn place(url: &str) -> Option<ProviderOrigin> {
    let uri: Uri = url.parse().ok()?;
    let authority = uri.authority()?.as_str().to_ascii_lowercase();
    let (scheme, default) = match uri.scheme_str()? {
        "https" => ("https", ":443"),
        "http" => ("http", ":80"),
        _ => return None,
    };
    let authority = authority.strip_suffix(default).unwrap_or(&authority);
    Some((scheme.to_owned(), authority.to_owned()))
}

/// Resolves names to public addresses only. The connection uses the resolved address, so a name
/// that resolves to another one later has no effect.
#[derive(Debug, Default)]
struct PublicResolver(DefaultResolver);

impl Resolver for PublicResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.0.resolve(uri, config, timeout)?;
        if found.iter().all(|address| is_public(address.ip())) {
            return Ok(found);
        }
        let reason = "the host has an address that is not public, which the provider of this \
                      organization must not have";
        Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, reason).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_go_to_the_scheme_host_and_port_of_the_issuer_only() {
        let issuer = "https://login.acme.example/realms/a";
        let hosts = ["keys.acme.example".to_owned()];
        let http = ProviderHttp::new(
            issuer,
            &hosts,
            RootCerts::WebPki,
            (Reach::Any, PROVIDER_TIMEOUT),
        );
        for (url, is_reached) in [
            ("https://login.acme.example/keys", true),
            ("https://LOGIN.acme.example:443/keys", true),
            ("https://keys.acme.example/keys", true),
            ("http://login.acme.example/keys", false),
            ("http://keys.acme.example/keys", false),
            ("https://login.acme.example:8443/keys", false),
            ("https://login.acme.example.evil.example/keys", false),
            ("https://login.acme.example@evil.example/keys", false),
            ("ftp://login.acme.example/keys", false),
            ("/keys", false),
            ("", false),
        ] {
            assert_eq!(http.reaches(url), is_reached, "{url}");
            if !is_reached {
                let refused = http.get(url).unwrap_err();
                assert!(refused.contains("another host"), "{url}: {refused}");
            }
        }
    }

    #[test]
    fn the_provider_of_another_organization_needs_a_public_address() {
        for host in [
            "127.0.0.1:9",
            "localhost:9",
            "[::1]:9",
            "169.254.169.254",
            "10.0.0.1",
        ] {
            let issuer = format!("https://{host}");
            let http = ProviderHttp::new(
                &issuer,
                &[],
                RootCerts::WebPki,
                (Reach::Public, PROVIDER_TIMEOUT),
            );
            let refused = http.get(&issuer).unwrap_err();
            assert!(refused.contains("not public"), "{host}: {refused}");
        }
    }
}
