//! The settings for license servers: from the program, the environment and two files.

mod form;
mod resolved;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use self::form::{check, seconds};
pub(super) use self::form::{invalid, urls};
pub(super) use self::resolved::{LoginSettings, Resolved};

use super::error::OnlineError;
use super::server_url::ServerUrl;
use super::setting::{OnlineSetting, OnlineSource, OnlineValue};
use super::settings_file::{self, Values};
use crate::manager::LicenseManager;
use crate::paths::Paths;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(10);
const START_TIMEOUT: Duration = Duration::from_secs(3);
/// The scopes of a login by default. `offline_access` asks for a refresh token.
const LOGIN_SCOPES: &str = "openid email offline_access";

/// The settings of a program for license servers. All are optional.
///
/// A setting that the program does not make comes from the environment, then from the file
/// `online.toml` in the state directory of the user, then from that of the administrator. See
/// [`OnlineSetting`] for the names. A list of servers is taken from one place as a whole.
///
/// ```
/// # const TRUST: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
/// # ));
/// # let scratch = tempfile::tempdir()?;
/// use license_client::{Client, FeatureMatrix, OnlineSettings, OnlineStatus, TrustSet};
///
/// // The user or the administrator names the server: SHOP_LICENSE_SERVER, or
/// // `license config set server-url URL`.
/// let client = Client::builder(TrustSet::parse(TRUST)?)
///     .product(FeatureMatrix::built_in())
///     .online(OnlineSettings::new())
/// #   .state_dir(scratch.path())
///     .build()?;
/// // No license needs a check-in, so nothing was sent.
/// assert!(matches!(*client.online_status(), OnlineStatus::NotRequired));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct OnlineSettings {
    values: Values,
    start_timeout: Option<Duration>,
}

/// Omits the values, because one is a secret.
impl fmt::Debug for OnlineSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl OnlineSettings {
    /// Creates settings that leave everything to the environment and the files.
    ///
    /// ```
    /// use license_client::OnlineSettings;
    ///
    /// assert_eq!(format!("{:?}", OnlineSettings::new()), "{}");
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the URL of a server. The servers are asked in the order of the calls: the next one only
    /// if the previous one is not reached or has a temporary problem. [`check`](Self::check)
    /// refuses a text that is not a URL.
    ///
    /// ```
    /// use license_client::OnlineSettings;
    ///
    /// let settings = OnlineSettings::new()
    ///     .server("https://licenses.acme.example:8443")
    ///     .server("https://backup.acme.example:8443");
    /// # assert_eq!(format!("{settings:?}"), "{ServerUrl}");
    /// ```
    #[must_use]
    pub fn server(mut self, url: impl AsRef<str>) -> Self {
        let urls = self.values.entry(OnlineSetting::ServerUrl).or_default();
        urls.push(' ');
        urls.push_str(url.as_ref());
        self
    }

    /// Trusts the authorities in this PEM file, in place of the public authorities that are built
    /// in. The file can also contain the certificate of the server itself.
    ///
    /// ```
    /// let settings = license_client::OnlineSettings::new().ca_file("/etc/ssl/acme.pem");
    /// # assert_eq!(format!("{settings:?}"), "{CaFile}");
    /// ```
    #[must_use]
    pub fn ca_file(self, path: impl AsRef<Path>) -> Self {
        self.with(OnlineSetting::CaFile, path.as_ref().display())
    }

