//! The state of one product on this machine: its files, the clock, and the identity of the machine.

mod install;
mod install_report;
mod quota;
mod removal;
mod requests;
mod revocation_lists;
mod snapshot;
mod trust_change;
mod usage_report;

use std::fmt;
use std::sync::{Mutex, OnceLock};

use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::{
    Activation, ClockHighWater, ClockReading, ComponentKind, FeatureMatrix, LicenseFile, Machine,
    MachineDigest, ProductCode, RevocationList, TokenKind, TrustSet, time,
};

pub use install_report::{InstallReport, InstalledBlock, RemovalReport};
pub use quota::QuotaUseReport;
pub use requests::{PendingRequestPolicy, PreparedRequest};
pub use snapshot::Snapshot;
pub(crate) use snapshot::depends_on_machine;
pub use trust_change::InstalledStatement;
pub use usage_report::{ReportError, UsageAccount, UsageExport, UsageReportMode};

use crate::activation::ActivationState;
use crate::clock::Clock;
use crate::installation::{self, Installation, Keys};
use crate::machine::{MachineFacts, MissingReason};
use crate::paths::Paths;
use crate::problem::{ListProblem, StateProblem};
use crate::revocations;
use crate::seal::Seal;
use crate::sealed_file::Durability;
use crate::sources::Sources;
use crate::state::{Loaded, State};
use crate::state_dir::{StateDir, StateDirError};
use crate::store::{Damaged, Store, StoreError};

