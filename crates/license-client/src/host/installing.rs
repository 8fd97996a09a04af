//! Installing and removing licenses, validation tokens, revocation lists and trust statements.

use std::collections::BTreeSet;
use std::path::PathBuf;

use license_core::{Context, License, RevocationList, Timestamp, Validation};

use super::rotating::InstalledStatement;
use super::{Host, Moment};
use crate::home::{Home, StateFile};
use crate::installation::{Candidate, Installation, InstallationError, Keys, Replace};
use crate::revocations::{self, InstalledList};
use crate::state::{Durability, State, StateProblem};
use crate::store::StoreLock;

/// What installing did.
#[derive(Debug)]
#[must_use]
pub struct Installed {
    /// Where it is kept.
    pub path: PathBuf,
    /// When it begins, if what was installed goes on until then.
    pub begins: Option<Timestamp>,
    /// Whether a mark that a wrong clock had pushed into the future was lowered.
    pub clock_repaired: bool,
    /// Whether all of it was kept already, or is older than what is.
    pub is_old: bool,
    /// What could not be read or kept beside it.
    pub problems: Vec<StateProblem>,
    /// What became of each revocation list, in the order of their numbers.
    pub lists: Vec<InstalledList>,
    /// What became of each trust statement, in their order; none where the program has keys of its own.
    pub statements: Vec<InstalledStatement>,
}

/// What removing did.
#[derive(Debug)]
#[must_use]
pub struct Removed {
    /// The files that are gone.
    pub paths: Vec<PathBuf>,
}

