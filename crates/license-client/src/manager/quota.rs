//! Quotas that several processes use at the same time.

use std::sync::PoisonError;

use license_core::Code;
use license_core::policy::Quota;
use license_core::state::QuotaUse;
use license_core::usage::UsageCounts;
use thiserror::Error;

use super::{LicenseManager, UsageAccount};
use crate::events;
use crate::problem::StateProblem;
use crate::sealed_file::Durability;
use crate::state::State;
use crate::state_dir::StateDirError;
use crate::store::{Damaged, Store, StoreError, StoreLock};

/// Result of using a quota.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let vendor = fixture::Vendor::new()?;
/// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
/// # let manager = &machine.manager;
/// use license_client::{Quota, UsageAccount};
///
/// let report = manager.use_quota(UsageAccount::default(), "exports", 1, Quota::Limit(5))?;
/// assert!(report.quota_use.granted);
/// assert!(report.problems.is_empty(), "the use is recorded on disk");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
#[must_use]
pub struct QuotaUseReport {
    /// Whether the use was granted, and the remaining quota.
    pub quota_use: QuotaUse,
    /// Files that could not be read or written.
    pub problems: Vec<StateProblem>,
}

/// The reason why a use of a finite quota cannot be counted. The use is refused.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let vendor = fixture::Vendor::new()?;
/// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
/// # let manager = &machine.manager;
/// use license_client::{Quota, QuotaError, UsageAccount, with_causes};
///
/// match manager.use_quota(UsageAccount::default(), "exports", 1, Quota::Limit(5)) {
///     Ok(report) => println!("granted: {}", report.quota_use.granted),
///     Err(error @ QuotaError::StateDir(_)) => eprintln!("set HOME: {}", with_causes(&error)),
///     Err(error) => eprintln!("check the permissions: {}", with_causes(&error)),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum QuotaError {
    /// No state directory is known.
    #[error("cannot determine the state directory")]
    StateDir(#[from] StateDirError),
    /// The counters cannot be read or written, and the system is not at fault.
    #[error("cannot count the use of the quota")]
    Store(#[from] StoreError),
}

impl LicenseManager {
    /// Takes `count` from a quota: either the whole amount or nothing. A `count` of 0 records
    /// nothing and returns the current usage.
    ///
    /// When the method returns, a granted use is recorded durably. Concurrent processes never take
    /// the same part of the quota.
    ///
    /// A use of a finite quota that cannot be counted is an error, unless the system is at fault:
    /// if its file system is read-only, full or defective, or if there is no home directory, this
    /// process counts in memory, starting from the counts that could be read. The report then
    /// contains the reason. An unlimited quota never fails because of the state.
    ///
    /// Granted and refused uses are also counted for usage reports, under `account`.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// use license_client::{Quota, UsageAccount};
    ///
    /// let account = UsageAccount { license: None, user: Some("ann") };
    /// let first = manager.use_quota(account, "exports", 3, Quota::Limit(5))?.quota_use;
    /// assert_eq!((first.granted, first.remaining()), (true, Quota::Limit(2)));
    /// let second = manager.use_quota(account, "exports", 3, Quota::Limit(5))?.quota_use;
    /// assert!(!second.granted);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`QuotaError`] if the use of a finite quota cannot be counted, or if other processes
    /// held the lock for ten seconds ([`StoreError::Busy`]).
    pub fn use_quota(
        &self,
        account: UsageAccount<'_>,
        quota: &str,
        count: u64,
        limit: Quota,
    ) -> Result<QuotaUseReport, QuotaError> {
        let request = QuotaRequest {
            quota,
            count,
            limit,
        };
        let report = self.use_requested(account, request);
        match &report {
            Ok(report) if report.quota_use.granted => {}
            Ok(report) => events::quota_refused(quota, &report.quota_use),
            Err(QuotaError::StateDir(_)) => events::unusable(None, Some(Code::QuotaNotCounted)),
            Err(QuotaError::Store(error)) => {
                events::unusable(Some(error.path()), Some(Code::QuotaNotCounted));
            }
        }
        report
    }

    /// Checks that a use of a finite quota can be counted now. Changes nothing, and waits for no
    /// lock.
    ///
    /// A fault of the system is no error, because [`Self::use_quota`] then grants the use. If root
    /// refuses to write to the directory of another user, this is no error either, because that
    /// user can write.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// if let Err(error) = manager.check_counting() {
    ///     eprintln!("uses of finite quotas are denied: {error}");
    /// }
    /// # assert!(manager.check_counting().is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the error that [`Self::use_quota`] would return.
    pub fn check_counting(&self) -> Result<(), QuotaError> {
        let store = match self.paths() {
            Ok(paths) => paths.user(),
            Err(error) if error.is_fault_of_system() => return Ok(()),
            Err(error) => return Err(error.clone().into()),
        };
        let is_fault = |error: &StoreError| {
            !matches!(error, StoreError::Unsafe { .. }) && !error.is_fault_of_system()
        };
        if let Err(error) = store.check_access()
            && is_fault(&error)
        {
            return Err(error.into());
        }
        let problems = State::load(store, self.seal(), Damaged::Leave).problems;
        let unreadable = problems.into_iter().find_map(|problem| match problem {
            StateProblem::Store(error) if is_fault(&error) => Some(error),
            _ => None,
        });
        unreadable.map_or(Ok(()), |error| Err(error.into()))
    }

    fn use_requested(
        &self,
        account: UsageAccount<'_>,
        request: QuotaRequest<'_>,
    ) -> Result<QuotaUseReport, QuotaError> {
        let store = match self.paths() {
            Ok(paths) => paths.user(),
            Err(error) if request.is_excused(error.is_fault_of_system()) => {
                return Ok(self.take_unsaved(account, request, State::default()));
            }
            Err(error) => return Err(self.refuse(account, error.clone().into())),
        };
        let lock = match store.lock() {
            Ok(lock) => lock,
            Err(busy @ StoreError::Busy { .. }) => return Err(busy.into()),
            Err(error) if request.is_excused(error.is_fault_of_system()) => {
                let stored = State::load(store, self.seal(), Damaged::Leave).state;
                let taken = self.take_unsaved(account, request, stored);
                return Ok(taken.with([StateProblem::NotSaved(error)]));
            }
            Err(error) => return Err(self.refuse(account, error.into())),
        };
        self.use_locked(account, request, store, lock)
    }

    fn use_locked(
        &self,
        account: UsageAccount<'_>,
        request: QuotaRequest<'_>,
        store: &Store,
        lock: StoreLock,
    ) -> Result<QuotaUseReport, QuotaError> {
        let loaded = State::load_locked(&lock, store, self.seal());
        let mut state = loaded.state.clone();
        let mut problems = loaded.problems;
        if loaded.is_partial {
            drop(lock);
            if let Some(error) = request.obstacle(&mut problems) {
                return Err(self.refuse(account, error.into()));
            }
            let taken = self.take_unsaved(account, request, loaded.state);
            return Ok(taken.with(problems));
        }
        let mut taken = self.take_from(&mut state, request);
        if request.count > 0 {
            self.count(account, request.usage_counts(&taken));
            let durability = request.durability(&taken);
            let (written, problem) = self.write_counts(&lock, store, &mut state, durability);
            problems.extend(problem);
            if let Err(error) = written {
                drop(lock);
                if taken.granted && !request.is_excused(error.is_fault_of_system()) {
                    return Err(error.into());
                }
                taken = self.take_from_memory(request, loaded.state);
                problems.push(StateProblem::NotSaved(error));
            }
        }
        Ok(QuotaUseReport {
            quota_use: taken,
            problems,
        })
    }

    /// Counts a refusal for usage reports, and returns its reason.
    fn refuse(&self, account: UsageAccount<'_>, reason: QuotaError) -> QuotaError {
        self.count(account, UsageCounts::denied(Code::QuotaNotCounted));
        reason
    }

    /// Takes from a quota while the state cannot be saved. The usage counts stay in memory until
    /// the next successful write.
    fn take_unsaved(
        &self,
        account: UsageAccount<'_>,
        request: QuotaRequest<'_>,
        stored: State,
    ) -> QuotaUseReport {
        let taken = self.take_from_memory(request, stored);
        if request.count > 0 {
            self.count(account, request.usage_counts(&taken));
        }
        QuotaUseReport {
            quota_use: taken,
            problems: Vec::new(),
        }
    }

    fn take_from_memory(&self, request: QuotaRequest<'_>, stored: State) -> QuotaUse {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = memory.clone().merged(stored);
        let taken = self.take_from(&mut state, request);
        *memory = state;
        taken
    }

    fn take_from(&self, state: &mut State, request: QuotaRequest<'_>) -> QuotaUse {
        let reading = self.reading();
        state.high_water.observe(reading);
        let now = state.high_water.quota_time(reading.clock);
        state
            .quota_counters
            .take(request.quota, request.count, request.limit, now)
    }
}

/// A requested use of a quota.
#[derive(Clone, Copy)]
struct QuotaRequest<'a> {
    quota: &'a str,
    count: u64,
    limit: Quota,
}

