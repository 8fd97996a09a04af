//! The entry point of programs that have a license manager.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use license_core::{Context, FeatureMatrix};
use ureq::http::Method;

use super::error::OnlineError;
use super::login::RequestLogin;
use super::seat_request::SeatRequest;
use super::settings::OnlineSettings;
use super::transport::{Call, Limit, Route, Transport};
use super::validation::{self, ValidationFlow};
use super::verdict::{OnlineStatus, ServerVerdict};
use crate::manager::LicenseManager;

/// A connection to the configured license servers, for programs that use a [`LicenseManager`].
///
/// Applications use `Client`, which has a connection of its own.
///
/// ```
/// # let scratch = tempfile::tempdir()?;
/// use license_client::{FeatureMatrix, LicenseManager, OnlineClient, OnlineSettings, StateDir};
///
/// let dir = StateDir::at(scratch.path().join("state"));
/// let manager = LicenseManager::at(FeatureMatrix::built_in().product(), dir);
/// let settings = OnlineSettings::new().server("https://licenses.acme.example:8443");
/// let online = OnlineClient::new(&manager, &settings)?;
/// assert_eq!(online.servers(), ["https://licenses.acme.example:8443"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Blocking
///
/// Each method that uses the network returns within the time limit of the settings, by default ten
/// seconds for all servers together.
pub struct OnlineClient {
    transport: Arc<Transport>,
    login: RequestLogin,
    start: Limit,
}

/// How long a refresh may take.
#[derive(Clone, Copy)]
pub(crate) enum RefreshLimit {
    /// The time limit for the start of a program.
    Start,
    /// The time limit of a request.
    Request,
}

impl fmt::Debug for OnlineClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnlineClient")
            .field("servers", &self.servers())
            .finish_non_exhaustive()
    }
}

impl OnlineClient {
    /// Reads the settings and the certificates. Sends nothing.
    ///
    /// ```
    /// # let scratch = tempfile::tempdir()?;
    /// use license_client::{FeatureMatrix, LicenseManager, OnlineClient, OnlineError};
    /// use license_client::{OnlineSettings, StateDir};
    ///
    /// let dir = StateDir::at(scratch.path().join("state"));
    /// let manager = LicenseManager::at(FeatureMatrix::built_in().product(), dir);
    /// match OnlineClient::new(&manager, &OnlineSettings::new()) {
    ///     Ok(online) => println!("{:?}", online.servers()),
    ///     Err(OnlineError::NoServer) => println!("offline"),
    ///     Err(error) => return Err(error.into()),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`OnlineError::NoServer`] if no server is configured, and an error that names the
    /// setting if a value or a file cannot be used.
    pub fn new(manager: &LicenseManager, settings: &OnlineSettings) -> Result<Self, OnlineError> {
        let resolved = manager.resolve_online(settings)?;
        let login = RequestLogin::new(&resolved, manager.readable_paths().user().clone())?;
        Ok(Self {
            transport: Arc::new(Transport::new(&resolved)?),
            login,
            start: Limit::AtMost(resolved.start_timeout),
        })
    }

