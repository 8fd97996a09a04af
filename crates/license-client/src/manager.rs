//! The state of one product on this machine: its files, the clock, and the identity of the machine.

mod install;
mod install_report;
mod machine;
mod quota;
mod removal;
mod requests;
mod revocation_lists;
mod shared_deactivation;
mod snapshot;
mod trust_change;
mod usage_counts;
mod usage_report;
mod used_quotas;

use std::fmt;
use std::sync::{Mutex, OnceLock};

use license_core::chrono::{DateTime, Utc};
use license_core::license::Activation;
use license_core::machine::{Machine, MachineDigest};
use license_core::state::{ClockHighWater, ClockReading};
use license_core::{LicenseFile, ProductCode, TokenKind, TrustSet};

pub use install_report::{InstallReport, InstalledBlock, RemovalReport};
pub use quota::{QuotaError, QuotaUseReport};
pub use requests::{PendingRequestPolicy, PreparedRequest};
pub use snapshot::Snapshot;
pub(crate) use snapshot::depends_on_machine;
pub use trust_change::InstalledStatement;
pub use usage_counts::UsageAccount;
pub use usage_report::{ReportError, UsageExport, UsageReportMode};
pub use used_quotas::UsedQuotas;

use crate::activation::ActivationState;
use crate::administrator;
use crate::clock::Clock;
use crate::installation::InstallationError;
use crate::machine::{MachineFacts, clock_evidence};
use crate::paths::Paths;
use crate::seal::Seal;
use crate::sources::Sources;
use crate::state::State;
use crate::state_dir::{StateDir, StateDirError};

/// The license state of one product, for the current user on this machine.
///
/// Applications use a `Client`, which has a manager. Programs that install licenses use the
/// manager.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let vendor = fixture::Vendor::new()?;
/// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
/// # let manager = &machine.manager;
/// use license_client::{FeatureMatrix, Moment};
///
/// // `manager` comes from `Client::manager` or `LicenseManager::for_current_user`.
/// let snapshot = manager.snapshot(None, FeatureMatrix::built_in(), Moment::Now);
/// let installed = snapshot.installed().ok_or("no license")?;
/// println!("{} licenses", installed.verified().licenses().len());
/// for path in installed.paths() {
///     println!("in {}", path.display());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Blocking
///
/// No method uses the network. Methods that change the state, such as [`Self::install`],
/// [`Self::remove`], [`Self::use_quota`] and the machine requests, wait for at most ten seconds
/// while other processes or threads write, and then write durably. [`Self::flush_counts`] waits for
/// at most one second. [`Self::snapshot`] and [`Self::inspect`] wait for no lock. The first call
/// that needs the identity of the machine also collects the identity. `Client::context` documents
/// how long this takes.
pub struct LicenseManager {
    product: ProductCode,
    paths: Paths,
    /// The paths of the administrator who runs this process, if this is the manager of the licenses
    /// for all users.
    own: Option<Paths>,
    /// The embedded keys of the program. `None` if the installed keys are used.
    trust: Option<TrustSet>,
    sources: Sources,
    identity: OnceLock<MachineFacts>,
    machine: OnceLock<Option<Machine>>,
    digest: OnceLock<Option<MachineDigest>>,
    seal: OnceLock<Seal>,
    /// The state that this process keeps in memory while no state can be saved.
    memory: Mutex<State>,
    /// Usage counts that are not written yet.
    pending: Mutex<usage_counts::Pending>,
}

/// The kind of time at which a license is evaluated. Only the current time is recorded.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let vendor = fixture::Vendor::new()?;
/// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
/// # let manager = &machine.manager;
/// use license_client::license_core::chrono::TimeDelta;
/// use license_client::{Context, FeatureMatrix, Moment};
///
/// // Shows the decision in 30 days, without recording that time.
/// let matrix = FeatureMatrix::built_in();
/// let snapshot = manager.snapshot(None, matrix, Moment::Hypothetical);
/// let installed = snapshot.installed().ok_or("no license")?;
/// let later = Context::at(license_client::now() + TimeDelta::days(30));
/// println!("in 30 days: {}", installed.verified().evaluate(matrix, &later).code());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Moment {
    /// The license is evaluated at the current time, which is recorded in the clock's high-water
    /// mark.
    Now,
    /// The license is evaluated at a time that the caller chose. Nothing is recorded.
    Hypothetical,
}