    /// Authenticates this client with a certificate (mutual TLS): two PEM files, one with the
    /// certificate and its chain, and one with its private key.
    ///
    /// ```
    /// let settings = license_client::OnlineSettings::new()
    ///     .client_certificate("/etc/acme/client.crt", "/etc/acme/client.key");
    /// # assert_eq!(format!("{settings:?}"), "{ClientCertificate, ClientKey}");
    /// ```
    #[must_use]
    pub fn client_certificate(self, certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Self {
        self.with(
            OnlineSetting::ClientCertificate,
            certificate.as_ref().display(),
        )
        .with(OnlineSetting::ClientKey, key.as_ref().display())
    }

    /// Sets the time limit for a connection, from 0.1 to 300 seconds. The default is 5 seconds.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let limit = Duration::from_secs(2);
    /// let settings = license_client::OnlineSettings::new().connect_timeout(limit);
    /// # assert_eq!(format!("{settings:?}"), "{ConnectTimeout}");
    /// ```
    #[must_use]
    pub fn connect_timeout(self, limit: Duration) -> Self {
        self.with(OnlineSetting::ConnectTimeout, limit.as_secs_f64())
    }

    /// Sets the time limit for a request to all servers together, from 0.1 to 300 seconds. The
    /// default is 10 seconds. With several servers, each one gets an equal share of the time that
    /// is left.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let limit = Duration::from_secs(4);
    /// let settings = license_client::OnlineSettings::new().timeout(limit);
    /// # assert_eq!(format!("{settings:?}"), "{Timeout}");
    /// ```
    #[must_use]
    pub fn timeout(self, limit: Duration) -> Self {
        self.with(OnlineSetting::Timeout, limit.as_secs_f64())
    }

    /// Sets the longest time for which `ClientBuilder::build` waits for a server. The default is 3
    /// seconds. The limit of [`timeout`](Self::timeout) counts too.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let limit = Duration::from_millis(500);
    /// let settings = license_client::OnlineSettings::new().start_timeout(limit);
    /// # assert_eq!(format!("{settings:?}"), "{}");
    /// ```
    #[must_use]
    pub fn start_timeout(self, limit: Duration) -> Self {
        Self {
            start_timeout: Some(limit),
            ..self
        }
    }

    /// Sets the secret that the administrator of a server can require before it lends seats.
    ///
    /// ```
    /// let settings = license_client::OnlineSettings::new().enrollment_token("not-shown");
    /// assert_eq!(format!("{settings:?}"), "{EnrollmentToken}");
    /// ```
    #[must_use]
    pub fn enrollment_token(self, token: impl AsRef<str>) -> Self {
        self.with(OnlineSetting::EnrollmentToken, token.as_ref())
    }

    /// Permits `http` to servers on other machines. Anyone on the way can then read the license
    /// key, and can keep a license from being validated. The default is `false`.
    ///
    /// ```
    /// let settings = license_client::OnlineSettings::new().allow_http(true);
    /// # assert_eq!(format!("{settings:?}"), "{AllowHttp}");
    /// ```
    #[must_use]
    pub fn allow_http(self, is_allowed: bool) -> Self {
        self.with(OnlineSetting::AllowHttp, is_allowed)
    }

    /// Forbids telemetry, for a program that must never send any. The default is `false`, with
    /// which the user can turn telemetry on.
    ///
    /// ```
    /// let settings = license_client::OnlineSettings::new().forbid_telemetry(true);
    /// # assert_eq!(format!("{settings:?}"), "{ForbidTelemetry}");
    /// ```
    #[must_use]
    pub fn forbid_telemetry(self, is_forbidden: bool) -> Self {
        self.with(OnlineSetting::ForbidTelemetry, is_forbidden)
    }

    /// Sets a setting from text, such as an option of the command line.
    ///
    /// ```
    /// use license_client::{OnlineSetting, OnlineSettings};
    ///
    /// let settings = OnlineSettings::new().set(OnlineSetting::Timeout, "4")?;
    /// assert!(settings.set(OnlineSetting::Timeout, "soon").is_err());
    /// # Ok::<(), license_client::OnlineError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`OnlineError::Setting`] if the text is not a value of the setting.
    pub fn set(self, setting: OnlineSetting, value: &str) -> Result<Self, OnlineError> {
        check(setting, value, &OnlineSource::Option)?;
        Ok(self.with(setting, value))
    }

    /// Checks the values that the program has set. A program that calls this method when it creates
    /// the settings learns of a mistake before the first request. `ClientBuilder::build` does not
    /// refuse such settings, because a wrong URL must not keep a program from starting.
    ///
    /// ```
    /// use license_client::OnlineSettings;
    ///
    /// let settings = OnlineSettings::new().server("https://licenses.acme.example");
    /// assert!(settings.check().is_ok());
    /// let error = settings.server("licenses.acme.example").check().unwrap_err();
    /// assert!(error.to_string().contains("found text without https://"));
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`OnlineError::Setting`] if a value does not have the form of its setting, or for
    /// `http` to another machine if the program forbids it.
    pub fn check(&self) -> Result<(), OnlineError> {
        for (setting, value) in &self.values {
            check(*setting, value.trim(), &OnlineSource::Option)?;
        }
        let value = |setting| self.values.get(&setting).map(String::as_str);
        let mut servers = urls(value(OnlineSetting::ServerUrl).unwrap_or_default());
        let is_open = |url| ServerUrl::parse(url).is_ok_and(|url| !url.is_authenticated());
        if value(OnlineSetting::AllowHttp) == Some("false") && servers.any(is_open) {
            let (setting, found) = (OnlineSetting::ServerUrl, "http to another machine");
            return Err(invalid(setting, &OnlineSource::Option, found));
        }
        Ok(())
    }

    fn with(mut self, setting: OnlineSetting, value: impl ToString) -> Self {
        self.values.insert(setting, value.to_string());
        self
    }

