//! Ids that increase in the order of their creation.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use license_core::{LicenseId, time};

use super::site::random;
use crate::domain::Refusal;

/// The number of ids in a millisecond: 12 bits of a UUIDv7.
const COUNT: u16 = 1 << 12;

const MILLISECOND: TimeDelta = TimeDelta::milliseconds(1);

/// Creates ids that increase in the order of their creation, also within a millisecond. Lists are
/// ordered by the time and the id, so they have the order of the creation.
///
/// An id is a UUIDv7 with a counter (RFC 9562, section 6.2, method 1), which starts at a random
/// number below half of its range. Several servers of one database order by the millisecond only.
#[derive(Debug, Default)]
pub(super) struct IdSequence(Mutex<Option<(DateTime<Utc>, u16)>>);

impl IdSequence {
    /// Returns the next id.
    ///
    /// # Errors
    ///
    /// Returns `SIGNING_FAILED` if the operating system provides no random bytes.
    pub(super) fn next(&self, now: DateTime<Utc>) -> Result<LicenseId, Refusal> {
        let mut bytes: [u8; 10] = random()?;
        let (at, count) = self.advance(now, u16::from_be_bytes([bytes[0], bytes[1]]));
        let [high, low] = count.to_be_bytes();
        (bytes[0], bytes[1]) = (high, low);
        Ok(LicenseId::from_random(at, &bytes))
    }

    /// Returns the next id with the form of an object: a prefix, `_` and 32 hexadecimal digits.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`next`](Self::next).
    pub(super) fn next_of(&self, prefix: &str, now: DateTime<Utc>) -> Result<String, Refusal> {
        let id = self.next(now)?.as_str().replace('-', "");
        Ok(format!("{prefix}_{id}"))
    }

    /// Returns the time and the counter of the next id. A time that went back changes nothing.
    fn advance(&self, now: DateTime<Utc>, random: u16) -> (DateTime<Utc>, u16) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = time::clamp(now);
        let millis = |at: DateTime<Utc>| at.timestamp_millis();
        let next = match *last {
            Some((at, count)) if millis(now) <= millis(at) => match count.checked_add(1) {
                Some(count) if count < COUNT => (at, count),
                // The functions of `time` round to seconds.
                _ => (at.checked_add_signed(MILLISECOND).unwrap_or(at), 0),
            },
            _ => (now, random % (COUNT / 2)),
        };
        *last = Some(next);
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_increase_within_a_millisecond_and_after_a_step_back() {
        let now = time::parse_instant("2027-01-15T09:00:00Z").unwrap();
        let ids = IdSequence::default();
        let mut last = ids.next_of("tok", now).unwrap();
        assert_eq!(last.len(), 36);
        // More ids than a millisecond has, and then an earlier time.
        for number in 0..10_000 {
            let at = if number < 5_000 {
                now
            } else {
                now - TimeDelta::hours(1)
            };
            let next = ids.next_of("tok", at).unwrap();
            assert!(last < next, "{last} {next}");
            last = next;
        }
        let later = ids.next_of("tok", now + TimeDelta::hours(1)).unwrap();
        assert!(last < later);
    }
}
