//! The amounts of quotas that are used today.

use std::sync::PoisonError;

use license_core::chrono::{DateTime, Utc};
use license_core::policy::Quota;
use license_core::state::{QuotaCounters, QuotaUse};

use super::LicenseManager;
use crate::state::State;

/// The amounts of quotas that are used today.
#[derive(Debug, Clone)]
pub struct UsedQuotas {
    /// The counters. `None` if they cannot be read.
    counters: Option<QuotaCounters>,
    /// The time that decides on the day.
    time: DateTime<Utc>,
}

impl UsedQuotas {
    /// Returns the use of a quota with this limit, or `None` if the counters cannot be read.
    /// Nothing is counted.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// use license_client::{FeatureMatrix, Quota, UsageAccount};
    ///
    /// let account = UsageAccount { license: None, user: None };
    /// let _ = manager.use_quota(account, "exports", 3, Quota::Limit(5))?;
    /// let snapshot = manager.inspect(FeatureMatrix::built_in());
    /// let exports = snapshot.quotas.quota_use("exports", Quota::Limit(5));
    /// let exports = exports.ok_or("the counters cannot be read")?;
    /// assert_eq!((exports.used, exports.remaining()), (3, Quota::Limit(2)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn quota_use(&self, quota: &str, limit: Quota) -> Option<QuotaUse> {
        let mut counters = self.counters.clone()?;
        Some(counters.take(quota, 0, limit, self.time))
    }
}

impl LicenseManager {
    /// Returns the amounts of quotas that are used today: those of the state, and those that this
    /// process keeps in memory while no state can be saved.
    pub(super) fn used_quotas(&self, state: &State, is_partial: bool) -> UsedQuotas {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let counters = memory.quota_counters.clone();
        let high_water = memory.high_water.clone();
        drop(memory);
        let high_water = high_water.merged(state.high_water.clone());
        let counters = (!is_partial).then(|| counters.merged(state.quota_counters.clone()));
        UsedQuotas {
            counters,
            time: high_water.quota_time(self.clock().now()),
        }
    }
}