/// The duration by which the clock's high-water mark may rise before it is written again.
///
/// A clock that is set back gains at most this much time.
const HIGH_WATER_STEP: TimeDelta = TimeDelta::minutes(10);

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
    paths: Result<Paths, StateDirError>,
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
    pending: Mutex<usage_report::Pending>,
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
        Self::new(product, Ok(paths.into()))
    }

    fn new(product: ProductCode, paths: Result<Paths, StateDirError>) -> Self {
        Self {
            product,
            paths,
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
        self.paths.as_ref()
    }

    /// Collects everything that identifies this machine. Each call collects it again, which may
    /// take seconds on macOS and Windows. See [`MachineFacts::collect`].
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
    /// let facts = client.manager().facts();
    /// for found in facts.found() {
    ///     println!("{} from {}", found.kind(), found.source());
    /// }
    /// println!("{}", facts.explain());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn facts(&self) -> MachineFacts {
        MachineFacts::collect_from(&*self.sources.system, self.product, self.system_dir())
    }

    /// Returns the fingerprint of this machine, which is collected once. Returns `None` if nothing
    /// identifies the machine.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// use license_client::license_core::Machine;
    ///
    /// if let Some(Machine::Fingerprint(fingerprint)) = manager.machine() {
    ///     // Only hashes of the components are in a fingerprint.
    ///     println!("{fingerprint}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn machine(&self) -> Option<&Machine> {
        let machine = self.machine.get_or_init(|| {
            let fingerprint = self.facts().fingerprint();
            fingerprint.map(Machine::Fingerprint)
        });
        machine.as_ref()
    }

    /// Returns the digest that identifies this machine, or `None` if nothing identifies it.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// let digest = manager.digest().ok_or("nothing identifies this machine")?;
    /// println!("give this to the vendor: {digest}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn digest(&self) -> Option<MachineDigest> {
        *self.digest.get_or_init(|| {
            let by_id = self.identity().digest();
            by_id.or_else(|| self.machine()?.digest())
        })
    }

    /// Returns the kind of container in which this process runs, or `None` outside a container.
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
    /// if let Some(kind) = client.manager().container() {
    ///     println!("in a {kind} container, the machine needs a configured id");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn container(&self) -> Option<String> {
        self.identity().container().map(|kind| kind.to_string())
    }

    /// Returns why the id that an administrator set for this machine is ignored. Returns `None` if
    /// the id is used, or if no id is set.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// if let Some(reason) = manager.rejected_id() {
    ///     eprintln!("{reason}");
    /// }
    /// # assert_eq!(manager.rejected_id(), None, "the configured id is used");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rejected_id(&self) -> Option<String> {
        let mut missing = self.identity().missing();
        let given = missing.find(|missing| missing.kind() == ComponentKind::AssignedId)?;
        let reason = given.reason();
        let source = given.source().unwrap_or("the configured id");
        (reason != MissingReason::NotFound)
            .then(|| format!("{source} is not used as this machine's id: {reason}"))
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

    fn identity(&self) -> &MachineFacts {
        let identify =
            || MachineFacts::identify_from(&*self.sources.system, self.product, self.system_dir());
        self.identity.get_or_init(identify)
    }

    fn system_dir(&self) -> Option<&std::path::Path> {
        let system = self.paths.as_ref().ok()?.system()?;
        Some(system.dir().path())
    }

    pub(crate) fn seal(&self) -> &Seal {
        self.seal
            .get_or_init(|| Seal::new(self.product, self.identity().machine_id()))
    }

    /// Reads and verifies the installed licenses. Records the current time if `moment` is
    /// [`Moment::Now`].
    ///
    /// Verifies with `trust`, or else with the embedded keys of this manager, or else with the keys
    /// that are installed with the license. Nothing is written if there is neither a state
    /// directory nor a license.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// use license_client::{Context, FeatureMatrix, Moment};
    ///
    /// let matrix = FeatureMatrix::built_in();
    /// let snapshot = manager.snapshot(None, matrix, Moment::Now);
    /// let installed = snapshot.installed().ok_or("no license")?;
    /// let context = Context::at(license_client::now()).high_water(snapshot.high_water);
    /// assert!(installed.verified().evaluate(matrix, &context).allows("cloud_sync"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn snapshot(
        &self,
        trust: Option<&TrustSet>,
        matrix: &FeatureMatrix,
        moment: Moment,
    ) -> Snapshot {
        let paths = match &self.paths {
            Ok(paths) => paths,
            Err(error) => return Snapshot::without_paths(error),
        };
        let (mut snapshot, loaded) =
            self.read_all(paths, trust.or(self.trust()), matrix, Damaged::Quarantine);
        let found = snapshot.installed();
        if moment == Moment::Now && (found.is_some() || paths.user().dir().path().is_dir()) {
            let lists = found.map(|found| found.verified().revocations());
            let lists = lists.unwrap_or_default();
            let newest = found.and_then(|found| found.verified().newest_signature());
            let Loaded {
                mut state,
                is_partial,
                ..
            } = loaded;
            let before = state.high_water.clone();
            self.update_high_water(&mut state.high_water, newest);
            let is_new = state.lists.record(for_product(lists, matrix));
            if !is_partial && (is_new || is_worth_writing(&before, &state.high_water)) {
                let lists = for_product(lists, matrix);
                let written = self.write_high_water(paths.user(), newest, lists);
                let problem = written.err().map(StateProblem::NotSaved);
                snapshot.problems.extend(problem);
            }
            snapshot.high_water = state.high_water.mark();
        }
        snapshot
    }

    /// Returns what [`Self::snapshot`] returns, but changes nothing.
    ///
    /// Damaged files are not quarantined, and the current time is not recorded.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// use license_client::FeatureMatrix;
    ///
    /// let snapshot = manager.inspect(FeatureMatrix::built_in());
    /// for problem in &snapshot.problems {
    ///     eprintln!("{problem}");
    /// }
    /// # assert!(snapshot.installed().is_some() && snapshot.problems.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn inspect(&self, matrix: &FeatureMatrix) -> Snapshot {
        match &self.paths {
            Ok(paths) => self.read_all(paths, self.trust(), matrix, Damaged::Leave).0,
            Err(error) => Snapshot::without_paths(error),
        }
    }

    fn read_all(
        &self,
        paths: &Paths,
        trust: Option<&TrustSet>,
        matrix: &FeatureMatrix,
        damaged: Damaged,
    ) -> (Snapshot, Loaded) {
        let user = paths.user();
        // Without a directory there is no state, and the identity of the machine is not needed. An
        // inspection (`Damaged::Leave`) reads the files in any case, because it must report a path
        // that cannot be accessed or is not a directory.
        let mut loaded = if damaged == Damaged::Leave || user.dir().path().is_dir() {
            State::load(user, self.seal(), damaged)
        } else {
            Loaded::default()
        };
        let mut problems = std::mem::take(&mut loaded.problems);
        if trust.is_none() {
            problems.extend(statement_problems(paths, damaged));
        }
        let mut installation = Installation::read(paths, Keys::new(trust), matrix, damaged);
        if let Ok(Some(found)) = installation.as_mut() {
            let state = &loaded.state;
            add_validations(found, paths, trust, matrix, state);
            problems.extend(add_revocations(found, paths, trust, matrix, state, damaged));
            let (bindings, problem) = ActivationState::load(user, self.seal(), damaged);
            problems.extend(problem);
            add_activations(found, paths, trust, &bindings, state);
        }
        let mark = loaded.state.high_water.mark();
        (Snapshot::new(paths, installation, mark, problems), loaded)
    }

    /// Records the current time in the high-water mark, and the newest signature if there is one.
    /// Returns whether the mark was lowered.
    fn update_high_water(
        &self,
        high_water: &mut ClockHighWater,
        newest: Option<DateTime<Utc>>,
    ) -> bool {
        match newest {
            Some(newest) => high_water.record_signature(newest, self.reading()),
            None => {
                high_water.observe(self.reading());
                false
            }
        }
    }

    /// Writes the high-water mark, unless another process or thread holds the lock. Then a later
    /// snapshot writes the mark.
    fn write_high_water<'l>(
        &self,
        store: &Store,
        newest: Option<DateTime<Utc>>,
        lists: impl Iterator<Item = &'l RevocationList>,
    ) -> Result<(), StoreError> {
        let lock = match store.lock_within(std::time::Duration::ZERO) {
            Err(StoreError::Busy { .. }) => return Ok(()),
            lock => lock?,
        };
        let loaded = State::load_locked(&lock, store, self.seal());
        if loaded.is_partial {
            return Ok(());
        }
        let mut state = loaded.state;
        self.update_high_water(&mut state.high_water, newest);
        let _ = state.lists.record(lists);
        // The state is in two files with the same content, the cache and the quota file. It is
        // enough if one of them survives a loss of power.
        let durability = [Durability::PowerLoss, Durability::Process];
        let (written, _) = self.write_counts(&lock, store, &mut state, durability);
        written
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
        self.paths.as_ref().ok().map(|paths| paths.user().dir())
    }
}

