//! The clock by which seats end.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An instant of a clock that no program sets, and that continues while the machine is suspended.
///
/// Linux has `CLOCK_BOOTTIME` for this. The clock of `Instant` stops in suspend there, so a client
/// would use its seat for longer than the server lends it. The monotonic clock of macOS, and the
/// clock of `Instant` on Windows, continue in suspend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BootTime(Duration);

impl BootTime {
    pub(crate) fn now() -> Self {
        Self(read())
    }

    /// Returns the time since `earlier`, or zero if `earlier` is later.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    #[cfg(any(feature = "online", test))]
    pub(crate) fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }
}

/// An instant of the boot-time clock that other processes can read: the instant, and the boot that
/// it belongs to. After a restart of the machine, the clock starts again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BootInstant {
    /// The id of the boot, in hexadecimal.
    boot: String,
    /// The milliseconds since the boot.
    millis: u64,
}

impl BootInstant {
    #[cfg(any(feature = "online", test))]
    pub(crate) fn new(boot: u128, at: BootTime) -> Self {
        Self {
            boot: format!("{boot:032x}"),
            millis: u64::try_from(at.0.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// Returns the instant, if it belongs to this boot.
    pub(crate) fn of_boot(&self, boot: Option<u128>) -> Option<BootTime> {
        let is_same = boot.is_some_and(|boot| self.boot == format!("{boot:032x}"));
        is_same.then(|| BootTime(Duration::from_millis(self.millis)))
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

    #[test]
    fn an_instant_of_another_boot_means_nothing() {
        let at = BootTime(Duration::from_millis(1_500));
        let stored = BootInstant::new(7, at);
        assert_eq!(stored.of_boot(Some(7)), Some(at));
        assert_eq!(stored.of_boot(Some(8)), None);
        assert_eq!(stored.of_boot(None), None);
    }
}
