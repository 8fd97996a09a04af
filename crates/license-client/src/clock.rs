//! The clock and the uptime. Nothing else in this crate reads them.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use license_core::{Boot, Reading, Timestamp};

/// Returns the current time.
///
/// A clock before 1970, as after a flat battery, counts as 1970: evaluation never goes back behind
/// the times in signed artifacts. A clock after the year 9999 counts as the latest timestamp.
pub fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since_epoch.map_or(0, |since_epoch| since_epoch.as_secs());
    Timestamp::from_unix_seconds(seconds).unwrap_or(Timestamp::MAX)
}

/// Returns the current time, and how long the system has been running.
///
/// The uptime is known only on Linux, which has an id for each boot (`/proc/uptime` includes time
/// in suspend, and setting the clock does not change it), and only outside of containers: some of
/// them see an uptime of their own and share the id of the boot with others.
pub(crate) fn reading(is_in_container: bool) -> Reading {
    let boot = || boot("/proc/sys/kernel/random/boot_id", sysinfo::System::uptime);
    Reading {
        clock: now(),
        boot: (!is_in_container).then(boot).flatten(),
    }
}

/// Returns the boot with the id in this file. An uptime of zero seconds is one that the system does
/// not tell.
fn boot(id: &str, uptime: impl FnOnce() -> u64) -> Option<Boot> {
    let id = fs::read_to_string(id).ok()?.trim().replace('-', "");
    let id = u128::from_str_radix(&id, 16).ok()?;
    let uptime = uptime();
    (uptime > 0).then_some(Boot { id, uptime })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_uptime_of_this_boot_goes_on() {
        let first = reading(false).boot.unwrap();
        let second = reading(false).boot.unwrap();
        assert_eq!(first.id, second.id);
        assert!(first.uptime <= second.uptime);
        assert_eq!(reading(true).boot, None);
    }

    #[test]
    fn what_says_nothing_of_a_boot_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &str| {
            let path = folder.path().join(name);
            fs::write(&path, content).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let id = file("id", "281c01bb-20f7-4f59-bed2-ca0979a50285\n");
        let other = file("uptime", "11072.08 8837.31\n");
        let read = boot(&id, || 11_072).unwrap();
        assert_eq!(read.uptime, 11_072);
        assert_eq!(read.id, 0x281c_01bb_20f7_4f59_bed2_ca09_79a5_0285);
        assert_eq!(boot(&other, || 11_072), None);
        assert_eq!(boot(&id, || 0), None);
        assert_eq!(boot("/nowhere", || 11_072), None);
    }
}
