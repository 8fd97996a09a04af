//! Amounts of closed periods.

use chrono::{DateTime, Utc};

use super::UsagePeriod;
use crate::domain::PoolId;

/// The amount of a meter in a closed period, or a correction of it. Rows are only appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageTotal {
    /// The number of the row, in the order of recording. The store sets it.
    pub seq: u64,
    /// The customer.
    pub customer: PoolId,
    /// The period in which it was used.
    pub period: UsagePeriod,
    /// The meter.
    pub meter: String,
    /// 0 for the amount at the closing, and 1, 2, 3 … for corrections.
    pub number: u64,
    /// The amount, or the difference of a correction.
    pub quantity: i64,
    /// The included amount at the closing. `None`: no limit.
    pub included: Option<u64>,
    /// The amount above the included one, or the difference of a correction.
    pub overage: i64,
    /// The period that carries the amount: the same one at the closing, and the open one for a
    /// correction.
    pub booked: UsagePeriod,
    /// The time of the recording.
    pub recorded_at: DateTime<Utc>,
}

/// A threshold of a meter that a customer has reached in a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageNotice {
    /// The period.
    pub period: UsagePeriod,
    /// The meter.
    pub meter: String,
    /// The percentage of the included amount: 80 or 100.
    pub percent: u64,
}
