//! Clock high-water mark: the latest instant that a machine has seen.

mod counting;
mod evidence;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::clock_reading::{Boot, ClockReading};
use crate::time::{self, CLOCK_TOLERANCE, serde_unix_seconds};

/// The duration by which the clock may advance more than the uptime within one boot.
///
/// The value is one minute less than the tolerance for warnings. A clock that was ahead and is
/// corrected therefore causes no warning, despite rounding and small corrections by NTP.
const UPTIME_TOLERANCE: TimeDelta = TimeDelta::seconds(24 * 3600 - 60);

/// The duration by which the clock of the signer may be behind the time that the uptime proves.
const SIGNER_SKEW: TimeDelta = TimeDelta::hours(1);

/// The latest instant that a machine has seen, with the evidence for it.
///
/// - Only [`ClockHighWater::record_signature`] and [`ClockHighWater::repair`] lower the mark.
/// - Within one boot, the mark advances at most 24 hours more than the uptime. A clock that jumps
///   while the system runs therefore does no harm. Any time may pass between two boots, so the
///   clock is trusted after a boot.
/// - While the clock is behind, the mark advances with the uptime. Setting the clock back does not
///   stop time.
///
/// ```
/// use license_core::time;
/// use license_core::state::{ClockHighWater, ClockReading};
///
/// let at = |text| time::parse_instant(text);
/// let reading = |clock| ClockReading { clock, boot: None };
/// let mut seen = ClockHighWater::default();
/// seen.observe(reading(at("2027-03-01T12:00:00Z")?));
/// seen.observe(reading(at("2027-02-01T12:00:00Z")?));
/// assert_eq!(seen.mark(), at("2027-03-01T12:00:00Z")?);
/// # Ok::<(), license_core::time::TimeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockHighWater {
    #[serde(with = "serde_unix_seconds")]
    mark: DateTime<Utc>,
    /// A lower bound of the true time: the date of the newest signature plus the uptime since then.
    #[serde(with = "serde_unix_seconds")]
    proven: DateTime<Utc>,
    /// The value of `proven` when the clock last reached the mark.
    #[serde(with = "serde_unix_seconds")]
    proven_at_mark: DateTime<Utc>,
    /// The date of the newest signature.
    #[serde(with = "serde_unix_seconds")]
    signed: DateTime<Utc>,
    /// The number of times that the mark was lowered while the clock was more than 24 hours behind.
    resets: u64,
    #[serde(deserialize_with = "Option::deserialize")]
    run: Option<Run>,
    /// Whether the mark comes from [`ClockEvidence`](super::ClockEvidence).
    #[serde(
        rename = "from_files",
        default,
        skip_serializing_if = "std::ops::Not::not"
    )]
    is_from_files: bool,
}

/// Last observation in the current boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    /// The boot and its uptime at the last observation.
    #[serde(flatten)]
    last: Boot,
    /// The upper limit of the mark at the last observation.
    #[serde(with = "serde_unix_seconds")]
    ceiling: DateTime<Utc>,
}

impl Default for ClockHighWater {
    fn default() -> Self {
        Self {
            mark: time::MIN,
            proven: time::MIN,
            proven_at_mark: time::MIN,
            signed: time::MIN,
            resets: 0,
            run: None,
            is_from_files: false,
        }
    }
}

