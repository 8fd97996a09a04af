//! The installed licenses and the state of the machine.

use std::path::PathBuf;

use license_core::chrono::{DateTime, Utc};
use license_core::{License, VerifiedLicenses, time};

use crate::installation::{Installation, InstallationError};
use crate::paths::Paths;
use crate::problem::StateProblem;
use crate::state_dir::{StateDirError, StateFile};

/// The installed licenses and the state of the machine at one instant.
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
/// let snapshot = client.snapshot();
/// match &snapshot.installation {
///     Ok(Some(installed)) => println!("installed: {:?}", installed.paths()),
///     Ok(None) => println!("no license is installed"),
///     Err(error) => println!("the installed license cannot be used: {error}"),
/// }
/// for path in &snapshot.quarantined {
///     println!("a damaged license was renamed to {}", path.display());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
#[must_use]
pub struct Snapshot {
    /// The verified licenses, with the validation tokens that are stored separately.
    pub installation: Result<Option<Installation>, InstallationError>,
    /// The clock's high-water mark.
    pub high_water: DateTime<Utc>,
    /// Files that could not be read or written.
    pub problems: Vec<StateProblem>,
    /// Paths of quarantined licenses. Empty if the user has installed another license since then.
    pub quarantined: Vec<PathBuf>,
}

impl Snapshot {
    /// Returns the installed licenses, if they verify.
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
    /// let snapshot = client.snapshot();
    /// match snapshot.installed() {
    ///     Some(installed) => println!("{} licenses", installed.verified().licenses().len()),
    ///     None => println!("no usable license is installed"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn installed(&self) -> Option<&Installation> {
        self.installation.as_ref().ok()?.as_ref()
    }

    /// Returns the snapshot of a machine whose state directory is unknown.
    pub(super) fn without_paths(error: &StateDirError) -> Self {
        Self {
            installation: Err(InstallationError::StateDir(error.clone())),
            high_water: time::MIN,
            problems: Vec::new(),
            quarantined: Vec::new(),
        }
    }

    /// Creates a snapshot and adds the quarantined licenses. They are reported until the user
    /// installs another license.
    pub(super) fn new(
        paths: &Paths,
        installation: Result<Option<Installation>, InstallationError>,
        high_water: DateTime<Utc>,
        problems: Vec<StateProblem>,
    ) -> Self {
        let own = paths.user().dir().path();
        let has_own = |found: &Installation| found.paths().iter().any(|path| path.starts_with(own));
        let quarantined = match &installation {
            Ok(found) if !found.as_ref().is_some_and(has_own) => paths
                .user()
                .quarantined_files(&[StateFile::License, StateFile::Key]),
            _ => Vec::new(),
        };
        Self {
            installation,
            high_water,
            problems,
            quarantined,
        }
    }
}

/// Returns whether anything in the license file depends on the machine.
pub(crate) fn depends_on_machine(verified: &VerifiedLicenses) -> bool {
    let needs_machine = |license: &License| license.machines().is_some() || license.must_activate();
    let has_machine_token = verified
        .validations()
        .iter()
        .any(|token| token.machine().is_some());
    has_machine_token
        || !verified.activations().is_empty()
        || verified.licenses().iter().any(needs_machine)
}
