//! The clock, as an argument of the services.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use license_core::chrono::{DateTime, Utc};
use license_core::time;

/// A source of the current time.
///
/// ```
/// use license_issuer::clock::Clock;
/// use std::time::Duration;
///
/// /// A clock for tests.
/// struct NewYear;
///
/// impl Clock for NewYear {
///     fn since_epoch(&self) -> Duration {
///         Duration::from_secs(1_798_761_600)
///     }
/// }
/// assert_eq!(NewYear.now().date_naive().to_string(), "2027-01-01");
/// ```
pub trait Clock {
    /// Returns the time since 1970-01-01T00:00:00Z.
    fn since_epoch(&self) -> Duration;

    /// Returns the current time in whole seconds.
    fn now(&self) -> DateTime<Utc> {
        time::from_unix_seconds(self.since_epoch().as_secs()).unwrap_or(time::MAX)
    }

    /// Returns the microseconds since 1970, which fit into 53 bits until the year 2255.
    fn unix_micros(&self) -> u64 {
        u64::try_from(self.since_epoch().as_micros()).unwrap_or(u64::MAX)
    }

    /// Returns the current time in whole milliseconds.
    fn now_in_millis(&self) -> DateTime<Utc> {
        let millis = i64::try_from(self.since_epoch().as_millis()).ok();
        let now = millis.and_then(DateTime::from_timestamp_millis);
        now.unwrap_or(time::MAX)
    }
}

/// The clock of the operating system. A time before 1970 counts as 1970.
///
/// ```
/// use license_issuer::clock::{Clock, SystemClock};
///
/// println!("{}", SystemClock.now());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn since_epoch(&self) -> Duration {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.unwrap_or(Duration::ZERO)
    }
}
