//! License servers, from the view of an application.

use std::path::Path;
use std::sync::{Arc, PoisonError};

use super::{Client, ClientBuilder};
use crate::online::{
    OnlineClient, OnlineError, OnlineSettings, OnlineStatus, RefreshLimit, SeatRequest,
    ServerVerdict, Telemetry,
};

impl ClientBuilder {
    /// Uses license servers: for licenses that check in, for floating seats, and for telemetry if
    /// the user turns it on.
    ///
    /// [`build`](Self::build) validates the license, if it needs a check-in and its last validation
    /// is older than 24 hours. It waits for at most the time of [`OnlineSettings::start_timeout`],
    /// by default three seconds. A server that cannot be reached, or a setting that cannot be used,
    /// is no error of `build`: the last validation stays in effect for the grace period of the
    /// license, and [`Client::online_status`] has the reason.
    ///
    /// Without a configured server, nothing changes.
    ///
    /// ```
    /// # const TRUST: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// # let scratch = tempfile::tempdir()?;
    /// use license_client::{Client, FeatureMatrix, OnlineSettings, TrustSet};
    ///
    /// let client = Client::builder(TrustSet::parse(TRUST)?)
    ///     .product(FeatureMatrix::built_in())
    ///     .online(OnlineSettings::new().server("https://licenses.acme.example:8443"))
    /// #   .state_dir(scratch.path())
    ///     .build()?;
    /// if let Some(warning) = client.online_status().warning() {
    ///     eprintln!("{warning}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn online(mut self, settings: OnlineSettings) -> Self {
        self.online = Some(settings);
        self
    }
}

impl Client {
    /// Asks a license server to judge the installed license, whatever the age of the last
    /// validation. A signed judgment is stored, and counts at once.
    ///
    /// ```
    /// # const TRUST: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// # let scratch = tempfile::tempdir()?;
    /// # let client = license_client::Client::builder(license_client::TrustSet::parse(TRUST)?)
    /// #     .product(license_client::FeatureMatrix::built_in())
    /// #     .state_dir(scratch.path().join("state"))
    /// #     .build()?;
    /// match client.validate() {
    ///     Ok(verdict) => println!("{}: {}", verdict.code, verdict.is_valid),
    ///     Err(error) if error.is_unreachable() => println!("later: {error}"),
    ///     Err(error) => println!("{}: {error}", error.code()),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Blocking
    ///
    /// Returns within [`OnlineSettings::timeout`]. Storing the judgment may wait for at most ten
    /// seconds while other processes write.
    ///
    /// # Errors
    ///
    /// Returns [`OnlineError`] if no license is installed, if no server judges it, or if the
    /// judgment cannot be stored. An invalid license is not an error.
    pub fn validate(&self) -> Result<ServerVerdict, OnlineError> {
        let verdict = self
            .connect()?
            .validate(&self.manager, &self.matrix, &self.context());
        self.reload();
        verdict
    }

    /// Validates the license, if it needs a check-in and its last validation is older than 24
    /// hours. Sends [telemetry](Self::telemetry), if the user has turned it on and no attempt was
    /// made today. A program that runs for days calls this once an hour, in a thread that may
    /// block.
    ///
    /// ```
    /// # const TRUST: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// # let scratch = tempfile::tempdir()?;
    /// # let client = license_client::Client::builder(license_client::TrustSet::parse(TRUST)?)
    /// #     .product(license_client::FeatureMatrix::built_in())
    /// #     .state_dir(scratch.path().join("state"))
    /// #     .build()?;
    /// if let Some(warning) = client.refresh_online().warning() {
    ///     eprintln!("{warning}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Blocking
    ///
    /// Same as [`Self::validate`], and once a day at most twice as long, for telemetry.
    pub fn refresh_online(&self) -> Arc<OnlineStatus> {
        let status = self.refresh_within(RefreshLimit::Request);
        self.telemetry().refresh(true);
        status
    }

    /// Returns the result of the last refresh, by `build` or [`Self::refresh_online`]. Never blocks
    /// on the network.
    ///
    /// ```
    /// # const TRUST: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// # let scratch = tempfile::tempdir()?;
    /// # let client = license_client::Client::builder(license_client::TrustSet::parse(TRUST)?)
    /// #     .product(license_client::FeatureMatrix::built_in())
    /// #     .state_dir(scratch.path().join("state"))
    /// #     .build()?;
    /// assert_eq!(client.online_status().warning(), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn online_status(&self) -> Arc<OnlineStatus> {
        let status = self.online_status.read();
        Arc::clone(&status.unwrap_or_else(PoisonError::into_inner))
    }

    /// Prepares the request for a floating seat of the project that contains `path`. Sends nothing.
    ///
    /// The decisions of this client count the seat while it is valid.
    ///
    /// ```no_run
    /// # fn client() -> Result<license_client::Client, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// let client = client()?;
    /// let seat = client.seat("/home/ann/project")?.acquire()?;
    /// println!("valid for {} s", seat.expires_in().as_secs());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Blocking
    ///
    /// Same as [`Client::session`], and reads the settings and certificates.
    ///
    /// # Errors
    ///
    /// Returns [`OnlineError`] if no server is configured, if no license is installed, if the
    /// license names no license server, or if no readable project contains the path.
    pub fn seat(&self, path: impl AsRef<Path>) -> Result<SeatRequest, OnlineError> {
        let (manager, matrix) = (&self.manager, &self.matrix);
        let request = self
            .connect()?
            .seat(manager, matrix, &self.context(), path)?;
        Ok(request.counted_by(Arc::clone(&self.seats.own)))
    }

    /// Returns the telemetry of this application, which is off until its user turns it on.
    ///
    /// If it is on, [`ClientBuilder::online`] makes `build` collect the counts of complete days,
    /// and [`Self::refresh_online`] sends them, at most once a day.
    ///
    /// ```
    /// # const TRUST: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// # let scratch = tempfile::tempdir()?;
    /// # let client = license_client::Client::builder(license_client::TrustSet::parse(TRUST)?)
    /// #     .product(license_client::FeatureMatrix::built_in())
    /// #     .state_dir(scratch.path().join("state"))
    /// #     .build()?;
    /// assert!(!client.telemetry().status()?.is_on);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Blocking
    ///
    /// Same as [`Client::context`].
    pub fn telemetry(&self) -> Telemetry<'_> {
        let (context, settings) = (self.context(), self.online_settings());
        let telemetry = Telemetry::new(&self.manager, &self.matrix, context, settings);
        telemetry.version(self.application.version.as_ref())
    }

    /// Validates the license at the start of the program.
    pub(super) fn start_online(&self) {
        if self.online.is_some() {
            let _ = self.refresh_within(RefreshLimit::Start);
            self.telemetry().refresh(false);
        }
    }

    fn refresh_within(&self, limit: RefreshLimit) -> Arc<OnlineStatus> {
        let settings = self.online_settings();
        let (manager, matrix) = (&self.manager, &self.matrix);
        let status = OnlineClient::refresh_with(&settings, limit, manager, matrix, &self.context());
        let was_asked = matches!(status, OnlineStatus::Validated(_));
        let status = Arc::new(status);
        let mut stored = self
            .online_status
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *stored = Arc::clone(&status);
        drop(stored);
        if was_asked {
            self.reload();
        }
        status
    }

    fn online_settings(&self) -> OnlineSettings {
        self.online.clone().unwrap_or_default()
    }

    /// Reads the settings again, because the user may have changed them.
    fn connect(&self) -> Result<OnlineClient, OnlineError> {
        OnlineClient::new(&self.manager, &self.online_settings())
    }
}
