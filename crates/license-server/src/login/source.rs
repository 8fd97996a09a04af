//! Where the keys of a provider come from: a file, or the provider itself.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use license_cli_support::show_path;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use ureq::Agent;
use ureq::http::Uri;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

use super::key::KeySet;
use crate::config::LoginConfig;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The time limit of each of the two requests.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum size of a file or an answer in bytes.
const MAX_SIZE: u64 = 256 * 1024;
const USER_AGENT: &str = concat!("license-server/", env!("CARGO_PKG_VERSION"));

/// The source of the keys.
pub(super) enum KeySource {
    /// A JWK Set in a file, for sites without a route to the provider.
    File(PathBuf),
    /// The provider.
    Provider { issuer: String, agent: Agent },
}

/// The members of a discovery document that the server reads.
#[derive(Deserialize)]
struct Discovered {
    issuer: String,
    jwks_uri: String,
}

impl KeySource {
    /// Reads the certificates of the configuration. Uses no network.
    ///
    /// # Errors
    ///
    /// Returns the expected and the found content.
    pub(super) fn new(config: &LoginConfig) -> Result<Self, String> {
        if let Some(path) = &config.keys {
            return Ok(Self::File(path.clone()));
        }
        let roots = match &config.ca_file {
            None => RootCerts::WebPki,
            Some(path) => {
                let damaged = || {
                    let path = show_path(path);
                    format!("{path}: expected certificates in PEM, found other content")
                };
                let pem =
                    std::fs::read(path).map_err(|error| format!("{}: {error}", show_path(path)))?;
                let found = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
                let found = found
                    .ok()
                    .filter(|found| !found.is_empty())
                    .ok_or_else(damaged)?;
                let owned = found
                    .iter()
                    .map(|one| Certificate::from_der(one).to_owned());
                RootCerts::new_with_certs(&owned.collect::<Vec<_>>())
            }
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(roots)
            .unversioned_rustls_crypto_provider(provider)
            .build();
        let is_https = config.issuer.starts_with("https://");
        let agent = Agent::config_builder()
            .tls_config(tls)
            .https_only(is_https)
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(TIMEOUT))
            .user_agent(USER_AGENT);
        // Only a provider on this machine is reached over http, and not through a proxy.
        let agent = if is_https { agent } else { agent.proxy(None) };
        Ok(Self::Provider {
            issuer: config.issuer.clone(),
            agent: agent.build().into(),
        })
    }

    /// Loads the keys. Blocks its thread, for at most 20 seconds.
    ///
    /// # Errors
    ///
    /// Returns the expected and the found content, in one line.
    pub(super) fn load(&self) -> Result<KeySet, String> {
        match self {
            Self::File(path) => {
                let failed = |reason: String| format!("{}: {reason}", show_path(path));
                let size = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?;
                if size.len() > MAX_SIZE {
                    return Err(failed(format!(
                        "expected at most {MAX_SIZE} bytes, found more"
                    )));
                }
                let bytes = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
                KeySet::parse(&bytes).map_err(failed)
            }
            Self::Provider { issuer, agent } => {
                let base = issuer.trim_end_matches('/');
                let url = format!("{base}/.well-known/openid-configuration");
                let found: Discovered = license_core::encoding::from_strict_json(&get(
                    agent, &url,
                )?)
                .map_err(|error| format!("{url}: expected a discovery document: {error}"))?;
                if found.issuer != *issuer {
                    return Err(format!(
                        "{url}: expected the issuer {issuer}, found another one"
                    ));
                }
                let jwks = found.jwks_uri.as_str();
                if !is_same_host(jwks, issuer) {
                    return Err(format!(
                        "{url}: expected keys on the host of {issuer}, found another host; write \
                         them to a file, and set login_keys"
                    ));
                }
                KeySet::parse(&get(agent, jwks)?).map_err(|reason| format!("{jwks}: {reason}"))
            }
        }
    }
}

fn get(agent: &Agent, url: &str) -> Result<Vec<u8>, String> {
    let failed = |error: ureq::Error| format!("{url}: {error}").replace('\n', " ");
    let mut response = agent.get(url).call().map_err(failed)?;
    let status = response.status().as_u16();
    if status != 200 {
        return Err(format!("{url}: expected status 200, found {status}"));
    }
    let body = response.body_mut().with_config().limit(MAX_SIZE);
    body.read_to_vec().map_err(failed)
}

/// Returns whether two URLs have the same scheme, host and port. Requests go to the configured host
/// only.
fn is_same_host(one: &str, other: &str) -> bool {
    let parts = |text: &str| {
        let uri: Uri = text.parse().ok()?;
        let authority = uri.authority()?.as_str().to_ascii_lowercase();
        let default = if uri.scheme_str() == Some("https") {
            ":443"
        } else {
            ":80"
        };
        let authority = authority
            .strip_suffix(default)
            .unwrap_or(&authority)
            .to_owned();
        Some((uri.scheme_str()?.to_owned(), authority))
    };
    parts(one).is_some_and(|one| Some(one) == parts(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_from_the_scheme_host_and_port_of_the_issuer_only() {
        let issuer = "https://login.acme.example/realms/a";
        for (url, is_same) in [
            ("https://login.acme.example/keys", true),
            ("https://LOGIN.acme.example:443/keys", true),
            ("http://login.acme.example/keys", false),
            ("https://login.acme.example:8443/keys", false),
            ("https://login.acme.example.evil.example/keys", false),
            ("https://login.acme.example@evil.example/keys", false),
            ("/keys", false),
            ("", false),
        ] {
            assert_eq!(is_same_host(url, issuer), is_same, "{url}");
        }
    }
}