impl Host {
    /// Installs a license, a validation token for one that is installed, revocation lists or trust statements, alone or together: all of it
    /// or nothing. Trust statements count first. The context says at which moment, for whom and on which
    /// machine the license is compared with what it replaces.
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
        let loaded = State::load_locked(&lock, home.user(), self.seal());
        let (mut state, mut problems) = (loaded.state, loaded.problems);
        let bundle = candidate.bundle;
        let roots = candidate.trust;
        let change = self.change_of_trust(&lock, home, candidate)?;
        let candidate = &Candidate {
            trust: change.keys(),
            ..*candidate
        };
        if bundle.licenses().is_empty() && replace == Replace::UnlessWorse {
            change.refuse_orphans(home, candidate.matrix, context, &state.validations)?;
        }
        let is_check_in = bundle.licenses().is_empty() && !bundle.validations().is_empty();
        let product = candidate.matrix.product();
        let seen = revocations::seen_with(state.lists.clone(), home.user(), candidate.trust);
        let file = home.user().dir().file(StateFile::Revocations);
        let lists = revocations::check(bundle.revocations(), product, seen, &file)
            .map_err(|refused| InstallationError::of_list(refused, product))?;
        if !lists.is_empty()
            && let Some(problem) = problems.pop_if(|_| loaded.is_partial)
        {
            return Err(InstallationError::State(problem));
        }
        let before = state.validations.clone();
        let newest = candidate.bundle.newest_signature().max(change.newest());
        let mut is_old = false;
        let mut begins = None;
        let path = if is_check_in {
            if let Some(problem) = problems.pop_if(|_| loaded.is_partial) {
                return Err(InstallationError::State(problem));
            }
            state.keep(self.with_validations(home, candidate, &state)?);
            let is_news =
                |block: String| state.validations.contains(&block) && !before.contains(&block);
            is_old = !armor(candidate.bundle.validations()).any(is_news);
            candidate.add_keys(&lock, home, Keys::of(self.trust()), roots)?;
            change.begin(&lock)?;
            self.keep_lists(&lock, home, candidate, &mut state)?;
            home.user().dir().file(StateFile::Cache)
        } else if bundle.licenses().is_empty() {
            candidate.add_keys(&lock, home, Keys::of(self.trust()), roots)?;
            change.begin(&lock)?;
            self.keep_lists(&lock, home, candidate, &mut state)?;
            match lists.is_empty() {
                true => home.user().dir().file(StateFile::TrustStatements),
                false => file,
            }
        } else {
            let context = match moment {
                Moment::Now => context.clone().high_water(state.high_water.mark()),
                Moment::Imagined => context.clone(),
            };
            let lists = self.lists_with(home, candidate);
            let context = context.revocations(&lists);
            let (keys, kept) = (Keys::of(self.trust()), &state.validations);
            // Lists are kept of what is installed, and of nothing that is refused.
            let _ = candidate.beside(home, keys, &context, replace, kept)?;
            change.begin(&lock)?;
            self.keep_lists(&lock, home, candidate, &mut state)?;
            let kept = &state.validations;
            let stored =
                candidate.install_locked(&lock, home, keys, roots, &context, replace, kept)?;
            lock.clear_aside(&[StateFile::License, StateFile::Key]);
            begins = stored.begins;
            stored.path
        };
        let clock_repaired = moment == Moment::Now && self.note(&mut state.high_water, newest);
        if !loaded.is_partial
            && let Err(error) = self.save(&state, &lock)
        {
            // A license stands without; a validation token is kept nowhere else, nor is the number of a list.
            if is_check_in || !lists.is_empty() {
                return Err(InstallationError::Store(error));
            }
            problems.push(StateProblem::NotKept(error));
        }
        change.finish(&lock)?;
        Ok(Installed {
            path,
            begins,
            clock_repaired,
            is_old,
            problems,
            lists,
            statements: change.told(home),
        })
    }

    /// The lists of the candidate and those that are kept: what the vendor revoked counts for the new license and for the old one.
    fn lists_with(&self, home: &Home, candidate: &Candidate<'_>) -> Vec<RevocationList> {
        let (product, seen) = (candidate.matrix.product(), Default::default());
        let (kept, _) = revocations::of_home(home, candidate.trust, product, &seen, false);
        [kept.as_slice(), candidate.bundle.revocations()].concat()
    }

    /// Writes the lists of the candidate and takes note of their numbers. A list without its license does no harm.
    fn keep_lists(
        &self,
        lock: &StoreLock,
        home: &Home,
        candidate: &Candidate<'_>,
        state: &mut State,
    ) -> Result<(), InstallationError> {
        let lists = candidate.bundle.revocations();
        if lists.is_empty() {
            return Ok(());
        }
        revocations::write(lock, home.user(), candidate.trust, lists)
            .map_err(InstallationError::Store)?;
        let _ = state.lists.note(lists);
        Ok(())
    }

    /// The tokens that are kept and the new ones: of each license, signer and machine the newest. Those that speak of other licenses stay:
    /// such a license may be installed again, and what was said of it holds.
    fn with_validations(
        &self,
        home: &Home,
        candidate: &Candidate<'_>,
        state: &State,
    ) -> Result<Vec<String>, InstallationError> {
        for validation in candidate.bundle.validations() {
            self.check_machine(validation)?;
        }
        let installed = Installation::load(home, candidate.trust, candidate.matrix)?;
        let mut installed = installed.ok_or(InstallationError::NoLicenseYet)?;
        let own: BTreeSet<String> = armor(installed.bundle().validations()).collect();
        let foreign =
            installed.add_validations(&state.validations, candidate.trust, candidate.matrix);
        let mut all: Vec<&Validation> = installed.bundle().validations().iter().collect();
        all.extend(candidate.bundle.validations());
        all.sort_by_key(|said| std::cmp::Reverse(rank(said)));
        let mut kept: Vec<&Validation> = Vec::new();
        for said in all {
            if !kept.iter().any(|other| speaks_as(other, said)) {
                kept.push(said);
            }
        }
        // Those in the license file are kept there.
        let kept = armor(kept).filter(|block| !own.contains(block));
        Ok(kept.chain(foreign).collect())
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

    /// Removes the user's license with its keys. What was said of it, what was counted and the high-water mark stay: removing it
    /// undoes no suspension and refills nothing.
    ///
    /// # Errors
    /// [`InstallationError`] if they can't be removed.
    pub fn remove(&self) -> Result<Removed, InstallationError> {
        use StateFile::{Key, License, Trust};
        let home = self.home.as_ref();
        let home = home.map_err(|error| InstallationError::Home(error.clone()))?;
        let store = home.user();
        let mut paths = Vec::new();
        let is_there = |file: &StateFile| store.dir().file(*file).symlink_metadata().is_ok();
        if [License, Key, Trust].iter().any(is_there) {
            let lock = store.lock().map_err(InstallationError::Store)?;
            // The keys last: a license without its keys is an error, keys without a license are not.
            for file in [License, Key, Trust] {
                if lock.remove(file).map_err(InstallationError::Store)? {
                    paths.push(store.dir().file(file));
                }
            }
            lock.clear_aside(&[License, Key]);
        }
        Ok(Removed { paths })
    }

    fn save(&self, state: &State, lock: &StoreLock) -> Result<(), crate::StoreError> {
        let (last, soon) = (Durability::PowerLoss, Durability::Process);
        Ok(state.save(lock, self.seal(), last, soon)?)
    }
}

fn armor<'a>(
    validations: impl IntoIterator<Item = &'a Validation>,
) -> impl Iterator<Item = String> {
    validations.into_iter().map(Validation::to_armor)
}

fn rank(said: &Validation) -> (Timestamp, bool) {
    (said.issued_at(), said.status().is_denial())
}

/// Whether two statements are of one signer about one license on one machine, so that the newer takes the place of the older.
fn speaks_as(one: &Validation, other: &Validation) -> bool {
    one.license_id() == other.license_id()
        && one.signer() == other.signer()
        && one.machine() == other.machine()
}

/// Whether a license asks which machine it is on.
pub(crate) fn names_machines(licenses: &[License], validations: &[Validation]) -> bool {
    let by_license = licenses.iter().any(|license| license.machines().is_some());
    by_license || validations.iter().any(|said| said.machine().is_some())
}
