//! The settings that are in effect.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

use super::super::error::OnlineError;
use super::super::server_url::ServerUrl;
use super::super::setting::{OnlineSetting, OnlineSource, OnlineValue};
use super::{CONNECT_TIMEOUT, LOGIN_SCOPES, TIMEOUT, invalid, seconds, urls};

/// The settings that are in effect. Every value has the form of its setting.
pub(in crate::online) struct Resolved {
    pub(super) values: BTreeMap<OnlineSetting, (Zeroizing<String>, OnlineSource)>,
    /// The servers that the environment or a file names, also if an option names others.
    pub(super) configured_servers: BTreeSet<String>,
    pub(in crate::online) start_timeout: Duration,
}

/// The provider at which users log in.
#[derive(Clone, Debug)]
pub(in crate::online) struct LoginSettings {
    /// The issuer, exactly as tokens name it.
    pub(in crate::online) issuer: String,
    pub(in crate::online) client_id: String,
    pub(in crate::online) scopes: String,
}

impl Resolved {
    /// Returns a value and its source.
    pub(in crate::online) fn get(&self, setting: OnlineSetting) -> Option<(&str, &OnlineSource)> {
        let (value, source) = self.values.get(&setting)?;
        Some((value.as_str(), source))
    }

    /// Returns the servers in the order of preference.
    ///
    /// # Errors
    ///
    /// Returns [`OnlineError::NoServer`] if there is none, and [`OnlineError::Setting`] for `http`
    /// to another machine without `allow-http`.
    pub(in crate::online) fn servers(&self) -> Result<Vec<ServerUrl>, OnlineError> {
        let (text, source) = self
            .get(OnlineSetting::ServerUrl)
            .ok_or(OnlineError::NoServer)?;
        let is_http_allowed = self
            .get(OnlineSetting::AllowHttp)
            .is_some_and(|(value, _)| value == "true");
        let servers = urls(text).map(|url| {
            let server = ServerUrl::parse(url)
                .map_err(|found| invalid(OnlineSetting::ServerUrl, source, found))?;
            if server.is_authenticated() || is_http_allowed {
                Ok(server)
            } else {
                let found = "http to another machine";
                Err(invalid(OnlineSetting::ServerUrl, source, found))
            }
        });
        servers.collect()
    }

    /// Returns the place that forbids telemetry, if there is one.
    pub(in crate::online) fn telemetry_forbidden_by(&self) -> Option<&OnlineSource> {
        let found = self.get(OnlineSetting::ForbidTelemetry);
        found
            .filter(|(value, _)| *value == "true")
            .map(|(_, source)| source)
    }

    /// Returns the provider of logins, if the settings name it and this program.
    pub(in crate::online) fn login(&self) -> Option<LoginSettings> {
        let text = |setting| self.get(setting).map(|(value, _)| value.to_owned());
        Some(LoginSettings {
            issuer: text(OnlineSetting::LoginIssuer)?,
            client_id: text(OnlineSetting::LoginClientId)?,
            scopes: text(OnlineSetting::LoginScopes).unwrap_or_else(|| LOGIN_SCOPES.to_owned()),
        })
    }

    /// Returns the file with the trusted certificates, if a setting names one.
    pub(in crate::online) fn ca_file(&self) -> Option<PathBuf> {
        self.get(OnlineSetting::CaFile)
            .map(|(path, _)| PathBuf::from(path))
    }

    /// Returns whether the servers may get the login of the user. A server that only an option of
    /// the program names may not, unless the program names the provider too.
    pub(in crate::online) fn is_login_for_servers(&self) -> bool {
        let is_option = |setting| {
            let source = self.get(setting).map(|(_, source)| source);
            matches!(source, Some(OnlineSource::Option))
        };
        let are_configured = || {
            let servers = self.get(OnlineSetting::ServerUrl);
            servers.is_some_and(|(text, _)| {
                urls(text).all(|url| self.configured_servers.contains(&canonical(url)))
            })
        };
        !is_option(OnlineSetting::ServerUrl)
            || is_option(OnlineSetting::LoginIssuer)
            || are_configured()
    }

    pub(in crate::online) fn connect_timeout(&self) -> Duration {
        self.duration(OnlineSetting::ConnectTimeout, CONNECT_TIMEOUT)
    }

    pub(in crate::online) fn timeout(&self) -> Duration {
        self.duration(OnlineSetting::Timeout, TIMEOUT)
    }

    fn duration(&self, setting: OnlineSetting, default: Duration) -> Duration {
        let found = self.get(setting).and_then(|(value, _)| seconds(value));
        found.unwrap_or(default)
    }

    pub(super) fn shown(&self, setting: OnlineSetting) -> OnlineValue {
        let default = match setting {
            OnlineSetting::ConnectTimeout => Some(CONNECT_TIMEOUT.as_secs().to_string()),
            OnlineSetting::Timeout => Some(TIMEOUT.as_secs().to_string()),
            OnlineSetting::AllowHttp | OnlineSetting::ForbidTelemetry => Some(false.to_string()),
            OnlineSetting::LoginScopes => Some(LOGIN_SCOPES.to_owned()),
            _ => None,
        };
        let (value, source) = match self.get(setting) {
            Some((_, source)) if setting.is_secret() => (Some("***".to_owned()), source.clone()),
            Some((value, source)) => (Some(value.to_owned()), source.clone()),
            None => (default, OnlineSource::Default),
        };
        OnlineValue {
            setting,
            value,
            source,
        }
    }
}

/// Returns a URL of a server in the form in which two are compared.
pub(super) fn canonical(url: &str) -> String {
    ServerUrl::parse(url).map_or_else(|_| url.to_owned(), |server| server.as_str().to_owned())
}
