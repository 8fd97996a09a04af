//! What is counted for usage reports, and cutting one. Nothing is sent, and nothing that fails here stops anything else.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::Duration;

use license_core::usage_report::{Closed, Counts, Period};
use license_core::{Decision, License, LicenseId};
use thiserror::Error;

use super::Host;
use crate::clock;
use crate::journal::Journal;
use crate::paths::HomeError;
use crate::problem::StateProblem;
use crate::sealed_file::Durability;
use crate::state::{Loaded, State, Unsaved};
use crate::store::{Damaged, Store, StoreError, StoreLock};

/// For counts alone a program that ends waits no longer, which is enough for others to write.
const SHORT_PATIENCE: Duration = Duration::from_secs(1);

/// So many closed entries may wait for a journal that can't be written; after that the period stays open for longer than a day.
const MOST_WAITING: usize = 8;

/// What was counted in memory, by license.
pub(super) type Pending = BTreeMap<Option<LicenseId>, Counts>;

/// On whose account something is counted: the license in effect, and the user if one is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Account<'a> {
    /// None where no license is in effect.
    pub license: Option<&'a LicenseId>,
    /// None is somebody.
    pub user: Option<&'a str>,
}

impl<'a> Account<'a> {
    /// Returns the account on which the consequences of a decision are counted.
    pub fn new(decision: &'a Decision, user: Option<&'a str>) -> Self {
        let license = decision.license().map(License::id);
        Self { license, user }
    }
}

/// Whether the open period ends with a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// It does.
    Now,
    /// It does in this report alone, to look at: nothing is written, and what is counted goes on.
    Imagined,
}

/// What a machine has to report.
#[derive(Debug, Default)]
#[must_use]
pub struct UsageExport {
    /// The entries that are kept, oldest first.
    pub entries: Vec<Closed>,
    /// What could not be read or kept.
    pub problems: Vec<StateProblem>,
}

