//! Evidence in place of a high-water mark that was lost.

use super::{ClockHighWater, Run, UPTIME_TOLERANCE};
use crate::state::clock_evidence::ClockEvidence;
use crate::state::clock_reading::ClockReading;
use crate::time;

impl ClockHighWater {
    /// Returns whether evidence counts: no signed artifact was recorded yet.
    ///
    /// Call this method before [`ClockHighWater::record_signature`], and then
    /// [`ClockHighWater::record_evidence`]. A state with a recorded artifact has its own mark, and
    /// a clock repair also counts as a signed artifact. Evidence therefore never undoes a repair.
    ///
    /// ```
    /// use license_core::state::{ClockHighWater, ClockReading};
    /// use license_core::time;
    ///
    /// let clock = time::parse_instant("2027-03-01")?;
    /// let reading = ClockReading { clock, boot: None };
    /// let mut seen = ClockHighWater::default();
    /// assert!(seen.needs_evidence());
    /// seen.repair(clock, reading);
    /// assert!(!seen.needs_evidence());
    /// # Ok::<(), license_core::time::TimeError>(())
    /// ```
    pub fn needs_evidence(&self) -> bool {
        self.signed == time::MIN
    }

    /// Raises the mark to the time that independent sources of evidence agree on.
    ///
    /// Nothing changes unless this time is more than 24 hours after both the clock and the mark, so
    /// [`ClockHighWater::is_behind`] is true afterwards. Only an artifact that was signed after
    /// this time, or a clock repair, lowers the mark again.
    ///
    /// ```
    /// use license_core::chrono::TimeDelta;
    /// use license_core::state::{ClockEvidence, ClockHighWater, ClockReading};
    /// use license_core::time;
    ///
    /// let reading = ClockReading { clock: time::parse_instant("2027-03-01")?, boot: None };
    /// let file = time::parse_instant("2027-05-01")?;
    /// let mut seen = ClockHighWater::default();
    /// seen.observe(reading);
    /// seen.record_evidence(&ClockEvidence::new(vec![vec![file]; 3]), reading);
    /// assert_eq!(seen.mark(), file);
    /// assert!(seen.is_behind(reading.clock));
    /// # Ok::<(), license_core::time::TimeError>(())
    /// ```
    pub fn record_evidence(&mut self, evidence: &ClockEvidence, reading: ClockReading) {
        let reading = reading.clamped();
        let Some(time) = evidence.time_after(self.mark.max(reading.clock)) else {
            return;
        };
        self.mark = time;
        // An older artifact that is installed again does not lower the mark.
        self.proven_at_mark = time;
        self.is_from_files = true;
        let ceiling = time::saturating_add(time, UPTIME_TOLERANCE);
        self.run = self.run.map(|run| Run {
            ceiling: run.ceiling.max(ceiling),
            ..run
        });
    }

    /// Returns whether the mark comes from files of the operating system, because the state was
    /// lost. This ends when the clock reaches the mark, or when the mark is lowered.
    ///
    /// ```
    /// use license_core::state::ClockHighWater;
    ///
    /// assert!(!ClockHighWater::default().is_from_files());
    /// ```
    pub fn is_from_files(&self) -> bool {
        self.is_from_files
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use chrono::{DateTime, TimeDelta, Utc};

    use super::*;

    const DAY: TimeDelta = TimeDelta::days(1);

    fn clock() -> DateTime<Utc> {
        time::parse_instant("2027-03-01T12:00:00Z").unwrap()
    }

    fn reading(days: i32) -> ClockReading {
        ClockReading {
            clock: clock() + DAY * days,
            boot: None,
        }
    }

    /// Returns a new state whose clock is 60 days behind the files of the system.
    fn raised() -> ClockHighWater {
        let mut seen = ClockHighWater::default();
        let files = vec![vec![clock() + DAY * 60]; 3];
        let _ = seen.record_signature(clock() - DAY * 30, reading(0));
        seen.record_evidence(&ClockEvidence::new(files), reading(0));
        assert_eq!(seen.mark(), clock() + DAY * 60);
        assert!(seen.is_from_files() && !seen.needs_evidence());
        seen
    }

    #[test]
    fn an_older_artifact_does_not_lower_a_mark_from_files() {
        let mut seen = raised();
        assert!(!seen.record_signature(clock(), reading(0)));
        assert_eq!(seen.mark(), clock() + DAY * 60);
        assert!(seen.is_from_files());
    }

    #[test]
    fn a_clock_repair_lowers_a_mark_from_files() {
        let mut seen = raised();
        seen.repair(clock(), reading(0));
        assert_eq!(seen.mark(), clock());
        assert!(!seen.is_from_files() && !seen.needs_evidence());
    }

    #[test]
    fn a_correct_clock_replaces_a_mark_from_files() {
        let mut seen = raised();
        seen.observe(reading(61));
        assert!(!seen.is_from_files());
        assert_eq!(seen.mark(), clock() + DAY * 61);
    }

    #[test]
    fn the_json_form_says_that_the_mark_is_from_files() {
        let seen = raised();
        assert_eq!(ClockHighWater::from_json(&seen.to_json()), Some(seen));
        // Other states have the form of earlier versions.
        let json = ClockHighWater::default().to_json();
        assert!(json.get("from_files").is_none(), "{json}");
    }
}