    /// Returns the URLs of the servers in the order of preference.
    ///
    /// ```
    /// # let scratch = tempfile::tempdir()?;
    /// # use license_client::{FeatureMatrix, LicenseManager, StateDir};
    /// # use license_client::{OnlineClient, OnlineSettings};
    /// # let dir = StateDir::at(scratch.path().join("state"));
    /// # let manager = LicenseManager::at(FeatureMatrix::built_in().product(), dir);
    /// let settings =
    /// OnlineSettings::new().server("https://a.example").server("https://b.example"); let online =
    /// OnlineClient::new(&manager, &settings)?; assert_eq!(online.servers(), ["https://a.example",
    /// "https://b.example"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn servers(&self) -> Vec<String> {
        self.transport.urls().map(str::to_owned).collect()
    }

    /// Asks whether a server is ready, and returns its URL. Sends no license.
    ///
    /// ```
    /// # let scratch = tempfile::tempdir()?;
    /// # use license_client::{FeatureMatrix, LicenseManager, StateDir};
    /// # use license_client::{OnlineClient, OnlineSettings};
    /// # let dir = StateDir::at(scratch.path().join("state"));
    /// # let manager = LicenseManager::at(FeatureMatrix::built_in().product(), dir);
    /// // Port 9 of this machine has no server.
    /// let settings = OnlineSettings::new().server("http://127.0.0.1:9");
    /// let error = OnlineClient::new(&manager, &settings)?.check_servers().unwrap_err();
    /// assert_eq!(error.code(), "SERVER_UNREACHABLE");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the error of the servers if none is ready.
    pub fn check_servers(&self) -> Result<String, OnlineError> {
        #[derive(serde::Deserialize)]
        struct Ready {
            status: String,
        }
        let call = Call {
            method: Method::GET,
            path: "/readyz",
            body: None,
            license: None,
            deletion_secret: None,
            idempotency_key: None,
        };
        let answer = self.transport.send(&call, Route::Any, Limit::Configured)?;
        let url = self.transport.url(answer.server);
        let ready: Ready = answer.parse(url)?;
        if ready.status == "ready" {
            return Ok(url.to_owned());
        }
        Err(OnlineError::NotALicenseServer {
            server: url.to_owned(),
            reason: "expected the status `ready`, found another one".to_owned(),
        })
    }

    /// Asks a server to judge the installed license, and stores a signed judgment.
    ///
    /// The request contains the license key, the digest of the machine (the fingerprint, if the
    /// license is bound to machines), a random number, and the user if the license names users.
    ///
    /// ```
    /// # let scratch = tempfile::tempdir()?;
    /// # use license_client::{FeatureMatrix, LicenseManager, StateDir};
    /// # use license_client::{OnlineClient, OnlineSettings};
    /// # let dir = StateDir::at(scratch.path().join("state"));
    /// # let manager = LicenseManager::at(FeatureMatrix::built_in().product(), dir);
    /// use license_client::{Context, OnlineError};
    ///
    /// # let settings = OnlineSettings::new().server("http://127.0.0.1:9");
    /// let online = OnlineClient::new(&manager, &settings)?;
    /// let context = Context::at(license_client::now());
    /// let verdict = online.validate(&manager, FeatureMatrix::built_in(), &context);
    /// assert!(matches!(verdict, Err(OnlineError::NoLicense)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`OnlineError`] if no license is installed, if no server judges it, or if the
    /// judgment cannot be stored. An invalid license is not an error.
    pub fn validate(
        &self,
        manager: &LicenseManager,
        matrix: &FeatureMatrix,
        context: &Context<'_>,
    ) -> Result<ServerVerdict, OnlineError> {
        let limit = Limit::Configured;
        self.flow(manager, matrix, context, limit).validate()
    }

    /// Validates the installed license, if it needs a check-in and the last validation is older
    /// than 24 hours, or than the check-in interval if that is shorter.
    ///
    /// ```
    /// # let scratch = tempfile::tempdir()?;
    /// # use license_client::{FeatureMatrix, LicenseManager, StateDir};
    /// # use license_client::{OnlineClient, OnlineSettings};
    /// # let dir = StateDir::at(scratch.path().join("state"));
    /// # let manager = LicenseManager::at(FeatureMatrix::built_in().product(), dir);
    /// use license_client::Context;
    ///
    /// # let settings = OnlineSettings::new().server("http://127.0.0.1:9");
    /// let online = OnlineClient::new(&manager, &settings)?;
    /// let context = Context::at(license_client::now());
    /// let status = online.refresh(&manager, FeatureMatrix::built_in(), &context);
    /// assert_eq!(status.warning(), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn refresh(
        &self,
        manager: &LicenseManager,
        matrix: &FeatureMatrix,
        context: &Context<'_>,
    ) -> OnlineStatus {
        let limit = Limit::Configured;
        self.flow(manager, matrix, context, limit).refresh()
    }

    /// Reads the settings, and validates the license as [`Self::refresh`] does.
    pub(crate) fn refresh_with(
        settings: &OnlineSettings,
        limit: RefreshLimit,
        manager: &LicenseManager,
        matrix: &FeatureMatrix,
        context: &Context<'_>,
    ) -> OnlineStatus {
        let client = match Self::new(manager, settings) {
            Ok(client) => client,
            Err(OnlineError::NoServer) => return OnlineStatus::NotRequired,
            Err(error) => return validation::unavailable(manager, matrix, context, error),
        };
        let limit = match limit {
            RefreshLimit::Start => client.start,
            RefreshLimit::Request => Limit::Configured,
        };
        client.flow(manager, matrix, context, limit).refresh()
    }

    /// Prepares the request for a seat of the project that contains `path`. Sends nothing.
    ///
    /// ```
    /// # let scratch = tempfile::tempdir()?;
    /// # use license_client::{FeatureMatrix, LicenseManager, StateDir};
    /// # use license_client::{OnlineClient, OnlineSettings};
    /// # let dir = StateDir::at(scratch.path().join("state"));
    /// # let manager = LicenseManager::at(FeatureMatrix::built_in().product(), dir);
    /// use license_client::{Context, OnlineError};
    ///
    /// # let settings = OnlineSettings::new().server("http://127.0.0.1:9");
    /// let online = OnlineClient::new(&manager, &settings)?;
    /// let context = Context::at(license_client::now());
    /// let request = online.seat(&manager, FeatureMatrix::built_in(), &context, scratch.path());
    /// assert!(matches!(request, Err(OnlineError::NoLicense)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`OnlineError`] if no license is installed, if it names no license server, or if no
    /// readable project contains the path.
    pub fn seat(
        &self,
        manager: &LicenseManager,
        matrix: &FeatureMatrix,
        context: &Context<'_>,
        path: impl AsRef<Path>,
    ) -> Result<SeatRequest, OnlineError> {
        let connection = (Arc::clone(&self.transport), self.login.clone());
        SeatRequest::new(connection, manager, matrix, context, path.as_ref())
    }

    fn flow<'v>(
        &'v self,
        manager: &'v LicenseManager,
        matrix: &'v FeatureMatrix,
        context: &'v Context<'v>,
        limit: Limit,
    ) -> ValidationFlow<'v> {
        ValidationFlow {
            transport: &self.transport,
            login: &self.login,
            manager,
            matrix,
            context,
            limit,
        }
    }
}
