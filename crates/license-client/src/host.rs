//! This machine as one product sees it: where its files are, what time it is here, and which machine it is.

mod activating;
mod counting;
mod installed;
mod installing;
mod lists;
mod removing;
mod reporting;
mod rotating;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock};

use license_core::{
    Activation, Artefacts, ComponentKind, HighWater, Machine, MachineDigest, Matrix, ProductCode,
    Reading, RevocationList, Timestamp, TokenKind, TrustSet,
};

pub use activating::{Asked, Asking};
pub use counting::QuotaTaken;
pub use installed::{Installed, InstalledBlock, Removed};
pub(crate) use installing::names_machines;
pub use reporting::{Account, Cut, ReportError, UsageExport};
pub use rotating::InstalledStatement;

use crate::activation::Bindings;
use crate::clock;
use crate::home::Home;
use crate::installation::{self, Installation, InstallationError, Keys};
use crate::machine::{MachineFacts, MissingReason};
use crate::paths::{HomeError, StateDir, StateFile};
use crate::problem::{ListProblem, StateProblem};
use crate::revocations;
use crate::sealed::Seal;
use crate::sealed_file::Durability;
use crate::state::{Loaded, State};
use crate::store::{Damaged, Store, StoreError};

/// How far the mark may move before it is written again. A clock that is set back gains this much at most.
const MARK_STEP: u64 = 600;

/// This machine and this user, for one product.
pub struct Host {
    product: ProductCode,
    home: Result<Home, HomeError>,
    /// The keys that this program brings along; none where those installed count.
    trust: Option<TrustSet>,
    identity: OnceLock<MachineFacts>,
    machine: OnceLock<Option<Machine>>,
    digest: OnceLock<Option<MachineDigest>>,
    seal: OnceLock<Seal>,
    /// What is remembered where nothing can be kept.
    memory: Mutex<State>,
    /// What was counted for usage reports and is not written yet.
    pending: Mutex<reporting::Pending>,
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
            trust: None,
            identity: OnceLock::new(),
            machine: OnceLock::new(),
            digest: OnceLock::new(),
            seal: OnceLock::new(),
            memory: Mutex::default(),
            pending: Mutex::default(),
        }
    }

    /// The same for a program that has its own keys: only these count, here and in everything that is asked of this host. Those installed
    /// beside a license, and the administrator's, do not, whoever wrote them.
    #[must_use]
    pub fn trusting(self, keys: &TrustSet) -> Self {
        Self {
            trust: Some(keys.clone()),
            ..self
        }
    }

    /// The keys that this program brings along; none where those installed count.
    pub fn trust(&self) -> Option<&TrustSet> {
        self.trust.as_ref()
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
        *self.digest.get_or_init(|| {
            let by_id = self.identity().digest();
            by_id.or_else(|| self.machine()?.digest())
        })
    }

    /// The kind of container that this process runs in.
    pub fn container(&self) -> Option<String> {
        self.identity().container().map(|kind| kind.to_string())
    }

    /// Why an id that was given for this machine does not count, if that is so: the machine then goes by another.
    pub fn rejected_id(&self) -> Option<String> {
        let mut missing = self.identity().missing();
        let given = missing.find(|missing| missing.kind() == ComponentKind::GivenId)?;
        let reason = given.reason();
        let source = given.source().unwrap_or("the id given");
        (reason != MissingReason::NotFound)
            .then(|| format!("{source} does not count as this machine's id: {reason}"))
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

    pub(crate) fn seal(&self) -> &Seal {
        self.seal
            .get_or_init(|| Seal::new(self.product, self.identity().machine_id()))
    }

    /// Reads and verifies what is installed, and records the moment.
    ///
    /// The keys are these, else [those of the host](Host::trusting), else those installed beside
    /// the license. Nothing is written if there is neither a state directory nor a license yet.
    pub fn snapshot(&self, trust: Option<&TrustSet>, matrix: &Matrix, moment: Moment) -> Snapshot {
        let home = match &self.home {
            Ok(home) => home,
            Err(error) => return Snapshot::nowhere(error),
        };
        let (mut snapshot, loaded) =
            self.read_all(home, trust.or(self.trust()), matrix, Damaged::Quarantine);
        let found = snapshot.installed();
        if moment == Moment::Now && (found.is_some() || home.user().dir().path().is_dir()) {
            let lists = found.map(|found| found.bundle().revocations());
            let lists = lists.unwrap_or_default();
            let newest = found.and_then(|found| found.bundle().newest_signature());
            let Loaded {
                mut state,
                is_partial,
                ..
            } = loaded;
            let before = state.high_water.clone();
            self.note(&mut state.high_water, newest);
            let is_news = state.lists.note(of_product(lists, matrix));
            if !is_partial && (is_news || is_worth_writing(&before, &state.high_water)) {
                let lists = of_product(lists, matrix);
                let written = self.write_mark(home.user(), newest, lists);
                let problem = written.err().map(StateProblem::NotKept);
                snapshot.problems.extend(problem);
            }
            snapshot.mark = state.high_water.mark();
        }
        snapshot
    }

    /// Returns what [`Host::snapshot`] finds with the keys of the host, else with those installed,
    /// and changes nothing: damaged files stay where they are, and no moment is recorded.
    pub fn inspect(&self, matrix: &Matrix) -> Snapshot {
        match &self.home {
            Ok(home) => self.read_all(home, self.trust(), matrix, Damaged::Leave).0,
            Err(error) => Snapshot::nowhere(error),
        }
    }

    fn read_all(
        &self,
        home: &Home,
        trust: Option<&TrustSet>,
        matrix: &Matrix,
        damaged: Damaged,
    ) -> (Snapshot, Loaded) {
        let user = home.user();
        // Without a directory nothing is remembered, and the identity of the machine is not needed.
        let mut loaded = match damaged == Damaged::Leave || user.dir().path().is_dir() {
            true => State::load(user, self.seal(), damaged),
            false => Loaded::default(),
        };
        let mut problems = std::mem::take(&mut loaded.problems);
        if trust.is_none() {
            problems.extend(statement_problems(home, damaged));
        }
        let mut installation = Installation::read(home, Keys::of(trust), matrix, damaged);
        if let Ok(Some(found)) = installation.as_mut() {
            let state = &loaded.state;
            add_kept(found, home, trust, matrix, state);
            problems.extend(add_lists(found, home, trust, matrix, state, damaged));
            let (bindings, problem) = Bindings::load(user, self.seal(), damaged);
            problems.extend(problem);
            add_activations(found, home, trust, &bindings, state);
        }
        let mark = loaded.state.high_water.mark();
        (Snapshot::of(home, installation, mark, problems), loaded)
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
    fn write_mark<'l>(
        &self,
        store: &Store,
        newest: Option<Timestamp>,
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
        self.note(&mut state.high_water, newest);
        let _ = state.lists.note(lists);
        // One of the two is to outlive a loss of power.
        let durability = [Durability::PowerLoss, Durability::Process];
        let (written, _) = self.write_counts(&lock, store, &mut state, durability);
        written
    }

    /// The user's state directory, where there is one.
    pub fn state_dir(&self) -> Option<&StateDir> {
        self.home.as_ref().ok().map(|home| home.user().dir())
    }
}

