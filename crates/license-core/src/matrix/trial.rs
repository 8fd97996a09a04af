//! The trial that a product offers.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::file;
use crate::ids::Tier;

/// Tier and length of a trial license.
///
/// ```
/// use license_core::matrix::TrialPolicy;
/// use license_core::chrono::TimeDelta;
///
/// let trial: TrialPolicy = serde_json::from_str(r#"{ "tier": "PRO", "days": 14 }"#)?;
/// assert_eq!((trial.tier.as_str(), trial.length), ("PRO", TimeDelta::days(14)));
/// assert!(serde_json::from_str::<TrialPolicy>(r#"{ "tier": "PRO", "days": 0 }"#).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialPolicy {
    /// The tier.
    pub tier: Tier,
    /// The length in whole days, 1 to 3660 days.
    #[serde(
        rename = "days",
        serialize_with = "file::days",
        deserialize_with = "file::trial_days"
    )]
    pub length: TimeDelta,
}
