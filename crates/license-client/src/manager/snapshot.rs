//! The installed licenses and the state of the machine.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::license::{Activation, RevocationList};
use license_core::state::ClockHighWater;
use license_core::{FeatureMatrix, License, LicenseId, TrustSet, VerifiedLicenses, time};

use super::{LicenseManager, Moment, UsedQuotas};
use crate::activation::ActivationState;
use crate::administrator::{SystemDirError, SystemDirFault};
use crate::installation::{self, Installation, InstallationError, Keys};
use crate::paths::Paths;
use crate::problem::{ListProblem, StateProblem};
use crate::revocations;
use crate::sealed_file::Durability;
use crate::state::{Loaded, State};
use crate::state_dir::StateFile;
use crate::store::{Damaged, Store, StoreError};

/// The duration by which the clock's high-water mark may rise before it is written again.
///
/// A clock that is set back gains at most this much time.
const HIGH_WATER_STEP: TimeDelta = TimeDelta::minutes(10);

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
    /// The amounts of quotas that are used today.
    pub quotas: UsedQuotas,
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

    /// Creates a snapshot and adds the quarantined licenses. They are reported until the user
    /// installs another license.
    fn new(
        paths: &Paths,
        installation: Result<Option<Installation>, InstallationError>,
        high_water: DateTime<Utc>,
        problems: Vec<StateProblem>,
        quotas: UsedQuotas,
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
            quotas,
        }
    }
}

impl LicenseManager {
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
        let paths = &self.paths;
        let (mut snapshot, loaded) =
            self.read_all(paths, trust.or(self.trust()), matrix, Damaged::Quarantine);
        let found = snapshot.installed();
        let dir = paths.user().dir();
        let is_recorded = moment == Moment::Now && !dir.is_shared();
        if is_recorded && (found.is_some() || dir.path().is_dir()) {
            let lists = found.map(|found| found.verified().revocations());
            let lists = lists.unwrap_or_default();
            let ids = found.map(Installation::ids).unwrap_or_default();
            let newest = found.and_then(|found| found.verified().newest_signature());
            let Loaded {
                mut state,
                is_partial,
                ..
            } = loaded;
            let before = state.high_water.clone();
            self.update_high_water(&mut state.high_water, newest);
            let is_new = state.record_lists(for_product(lists, matrix), &ids);
            let is_saved = !is_partial && paths.unknown_user().is_none();
            if is_saved && (is_new || is_worth_writing(&before, &state.high_water)) {
                let lists = for_product(lists, matrix);
                let written = self.write_high_water(paths.user(), newest, lists, &ids);
                let problem = written.err().map(StateProblem::NotSaved);
                snapshot.problems.extend(problem);
            }
            snapshot.high_water = state.high_water.mark();
            snapshot.quotas = self.used_quotas(&state, is_partial);
            let problem = self.time_from_files(&state.high_water);
            snapshot.problems.extend(problem);
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
        self.read_all(&self.paths, self.trust(), matrix, Damaged::Leave)
            .0
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
        // that cannot be accessed.
        let exists = || user.dir().path().symlink_metadata().is_ok();
        let mut loaded = if damaged == Damaged::Leave || exists() {
            State::load(user, self.seal(), damaged)
        } else {
            Loaded::default()
        };
        let mut problems = std::mem::take(&mut loaded.problems);
        if trust.is_none() {
            problems.extend(statement_problems(paths, damaged));
        }
        problems.extend(refused_system(paths));
        let mut installation = Installation::read(paths, Keys::new(trust), matrix, damaged);
        if let Ok(Some(found)) = installation.as_mut() {
            let state = &loaded.state;
            add_validations(found, paths, trust, matrix, state);
            problems.extend(add_revocations(found, paths, trust, matrix, state, damaged));
            let (activations, problem) = ActivationState::load(user, self.seal(), damaged);
            problems.extend(problem);
            problems.extend(self.unknown_activations(found, paths, &activations, state));
            add_activations(found, paths, trust, &activations, state);
        }
        name_directories_once(paths, &installation, &mut problems);
        let quotas = self.used_quotas(&loaded.state, loaded.is_partial);
        let mark = loaded.state.high_water.mark();
        let snapshot = Snapshot::new(paths, installation, mark, problems, quotas);
        (snapshot, loaded)
    }

    /// Returns a problem if the clock is behind a mark that replaces a lost state.
    fn time_from_files(&self, seen: &ClockHighWater) -> Option<StateProblem> {
        let is_used = seen.is_from_files() && seen.is_behind(self.clock().now());
        is_used.then(|| StateProblem::TimeFromFiles { time: seen.mark() })
    }

