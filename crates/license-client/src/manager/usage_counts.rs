//! Usage counts. A failure to count never stops other work.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::Duration;

use license_core::chrono::TimeDelta;
use license_core::usage::{OpenPeriod, UsageCounts};
use license_core::{Decision, License, LicenseId, time};

use super::usage_report::ReportError;
use super::{LicenseManager, random};
use crate::journal::Journal;
use crate::problem::StateProblem;
use crate::sealed_file::Durability;
use crate::state::{Loaded, State, Unsaved};
use crate::store::{Store, StoreError, StoreLock};

/// How long a write of counts waits for the lock. A program may wait this long when it ends.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// Maximum number of closed entries that wait while the journal cannot be written. If the maximum
/// is reached, the period stays open for longer than a day.
const MAX_WAITING: usize = 8;

/// Usage counts in memory, by license.
pub(super) type Pending = BTreeMap<Option<LicenseId>, UsageCounts>;

/// The license and the user for which usage is counted.
///
/// ```
/// use license_client::UsageAccount;
///
/// let account = UsageAccount { user: Some("ann"), ..UsageAccount::default() };
/// assert_eq!(account.license, None);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct UsageAccount<'a> {
    /// The license in effect. `None` if there is none.
    pub license: Option<&'a LicenseId>,
    /// The named user. `None` if the user has no name.
    pub user: Option<&'a str>,
}

impl<'a> UsageAccount<'a> {
    /// Returns the account for usage under a decision.
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
    /// use license_client::UsageAccount;
    ///
    /// let decision = client.decide()?;
    /// let account = UsageAccount::new(&decision, Some("ann"));
    /// assert_eq!(account.license, None, "no license is installed");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(decision: &'a Decision, user: Option<&'a str>) -> Self {
        let license = decision.license().map(License::id);
        Self { license, user }
    }
}

