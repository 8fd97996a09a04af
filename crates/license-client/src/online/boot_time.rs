//! The clock by which seats end.

use std::time::Duration;

/// An instant of a clock that no program sets, and that continues while the machine is suspended.
///
/// Linux has `CLOCK_BOOTTIME` for this. The clock of `Instant` stops in suspend there, so a client
/// would use its seat for longer than the server lends it. The monotonic clock of macOS, and the
/// clock of `Instant` on Windows, continue in suspend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BootTime(Duration);

impl BootTime {
    pub(super) fn now() -> Self {
        Self(read())
    }

    /// Returns the time since `earlier`, or zero if `earlier` is later.
    pub(super) fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    pub(super) fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }
}

#[cfg(unix)]
fn read() -> Duration {
    use rustix::time::{ClockId, clock_gettime};

    #[cfg(any(target_os = "linux", target_os = "android"))]
    const CLOCK: ClockId = ClockId::Boottime;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const CLOCK: ClockId = ClockId::Monotonic;
    let time = clock_gettime(CLOCK);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(seconds, nanos.min(999_999_999))
}

#[cfg(not(unix))]
fn read() -> Duration {
    use std::sync::OnceLock;
    use std::time::Instant;

    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_instant_is_greater_and_a_difference_is_never_negative() {
        let first = BootTime::now();
        let later = first.after(Duration::from_secs(2));
        assert!(later > first && BootTime::now() >= first);
        assert_eq!(later.since(first), Duration::from_secs(2));
        assert_eq!(first.since(later), Duration::ZERO);
    }
}