    /// Looks up every setting, and checks all values.
    pub(super) fn resolve(
        &self,
        product: &str,
        paths: &Paths,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Resolved, OnlineError> {
        let user = paths.with_known_user().ok().map(Paths::user);
        let user = settings_file::read_from(user)?;
        let administrator = settings_file::read_from(paths.system())?;
        let mut values = BTreeMap::new();
        let mut configured_servers = BTreeSet::new();
        for setting in OnlineSetting::ALL.iter().copied() {
            let variable = setting.variable(product);
            let from_variable = || {
                let value = environment(&variable).filter(|value| !value.is_empty())?;
                Some((
                    value.to_string_lossy().into_owned(),
                    OnlineSource::Variable(variable.clone()),
                ))
            };
            let from_file = |file: &Option<(PathBuf, Values)>,
                             source: fn(PathBuf) -> OnlineSource| {
                let (path, values) = file.as_ref()?;
                Some((values.get(&setting)?.clone(), source(path.clone())))
            };
            let option = self.values.get(&setting).cloned();
            let places = [
                option.map(|value| (value, OnlineSource::Option)),
                from_variable(),
                from_file(&user, OnlineSource::User),
                from_file(&administrator, OnlineSource::Administrator),
            ];
            let mut places: Vec<_> = places.into_iter().flatten().collect();
            if setting == OnlineSetting::ServerUrl {
                let is_option = |source: &OnlineSource| matches!(source, OnlineSource::Option);
                let configured = places.iter().find(|(_, source)| !is_option(source));
                let configured = configured.into_iter().flat_map(|(text, _)| urls(text));
                configured_servers = configured.map(resolved::canonical).collect();
            }
            if setting == OnlineSetting::ForbidTelemetry {
                // No other place can permit what one place forbids.
                places.sort_by_key(|(value, _)| value.trim() != "true");
            }
            if let Some((value, source)) = places.into_iter().next() {
                let value = value.trim().to_owned();
                check(setting, &value, &source)?;
                values.insert(setting, (Zeroizing::new(value), source));
            }
        }
        let start_timeout = self.start_timeout.unwrap_or(START_TIMEOUT);
        Ok(Resolved {
            values,
            configured_servers,
            start_timeout,
        })
    }
}

impl LicenseManager {
    /// Returns all settings for license servers with their values and sources, for `options` of the
    /// program.
    ///
    /// ```
    /// # let scratch = tempfile::tempdir()?;
    /// use license_client::{FeatureMatrix, LicenseManager, OnlineSettings, StateDir};
    ///
    /// let dir = StateDir::at(scratch.path().join("state"));
    /// let manager = LicenseManager::at(FeatureMatrix::built_in().product(), dir);
    /// let values = manager.online_values(&OnlineSettings::new().server("https://a.example"))?;
    /// assert_eq!(values[0].value.as_deref(), Some("https://a.example"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`OnlineError`] if a value has not the form of its setting, or if a file cannot be
    /// read.
    pub fn online_values(&self, options: &OnlineSettings) -> Result<Vec<OnlineValue>, OnlineError> {
        let resolved = self.resolve_online(options)?;
        let all = OnlineSetting::ALL.iter();
        Ok(all.map(|setting| resolved.shown(*setting)).collect())
    }

    /// Stores a setting for license servers in `online.toml` of the state directory, which is that
    /// of the administrator for the manager of `for_all_users`. `None` removes the setting. Returns
    /// the path of the file.
    ///
    /// Other users cannot read the file of a user. All users can read the file of the
    /// administrator, with an enrollment token in it.
    ///
    /// ```
    /// # let scratch = tempfile::tempdir()?;
    /// use license_client::{FeatureMatrix, LicenseManager, OnlineSetting, StateDir};
    ///
    /// let dir = StateDir::at(scratch.path().join("state"));
    /// let manager = LicenseManager::at(FeatureMatrix::built_in().product(), dir);
    /// let path = manager.set_online(OnlineSetting::ServerUrl, Some("https://a.example"))?;
    /// assert_eq!(std::fs::read_to_string(path)?, "server-url = [\"https://a.example\"]\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`OnlineError`] if the value has not the form of its setting, or if the file cannot
    /// be read or written.
    pub fn set_online(
        &self,
        setting: OnlineSetting,
        value: Option<&str>,
    ) -> Result<PathBuf, OnlineError> {
        let value = value.map(str::trim);
        if let Some(value) = value {
            check(setting, value, &OnlineSource::Option)?;
        }
        let store = self.readable_paths().user();
        settings_file::change(store, setting, value)
    }

    pub(super) fn resolve_online(&self, options: &OnlineSettings) -> Result<Resolved, OnlineError> {
        let product = self.product();
        options.resolve(product.as_str(), self.readable_paths(), |name| {
            std::env::var_os(name)
        })
    }
}

#[cfg(test)]
mod tests;
