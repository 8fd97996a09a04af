//! Evidence of the time in files of the operating system.

use chrono::{DateTime, TimeDelta, Utc};

use crate::time::{self, CLOCK_TOLERANCE};

/// The number of independent sources that must agree.
///
/// One file may be damaged, and a file server with a wrong clock may contain a second source.
const QUORUM: usize = 3;

/// The duration after the known time up to which a time is plausible.
///
/// Wrong clocks of honest machines that are ahead usually show 2036, 2038, 2099 or 2106.
const MAX_LEAD: TimeDelta = TimeDelta::days(5 * 366);

/// The times of files that independent programs of the operating system write.
///
/// Evidence replaces a high-water mark that was lost. A single file proves nothing, because anyone
/// may set its time by mistake. Three sources that agree show that the clock was that late already.
///
/// ```
/// use license_core::chrono::{DateTime, TimeDelta, Utc};
/// use license_core::state::{ClockEvidence, ClockHighWater, ClockReading};
/// use license_core::time;
///
/// // The state was lost, and the clock was set back by two months.
/// let clock = time::parse_instant("2027-03-01")?;
/// let reading = ClockReading { clock, boot: None };
/// let mut seen = ClockHighWater::default();
/// assert!(seen.needs_evidence());
/// seen.observe(reading);
///
/// let days = |days| vec![clock + TimeDelta::days(days)];
/// // Boot records, the package manager, the log, and a file that was touched by mistake.
/// let evidence = ClockEvidence::new([days(60), days(50), days(55), days(40_000)]);
/// seen.record_evidence(&evidence, reading);
/// assert_eq!(seen.mark(), clock + TimeDelta::days(50));
/// assert!(seen.is_from_files());
/// # Ok::<(), license_core::time::TimeError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClockEvidence {
    /// The times of the files of each source.
    sources: Vec<Vec<DateTime<Utc>>>,
}

impl ClockEvidence {
    /// Creates evidence from the times of files, one list for each independent source.
    ///
    /// ```
    /// use license_core::chrono::{DateTime, Utc};
    /// use license_core::state::{ClockEvidence, ClockHighWater, ClockReading};
    /// use license_core::time;
    ///
    /// let file = time::parse_instant("2027-05-01")?;
    /// let reading = ClockReading { clock: time::parse_instant("2027-03-01")?, boot: None };
    /// let mut seen = ClockHighWater::default();
    /// seen.observe(reading);
    /// // Two sources are not enough.
    /// seen.record_evidence(&ClockEvidence::new([vec![file, file], vec![file]]), reading);
    /// assert_eq!(seen.mark(), reading.clock);
    /// # Ok::<(), license_core::time::TimeError>(())
    /// ```
    pub fn new(sources: impl IntoIterator<Item = Vec<DateTime<Utc>>>) -> Self {
        Self {
            sources: sources.into_iter().collect(),
        }
    }

    /// Returns the time that enough sources have reached, if it is later than `known` by more than
    /// the tolerance of 24 hours.
    ///
    /// Of each source, the latest plausible time counts.
    pub(super) fn time_after(&self, known: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let limit = time::saturating_add(known, MAX_LEAD);
        let latest = |files: &Vec<DateTime<Utc>>| {
            let files = files.iter().map(|&file| time::clamp(file));
            files.filter(|&file| file <= limit).max()
        };
        let mut sources: Vec<_> = self.sources.iter().filter_map(latest).collect();
        sources.sort_unstable();
        let agreed = *sources.iter().rev().nth(QUORUM - 1)?;
        (time::duration_since(agreed, known) > CLOCK_TOLERANCE).then_some(agreed)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn known() -> DateTime<Utc> {
        time::parse_instant("2027-03-01T12:00:00Z").unwrap()
    }

    /// Returns the agreed time in days after [`known()`], for sources with files of these days.
    fn agreed(sources: &[&[i64]]) -> Option<i64> {
        let file = |&day: &i64| known() + TimeDelta::days(day);
        let sources = sources.iter().map(|files| files.iter().map(file).collect());
        let time = ClockEvidence::new(sources).time_after(known())?;
        Some((time - known()).num_days())
    }

    #[test]
    fn three_sources_must_agree() {
        assert_eq!(agreed(&[]), None);
        assert_eq!(agreed(&[&[60, 61, 62], &[60]]), None);
        assert_eq!(agreed(&[&[60], &[50], &[-400]]), None);
        assert_eq!(agreed(&[&[60], &[50], &[40]]), Some(40));
        assert_eq!(agreed(&[&[10, 60], &[50], &[], &[40, -9], &[30]]), Some(40));
    }

    #[test]
    fn an_implausible_time_does_not_count() {
        let year_2099 = 26_000;
        assert_eq!(agreed(&[&[year_2099], &[year_2099], &[year_2099]]), None);
        assert_eq!(agreed(&[&[year_2099, 60], &[50], &[40]]), Some(40));
        assert_eq!(agreed(&[&[year_2099], &[50], &[40]]), None);
    }

    #[test]
    fn a_difference_of_a_day_is_tolerated() {
        assert_eq!(agreed(&[&[1], &[1], &[1]]), None);
        assert_eq!(agreed(&[&[2], &[2], &[2]]), Some(2));
    }
}