impl Snapshot {
    /// Returns the installation, if there is one that verifies.
    pub fn installed(&self) -> Option<&Installation> {
        self.installation.as_ref().ok()?.as_ref()
    }

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
        let own = home.user().dir().path();
        let has_own = |found: &Installation| found.paths().iter().any(|path| path.starts_with(own));
        let set_aside = match &installation {
            Ok(found) if !found.as_ref().is_some_and(has_own) => {
                home.user().set_aside(&[StateFile::License, StateFile::Key])
            }
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
    let trust = trust.cloned().unwrap_or_else(|| found.keys(home));
    found.add_validations(&state.validations, &trust, matrix);
}

/// Adds the revocation lists that are kept beside the license, and returns what is wrong with others.
fn add_lists(
    found: &mut Installation,
    home: &Home,
    trust: Option<&TrustSet>,
    matrix: &Matrix,
    state: &State,
    damaged: Damaged,
) -> Vec<StateProblem> {
    let trust = trust.cloned().unwrap_or_else(|| found.keys(home));
    let product = matrix.product();
    let (lists, problems) = revocations::of_home(home, &trust, product, &state.lists, damaged);
    found.add_revocations(lists);
    let problem = |problem: ListProblem| StateProblem::Revocations(Box::new(problem));
    problems.into_iter().map(problem).collect()
}

/// Adds the activations that are held here, and what was given up. Those that no longer verify count no more.
fn add_activations(
    found: &mut Installation,
    home: &Home,
    trust: Option<&TrustSet>,
    bindings: &Bindings,
    state: &State,
) {
    let trust = || trust.cloned().unwrap_or_else(|| found.keys(home));
    let activations = verified(bindings, trust);
    found.add_activations(activations, &state.given_up);
}

/// The activations that verify.
fn verified(bindings: &Bindings, trust: impl FnOnce() -> TrustSet) -> Vec<Activation> {
    if bindings.licenses().next().is_none() {
        return Vec::new();
    }
    let trust = trust();
    let verified = |armor| {
        let file = Artefacts::parse(armor).ok()?;
        let block = file.of_kind(TokenKind::Activation).next()?;
        block.token.verify_activation(&trust).ok()
    };
    bindings.armored().filter_map(verified).collect()
}

/// What is wrong with the trust statements beside the installed keys.
fn statement_problems(home: &Home, damaged: Damaged) -> impl Iterator<Item = StateProblem> {
    let problems = installation::statement_problems(home, damaged);
    let problem = |problem| StateProblem::Trust(Box::new(problem));
    problems.into_iter().map(problem)
}

/// A list of another product may come in a license file; its number is none of ours.
fn of_product<'l>(
    lists: &'l [RevocationList],
    matrix: &Matrix,
) -> impl Iterator<Item = &'l RevocationList> {
    let product = matrix.product();
    lists.iter().filter(move |list| list.product() == product)
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
