//! Quotas that several processes use at the same time.

use std::sync::PoisonError;

use license_core::policy::Quota;
use license_core::state::QuotaUse;
use license_core::usage::UsageCounts;

use super::{LicenseManager, UsageAccount};
use crate::events;
use crate::problem::StateProblem;
use crate::sealed_file::Durability;
use crate::state::State;
use crate::store::{Damaged, StoreError};

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

impl LicenseManager {
    /// Takes `count` from a quota: either the whole amount or nothing. A `count` of 0 records
    /// nothing and returns the current usage.
    ///
    /// When the method returns, a granted use is recorded durably. Concurrent processes never take
    /// the same part of the quota. If the state cannot be saved, this process counts in memory,
    /// starting from the counts that could be read, and the report contains the reason.
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
    /// Returns [`StoreError::Busy`] if other processes held the lock for ten seconds.
    pub fn use_quota(
        &self,
        account: UsageAccount<'_>,
        quota: &str,
        count: u64,
        limit: Quota,
    ) -> Result<QuotaUseReport, StoreError> {
        let request = QuotaRequest {
            quota,
            count,
            limit,
        };
        let report = self.use_requested(account, request)?;
        if !report.quota_use.granted {
            events::quota_refused(quota, &report.quota_use);
        }
        Ok(report)
    }

    fn use_requested(
        &self,
        account: UsageAccount<'_>,
        request: QuotaRequest<'_>,
    ) -> Result<QuotaUseReport, StoreError> {
        let store = match &self.paths {
            Ok(paths) => paths.user(),
            Err(_) => return Ok(self.take_unsaved(account, request, State::default())),
        };
        let lock = match store.lock() {
            Ok(lock) => lock,
            Err(busy @ StoreError::Busy { .. }) => return Err(busy),
            Err(error) => {
                let stored = State::load(store, self.seal(), Damaged::Leave).state;
                let taken = self.take_unsaved(account, request, stored);
                return Ok(taken.with(StateProblem::NotSaved(error)));
            }
        };
        let loaded = State::load_locked(&lock, store, self.seal());
        let mut state = loaded.state.clone();
        let mut problems = loaded.problems;
        if loaded.is_partial {
            drop(lock);
            let taken = self.take_unsaved(account, request, loaded.state);
            return Ok(QuotaUseReport { problems, ..taken });
        }
        let mut taken = self.take_from(&mut state, request);
        if request.count > 0 {
            self.count(account, request.usage_counts(&taken));
            let durability = request.durability(&taken);
            let (written, problem) = self.write_counts(&lock, store, &mut state, durability);
            problems.extend(problem);
            if let Err(error) = written {
                drop(lock);
                taken = self.take_from_memory(request, loaded.state);
                problems.push(StateProblem::NotSaved(error));
            }
        }
        Ok(QuotaUseReport {
            quota_use: taken,
            problems,
        })
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
    fn with(mut self, problem: StateProblem) -> Self {
        self.problems.push(problem);
        self
    }
}
