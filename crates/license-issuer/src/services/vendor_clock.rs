//! The vendor's clock, compared with the ledger.
//!
//! Every signed artifact states when it was issued, and licenses are numbered by the clock. With a
//! wrong clock, an artifact ends decades too early or too late, and a machine that installs the
//! artifact counts time from its date. The ledger records the time of each entry, so it notices
//! such a clock.

use std::fmt;

use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::time::{self, rfc3339};

use crate::errors::LedgerError;
use crate::ledger::LedgerReader;

/// The time by which the clock may be behind the last entry. Computers that share a ledger may
/// differ by hours, for example after a wrong setting of the time zone.
const MAX_BEHIND: TimeDelta = TimeDelta::days(1);

/// The time by which the clock may be ahead of the last entry. A vendor may issue a single license
/// in a year.
const MAX_AHEAD: TimeDelta = TimeDelta::days(400);

/// A clock that contradicts the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockFault {
    /// The time of the clock.
    pub now: DateTime<Utc>,
    /// The time of the last entry.
    pub last: DateTime<Utc>,
}

impl ClockFault {
    /// Returns whether the clock is behind the ledger. Otherwise it is ahead.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.now < self.last
    }
}

impl fmt::Display for ClockFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (earlier, later) = (self.now.min(self.last), self.now.max(self.last));
        let difference = time::humanize(time::duration_since(later, earlier));
        let direction = if self.is_behind() { "before" } else { "after" };
        write!(
            f,
            "the clock shows {now}, {difference} {direction} the last entry of the ledger, {last}",
            now = rfc3339(self.now),
            last = rfc3339(self.last)
        )
    }
}

/// Compares the clock with the last and the newest entry of the ledger. Returns `None` if the clock
/// is plausible after one of both.
///
/// After an entry of a clock that was ahead, one entry with the correct time makes the clock
/// plausible again. After an entry of a clock that was behind, the newest entry does.
///
/// # Errors
///
/// Returns an error if the ledger cannot be read.
pub fn clock_fault(
    ledger: &dyn LedgerReader,
    now: DateTime<Utc>,
) -> Result<Option<ClockFault>, LedgerError> {
    let Some(last) = ledger.last_recorded_at()? else {
        return Ok(None);
    };
    let is_plausible = is_plausible_after(last, now)
        || (ledger.newest_recorded_at()?).is_some_and(|newest| is_plausible_after(newest, now));
    Ok((!is_plausible).then_some(ClockFault { now, last }))
}

fn is_plausible_after(entry: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    let earliest = time::saturating_sub(entry, MAX_BEHIND);
    let latest = time::saturating_add(entry, MAX_AHEAD);
    (earliest..=latest).contains(&now)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::ledger::LedgerWriter as _;
    use crate::ledger::sqlite::SqliteLedger;
    use crate::records;

    #[test]
    fn a_clock_far_from_the_last_entry_is_a_fault() {
        let directory = tempfile::tempdir().unwrap();
        let mut ledger = SqliteLedger::open(&directory.path().join("ledger.db")).unwrap();
        let at = |text: &str| time::parse_instant(text).unwrap();
        assert_eq!(
            clock_fault(&ledger, at("1970-01-01T00:00:00Z")).unwrap(),
            None
        );
        for recorded in ["2099-01-01T00:00:00Z", "2026-11-29T12:00:00Z"] {
            let entry = records::revocation("one", "fraud", time::MIN);
            ledger
                .acquire(at(recorded))
                .unwrap()
                .append(&[entry])
                .unwrap();
        }
        for (now, is_fault) in [
            ("1970-01-01T00:00:00Z", true),
            ("2026-11-28T11:59:59Z", true),
            ("2026-11-28T12:00:00Z", false),
            ("2026-11-29T12:00:00Z", false),
            ("2028-01-03T12:00:00Z", false),
            ("2028-01-03T12:00:01Z", true),
            ("2098-12-30T00:00:00Z", true),
            ("2099-01-01T00:00:00Z", false),
        ] {
            let fault = clock_fault(&ledger, at(now)).unwrap();
            assert_eq!(fault.is_some(), is_fault, "{now}");
        }
        let fault = clock_fault(&ledger, at("1970-01-01T00:00:00Z")).unwrap();
        assert!(fault.unwrap().is_behind());
    }
}
