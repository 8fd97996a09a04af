//! A clock that tests set.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::state::Boot;
use license_core::time;

use super::START;
use crate::clock::Clock;

/// A clock that stands still until a test sets it. Clones are the same clock.
#[derive(Clone)]
pub(super) struct TestClock(Arc<Mutex<Times>>);

struct Times {
    now: DateTime<Utc>,
    /// The instant for measuring durations. It advances with every call that changes the machine.
    instant: Instant,
    /// The real instant at which the clock was created. The real time since then is added, so that
    /// a file that a test changes directly is detected within a second, as on a customer's machine.
    set_at: Instant,
}

impl TestClock {
    pub(super) fn new() -> Self {
        let instant = Instant::now();
        Self(Arc::new(Mutex::new(Times {
            now: START,
            instant,
            set_at: instant,
        })))
    }

    /// Sets the clock. The instant for measuring durations advances by `elapsed`, whatever the new
    /// time is.
    pub(super) fn set(&self, now: DateTime<Utc>, elapsed: Duration) {
        let mut times = self.times();
        times.now = time::clamp(now);
        times.pass(elapsed);
    }

    /// Advances the clock.
    pub(super) fn advance(&self, duration: TimeDelta) {
        let mut times = self.times();
        times.now = time::saturating_add(times.now, duration);
        times.pass(duration.to_std().unwrap_or_default());
    }

    /// Lets time pass without a change of the clock.
    pub(super) fn pass(&self, elapsed: Duration) {
        self.times().pass(elapsed);
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Times {
    fn pass(&mut self, elapsed: Duration) {
        self.instant = self.instant.checked_add(elapsed).unwrap_or(self.instant);
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        self.times().now
    }

    fn instant(&self) -> Instant {
        let times = self.times();
        times.instant + times.set_at.elapsed()
    }

    /// Returns `None`, so that the clock can be set by any duration within one boot.
    fn boot(&self) -> Option<Boot> {
        None
    }
}
