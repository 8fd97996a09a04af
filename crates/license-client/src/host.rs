//! This machine as one product sees it: where its files are, what time it is here, and which machine it is.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

use license_core::{
    Context, HighWater, Machine, MachineDigest, Matrix, ProductCode, Quota, QuotaUse, Reading,
    Timestamp, TrustSet, Validation,
};

use crate::clock;
use crate::home::{Home, HomeError, StateDir, StateFile};
use crate::installation::{Candidate, Installation, InstallationError, Replace};
use crate::machine::MachineFacts;
use crate::sealed::Seal;
use crate::state::{Durability, State, StateProblem};
use crate::store::{Store, StoreError, StoreLock};

/// How far the mark may move before it is written again. A clock that is set back gains this much at most.
const MARK_STEP: u64 = 600;

/// The most validation tokens that are kept: two for each of the licenses that fit into a file.
const MAX_VALIDATIONS: usize = 32;

/// This machine and this user, for one product.
pub struct Host {
    product: ProductCode,
    home: Result<Home, HomeError>,
    identity: OnceLock<MachineFacts>,
    machine: OnceLock<Option<Machine>>,
    seal: OnceLock<Seal>,
    /// What is remembered where nothing can be kept.
    memory: Mutex<State>,
}

/// What is installed at a moment, and what the machine remembers then.
#[derive(Debug)]
#[must_use]
pub struct Snapshot {
    /// The license, with the validation tokens that are kept beside it.
    pub installation: Result<Option<Installation>, InstallationError>,
    /// The latest instant seen.
    pub mark: Timestamp,
    /// What could not be read or kept.
    pub problems: Vec<StateProblem>,
    /// Where damaged licenses were put, if no other has been installed since.
    pub set_aside: Vec<PathBuf>,
}

/// Whether the moment counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// It is now: the machine takes note of it.
    Now,
    /// It is one that somebody tries out: nothing is noted.
    Imagined,
}

/// What installing did.
#[derive(Debug)]
#[must_use]
pub struct Installed {
    /// Where it is kept.
    pub path: PathBuf,
    /// Whether a mark that a wrong clock had pushed into the future was lowered.
    pub clock_repaired: bool,
    /// Whether all of it was kept already, or is older than what is.
    pub is_old: bool,
}

impl Host {
    /// The user who runs this process, on this machine.
    pub fn of_this_user(product: ProductCode) -> Self {
        Self::new(product, Home::of_this_user(product.as_str()))
    }

    /// The same with its files elsewhere.
    pub fn at(product: ProductCode, home: impl Into<Home>) -> Self {
        Self::new(product, Ok(home.into()))
    }

    fn new(product: ProductCode, home: Result<Home, HomeError>) -> Self {
        Self {
            product,
            home,
            identity: OnceLock::new(),
            machine: OnceLock::new(),
            seal: OnceLock::new(),
            memory: Mutex::default(),
        }
    }

    /// The product.
    pub fn product(&self) -> ProductCode {
        self.product
    }

    /// Where its files are.
    ///
    /// # Errors
    /// [`HomeError`] if there is no such place.
    pub fn home(&self) -> Result<&Home, &HomeError> {
        self.home.as_ref()
    }

    /// Everything that tells this machine from others, looked for anew.
    pub fn facts(&self) -> MachineFacts {
        MachineFacts::collect(self.product, self.system_dir())
    }

    /// The fingerprint of this machine, looked for once; none if nothing tells it from others.
    pub fn machine(&self) -> Option<&Machine> {
        let machine = self.machine.get_or_init(|| {
            let fingerprint = self.facts().fingerprint();
            fingerprint.map(Machine::Fingerprint)
        });
        machine.as_ref()
    }

    /// The digest that names this machine; none if nothing does.
    pub fn digest(&self) -> Option<MachineDigest> {
        let by_id = self.identity().digest();
        by_id.or_else(|| self.machine()?.digest())
    }

    /// The kind of container that this process runs in.
    pub fn container(&self) -> Option<String> {
        self.identity().container().map(|kind| kind.to_string())
    }