impl QuotaRequest<'_> {
    /// Returns whether the request may be granted if it cannot be counted.
    fn is_excused(&self, is_fault_of_system: bool) -> bool {
        is_fault_of_system || self.count == 0 || self.limit == Quota::Unlimited
    }

    /// Removes and returns the reason why the request must not be granted while the counters cannot
    /// be read.
    fn obstacle(&self, problems: &mut Vec<StateProblem>) -> Option<StoreError> {
        let is_obstacle = |problem: &StateProblem| match problem {
            StateProblem::Store(error) => !self.is_excused(error.is_fault_of_system()),
            _ => false,
        };
        let position = problems.iter().position(is_obstacle)?;
        match problems.swap_remove(position) {
            StateProblem::Store(error) => Some(error),
            _ => None,
        }
    }

    /// Returns the usage counts that a usage report contains for this request.
    fn usage_counts(&self, taken: &QuotaUse) -> UsageCounts {
        if taken.granted {
            UsageCounts::quota_used(self.quota, self.count)
        } else {
            UsageCounts::quota_refused(self.quota)
        }
    }

    /// Returns the durability for the two state files. A refusal may be lost, because the loss
    /// gives no advantage.
    fn durability(&self, taken: &QuotaUse) -> [Durability; 2] {
        if taken.granted {
            [Durability::Process, Durability::PowerLoss]
        } else {
            [Durability::Process; 2]
        }
    }
}

impl QuotaUseReport {
    fn with(mut self, problems: impl IntoIterator<Item = StateProblem>) -> Self {
        self.problems.extend(problems);
        self
    }
}