impl LicenseManager {
    /// Counts usage in memory. [`Self::flush_counts`] and every later write of the state save the
    /// counts.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// use license_client::UsageAccount;
    /// use license_client::license_core::usage::UsageCounts;
    ///
    /// let account = UsageAccount { user: Some("ann"), ..UsageAccount::default() };
    /// manager.count(account, UsageCounts::quota_used("exports", 2));
    /// assert!(manager.flush_counts().is_empty(), "there are no problems");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn count(&self, account: UsageAccount<'_>, counts: UsageCounts) {
        let counts = counts.user(account.user);
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let license = account.license.cloned();
        pending.entry(license).or_default().add(&counts);
    }

    /// Writes to disk the counts that are in memory, if there is a state directory. Returns the
    /// problems. Counts that could not be written stay in memory.
    ///
    /// Waits for at most one second while another process or thread writes.
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
    /// // Call this before `std::process::exit`, which drops no values. Dropping the client also
    /// // writes the counts, unless another process is writing.
    /// for problem in client.manager().flush_counts() {
    ///     eprintln!("{problem}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn flush_counts(&self) -> Vec<StateProblem> {
        self.flush_within(FLUSH_TIMEOUT)
    }

    /// Writes to disk the counts that are in memory, unless another process is writing.
    pub(crate) fn flush_if_free(&self) {
        // Counts that cannot be written now are written together with the next state. They are lost
        // if the process ends before then.
        let _ = self.flush_within(Duration::ZERO);
    }

    fn flush_within(&self, timeout: Duration) -> Vec<StateProblem> {
        let Ok(paths) = self.paths() else {
            return Vec::new();
        };
        let store = paths.user();
        if !self.has_pending() || !store.dir().path().is_dir() {
            return Vec::new();
        }
        let lock = match store.lock_within(timeout) {
            Ok(lock) => lock,
            Err(error) => return vec![StateProblem::NotSaved(error)],
        };
        let Loaded {
            mut state,
            mut problems,
            is_partial,
        } = State::load_locked(&lock, store, self.seal());
        if !is_partial {
            state.high_water.observe(self.reading());
            let durability = [Durability::Process; 2];
            let (written, more) = self.write_counts(&lock, store, &mut state, durability);
            problems.extend(more);
            problems.extend(written.err().map(StateProblem::NotSaved));
        }
        problems
    }

    /// Adds the counts in memory to the state and writes the state. Then writes the journal, if an
    /// entry was closed.
    ///
    /// Returns the result of writing the state, and a problem with the journal, which does not
    /// prevent other work.
    pub(crate) fn write_counts(
        &self,
        lock: &StoreLock,
        store: &Store,
        state: &mut State,
        [cache, quota]: [Durability; 2],
    ) -> (Result<(), StoreError>, Option<StateProblem>) {
        let pending = self.take_pending();
        let recorded = self.record(lock, store, state, &pending);
        // After a loss of power, an older copy of the state may come back. If an entry of the
        // journal were still open in that copy, its usage would be counted again.
        let quota = if state.closed.is_empty() {
            quota
        } else {
            Durability::PowerLoss
        };
        let written = self.save_state(lock, state, [cache, quota]);
        let is_written = match &written {
            Ok(()) => true,
            Err(unsaved) => unsaved.is_in_one_file,
        };
        if recorded.is_err() || !is_written {
            self.restore_pending(pending);
        }
        let problem = match (recorded, &written) {
            (Err(ReportError::State(problem)), _) => Some(problem),
            // A lack of random bytes may be temporary. A command that creates a report returns this
            // error.
            (Err(_), _) => None,
            (Ok(()), Ok(())) if !state.closed.is_empty() => {
                self.write_journal(lock, store, state).err()
            }
            _ => None,
        };
        (written.map_err(StoreError::from), problem)
    }

    /// Adds counts to the open period. First closes the period if its day is over.
    pub(super) fn record(
        &self,
        lock: &StoreLock,
        store: &Store,
        state: &mut State,
        counted: &Pending,
    ) -> Result<(), ReportError> {
        let clock = self.clock().now();
        let now = state.high_water.usage_time(clock);
        let mut behind = time::duration_since(now, clock);
        for (license, counts) in counted {
            if state.period.is_none() {
                state.period = Some(self.begin_period(lock, store, state)?);
            }
            let is_over = |period: &OpenPeriod| period.is_over(license.as_ref(), now);
            let may_close = state.closed.len() < MAX_WAITING;
            if may_close && state.period.as_ref().is_some_and(is_over) {
                // Without random bytes, the period stays open.
                let _ = self.close_period(state);
            }
            let counts = counts.clone().clock_behind(behind);
            behind = TimeDelta::zero();
            if let Some(period) = &mut state.period {
                period.add(license.as_ref(), &counts, now);
            }
        }
        Ok(())
    }

    /// Returns a period that follows the last entry of the journal, or starts a new chain.
    fn begin_period(
        &self,
        lock: &StoreLock,
        store: &Store,
        state: &State,
    ) -> Result<OpenPeriod, ReportError> {
        let (journal, problem) = Journal::load_locked(lock, store, self.seal());
        if let Some(problem) = problem.filter(is_temporary) {
            return Err(problem.into());
        }
        let resets = state.high_water.resets();
        let chain = random().ok_or(ReportError::NoRandomness)?;
        Ok(OpenPeriod::new(journal.next_position(), chain, resets))
    }

    /// Moves the counts of the open period to the closed entries.
    pub(super) fn close_period(&self, state: &mut State) -> Result<(), ReportError> {
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

    /// Writes the closed entries to the journal, and then removes them from the state. If the
    /// process crashes in between, the next write recognizes the entries that are already in the
    /// journal.
    pub(super) fn write_journal(
        &self,
        lock: &StoreLock,
        store: &Store,
        state: &mut State,
    ) -> Result<Journal, StateProblem> {
        let (mut journal, problem) = Journal::load_locked(lock, store, self.seal());
        if let Some(problem) = problem.filter(is_temporary) {
            return Err(problem);
        }
        journal.append(&state.closed);
        let not_saved = |error| StateProblem::Journal(Box::new(StateProblem::NotSaved(error)));
        journal.save(lock, self.seal()).map_err(not_saved)?;
        state.closed.clear();
        if let (Some(period), Some(next)) = (&mut state.period, journal.next_position()) {
            period.advance_to(next);
        }
        // If this write fails, the entries stay in the state, and the next call finds them in the
        // journal.
        let _ = self.save_state(lock, state, [Durability::Process; 2]);
        Ok(journal)
    }

    pub(super) fn save_state(
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

    pub(super) fn take_pending(&self) -> Pending {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut pending)
    }

    pub(super) fn restore_pending(&self, counted: Pending) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        for (license, counts) in counted {
            pending.entry(license).or_default().add(&counts);
        }
    }
}

/// Returns whether a problem may be temporary. In that case, the file must not be replaced.
fn is_temporary(problem: &StateProblem) -> bool {
    match problem {
        StateProblem::Journal(problem) => is_temporary(problem),
        StateProblem::Store(_) => true,
        // If the file is not quarantined, it is still in place, and the next write would replace
        // it.
        StateProblem::Sealed { quarantined, .. } => quarantined.is_none(),
        StateProblem::NotSaved(_)
        | StateProblem::Revocations(_)
        | StateProblem::Trust(_)
        | StateProblem::SystemDir(_)
        | StateProblem::TimeFromFiles { .. }
        | StateProblem::UnknownActivation { .. } => false,
    }
}
