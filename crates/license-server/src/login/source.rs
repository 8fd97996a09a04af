//! Where the keys of a provider come from: a file, or the provider itself.

use std::path::PathBuf;

use license_cli_support::show_path;
use license_core::encoding::from_strict_json;
use serde::Deserialize;

use super::http::{MAX_SIZE, PROVIDER_TIMEOUT, ProviderHttp, Reach};
use super::key::KeySet;
use crate::config::LoginConfig;
use crate::web_roots;

/// The source of the keys.
pub(super) enum KeySource {
    /// A JWK Set in a file, for sites without a route to the provider.
    File(PathBuf),
    /// The provider.
    Provider { issuer: String, http: ProviderHttp },
}

/// The keys of a provider, and its endpoints unless the keys come from a file.
#[derive(Debug)]
pub(crate) struct LoadedProvider {
    pub(crate) keys: KeySet,
    pub(crate) endpoints: Option<ProviderEndpoints>,
}

/// The members of a discovery document that the server reads (OpenID Connect Discovery 1.0).
#[derive(Debug, Deserialize)]
pub(crate) struct ProviderEndpoints {
    issuer: String,
    jwks_uri: String,
    pub(crate) authorization_endpoint: Option<String>,
    pub(crate) token_endpoint: Option<String>,
    pub(crate) userinfo_endpoint: Option<String>,
    pub(crate) end_session_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    authorization_response_iss_parameter_supported: Option<bool>,
}

impl ProviderEndpoints {
    /// Returns whether the token endpoint takes a client secret in the form only.
    pub(crate) fn takes_secret_in_form(&self) -> bool {
        let methods = self.token_endpoint_auth_methods_supported.as_ref();
        methods.is_some_and(|methods| {
            let has = |name: &str| methods.iter().any(|method| method == name);
            has("client_secret_post") && !has("client_secret_basic")
        })
    }

    /// Returns whether the provider names its issuer in each authorization response (RFC 9207).
    pub(crate) fn states_issuer(&self) -> bool {
        self.authorization_response_iss_parameter_supported == Some(true)
    }
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
        let roots = web_roots::roots_of(config.ca_file.as_deref())?;
        Ok(Self::Provider {
            issuer: config.issuer.clone(),
            http: ProviderHttp::new(&config.issuer, &[], roots, (Reach::Any, PROVIDER_TIMEOUT)),
        })
    }

    /// Loads the keys. Blocks its thread, for at most 20 seconds.
    ///
    /// # Errors
    ///
    /// Returns the expected and the found content, in one line.
    pub(super) fn load(&self) -> Result<LoadedProvider, String> {
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
                Ok(LoadedProvider {
                    keys: KeySet::parse(&bytes).map_err(failed)?,
                    endpoints: None,
                })
            }
            Self::Provider { issuer, http } => discover(issuer, http),
        }
    }
}

/// Reads the discovery document and the keys that it names.
fn discover(issuer: &str, http: &ProviderHttp) -> Result<LoadedProvider, String> {
    let base = issuer.trim_end_matches('/');
    let url = format!("{base}/.well-known/openid-configuration");
    let found: ProviderEndpoints = from_strict_json(&http.get(&url)?)
        .map_err(|error| format!("{url}: expected a discovery document: {error}"))?;
    if found.issuer != issuer {
        return Err(format!(
            "{url}: expected the issuer {issuer}, found another one"
        ));
    }
    let jwks = found.jwks_uri.as_str();
    if !http.reaches(jwks) {
        return Err(format!(
            "{url}: expected keys on the host of {issuer}, found another host; name that host in \
             `hosts` of the provider, or write the keys to a file and set login_keys"
        ));
    }
    let keys = KeySet::parse(&http.get(jwks)?).map_err(|reason| format!("{jwks}: {reason}"))?;
    Ok(LoadedProvider {
        keys,
        endpoints: Some(found),
    })
}
