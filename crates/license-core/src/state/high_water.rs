//! The latest instant that a machine has seen: time never runs backwards.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::tally::REMEMBERED;
use crate::time::{CLOCK_TOLERANCE, SECONDS_PER_DAY, Timestamp, unix_seconds};

/// How far a clock may run ahead of the uptime before it is no longer believed: a minute less, so that neither the rounding of clock and
/// uptime nor a small step of the network's time makes a warning of a clock that was ahead and came back.
const UPTIME_TOLERANCE: u64 = CLOCK_TOLERANCE - 60;

/// How far the signer's clock may be behind this machine's uptime.
const SIGNER_SKEW: u64 = 3600;

/// What a machine tells of time at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// What the clock shows.
    pub clock: Timestamp,
    /// For how long the system has been running, where it says so.
    pub boot: Option<Boot>,
}

/// A run of the operating system from one start to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boot {
    /// An id of this run alone.
    #[serde(rename = "boot", with = "boot_id")]
    pub id: u128,
    /// Seconds since its start, those in suspend too. No setting of the clock changes it.
    pub uptime: u64,
}

/// The latest instant that a machine has seen, and what is known of when it saw it.
///
/// - The mark never falls, but by [`HighWater::install`].
/// - Within one boot it can't run ahead of the uptime by more than 24 hours: a clock that jumps while the system runs does no
///   harm. Between two boots any time may have passed, so that there the clock is believed.
/// - It goes on with the uptime while the clock is behind, so that time does not stand still for whoever sets the clock back,
///   nor for whoever can't set it right.
///
/// ```
/// use license_core::{HighWater, Reading, Timestamp};
///
/// let at = |text| Timestamp::parse(text);
/// let reading = |clock| Reading { clock, boot: None };
/// let mut seen = HighWater::default();
/// seen.observe(reading(at("2027-03-01T12:00:00Z")?));
/// seen.observe(reading(at("2027-02-01T12:00:00Z")?));
/// assert_eq!(seen.mark(), at("2027-03-01T12:00:00Z")?);
/// # Ok::<(), license_core::TimeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HighWater {
    #[serde(with = "unix_seconds")]
    mark: Timestamp,
    /// No later than the true time: the newest signature's date, and the uptime seen since.
    #[serde(with = "unix_seconds")]
    proven: Timestamp,
    /// What was proven when the clock last stood at the mark or raised it.
    #[serde(with = "unix_seconds")]
    proven_at_mark: Timestamp,
    /// The newest signature's date.
    #[serde(with = "unix_seconds")]
    signed: Timestamp,
    /// How often the mark was lowered.
    resets: u64,
    #[serde(deserialize_with = "Option::deserialize")]
    run: Option<Run>,
}

/// What was seen of the present boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    /// Where it stood when last looked at.
    #[serde(flatten)]
    last: Boot,
    /// What the mark may not exceed at that moment.
    #[serde(with = "unix_seconds")]
    ceiling: Timestamp,
}

impl Default for HighWater {
    fn default() -> Self {
        Self {
            mark: Timestamp::MIN,
            proven: Timestamp::MIN,
            proven_at_mark: Timestamp::MIN,
            signed: Timestamp::MIN,
            resets: 0,
            run: None,
        }
    }
}

impl HighWater {
    /// The latest instant seen.
    pub fn mark(&self) -> Timestamp {
        self.mark
    }

    /// Whether this reading's clock is behind by more than the tolerance.
    pub fn is_behind(&self, clock: Timestamp) -> bool {
        self.mark.seconds_since(clock) > CLOCK_TOLERANCE
    }

    /// The time by whose day quotas are counted: the clock's where it is ahead of the mark by as many days at most as are remembered, else
    /// the mark.
    ///
    /// Within a boot the mark falls behind a clock that is right where the uptime stands still while time passes: on virtual machines that
    /// are paused, and under WSL while the host sleeps. A clock that is set ahead borrows at most those days: what was used before
    /// a day came is used when it comes.
    ///
    /// ```
    /// use license_core::{Boot, HighWater, Reading, Timestamp};
    ///
    /// let at = |text| Timestamp::parse(text);
    /// let boot = Some(Boot { id: 1, uptime: 60 });
    /// let mut seen = HighWater::default();
    /// seen.observe(Reading { clock: at("2027-03-01")?, boot });
    /// // Paused for a week.
    /// seen.observe(Reading { clock: at("2027-03-08")?, boot });
    /// assert!(seen.mark() < at("2027-03-02")?);
    /// assert_eq!(seen.counted_at(at("2027-03-08")?), at("2027-03-08")?);
    /// // What is further ahead than anything that is remembered is believed no more than by the mark.
    /// assert_eq!(seen.counted_at(at("2099-01-01")?), seen.mark());
    /// assert_eq!(seen.counted_at(at("2027-02-01")?), seen.mark());
    /// # Ok::<(), license_core::TimeError>(())
    /// ```
    pub fn counted_at(&self, clock: Timestamp) -> Timestamp {
        match clock.seconds_since(self.mark) <= REMEMBERED * SECONDS_PER_DAY {
            true => self.mark.max(clock),
            false => self.mark,
        }
    }