    /// What clock and uptime show.
    pub fn reading(&self) -> Reading {
        clock::reading(self.identity().container().is_some())
    }

    fn identity(&self) -> &MachineFacts {
        self.identity
            .get_or_init(|| MachineFacts::identify(self.product, self.system_dir()))
    }

    fn system_dir(&self) -> Option<&std::path::Path> {
        let system = self.home.as_ref().ok()?.system()?;
        Some(system.dir().path())
    }

    fn seal(&self) -> &Seal {
        self.seal
            .get_or_init(|| Seal::new(self.product, self.identity().machine_id()))
    }

    /// Reads and verifies what is installed, with these keys or else those installed beside it, and takes note of the moment.
    ///
    /// Nothing is written where there is no state directory yet.
    pub fn snapshot(&self, trust: Option<&TrustSet>, matrix: &Matrix, moment: Moment) -> Snapshot {
        let home = match &self.home {
            Ok(home) => home,
            Err(error) => return Snapshot::nowhere(error),
        };
        // Without a folder nothing is remembered, and who this machine is makes no difference.
        let remembers = home.user().dir().path().is_dir();
        let (state, mut problems) = match remembers {
            true => State::load(home.user(), self.seal()),
            false => Default::default(),
        };
        let installation = self.installation(home, trust, matrix, &state);
        let mut high_water = state.high_water;
        if remembers && moment == Moment::Now {
            let newest = match &installation {
                Ok(Some(installation)) => installation.bundle().newest_signature(),
                _ => None,
            };
            let before = high_water.clone();
            self.note(&mut high_water, newest);
            if is_worth_writing(&before, &high_water) {
                let written = self.write_mark(home.user(), newest);
                problems.extend(written.err().map(StateProblem::NotKept));
            }
        }
        Snapshot::of(home, installation, high_water.mark(), problems)
    }

    /// What [`Host::snapshot`] finds with the installed keys, with everything left as it is: damaged files are told and stay where they
    /// are, and nothing is noted.
    pub fn inspect(&self, matrix: &Matrix) -> Snapshot {
        let home = match &self.home {
            Ok(home) => home,
            Err(error) => return Snapshot::nowhere(error),
        };
        let (state, problems) = State::inspect(home.user(), self.seal());
        let mut installation = Installation::inspect(home, matrix);
        if let Ok(Some(found)) = installation.as_mut() {
            add_kept(found, home, None, matrix, &state);
        }
        Snapshot::of(home, installation, state.high_water.mark(), problems)
    }

    fn installation(
        &self,
        home: &Home,
        trust: Option<&TrustSet>,
        matrix: &Matrix,
        state: &State,
    ) -> Result<Option<Installation>, InstallationError> {
        let mut found = match trust {
            Some(trust) => Installation::load(home, trust, matrix)?,
            None => Installation::open(home, matrix)?,
        };
        if let Some(found) = found.as_mut() {
            add_kept(found, home, trust, matrix, state);
        }
        Ok(found)
    }

    fn note(&self, high_water: &mut HighWater, newest: Option<Timestamp>) -> bool {
        match newest {
            Some(newest) => high_water.install(newest, self.reading()),
            None => {
                high_water.observe(self.reading());
                false
            }
        }
    }

    /// Writes the mark if nobody else is writing: whoever is, writes it too.
    fn write_mark(&self, store: &Store, newest: Option<Timestamp>) -> Result<(), StoreError> {
        let lock = match store.lock_within(std::time::Duration::ZERO) {
            Err(StoreError::Busy { .. }) => return Ok(()),
            lock => lock?,
        };
        let (mut state, _) = State::load(store, self.seal());
        self.note(&mut state.high_water, newest);
        state.save(&lock, self.seal(), Durability::Process, Durability::Process)
    }