    /// Returns a problem for each activation of this machine in the user's license file that the
    /// state does not know.
    fn unknown_activations(
        &self,
        found: &Installation,
        paths: &Paths,
        bindings: &ActivationState,
        state: &State,
    ) -> Vec<StateProblem> {
        let is_deactivated = |nonce| state.deactivated.iter().any(|(_, other)| *other == nonce);
        let is_unknown = |activation: &&Activation| {
            let nonce = activation.nonce();
            let here = || {
                self.machine()
                    .is_some_and(|here| activation.machine().matches(here))
            };
            !bindings.has_activation(nonce) && !is_deactivated(nonce) && here()
        };
        let unknown = found.unproven_activations().iter().filter(is_unknown);
        let problem = |activation: &Activation| StateProblem::UnknownActivation {
            path: paths.user().dir().file(StateFile::License),
            license: activation.license_id().clone(),
        };
        unknown.map(problem).collect()
    }

    /// Writes the high-water mark, unless another process or thread holds the lock. Then a later
    /// snapshot writes the mark.
    fn write_high_water<'l>(
        &self,
        store: &Store,
        newest: Option<DateTime<Utc>>,
        lists: impl Iterator<Item = &'l RevocationList>,
        installed: &[LicenseId],
    ) -> Result<(), StoreError> {
        let lock = match store.lock_within(Duration::ZERO) {
            Err(StoreError::Busy { .. }) => return Ok(()),
            lock => lock?,
        };
        let loaded = State::load_locked(&lock, store, self.seal());
        if loaded.is_partial {
            return Ok(());
        }
        let mut state = loaded.state;
        self.update_high_water(&mut state.high_water, newest);
        let _ = state.record_lists(lists, installed);
        // The state is in two files with the same content, the cache and the quota file. It is
        // enough if one of them survives a loss of power.
        let durability = [Durability::PowerLoss, Durability::Process];
        let (written, _) = self.write_counts(&lock, store, &mut state, durability);
        written
    }
}

/// Removes the problems with a directory that a problem of the installation, or an earlier problem,
/// already names. A directory that cannot be read has the same problem for each of its files.
fn name_directories_once(
    paths: &Paths,
    installation: &Result<Option<Installation>, InstallationError>,
    problems: &mut Vec<StateProblem>,
) {
    let of_installation = match installation {
        Ok(found) => found.as_ref().map_or(&[][..], Installation::problems),
        Err(error) => std::slice::from_ref(error),
    };
    let files = of_installation.iter().filter_map(InstallationError::file);
    let mut named: Vec<PathBuf> = files.map(Path::to_owned).collect();
    let is_directory = |path: &Path| paths.stores().any(|store| store.dir().path() == path);
    problems.retain(|problem| {
        let Some(directory) = problem.file().filter(|path| is_directory(path)) else {
            return true;
        };
        let is_new = !named.iter().any(|path| path == directory);
        named.push(directory.to_owned());
        is_new
    });
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

/// Returns the problems with directories of the administrator that may exist and are not used.
fn refused_system(paths: &Paths) -> impl Iterator<Item = StateProblem> {
    let is_reported = |refused: &&SystemDirError| {
        let is_relative = refused.fault == SystemDirFault::Relative;
        let metadata = refused.path.symlink_metadata();
        is_relative || !metadata.is_err_and(|error| error.kind() == ErrorKind::NotFound)
    };
    let refused = paths.refused_system().iter().filter(is_reported);
    refused.cloned().map(StateProblem::SystemDir)
}

/// Adds the stored revocation lists that can be used, and the recorded revocations. Returns the
/// problems with the other lists.
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
    found.add_recorded_revocations(state.recorded.by_keys(&trust));
    let problem = |problem: ListProblem| StateProblem::Revocations(Box::new(problem));
    problems.into_iter().map(problem).collect()
}

/// Adds the activations of this machine that still verify, and its deactivations.
fn add_activations(
    found: &mut Installation,
    paths: &Paths,
    trust: Option<&TrustSet>,
    activations: &ActivationState,
    state: &State,
) {
    let trust = || trust.cloned().unwrap_or_else(|| found.keys(paths));
    let verified = super::verified(activations, trust);
    found.add_activations(verified, &state.deactivated);
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

/// Returns whether anything in the license file depends on the machine.
pub(crate) fn depends_on_machine(verified: &VerifiedLicenses) -> bool {
    let needs_machine = |license: &License| {
        license.machines().is_some() || license.must_activate() || license.requires_seat()
    };
    let has_machine_token = verified
        .validations()
        .iter()
        .any(|token| token.machine().is_some());
    has_machine_token
        || !verified.activations().is_empty()
        || verified.licenses().iter().any(needs_machine)
}
