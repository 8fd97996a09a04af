//! The time by which use is counted.

use chrono::{DateTime, TimeDelta, Utc};

use super::ClockHighWater;
use crate::state::quota_counters::REMEMBERED_DAYS;
use crate::time;

/// The duration by which the mark may be ahead of a correct clock.
///
/// The clock and the uptime are rounded down to seconds, and their seconds do not begin at the same
/// moment. The uptime between two readings may therefore be a second more than the clock shows.
const ROUNDING: TimeDelta = TimeDelta::seconds(1);

impl ClockHighWater {
    /// Returns the time that usage reports show: the mark, or the clock if only rounding separates
    /// them.
    ///
    /// ```
    /// use license_core::chrono::TimeDelta;
    /// use license_core::state::{Boot, ClockHighWater, ClockReading};
    /// use license_core::time;
    ///
    /// let clock = time::parse_instant("2027-03-01T12:00:00Z")?;
    /// let boot = |seconds| Some(Boot { id: 1, uptime: TimeDelta::seconds(seconds) });
    /// let mut seen = ClockHighWater::default();
    /// seen.observe(ClockReading { clock, boot: boot(100) });
    /// // The uptime reaches its next second before the clock does.
    /// seen.observe(ClockReading { clock, boot: boot(101) });
    /// assert!(seen.mark() > clock);
    /// assert_eq!(seen.usage_time(clock), clock);
    /// assert_eq!(seen.usage_time(clock - TimeDelta::hours(1)), seen.mark());
    /// # Ok::<(), license_core::time::TimeError>(())
    /// ```
    pub fn usage_time(&self, clock: DateTime<Utc>) -> DateTime<Utc> {
        let clock = time::clamp(clock);
        if time::duration_since(self.mark, clock) <= ROUNDING {
            self.mark.min(clock)
        } else {
            self.mark
        }
    }

    /// Returns the time that determines the day of daily quotas.
    ///
    /// The result is the later of the clock and [`ClockHighWater::usage_time`]. If the clock is
    /// ahead of the mark by more days than the quota counters remember, the result is the mark.
    ///
    /// The uptime stops while a virtual machine is paused, and under WSL while the host sleeps. The
    /// mark then falls behind a correct clock. A clock that is set ahead can only use the quotas of
    /// the following days in advance, because the counters remember the use on each of these days.
    ///
    /// ```
    /// use license_core::chrono::TimeDelta;
    /// use license_core::time;
    /// use license_core::state::{Boot, ClockHighWater, ClockReading};
    ///
    /// let at = |text| time::parse_instant(text);
    /// let boot = Some(Boot { id: 1, uptime: TimeDelta::minutes(1) });
    /// let mut seen = ClockHighWater::default();
    /// seen.observe(ClockReading { clock: at("2027-03-01")?, boot });
    /// // The machine was paused for a week.
    /// seen.observe(ClockReading { clock: at("2027-03-08")?, boot });
    /// assert!(seen.mark() < at("2027-03-02")?);
    /// assert_eq!(seen.quota_time(at("2027-03-08")?), at("2027-03-08")?);
    /// // A clock that is too far ahead is ignored.
    /// assert_eq!(seen.quota_time(at("2099-01-01")?), seen.mark());
    /// assert_eq!(seen.quota_time(at("2027-02-01")?), seen.mark());
    /// # Ok::<(), license_core::time::TimeError>(())
    /// ```
    pub fn quota_time(&self, clock: DateTime<Utc>) -> DateTime<Utc> {
        let clock = time::clamp(clock);
        if time::duration_since(clock, self.mark) <= time::days(REMEMBERED_DAYS) {
            self.usage_time(clock).max(clock)
        } else {
            self.mark
        }
    }
}