/// Adds the validation tokens that are stored separately from the license.
fn add_validations(
    found: &mut Installation,
    paths: &Paths,
    trust: Option<&TrustSet>,
    matrix: &FeatureMatrix,
    state: &State,
) {
    if state.validations.is_empty() {
        return;
    }
    let trust = trust.cloned().unwrap_or_else(|| found.keys(paths));
    found.add_validations(&state.validations, &trust, matrix);
}

/// Adds the stored revocation lists that can be used, and returns the problems with the others.
fn add_revocations(
    found: &mut Installation,
    paths: &Paths,
    trust: Option<&TrustSet>,
    matrix: &FeatureMatrix,
    state: &State,
    damaged: Damaged,
) -> Vec<StateProblem> {
    let trust = trust.cloned().unwrap_or_else(|| found.keys(paths));
    let product = matrix.product();
    let (lists, problems) = revocations::read_all(paths, &trust, product, &state.lists, damaged);
    found.add_revocations(lists);
    let problem = |problem: ListProblem| StateProblem::Revocations(Box::new(problem));
    problems.into_iter().map(problem).collect()
}

/// Adds the activations of this machine that still verify, and its deactivations.
fn add_activations(
    found: &mut Installation,
    paths: &Paths,
    trust: Option<&TrustSet>,
    bindings: &ActivationState,
    state: &State,
) {
    let trust = || trust.cloned().unwrap_or_else(|| found.keys(paths));
    let activations = verified(bindings, trust);
    found.add_activations(activations, &state.deactivated);
}

/// Returns the activations that verify.
fn verified(bindings: &ActivationState, trust: impl FnOnce() -> TrustSet) -> Vec<Activation> {
    if bindings.licenses().next().is_none() {
        return Vec::new();
    }
    let trust = trust();
    let verified = |armor| {
        let file = LicenseFile::parse(armor).ok()?;
        let block = file.blocks_of_kind(TokenKind::Activation).next()?;
        block.token.verify_activation(&trust).ok()
    };
    bindings.armored().filter_map(verified).collect()
}

/// Returns the problems with the trust statements that are stored with the installed keys.
fn statement_problems(paths: &Paths, damaged: Damaged) -> impl Iterator<Item = StateProblem> {
    let problems = installation::statement_problems(paths, damaged);
    let problem = |problem| StateProblem::Trust(Box::new(problem));
    problems.into_iter().map(problem)
}

/// Returns the revocation lists of this product. A license file may contain lists of other
/// products.
fn for_product<'l>(
    lists: &'l [RevocationList],
    matrix: &FeatureMatrix,
) -> impl Iterator<Item = &'l RevocationList> {
    let product = matrix.product();
    lists.iter().filter(move |list| list.product() == product)
}

fn is_worth_writing(before: &ClockHighWater, after: &ClockHighWater) -> bool {
    before.has_discontinuity(after)
        || time::duration_since(after.mark(), before.mark()) >= HIGH_WATER_STEP
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
