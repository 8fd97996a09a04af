//! The lease clock: a counter of milliseconds that never runs ahead of the time that has passed.

/// The longest step of the counter, in milliseconds.
const MAX_STEP_MS: u64 = 1000;

/// The counter that measures leases.
///
/// The counter advances by the boot-time clock, in steps of at most one second. After a pause of
/// the process it has therefore advanced by less than the time that has passed. It stands still
/// while the server is down, because it continues from its stored value. Each of these errors makes
/// leases longer for the server, and never shorter, so that a seat is not granted again too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseClock {
    now_ms: u64,
    boot_ms: u64,
}

impl LeaseClock {
    /// Continues from the stored value of the counter. `boot_ms` is the current boot time.
    pub fn resume(stored_ms: u64, boot_ms: u64) -> Self {
        Self {
            now_ms: stored_ms,
            boot_ms,
        }
    }

    /// Advances to the boot time `boot_ms`, and returns the counter in milliseconds. A boot time
    /// that has decreased advances nothing.
    pub fn advance(&mut self, boot_ms: u64) -> u64 {
        let step = boot_ms.saturating_sub(self.boot_ms).min(MAX_STEP_MS);
        self.now_ms = self.now_ms.saturating_add(step);
        self.boot_ms = boot_ms;
        self.now_ms
    }

    /// Returns the counter in milliseconds at the last step.
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_is_the_elapsed_boot_time_up_to_one_second() {
        let mut clock = LeaseClock::resume(5000, 100);
        for (boot_ms, expected) in [
            (100, 5000),
            (350, 5250),
            (1350, 6250),
            // A pause of an hour counts as one second.
            (3_601_350, 7250),
            // A boot time that decreases counts as no time, and the next step starts there.
            (10, 7250),
            (20, 7260),
            (u64::MAX, 8260),
        ] {
            assert_eq!(clock.advance(boot_ms), expected, "at {boot_ms}");
        }
        let mut last = LeaseClock::resume(u64::MAX, 0);
        assert_eq!(last.advance(1000), u64::MAX);
    }
}
