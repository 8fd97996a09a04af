//! The one place that reads the clock.

use std::time::{SystemTime, UNIX_EPOCH};

use license_core::Timestamp;

/// What the clock shows. A clock before 1970, as after a flat battery, counts as 1970: evaluation never goes
/// back behind what signed artefacts prove.
pub fn now() -> Timestamp {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_unix_seconds(since_epoch.as_secs()).unwrap_or(Timestamp::MAX)
}
