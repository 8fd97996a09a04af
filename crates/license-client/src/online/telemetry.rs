//! Telemetry: collected and sent only after the user has turned it on.

mod collect;
mod status;
mod transfer;

use license_core::telemetry::TelemetryDay;
use license_core::{Context, FeatureMatrix, Version};

pub use self::status::{TelemetryProposal, TelemetryStatus};

use self::collect::{DayCounts, today};
use super::error::OnlineError;
use super::settings::OnlineSettings;
use super::telemetry_file::{TelemetryFile, TelemetryInstallation};
use crate::manager::LicenseManager;
use crate::store::Store;

/// The longest version of an application that an event states, in bytes.
const MAX_VERSION: usize = 64;

/// Telemetry of one product for the user of this process. Off until the user turns it on.
///
/// An event has the counts of one day. It contains nothing that identifies a person, a machine, a
/// license or a project. Applications call `Client::telemetry`.
///
/// ```
/// # let scratch = tempfile::tempdir()?;
/// use license_client::{Context, FeatureMatrix, LicenseManager, OnlineSettings, StateDir};
/// use license_client::Telemetry;
///
/// let (matrix, dir) = (FeatureMatrix::built_in(), StateDir::at(scratch.path().join("state")));
/// let manager = LicenseManager::at(matrix.product(), dir);
/// let context = Context::at(license_client::now());
/// let telemetry = Telemetry::new(&manager, matrix, context, OnlineSettings::new());
/// assert!(!telemetry.status()?.is_on);
///
/// // Show the user the first event, and ask.
/// let proposal = telemetry.propose()?;
/// println!("{}", proposal.body());
/// telemetry.turn_on(proposal)?;
/// assert_eq!(telemetry.queued()?.len(), 1);
/// telemetry.turn_off()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Blocking
///
/// Only [`send`](Self::send) and [`delete`](Self::delete) use the network, within the time limit of
/// the settings for each server. The other methods wait for at most ten seconds while other
/// processes write.
pub struct Telemetry<'a> {
    manager: &'a LicenseManager,
    matrix: &'a FeatureMatrix,
    context: Context<'a>,
    version: Option<Version>,
    settings: OnlineSettings,
}

impl std::fmt::Debug for Telemetry<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Telemetry")
            .field("product", &self.manager.product())
            .finish_non_exhaustive()
    }
}