/// The reason why there is no report.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReportError {
    /// There is no place where anything could have been counted.
    #[error("there is no place where usage could be counted")]
    Home(#[from] HomeError),
    /// The state directory cannot be used.
    #[error("the state directory can't be used")]
    Store(#[from] StoreError),
    /// The counts cannot be read.
    #[error("what was counted can't be read")]
    State(#[from] StateProblem),
    /// The system provides no random bytes.
    #[error("the system gives no random bytes")]
    NoRandomness,
}

impl Host {
    /// Counts in memory, which is quick. [`Host::flush_counts`] writes it, and so does whatever is written next.
    pub fn count(&self, account: Account<'_>, counts: Counts) {
        let counts = counts.by(account.user);
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let license = account.license.cloned();
        pending.entry(license).or_default().add(&counts);
    }

    /// Writes what was counted in memory, where there is a state directory. What can't be written is kept for another time, and told.
    pub fn flush_counts(&self) -> Vec<StateProblem> {
        self.flush_within(SHORT_PATIENCE)
    }

    /// The same, unless somebody else is writing just now: what is counted is kept for the next write then.
    pub(crate) fn flush_if_free(&self) {
        // What can't be written now is written with something else, or not at all: nothing else needs it.
        let _ = self.flush_within(Duration::ZERO);
    }

    fn flush_within(&self, patience: Duration) -> Vec<StateProblem> {
        let Ok(home) = &self.home else {
            return Vec::new();
        };
        let store = home.user();
        if !self.has_pending() || !store.dir().path().is_dir() {
            return Vec::new();
        }
        let lock = match store.lock_within(patience) {
            Ok(lock) => lock,
            Err(error) => return vec![StateProblem::NotKept(error)],
        };
        let Loaded {
            mut state,
            mut problems,
            is_partial,
        } = State::load_locked(&lock, store, self.seal());
        if !is_partial {
            state.high_water.observe(self.reading());
            let soon = Durability::Process;
            let (written, more) = self.write_counts(&lock, store, &mut state, [soon, soon]);
            problems.extend(more);
            problems.extend(written.err().map(StateProblem::NotKept));
        }
        problems
    }

    /// The entries of this machine's usage, with what was counted since the last of them.
    ///
    /// # Errors
    /// [`ReportError`] if they can't be read, or the open period can't be closed.
    pub fn usage_report(&self, cut: Cut) -> Result<UsageExport, ReportError> {
        let home = self.home.as_ref().map_err(Clone::clone)?;
        let store = home.user();
        if !store.dir().path().is_dir() {
            return Ok(UsageExport::default());
        }
        match cut {
            Cut::Now => self.cut(store),
            Cut::Imagined => self.imagine_cut(store),
        }
    }

    /// How many entries the journal holds, with everything left as it is; none if there is no journal.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn inspect_journal(&self) -> Result<Option<usize>, StateProblem> {
        let Ok(home) = &self.home else {
            return Ok(None);
        };
        match Journal::inspect(home.user(), self.seal()) {
            (_, Some(problem)) => Err(problem),
            (journal, None) if journal.entries.is_empty() => Ok(None),
            (journal, None) => Ok(Some(journal.entries.len())),
        }
    }

    fn cut(&self, store: &Store) -> Result<UsageExport, ReportError> {
        let lock = store.lock()?;
        let loaded = State::load_locked(&lock, store, self.seal());
        let (mut state, mut problems) = (loaded.state, loaded.problems);
        if let Some(problem) = problems.pop_if(|_| loaded.is_partial) {
            return Err(problem.into());
        }
        // Before anything is closed: of a damaged journal whoever asks is to know first.
        let (journal, problem) = Journal::load_locked(&lock, store, self.seal());
        if let Some(problem) = problem {
            return Err(problem.into());
        }
        state.high_water.observe(self.reading());
        let pending = self.take_pending();
        let recorded = self.record(&lock, store, &mut state, &pending);
        let closed = recorded.and_then(|()| self.close_period(&mut state));
        if let Err(error) = closed {
            self.put_back(pending);
            return Err(error);
        }
        if state.closed.is_empty() {
            let entries = journal.entries;
            return Ok(UsageExport { entries, problems });
        }
        let durable = [Durability::Process, Durability::PowerLoss];
        if let Err(unsaved) = self.save_state(&lock, &state, durable) {
            if !unsaved.is_in_one {
                self.put_back(pending);
            }
            return Err(ReportError::Store(unsaved.into()));
        }
        let entries = self.settle(&lock, store, &mut state)?.entries;
        Ok(UsageExport { entries, problems })
    }

    fn imagine_cut(&self, store: &Store) -> Result<UsageExport, ReportError> {
        let Loaded {
            mut state,
            problems,
            ..
        } = State::load(store, self.seal(), Damaged::Leave);
        let (mut journal, problem) = Journal::inspect(store, self.seal());
        if let Some(problem) = problem {
            return Err(problem.into());
        }
        state.high_water.observe(self.reading());
        self.close_period(&mut state)?;
        journal.absorb(&state.closed);
        let entries = journal.entries;
        Ok(UsageExport { entries, problems })
    }

    /// Writes the state with what was counted in memory, then the journal if an entry was closed. The error of the state is the first part of
    /// the answer; what else went wrong stops nothing.
    pub(crate) fn write_counts(
        &self,
        lock: &StoreLock,
        store: &Store,
        state: &mut State,
        [cache, quota]: [Durability; 2],
    ) -> (Result<(), StoreError>, Option<StateProblem>) {
        let pending = self.take_pending();
        let recorded = self.record(lock, store, state, &pending);
        // What the journal has must not be open in a state that comes back after a loss of power: it would be counted again.
        let quota = match state.closed.is_empty() {
            true => quota,
            false => Durability::PowerLoss,
        };
        let written = self.save_state(lock, state, [cache, quota]);
        let is_written = match &written {
            Ok(()) => true,
            Err(unsaved) => unsaved.is_in_one,
        };
        if recorded.is_err() || !is_written {
            self.put_back(pending);
        }
        let problem = match (recorded, &written) {
            (Err(ReportError::State(problem)), _) => Some(problem),
            // Missing randomness may pass. A command that needs a report returns that error.
            (Err(_), _) => None,
            (Ok(()), Ok(())) if !state.closed.is_empty() => self.settle(lock, store, state).err(),
            _ => None,
        };
        (written.map_err(StoreError::from), problem)
    }

    /// Adds what was counted to the open period, and closes it before if its day is over: all of it, or nothing.
    fn record(
        &self,
        lock: &StoreLock,
        store: &Store,
        state: &mut State,
        counted: &Pending,
    ) -> Result<(), ReportError> {
        let now = state.high_water.mark();
        let mut behind = now.seconds_since(clock::now());
        for (license, counts) in counted {
            if state.period.is_none() {
                state.period = Some(self.begin(lock, store, state)?);
            }
            let is_over = |period: &Period| period.is_over(license.as_ref(), now);
            let may_close = state.closed.len() < MOST_WAITING;
            if may_close && state.period.as_ref().is_some_and(is_over) {
                // Without randomness it stays open.
                let _ = self.close_period(state);
            }
            let counts = counts.clone().with_clock_behind(behind);
            behind = 0;
            if let Some(period) = &mut state.period {
                period.add(license.as_ref(), &counts, now);
            }
        }
        Ok(())
    }

    /// Returns a period after the last entry of the journal, or of a new chain.
    fn begin(&self, lock: &StoreLock, store: &Store, state: &State) -> Result<Period, ReportError> {
        let (journal, problem) = Journal::load_locked(lock, store, self.seal());
        if let Some(problem) = problem.filter(may_pass) {
            return Err(problem.into());
        }
        let resets = state.high_water.resets();
        let fresh = random().ok_or(ReportError::NoRandomness)?;
        Ok(Period::begin(journal.next_place(), fresh, resets))
    }

    /// Moves the content of the open period to the closed entries.
    fn close_period(&self, state: &mut State) -> Result<(), ReportError> {
        let Some(period) = &mut state.period else {
            return Ok(());
        };
        let machine = self.digest().map(|digest| digest.to_string());
        let resets = state.high_water.resets();
        let closed = period.close(self.product, machine.as_deref(), resets, random);
        state
            .closed
            .extend(closed.ok_or(ReportError::NoRandomness)?);
        Ok(())
    }

    /// Writes closed entries to the journal. They stay in the state until it is written, so that one that is written twice is known by then.
    fn settle(
        &self,
        lock: &StoreLock,
        store: &Store,
        state: &mut State,
    ) -> Result<Journal, StateProblem> {
        let (mut journal, problem) = Journal::load_locked(lock, store, self.seal());
        if let Some(problem) = problem.filter(may_pass) {
            return Err(problem);
        }
        journal.absorb(&state.closed);
        let not_kept = |error| StateProblem::Journal(Box::new(StateProblem::NotKept(error)));
        journal.save(lock, self.seal()).map_err(not_kept)?;
        state.closed.clear();
        if let (Some(period), Some(next)) = (&mut state.period, journal.next_place()) {
            period.go_on_in(next);
        }
        // What is not cleared now is known to be in the journal later.
        let _ = self.save_state(lock, state, [Durability::Process; 2]);
        Ok(journal)
    }

    fn save_state(
        &self,
        lock: &StoreLock,
        state: &State,
        [cache, quota]: [Durability; 2],
    ) -> Result<(), Unsaved> {
        state.save(lock, self.seal(), cache, quota)
    }

    fn has_pending(&self) -> bool {
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        !pending.is_empty()
    }

    fn take_pending(&self) -> Pending {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut pending)
    }

    fn put_back(&self, counted: Pending) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        for (license, counts) in counted {
            pending.entry(license).or_default().add(&counts);
        }
    }
}

/// What can't be read now may be read later; what is damaged was set aside.
fn may_pass(problem: &StateProblem) -> bool {
    match problem {
        StateProblem::Journal(problem) => may_pass(problem),
        StateProblem::Store(_) => true,
        // Where it can't be put aside it would be replaced.
        StateProblem::Sealed { aside, .. } => aside.is_none(),
        StateProblem::NotKept(_) | StateProblem::Revocations(_) | StateProblem::Trust(_) => false,
    }
}

fn random() -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok().map(|()| bytes)
}