    /// Installs a license, or a validation token for one that is installed. The context says at which moment and for whom the
    /// license is compared with what it replaces.
    ///
    /// # Errors
    /// [`InstallationError`] if it may not be installed, or can't be written; then nothing is changed.
    pub fn install(
        &self,
        candidate: &Candidate<'_>,
        context: &Context<'_>,
        replace: Replace,
        moment: Moment,
    ) -> Result<Installed, InstallationError> {
        let home = self.home.as_ref();
        let home = home.map_err(|error| InstallationError::Home(error.clone()))?;
        let lock = home.user().lock().map_err(InstallationError::Store)?;
        let (mut state, _) = State::load_locked(&lock, home.user(), self.seal());
        let is_check_in = candidate.bundle.licenses().is_empty();
        let (path, is_old) = if is_check_in {
            let before = state.validations.clone();
            state.validations = self.with_validations(home, candidate, &state)?;
            let is_old = before == state.validations;
            (home.user().dir().file(StateFile::Cache), is_old)
        } else {
            let path = candidate.install_locked(&lock, home, context, replace)?;
            (path, false)
        };
        let newest = candidate.bundle.newest_signature();
        let clock_repaired = moment == Moment::Now && self.note(&mut state.high_water, newest);
        let (last, soon) = (Durability::PowerLoss, Durability::Process);
        let saved = state.save(&lock, self.seal(), last, soon);
        // A license stands without; a validation token is kept nowhere else.
        if let (true, Err(error)) = (is_check_in, saved) {
            return Err(InstallationError::Store(error));
        }
        Ok(Installed {
            path,
            clock_repaired,
            is_old,
        })
    }

    /// The tokens that are kept and the new ones, of each license and signer the newest.
    fn with_validations(
        &self,
        home: &Home,
        candidate: &Candidate<'_>,
        state: &State,
    ) -> Result<String, InstallationError> {
        for validation in candidate.bundle.validations() {
            self.check_machine(validation)?;
        }
        let installed = self.installation(home, Some(candidate.trust), candidate.matrix, state)?;
        let installed = installed.ok_or(InstallationError::NoLicenseYet)?;
        let mut all: Vec<&Validation> = installed.bundle().validations().iter().collect();
        all.extend(candidate.bundle.validations());
        let rank = |said: &Validation| (said.issued_at(), said.status().is_denial());
        all.sort_by_key(|said| std::cmp::Reverse(rank(said)));
        let mut kept: Vec<&Validation> = Vec::new();
        for said in all {
            let is_same = |other: &&Validation| {
                other.license_id() == said.license_id() && other.signer() == said.signer()
            };
            if !kept.iter().any(is_same) && kept.len() < MAX_VALIDATIONS {
                kept.push(said);
            }
        }
        Ok(kept.into_iter().map(Validation::to_armor).collect())
    }

    fn check_machine(&self, validation: &Validation) -> Result<(), InstallationError> {
        let Some(expected) = validation.machine() else {
            return Ok(());
        };
        let actual = self.machine();
        if actual.is_some_and(|actual| expected.is(actual)) {
            return Ok(());
        }
        Err(InstallationError::OtherMachine {
            expected: expected.clone(),
            actual: actual.cloned(),
        })
    }

    /// Takes `count` from a quota, all of it or nothing. Once this returns, what was granted is counted whatever happens; several
    /// processes never take the same part.
    ///
    /// Where nothing can be kept, this process counts for itself, and [`QuotaTaken::problems`] says so.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if others have been writing for ten seconds.
    pub fn take(&self, quota: &str, count: u64, limit: Quota) -> Result<QuotaTaken, StoreError> {
        let home = match &self.home {
            Ok(home) => home,
            Err(_) => return Ok(self.take_from_memory(quota, count, limit, Vec::new())),
        };
        let lock = match home.user().lock() {
            Ok(lock) => lock,
            Err(busy @ StoreError::Busy { .. }) => return Err(busy),
            Err(error) => {
                let problems = vec![StateProblem::NotKept(error)];
                return Ok(self.take_from_memory(quota, count, limit, problems));
            }
        };
        let (mut state, mut problems) = State::load_locked(&lock, home.user(), self.seal());
        let taken = self.take_from(&mut state, quota, count, limit);
        if taken.granted && count > 0 {
            let (soon, last) = (Durability::Process, Durability::PowerLoss);
            if let Err(error) = state.save(&lock, self.seal(), soon, last) {
                drop(lock);
                problems.push(StateProblem::NotKept(error));
                return Ok(self.take_from_memory(quota, count, limit, problems));
            }
        }
        Ok(QuotaTaken { taken, problems })
    }