impl<'a> Telemetry<'a> {
    /// Creates the telemetry of a program that has a license manager. Reads and sends nothing.
    ///
    /// ```
    /// # let scratch = tempfile::tempdir()?;
    /// use license_client::{Context, FeatureMatrix, LicenseManager, OnlineSettings, StateDir};
    /// use license_client::Telemetry;
    ///
    /// let (matrix, dir) = (FeatureMatrix::built_in(), StateDir::at(scratch.path()));
    /// let manager = LicenseManager::at(matrix.product(), dir);
    /// let context = Context::at(license_client::now());
    /// let telemetry = Telemetry::new(&manager, matrix, context, OnlineSettings::new());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(
        manager: &'a LicenseManager,
        matrix: &'a FeatureMatrix,
        context: Context<'a>,
        settings: OnlineSettings,
    ) -> Self {
        Self {
            manager,
            matrix,
            context,
            version: None,
            settings,
        }
    }

    /// Sets the version of the application.
    pub(crate) fn version(self, version: Option<&Version>) -> Self {
        let is_short = |version: &&Version| version.to_string().len() <= MAX_VERSION;
        Self {
            version: version.filter(is_short).cloned(),
            ..self
        }
    }

    /// Returns whether telemetry is on, and what waits. Changes nothing.
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
    /// let status = client.telemetry().status()?;
    /// assert_eq!((status.is_on, status.queued), (false, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`OnlineError`] if the settings or the state directory cannot be used.
    pub fn status(&self) -> Result<TelemetryStatus, OnlineError> {
        let resolved = self.manager.resolve_online(&self.settings)?;
        let file = TelemetryFile::read(self.store())?;
        let forbidden_by = resolved.telemetry_forbidden_by().cloned();
        // A URL that cannot be used is an error of the commands that need it.
        let servers = resolved.servers().unwrap_or_default();
        let recipient = servers.first().map(|server| server.as_str().to_owned());
        Ok(TelemetryStatus::new(&file, forbidden_by, recipient))
    }

    /// Creates an installation and its first event, which has no counts. Stores and sends nothing.
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
    /// let proposal = client.telemetry().propose()?;
    /// println!("This would be sent first:\n{}", proposal.body());
    /// assert!(!client.telemetry().status()?.is_on);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`OnlineError::TelemetryForbidden`] if a setting forbids telemetry, and other errors
    /// if the settings or the state directory cannot be used.
    pub fn propose(&self) -> Result<TelemetryProposal, OnlineError> {
        self.check_permitted()?;
        let file = TelemetryFile::read(self.store())?;
        let installation = file
            .installation
            .map_or_else(TelemetryInstallation::new, Ok)?;
        let decision = self.decision();
        let event = self.event(&decision, today(&decision), &DayCounts::default())?;
        Ok(TelemetryProposal::new(installation, event))
    }

    /// Turns telemetry on, and queues the event that the user has seen. Has no effect if telemetry
    /// is on. Counts from before the next day (UTC) are never sent.
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
    /// let telemetry = client.telemetry();
    /// let proposal = telemetry.propose()?;
    /// let shown = proposal.body().to_owned();
    /// telemetry.turn_on(proposal)?;
    /// assert_eq!(telemetry.queued()?, [shown]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`Self::propose`].
    pub fn turn_on(&self, proposal: TelemetryProposal) -> Result<(), OnlineError> {
        self.check_permitted()?;
        self.change(|file| {
            if !file.is_on {
                let (installation, event) = proposal.into_parts();
                *file = TelemetryFile {
                    is_on: true,
                    installation: Some(installation),
                    deletions: std::mem::take(&mut file.deletions),
                    since: event.day.date().succ_opt().map(TelemetryDay::new),
                    version: self.version.clone(),
                    events: vec![event],
                    ..TelemetryFile::default()
                };
            }
            Ok(())
        })
    }

    /// Turns telemetry off, and deletes what waits. Uses no network.
    ///
    /// The events that were sent stay on the server until its retention ends. [`Self::delete`]
    /// deletes them there, also later. For this, the random id and its secret are kept if anything
    /// was sent.
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
    /// client.telemetry().turn_off()?;
    /// assert!(!client.telemetry().status()?.is_on);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`OnlineError::Store`] if the state directory cannot be used.
    pub fn turn_off(&self) -> Result<(), OnlineError> {
        self.change_existing(|file| {
            file.turn_off();
            Ok(())
        })
    }

    /// Returns the bodies of the requests that would be sent now, after the counts of complete days
    /// were added to the queue. Returns none if telemetry is off. Sends nothing.
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
    /// for body in client.telemetry().queued()? {
    ///     println!("{body}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`OnlineError::Store`] if the state directory cannot be used.
    pub fn queued(&self) -> Result<Vec<String>, OnlineError> {
        // Without permission nothing is collected, but the user still sees what waits.
        if self.check_permitted().is_ok() {
            self.collect()?;
        }
        let file = TelemetryFile::read(self.store())?;
        let installation = file.installation.filter(|_| file.is_on);
        let batches = installation.map(|one| one.batches(&file.events));
        let batches = batches.into_iter().flatten();
        Ok(batches.map(|batch| batch.to_json()).collect())
    }

    fn check_permitted(&self) -> Result<(), OnlineError> {
        let resolved = self.manager.resolve_online(&self.settings)?;
        match resolved.telemetry_forbidden_by() {
            Some(origin) => Err(OnlineError::TelemetryForbidden {
                origin: origin.clone(),
            }),
            None => Ok(()),
        }
    }

    fn store(&self) -> &Store {
        self.manager.readable_paths().user()
    }

    /// Changes the file under the lock.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut TelemetryFile) -> Result<T, OnlineError>,
    ) -> Result<T, OnlineError> {
        let lock = self.store().lock()?;
        let mut file = TelemetryFile::read(self.store())?;
        let before = file.clone();
        let changed = change(&mut file)?;
        if file != before || file == TelemetryFile::default() {
            file.write(&lock)?;
        }
        Ok(changed)
    }

    /// Same as [`Self::change`], but does not create the state directory.
    fn change_existing(
        &self,
        change: impl FnOnce(&mut TelemetryFile) -> Result<(), OnlineError>,
    ) -> Result<(), OnlineError> {
        if self.store().dir().path().is_dir() {
            self.change(change)?;
        }
        Ok(())
    }
}
