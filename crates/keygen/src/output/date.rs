//! Days as tables show them.

use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::time;

/// Returns the day of an instant, such as `2027-01-31`.
pub(crate) fn day(instant: DateTime<Utc>) -> String {
    instant.date_naive().to_string()
}

/// Returns the last day of a license that ends at an instant.
pub(crate) fn last_day(end: DateTime<Utc>) -> String {
    day(time::saturating_sub(end, TimeDelta::seconds(1)))
}