impl ClockHighWater {
    /// Returns the latest instant seen.
    ///
    /// ```
    /// # use license_core::time;
    /// # use license_core::state::ClockReading;
    /// # use license_core::time::TimeError;
    /// # let reading_at = |text| -> Result<ClockReading, TimeError> {
    /// #     Ok(ClockReading { clock: time::parse_instant(text)?, boot: None })
    /// # };
    /// use license_core::state::ClockHighWater;
    ///
    /// let mut seen = ClockHighWater::default();
    /// seen.observe(reading_at("2027-03-01")?);
    /// assert_eq!(seen.mark(), reading_at("2027-03-01")?.clock);
    /// // A clock that is set back does not lower the mark.
    /// seen.observe(reading_at("2027-02-01")?);
    /// assert_eq!(seen.mark(), reading_at("2027-03-01")?.clock);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn mark(&self) -> DateTime<Utc> {
        self.mark
    }

    /// Returns whether the clock is behind the mark by more than the tolerance of 24 hours.
    ///
    /// ```
    /// # use license_core::time;
    /// # use license_core::state::ClockReading;
    /// # use license_core::time::TimeError;
    /// # let reading_at = |text| -> Result<ClockReading, TimeError> {
    /// #     Ok(ClockReading { clock: time::parse_instant(text)?, boot: None })
    /// # };
    /// use license_core::state::ClockHighWater;
    ///
    /// let mut seen = ClockHighWater::default();
    /// seen.observe(reading_at("2027-03-01")?);
    /// assert!(seen.is_behind(reading_at("2027-02-01")?.clock));
    /// assert!(!seen.is_behind(reading_at("2027-03-02")?.clock));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_behind(&self, clock: DateTime<Utc>) -> bool {
        time::duration_since(self.mark, time::clamp(clock)) > CLOCK_TOLERANCE
    }

    /// Records a reading of the clock.
    ///
    /// ```
    /// # use license_core::time;
    /// # use license_core::state::ClockReading;
    /// # use license_core::time::TimeError;
    /// # let reading_at = |text| -> Result<ClockReading, TimeError> {
    /// #     Ok(ClockReading { clock: time::parse_instant(text)?, boot: None })
    /// # };
    /// use license_core::state::ClockHighWater;
    ///
    /// let mut seen = ClockHighWater::default();
    /// seen.observe(reading_at("2027-03-01")?);
    /// println!("evaluate at {} or later", seen.mark());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn observe(&mut self, reading: ClockReading) {
        let reading = reading.clamped();
        let elapsed = self.elapsed(reading);
        self.proven = time::saturating_add(self.proven, elapsed.unwrap_or_default());
        self.mark = time::saturating_add(self.mark, elapsed.unwrap_or_default());
        let ceiling = match (elapsed, self.run) {
            (Some(elapsed), Some(run)) => time::saturating_add(run.ceiling, elapsed),
            // The limit is relative to the clock. If it were relative to the mark, each boot could
            // advance the mark by a day.
            _ => self
                .mark
                .max(time::saturating_add(reading.clock, UPTIME_TOLERANCE)),
        };
        self.run = reading.boot.map(|last| Run { last, ceiling });
        let clock = match self.run {
            Some(_) => reading.clock.min(ceiling),
            None => reading.clock,
        };
        if clock >= self.mark {
            self.mark = clock;
            self.proven_at_mark = self.proven;
            self.is_from_files = false;
        }
    }

    /// Records the installation of an artifact that was signed at `signed`.
    ///
    /// If the mark is ahead of the clock and the signature is recent, the mark is lowered to the
    /// clock, but not below the time that signatures and the uptime prove. Returns `true` if the
    /// mark was lowered and the clock had been behind by more than the tolerance of 24 hours. Only
    /// then does the mark count as lowered in [`ClockHighWater::resets`].
    ///
    /// A signature is recent if it is newer than all earlier signatures, and at most one hour older
    /// than the time that was proven when the clock last reached the mark. The hour allows for a
    /// clock of the signer that is behind. An artifact that was signed just now is always recent.
    /// An artifact that was held back to undo the passing of time is not recent. Time in which the
    /// machine was off is not proven, so it can be undone.
    ///
    /// ```
    /// # use license_core::time;
    /// # use license_core::state::ClockReading;
    /// # use license_core::time::TimeError;
    /// # let reading_at = |text| -> Result<ClockReading, TimeError> {
    /// #     Ok(ClockReading { clock: time::parse_instant(text)?, boot: None })
    /// # };
    /// use license_core::state::ClockHighWater;
    ///
    /// let mut seen = ClockHighWater::default();
    /// let signed = reading_at("2027-03-01")?.clock;
    /// let was_lowered = seen.record_signature(signed, reading_at("2027-03-01")?);
    /// assert!(!was_lowered);
    /// assert!(seen.mark() >= signed);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn record_signature(&mut self, signed: DateTime<Utc>, reading: ClockReading) -> bool {
        let (signed, reading) = (time::clamp(signed), reading.clamped());
        self.observe(reading);
        let is_newest = signed > self.signed;
        let is_recent =
            is_newest && time::saturating_add(signed, SIGNER_SKEW) >= self.proven_at_mark;
        let was_behind = self.is_behind(reading.clock);
        let is_reset = is_recent && self.mark > reading.clock.max(signed);
        if is_newest {
            self.signed = signed;
            self.proven = self.proven.max(signed);
        }
        if is_reset {
            // Rounding and small corrections of the clock also put the mark ahead of the clock. An
            // honest machine must not report them.
            self.resets += u64::from(was_behind);
            self.mark = self.proven.max(reading.clock.min(self.mark));
            self.proven_at_mark = self.proven;
            self.is_from_files = false;
            self.run = reading.boot.map(|last| Run {
                last,
                ceiling: time::saturating_add(self.mark, UPTIME_TOLERANCE),
            });
        }
        // If the clock was never correct, a signature is the only evidence of the time.
        self.mark = self.mark.max(self.proven);
        is_reset && was_behind
    }

    /// Replaces the mark with an instant that the vendor has signed for this machine.
    ///
    /// Unlike [`ClockHighWater::record_signature`], this method ignores everything that was seen
    /// before. A clock repair is issued for one machine and is used once.
    ///
    /// ```
    /// # use license_core::time;
    /// # use license_core::state::ClockReading;
    /// # use license_core::time::TimeError;
    /// # let reading_at = |text| -> Result<ClockReading, TimeError> {
    /// #     Ok(ClockReading { clock: time::parse_instant(text)?, boot: None })
    /// # };
    /// use license_core::state::ClockHighWater;
    ///
    /// let mut seen = ClockHighWater::default();
    /// // The clock was once ahead by years.
    /// seen.observe(reading_at("2099-01-01")?);
    /// // The vendor signed a clock repair.
    /// seen.repair(reading_at("2027-03-01")?.clock, reading_at("2027-03-01")?);
    /// assert_eq!(seen.mark(), reading_at("2027-03-01")?.clock);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn repair(&mut self, at: DateTime<Utc>, reading: ClockReading) {
        let (at, reading) = (time::clamp(at), reading.clamped());
        *self = Self {
            mark: at,
            proven: at,
            proven_at_mark: at,
            signed: at,
            resets: self.resets + 1,
            run: reading.boot.map(|last| Run {
                last,
                ceiling: time::saturating_add(at, UPTIME_TOLERANCE),
            }),
            is_from_files: false,
        };
    }

    /// Returns whether there was a boot, a new signature or a repair between `self` and `later`.
    ///
    /// ```
    /// # use license_core::time;
    /// # use license_core::state::ClockReading;
    /// # use license_core::time::TimeError;
    /// # let reading_at = |text| -> Result<ClockReading, TimeError> {
    /// #     Ok(ClockReading { clock: time::parse_instant(text)?, boot: None })
    /// # };
    /// use license_core::state::ClockHighWater;
    ///
    /// let mut seen = ClockHighWater::default();
    /// let before = seen.clone();
    /// seen.observe(reading_at("2027-03-01")?);
    /// assert!(!before.has_discontinuity(&seen), "time has passed, and nothing else");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn has_discontinuity(&self, later: &Self) -> bool {
        let boot = |seen: &Self| seen.run.map(|run| run.last.id);
        (boot(self), self.signed, self.resets) != (boot(later), later.signed, later.resets)
    }

    /// Merges two copies. The copy with more [resets](Self::resets) takes precedence. If both have
    /// equally many, the copy with the later mark takes precedence.
    ///
    /// ```
    /// # use license_core::time;
    /// # use license_core::state::ClockReading;
    /// # use license_core::time::TimeError;
    /// # let reading_at = |text| -> Result<ClockReading, TimeError> {
    /// #     Ok(ClockReading { clock: time::parse_instant(text)?, boot: None })
    /// # };
    /// use license_core::state::ClockHighWater;
    ///
    /// let seen = ClockHighWater::default();
    /// let mut other = seen.clone();
    /// other.observe(reading_at("2027-03-01")?);
    /// assert_eq!(seen.merged(other.clone()).mark(), other.mark());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn merged(self, other: Self) -> Self {
        let rank = |seen: &Self| (seen.resets, seen.mark, seen.proven);
        let (mut best, rest) = if rank(&self) >= rank(&other) {
            (self, other)
        } else {
            (other, self)
        };
        best.advance_to(rest.run);
        best.proven = best.proven.max(rest.proven);
        best.signed = best.signed.max(rest.signed);
        best
    }

    /// Advances to a later uptime of the same boot that another copy has seen, so that the same
    /// uptime is not added twice.
    fn advance_to(&mut self, later: Option<Run>) {
        let Some((run, later)) = self.run.zip(later) else {
            return;
        };
        let elapsed = later.last.since(run.last);
        if run.last.id == later.last.id && elapsed > TimeDelta::zero() {
            self.mark = time::saturating_add(self.mark, elapsed);
            self.proven = time::saturating_add(self.proven, elapsed);
            self.run = Some(Run {
                last: later.last,
                ceiling: time::saturating_add(run.ceiling, elapsed),
            });
        }
    }

    /// Returns the number of times that the mark was lowered: by a clock repair, or by a newly
    /// signed token of the vendor while the clock was more than 24 hours behind.
    ///
    /// ```
    /// # use license_core::time;
    /// # use license_core::state::ClockReading;
    /// # use license_core::time::TimeError;
    /// # let reading_at = |text| -> Result<ClockReading, TimeError> {
    /// #     Ok(ClockReading { clock: time::parse_instant(text)?, boot: None })
    /// # };
    /// use license_core::state::ClockHighWater;
    ///
    /// let mut seen = ClockHighWater::default();
    /// seen.repair(reading_at("2027-03-01")?.clock, reading_at("2027-03-01")?);
    /// assert_eq!(seen.resets(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn resets(&self) -> u64 {
        self.resets
    }

    /// Returns the time since the last observation, if there was no boot since.
    fn elapsed(&self, reading: ClockReading) -> Option<TimeDelta> {
        let (run, boot) = self.run.zip(reading.boot)?;
        (run.last.id == boot.id).then(|| boot.since(run.last))
    }

    /// Returns the JSON form that [`ClockHighWater::from_json`] reads.
    ///
    /// ```
    /// # use license_core::time;
    /// # use license_core::state::ClockReading;
    /// # use license_core::time::TimeError;
    /// # let reading_at = |text| -> Result<ClockReading, TimeError> {
    /// #     Ok(ClockReading { clock: time::parse_instant(text)?, boot: None })
    /// # };
    /// use license_core::state::ClockHighWater;
    ///
    /// let mut seen = ClockHighWater::default();
    /// seen.observe(reading_at("2027-03-01")?);
    /// let stored = ClockHighWater::from_json(&seen.to_json()).ok_or("damaged")?;
    /// assert_eq!(stored.mark(), seen.mark());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_json(&self) -> Value {
        json!(self)
    }

    /// Reads the JSON form. Returns `None` if `value` is not the result of
    /// [`ClockHighWater::to_json`].
    ///
    /// ```
    /// use license_core::state::ClockHighWater;
    ///
    /// let json = ClockHighWater::default().to_json();
    /// assert!(ClockHighWater::from_json(&json).is_some());
    /// ```
    pub fn from_json(value: &Value) -> Option<Self> {
        Self::deserialize(value).ok()
    }
}

#[cfg(test)]
mod tests;