    /// Takes note of a moment.
    pub fn observe(&mut self, reading: Reading) {
        let elapsed = self.elapsed(reading);
        self.proven = self.proven.plus(elapsed.unwrap_or(0));
        self.mark = self.mark.plus(elapsed.unwrap_or(0));
        let ceiling = match (elapsed, self.run) {
            (Some(elapsed), Some(run)) => run.ceiling.plus(elapsed),
            // From the clock, not from the mark: else each boot could push the mark ahead by another day.
            _ => self.mark.max(reading.clock.plus(UPTIME_TOLERANCE)),
        };
        self.run = reading.boot.map(|last| Run { last, ceiling });
        let believed = match self.run {
            Some(_) => reading.clock.min(ceiling),
            None => reading.clock,
        };
        if believed >= self.mark {
            self.mark = believed;
            self.proven_at_mark = self.proven;
        }
    }

    /// Takes note of an artefact that is being installed, signed at `signed`, and lowers a mark that is ahead of the clock to the clock, but
    /// not below what is proven, if the signature is younger than the mark. Returns whether it did so by more than the tolerance.
    ///
    /// Younger is what is newer than every signature seen, and than all that the uptime proves to have passed before the
    /// clock last raised the mark. An artefact that was signed just now is always that; one that was held back to undo the passing of time
    /// is not, but for time in which the machine was off.
    pub fn install(&mut self, signed: Timestamp, reading: Reading) -> bool {
        self.observe(reading);
        let is_news = signed > self.signed;
        let is_younger = is_news && signed.plus(SIGNER_SKEW) >= self.proven_at_mark;
        let was_behind = self.is_behind(reading.clock);
        let is_reset = is_younger && self.mark > reading.clock.max(signed);
        if is_news {
            self.signed = signed;
            self.proven = self.proven.max(signed);
        }
        if is_reset {
            self.resets += 1;
            self.mark = self.proven.max(reading.clock.min(self.mark));
            self.proven_at_mark = self.proven;
            self.run = reading.boot.map(|last| Run {
                last,
                ceiling: self.mark.plus(UPTIME_TOLERANCE),
            });
        }
        // Where the clock has never been right, a signature is what is known of time.
        self.mark = self.mark.max(self.proven);
        is_reset && was_behind
    }

    /// Forgets everything later than a moment that the vendor has signed for this machine, and goes on from there. Unlike
    /// [`HighWater::install`] it does so whatever has been seen: each statement is for one machine and counts once.
    pub fn repair(&mut self, at: Timestamp, reading: Reading) {
        *self = Self {
            mark: at,
            proven: at,
            proven_at_mark: at,
            signed: at,
            resets: self.resets + 1,
            run: reading.boot.map(|last| Run {
                last,
                ceiling: at.plus(UPTIME_TOLERANCE),
            }),
        };
    }

    /// Whether another boot, another signature or a repair lies between the two, which is more than time passing.
    pub fn is_of_other_boot(&self, later: &Self) -> bool {
        let boot = |seen: &Self| seen.run.map(|run| run.last.id);
        (boot(self), self.signed, self.resets) != (boot(later), later.signed, later.resets)
    }

    /// What two copies know together: the one that was lowered more often is right, else the later one.
    pub fn merged(self, other: Self) -> Self {
        let rank = |seen: &Self| (seen.resets, seen.mark, seen.proven);
        let (mut best, rest) = if rank(&self) >= rank(&other) {
            (self, other)
        } else {
            (other, self)
        };
        best.go_on_to(rest.run);
        best.proven = best.proven.max(rest.proven);
        best.signed = best.signed.max(rest.signed);
        best
    }

    /// Goes on with the uptime to a moment of the same boot that another copy has seen, so that it is not counted twice.
    fn go_on_to(&mut self, later: Option<Run>) {
        let Some((run, later)) = self.run.zip(later) else {
            return;
        };
        let elapsed = later.last.uptime.saturating_sub(run.last.uptime);
        if run.last.id == later.last.id && elapsed > 0 {
            self.mark = self.mark.plus(elapsed);
            self.proven = self.proven.plus(elapsed);
            self.run = Some(Run {
                last: later.last,
                ceiling: run.ceiling.plus(elapsed),
            });
        }
    }

    /// How often the mark was lowered.
    pub fn resets(&self) -> u64 {
        self.resets
    }

    /// Seconds since the last observation, if the system has not been started anew since.
    fn elapsed(&self, reading: Reading) -> Option<u64> {
        let (run, boot) = self.run.zip(reading.boot)?;
        // Less uptime in the same boot is a machine that was set back to a snapshot, or somebody's trick: no time has passed.
        (run.last.id == boot.id).then(|| boot.uptime.saturating_sub(run.last.uptime))
    }

    /// Everything by name, for [`HighWater::from_json`].
    pub fn to_json(&self) -> Value {
        json!(self)
    }

    /// Reads what [`HighWater::to_json`] wrote, or returns `None` for anything else.
    pub fn from_json(value: &Value) -> Option<Self> {
        Self::deserialize(value).ok()
    }
}

/// The id of a boot in JSON, as 32 hexadecimal digits.
mod boot_id {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(id: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{id:032x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<u128, D::Error> {
        let digits = String::deserialize(deserializer)?;
        u128::from_str_radix(&digits, 16).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
