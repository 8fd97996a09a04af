//! A wall clock that does not follow sudden jumps.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use license_core::time;

use super::ServerClock;

/// The largest difference between wall clock and boot time that is followed at once, in
/// milliseconds.
const MAX_STEP_MS: i64 = 10 * 60 * 1000;

/// How long the wall clock must keep a time that it jumped to, in milliseconds of boot time.
const HOLD_MS: u64 = 60 * 60 * 1000;

/// A wall clock that does not follow sudden jumps, for decisions about licenses.
///
/// The clock advances with the boot time. A step of up to ten minutes is followed at once. A jump
/// is followed only after the wall clock has kept its new time for an hour, so that a wrong time
/// server ends no license and no seat. There is one exception: a clock behind a date that the
/// vendor has signed is certainly wrong, and may jump over this date at once.
pub struct SteadyClock {
    inner: Arc<dyn ServerClock>,
    state: Mutex<SteadyState>,
}

struct SteadyState {
    /// The difference between wall clock and boot time, in milliseconds.
    offset_ms: i64,
    /// Another difference, and the boot time at which it was first seen.
    pending: Option<(i64, u64)>,
    /// The latest date that the vendor has signed.
    floor: DateTime<Utc>,
}

impl SteadyClock {
    /// Starts with the current time of `inner`.
    pub fn new(inner: Arc<dyn ServerClock>) -> Self {
        let offset_ms = offset(inner.wall(), inner.boot_ms());
        Self {
            inner,
            state: Mutex::new(SteadyState {
                offset_ms,
                pending: None,
                floor: time::MIN,
            }),
        }
    }

    /// Records a date that the vendor has signed. The present is not before this date.
    pub fn record_signed(&self, at: DateTime<Utc>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.floor = state.floor.max(at);
    }
}

impl SteadyState {
    fn follow(&mut self, wall: DateTime<Utc>, boot_ms: u64) -> DateTime<Utc> {
        let found = offset(wall, boot_ms);
        let is_wrong = self.time(boot_ms) < self.floor && wall >= self.floor;
        if is_near(found, self.offset_ms) || is_wrong || self.has_kept(found, boot_ms) {
            self.offset_ms = found;
            self.pending = None;
        }
        self.time(boot_ms)
    }

    /// Returns whether the wall clock has kept a new time for long enough.
    fn has_kept(&mut self, found: i64, boot_ms: u64) -> bool {
        match self.pending {
            Some((pending, since)) if is_near(found, pending) => {
                boot_ms.saturating_sub(since) >= HOLD_MS
            }
            _ => {
                let seconds = found.saturating_sub(self.offset_ms) / 1000;
                tracing::warn!(seconds, "the wall clock has jumped and is not followed yet");
                self.pending = Some((found, boot_ms));
                false
            }
        }
    }

    fn time(&self, boot_ms: u64) -> DateTime<Utc> {
        let boot_ms = i64::try_from(boot_ms).unwrap_or(i64::MAX);
        let millis = boot_ms.saturating_add(self.offset_ms);
        DateTime::from_timestamp_millis(millis).map_or(time::MAX, time::clamp)
    }
}

impl ServerClock for SteadyClock {
    fn wall(&self) -> DateTime<Utc> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.follow(self.inner.wall(), self.inner.boot_ms())
    }

    fn boot_ms(&self) -> u64 {
        self.inner.boot_ms()
    }
}

fn offset(wall: DateTime<Utc>, boot_ms: u64) -> i64 {
    let boot_ms = i64::try_from(boot_ms).unwrap_or(i64::MAX);
    wall.timestamp_millis().saturating_sub(boot_ms)
}

fn is_near(one: i64, other: i64) -> bool {
    let difference = TimeDelta::try_milliseconds(one.saturating_sub(other));
    difference.is_some_and(|difference| difference.num_milliseconds().abs() <= MAX_STEP_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    fn at(text: &str) -> DateTime<Utc> {
        time::parse_instant(text).unwrap()
    }

    #[test]
    fn a_small_step_is_followed_and_a_jump_only_after_an_hour() {
        let manual = Arc::new(ManualClock::new(at("2027-01-15T09:00:00Z")));
        let clock = SteadyClock::new(Arc::<ManualClock>::clone(&manual));
        manual.set_wall(at("2027-01-15T09:05:00Z"));
        assert_eq!(clock.wall(), at("2027-01-15T09:05:00Z"));
        for jump in ["2037-01-15T09:05:00Z", "2017-01-15T09:05:00Z"] {
            manual.set_wall(at(jump));
            assert_eq!(clock.wall(), at("2027-01-15T09:05:00Z"));
        }
        manual.set_wall(at("2027-02-15T09:05:00Z"));
        assert_eq!(clock.wall(), at("2027-01-15T09:05:00Z"));
        manual.advance_ms(59 * 60 * 1000);
        assert_eq!(clock.wall(), at("2027-01-15T10:04:00Z"));
        manual.advance_ms(60 * 1000);
        assert_eq!(clock.wall(), at("2027-02-15T10:05:00Z"));
    }

    #[test]
    fn a_clock_behind_a_signed_date_is_corrected_at_once() {
        let manual = Arc::new(ManualClock::new(at("1970-01-01")));
        let clock = SteadyClock::new(Arc::<ManualClock>::clone(&manual));
        clock.record_signed(at("2027-01-01"));
        manual.set_wall(at("2026-01-01"));
        assert_eq!(clock.wall(), at("1970-01-01"));
        manual.set_wall(at("2027-01-15"));
        assert_eq!(clock.wall(), at("2027-01-15"));
    }
}
