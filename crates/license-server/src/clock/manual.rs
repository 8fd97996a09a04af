//! A clock for tests.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use chrono::{DateTime, Utc};

use super::ServerClock;

/// A clock that a test sets. Both clocks stand still otherwise.
#[derive(Debug)]
pub struct ManualClock {
    wall_ms: AtomicI64,
    boot_ms: AtomicU64,
}

impl ManualClock {
    /// Creates a clock with this wall-clock time and a boot time of zero.
    pub fn new(wall: DateTime<Utc>) -> Self {
        Self {
            wall_ms: AtomicI64::new(wall.timestamp_millis()),
            boot_ms: AtomicU64::new(0),
        }
    }

    /// Sets the wall-clock time, as an administrator or a time server does. The boot time stays.
    pub fn set_wall(&self, wall: DateTime<Utc>) {
        self.wall_ms
            .store(wall.timestamp_millis(), Ordering::SeqCst);
    }

    /// Advances both clocks.
    pub fn advance_ms(&self, millis: u32) {
        self.wall_ms.fetch_add(i64::from(millis), Ordering::SeqCst);
        self.boot_ms.fetch_add(u64::from(millis), Ordering::SeqCst);
    }

    /// Advances both clocks to a time. A time in the past changes nothing.
    pub fn advance_to(&self, wall: DateTime<Utc>) {
        let passed = wall
            .timestamp_millis()
            .saturating_sub(self.wall_ms.load(Ordering::SeqCst));
        let Ok(millis) = u64::try_from(passed) else {
            return;
        };
        self.set_wall(wall);
        self.boot_ms.fetch_add(millis, Ordering::SeqCst);
    }

    /// Advances only the boot time.
    pub fn advance_boot_ms(&self, millis: u32) {
        self.boot_ms.fetch_add(u64::from(millis), Ordering::SeqCst);
    }
}

impl ServerClock for ManualClock {
    fn wall(&self) -> DateTime<Utc> {
        let millis = self.wall_ms.load(Ordering::SeqCst);
        DateTime::from_timestamp_millis(millis).unwrap_or(license_core::time::MAX)
    }

    fn boot_ms(&self) -> u64 {
        self.boot_ms.load(Ordering::SeqCst)
    }
}
