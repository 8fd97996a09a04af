//! The clocks of a server: wall-clock time for dates, and boot time for leases.

mod lease_clock;
mod manual;
mod steady;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};

pub use lease_clock::LeaseClock;
pub use manual::ManualClock;
pub use steady::SteadyClock;

/// A source of time, as an argument of everything that needs time.
pub trait ServerClock: Send + Sync {
    /// Returns the wall-clock time. The time can jump in both directions, so nothing that leases
    /// depend on may use it.
    fn wall(&self) -> DateTime<Utc>;

    /// Returns the milliseconds since the machine started, including the time in suspend. The
    /// number never decreases while the machine runs.
    fn boot_ms(&self) -> u64;
}

/// The clocks of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemServerClock;

impl ServerClock for SystemServerClock {
    fn wall(&self) -> DateTime<Utc> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let millis = i64::try_from(since.unwrap_or(Duration::ZERO).as_millis()).ok();
        let now = millis.and_then(DateTime::from_timestamp_millis);
        now.map_or(license_core::time::MAX, license_core::time::clamp)
    }

    fn boot_ms(&self) -> u64 {
        boot_time()
    }
}

/// Returns the boot-time clock in milliseconds. On Linux, this clock continues in suspend, and
/// `CLOCK_MONOTONIC` does not.
#[cfg(target_os = "linux")]
fn boot_time() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds
        .saturating_mul(1000)
        .saturating_add(nanos / 1_000_000)
}

/// Returns the time since the first call in milliseconds, on systems without a boot-time clock. The
/// lease clock needs only differences.
#[cfg(not(target_os = "linux"))]
fn boot_time() -> u64 {
    use std::sync::OnceLock;
    use std::time::Instant;
    static START: OnceLock<Instant> = OnceLock::new();
    let elapsed = START.get_or_init(Instant::now).elapsed();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}
