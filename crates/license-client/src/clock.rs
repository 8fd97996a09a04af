//! The clock and the uptime. No other module of this crate reads either of them.

use std::fs;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::state::{Boot, ClockReading};
use license_core::time;

/// Returns the current time.
///
/// A time before 1970, which a clock may show after its battery was empty, counts as 1970. The
/// evaluation never uses a time before the signing times of the signed artifacts. A time after the
/// year 9999 counts as the latest timestamp.
///
/// ```
/// use license_client::Context;
///
/// let context = Context::at(license_client::now());
/// println!("the decision is made as of {}", context.clock());
/// ```
pub fn now() -> DateTime<Utc> {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since_epoch.map_or(0, |since_epoch| since_epoch.as_secs());
    time::from_unix_seconds(seconds).unwrap_or(time::MAX)
}

/// A source of the time.
pub(crate) trait Clock: Send + Sync {
    /// Returns the current time.
    fn now(&self) -> DateTime<Utc>;

    /// Returns the time of a monotonic clock, for measuring durations.
    fn instant(&self) -> Instant;

    /// Returns the boot and its uptime, if the system reports them.
    fn boot(&self) -> Option<Boot>;

    /// Returns the current time and the uptime.
    ///
    /// Inside a container the uptime is unknown, because some containers have their own uptime but
    /// share the boot id with other containers.
    fn reading(&self, is_in_container: bool) -> ClockReading {
        ClockReading {
            clock: self.now(),
            boot: (!is_in_container).then(|| self.boot()).flatten(),
        }
    }
}

/// The clock of the system.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        now()
    }

    fn instant(&self) -> Instant {
        Instant::now()
    }

    /// The uptime is known only on Linux, which has an id for each boot. `/proc/uptime` includes
    /// the time in suspend, and setting the clock does not change it.
    fn boot(&self) -> Option<Boot> {
        boot("/proc/sys/kernel/random/boot_id", sysinfo::System::uptime)
    }
}

/// Returns the boot whose id is in the file `id`. `uptime` returns the uptime in seconds.
///
/// Returns `None` if the id cannot be read, or if the uptime is zero, which means that the uptime
/// is unknown.
fn boot(id: &str, uptime: impl FnOnce() -> u64) -> Option<Boot> {
    let id = fs::read_to_string(id).ok()?.trim().replace('-', "");
    let id = u128::from_str_radix(&id, 16).ok()?;
    let uptime = TimeDelta::try_seconds(uptime().try_into().ok()?)?;
    (uptime > TimeDelta::zero()).then_some(Boot { id, uptime })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_uptime_of_this_boot_increases() {
        let first = SystemClock.reading(false).boot.unwrap();
        let second = SystemClock.reading(false).boot.unwrap();
        assert_eq!(first.id, second.id);
        assert!(first.uptime <= second.uptime);
        assert_eq!(SystemClock.reading(true).boot, None);
    }

    #[test]
    fn a_boot_without_an_id_or_uptime_is_unknown() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &str| {
            let path = directory.path().join(name);
            fs::write(&path, content).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let id = file("id", "281c01bb-20f7-4f59-bed2-ca0979a50285\n");
        let other = file("uptime", "11072.08 8837.31\n");
        let read = boot(&id, || 11_072).unwrap();
        assert_eq!(read.uptime, TimeDelta::seconds(11_072));
        assert_eq!(read.id, 0x281c_01bb_20f7_4f59_bed2_ca09_79a5_0285);
        assert_eq!(boot(&other, || 11_072), None);
        assert_eq!(boot(&id, || 0), None);
        assert_eq!(boot("/nowhere", || 11_072), None);
    }
}