impl LicenseManager {
    /// Creates a manager for the user who runs this process.
    ///
    /// ```
    /// use license_client::{FeatureMatrix, LicenseManager};
    ///
    /// let manager = LicenseManager::for_current_user(FeatureMatrix::built_in().product());
    /// match manager.state_dir() {
    ///     Some(dir) => println!("licenses are stored in {}", dir.path().display()),
    ///     None => println!("no home directory; set CODITECT_HOME"),
    /// }
    /// ```
    pub fn for_current_user(product: ProductCode) -> Self {
        Self::new(product, Paths::for_current_user(product.as_str()))
    }

    /// Creates a manager that uses these paths.
    ///
    /// ```
    /// # let scratch = tempfile::tempdir()?;
    /// use license_client::{FeatureMatrix, LicenseManager, StateDir};
    ///
    /// let dir = StateDir::at(scratch.path().join("state"));
    /// let manager = LicenseManager::at(FeatureMatrix::built_in().product(), dir);
    /// assert!(manager.paths().is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn at(product: ProductCode, paths: impl Into<Paths>) -> Self {
        Self::new(product, paths.into())
    }

    fn new(product: ProductCode, paths: Paths) -> Self {
        Self {
            product,
            paths,
            own: None,
            trust: None,
            sources: Sources::default(),
            identity: OnceLock::new(),
            machine: OnceLock::new(),
            digest: OnceLock::new(),
            seal: OnceLock::new(),
            memory: Mutex::default(),
            pending: Mutex::default(),
        }
    }

    /// Returns the manager of the licenses for all users of this machine.
    ///
    /// Its methods [`install`](Self::install), [`remove`](Self::remove) and
    /// [`replaced_license`](Self::replaced_license) change the directory of the administrator in
    /// place of the state directory of the user, by the same rules. All users can read the new
    /// files. The directory contains no state: validation tokens and activations are stored in the
    /// license file. [`deactivate_for_all_users`](Self::deactivate_for_all_users) ends an
    /// activation there.
    ///
    /// ```
    /// use license_client::{FeatureMatrix, InstallationError, LicenseManager};
    ///
    /// let manager = LicenseManager::for_current_user(FeatureMatrix::built_in().product());
    /// match manager.for_all_users() {
    ///     Ok(manager) => println!("installs to {:?}", manager.state_dir()),
    ///     Err(InstallationError::NotAdministrator { .. }) => println!("run the program as root"),
    ///     Err(error) => eprintln!("{error}"),
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`InstallationError`] if this user is not an administrator, or if another user can
    /// change the directory.
    pub fn for_all_users(self) -> Result<Self, InstallationError> {
        let system = self.paths.system();
        let refused = self.paths.refused_system().first();
        let path = system.map(|system| system.dir().path());
        let path = path.or(refused.map(|refused| refused.path.as_path()));
        let path = path.ok_or(InstallationError::NoSystemDir)?.to_owned();
        if !administrator::is_administrator() {
            return Err(InstallationError::NotAdministrator { path });
        }
        // The administrator named a directory, so no other one takes its place.
        if let Some(refused) = refused {
            return Err(InstallationError::SystemDir(refused.clone()));
        }
        Ok(Self {
            paths: Paths::at(StateDir::shared(path)),
            own: Some(self.paths),
            ..self
        })
    }

    /// Uses only these keys, which are embedded in the program.
    ///
    /// Keys in the state directories of the user and the administrator are then ignored.
    ///
    /// ```
    /// # const TRUST: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// # let scratch = tempfile::tempdir()?;
    /// use license_client::{FeatureMatrix, LicenseManager, StateDir, TrustSet};
    ///
    /// let dir = StateDir::at(scratch.path().join("state"));
    /// let manager = LicenseManager::at(FeatureMatrix::built_in().product(), dir)
    ///     .trust_only(&TrustSet::parse(TRUST)?);
    /// assert_eq!(manager.trust().map(TrustSet::len), Some(3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn trust_only(self, keys: &TrustSet) -> Self {
        Self {
            trust: Some(keys.clone()),
            ..self
        }
    }

    /// Reads the time and the machine from these sources.
    #[must_use]
    pub(crate) fn sources(self, sources: Sources) -> Self {
        Self { sources, ..self }
    }

    /// Returns the embedded keys, or `None` if the installed keys are used.
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
    /// // A client always has embedded keys.
    /// assert!(client.manager().trust().is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn trust(&self) -> Option<&TrustSet> {
        self.trust.as_ref()
    }

    /// Returns the product.
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
    /// assert_eq!(client.manager().product().as_str(), "CODITECT");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn product(&self) -> ProductCode {
        self.product
    }

    /// Returns the paths of the product's files.
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
    /// match client.manager().paths() {
    ///     Ok(paths) => println!("licenses are stored in {}", paths.user().dir().path().display()),
    ///     Err(error) => eprintln!("{error}"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`StateDirError`] if no state directory is known.
    pub fn paths(&self) -> Result<&Paths, &StateDirError> {
        self.paths.with_known_user()
    }

    /// Returns the paths from which licenses and keys are read. Without a state directory, these
    /// are the paths of the administrator.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// use license_client::Installation;
    ///
    /// let trust = Installation::trust(manager.readable_paths())?;
    /// assert!(trust.is_some(), "the keys were installed with the license");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn readable_paths(&self) -> &Paths {
        &self.paths
    }

    /// Returns the paths for an operation that writes.
    fn writable_paths(&self) -> Result<&Paths, StateDirError> {
        self.paths().map_err(Clone::clone)
    }

    /// Reads the clock and the uptime.
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
    /// let reading = client.manager().reading();
    /// match reading.boot {
    ///     Some(boot) => println!("{}, {} since the boot", reading.clock, boot.uptime),
    ///     None => println!("{}", reading.clock),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reading(&self) -> ClockReading {
        let is_in_container = self.identity().container().is_some();
        self.sources.clock.reading(is_in_container)
    }

    /// Returns the source of the time.
    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.sources.clock
    }

    pub(crate) fn seal(&self) -> &Seal {
        self.seal
            .get_or_init(|| Seal::new(self.product, self.identity().machine_id()))
    }

    /// Records the current time in the high-water mark, and the newest signature if there is one.
    /// If the state is new, files of the system show whether the clock was set back. Returns
    /// whether the mark was lowered.
    fn update_high_water(
        &self,
        high_water: &mut ClockHighWater,
        newest: Option<DateTime<Utc>>,
    ) -> bool {
        let is_new = high_water.needs_evidence();
        let reading = self.reading();
        let is_lowered = match newest {
            Some(newest) => high_water.record_signature(newest, reading),
            None => {
                high_water.observe(reading);
                false
            }
        };
        if is_new {
            let evidence = clock_evidence(&*self.sources.system, self.state_dir());
            high_water.record_evidence(&evidence, reading);
        }
        is_lowered
    }

    /// Returns the user's state directory, if it is known.
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
    /// use license_client::StateFile;
    ///
    /// if let Some(dir) = client.manager().state_dir() {
    ///     println!("the license is stored as {}", dir.file(StateFile::License).display());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn state_dir(&self) -> Option<&StateDir> {
        self.paths().ok().map(|paths| paths.user().dir())
    }
}

/// Returns the activations that verify.
fn verified(activations: &ActivationState, trust: impl FnOnce() -> TrustSet) -> Vec<Activation> {
    if activations.licenses().next().is_none() {
        return Vec::new();
    }
    let trust = trust();
    let verify = |armor| {
        let file = LicenseFile::parse(armor).ok()?;
        let block = file.blocks_of_kind(TokenKind::Activation).next()?;
        block.token.verify_activation(&trust).ok()
    };
    activations.armored().filter_map(verify).collect()
}

/// Returns random bytes, or `None` if the system provides none.
fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).ok().map(|()| bytes)
}

impl fmt::Debug for LicenseManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LicenseManager")
            .field("product", &self.product)
            .field("paths", &self.paths)
            .finish_non_exhaustive()
    }
}