    fn take_from_memory(
        &self,
        quota: &str,
        count: u64,
        limit: Quota,
        problems: Vec<StateProblem>,
    ) -> QuotaTaken {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = self.take_from(&mut memory, quota, count, limit);
        QuotaTaken { taken, problems }
    }

    fn take_from(&self, state: &mut State, quota: &str, count: u64, limit: Quota) -> QuotaUse {
        state.high_water.observe(self.reading());
        let now = state.high_water.mark();
        state.tally.take(quota, count, limit, now)
    }

    /// Removes the user's license with its keys and validation tokens, and returns the files that are gone. Counts and the
    /// high-water mark stay, so that this refills nothing.
    ///
    /// # Errors
    /// [`StoreError`] if they can't be removed.
    pub fn remove(&self) -> Result<Vec<PathBuf>, InstallationError> {
        use StateFile::{Key, License, Trust};
        let home = self.home.as_ref();
        let home = home.map_err(|error| InstallationError::Home(error.clone()))?;
        let store = home.user();
        let there = |file: &StateFile| store.dir().file(*file).exists();
        if ![Key, License, Trust].iter().any(there) {
            return Ok(Vec::new());
        }
        let lock = store.lock().map_err(InstallationError::Store)?;
        let (mut state, _) = State::load_locked(&lock, store, self.seal());
        let mut removed = Vec::new();
        // The keys last: a license without its keys is an error, keys without a license are not.
        for file in [License, Key, Trust] {
            if lock.remove(file).map_err(InstallationError::Store)? {
                removed.push(store.dir().file(file));
            }
        }
        state.validations = String::new();
        self.save_quietly(&state, &lock);
        Ok(removed)
    }

    fn save_quietly(&self, state: &State, lock: &StoreLock) {
        // What is kept of a license that is gone counts for nothing.
        let _ = state.save(lock, self.seal(), Durability::Process, Durability::Process);
    }

    /// The user's state directory, where there is one.
    pub fn state_dir(&self) -> Option<&StateDir> {
        self.home.as_ref().ok().map(|home| home.user().dir())
    }
}

impl Snapshot {
    fn nowhere(error: &HomeError) -> Self {
        Self {
            installation: Err(InstallationError::Home(error.clone())),
            mark: Timestamp::MIN,
            problems: Vec::new(),
            set_aside: Vec::new(),
        }
    }

    fn of(
        home: &Home,
        installation: Result<Option<Installation>, InstallationError>,
        mark: Timestamp,
        problems: Vec<StateProblem>,
    ) -> Self {
        let set_aside = match &installation {
            Ok(None) => home.user().set_aside(&[StateFile::License, StateFile::Key]),
            _ => Vec::new(),
        };
        Self {
            installation,
            mark,
            problems,
            set_aside,
        }
    }
}

/// Adds the validation tokens that are kept beside the license.
fn add_kept(
    found: &mut Installation,
    home: &Home,
    trust: Option<&TrustSet>,
    matrix: &Matrix,
    state: &State,
) {
    if state.validations.is_empty() {
        return;
    }
    let installed = || Installation::trust(home).ok().flatten().unwrap_or_default();
    let trust = trust.cloned().unwrap_or_else(installed);
    found.add_validations(&state.validations, &trust, matrix);
}

/// What came of taking from a quota, and what went wrong beside it.
#[derive(Debug)]
#[must_use]
pub struct QuotaTaken {
    /// Whether it was granted, and what is left.
    pub taken: QuotaUse,
    /// What could not be read or kept.
    pub problems: Vec<StateProblem>,
}

fn is_worth_writing(before: &HighWater, after: &HighWater) -> bool {
    before.is_of_other_boot(after) || after.mark().seconds_since(before.mark()) >= MARK_STEP
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("product", &self.product)
            .field("home", &self.home)
            .finish_non_exhaustive()
    }
}
