//! The one place that reads the clock and the uptime.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use license_core::{Boot, Reading, Timestamp};

/// What the clock shows. A clock before 1970, as after a flat battery, counts as 1970: evaluation never goes
/// back behind what signed artefacts prove.
pub fn now() -> Timestamp {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_unix_seconds(since_epoch.as_secs()).unwrap_or(Timestamp::MAX)
}

/// What the clock shows, and for how long the system has been running.
///
/// The uptime is told by Linux alone (`/proc/uptime`, which counts time in suspend and heeds no setting of the clock), and outside of
/// containers alone: some of them see an uptime of their own and share the id of the boot with others.
pub(crate) fn reading(is_in_container: bool) -> Reading {
    let boot = || boot("/proc/sys/kernel/random/boot_id", "/proc/uptime");
    Reading {
        clock: now(),
        boot: (!is_in_container).then(boot).flatten(),
    }
}

fn boot(id: &str, uptime: &str) -> Option<Boot> {
    let id = fs::read_to_string(id).ok()?.trim().replace('-', "");
    let uptime = fs::read_to_string(uptime).ok()?;
    let seconds = uptime.split(['.', ' ']).next()?;
    Some(Boot {
        id: u128::from_str_radix(&id, 16).ok()?,
        uptime: seconds.parse().ok()?,
    })
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
        let uptime = file("uptime", "11072.08 8837.31\n");
        let read = boot(&id, &uptime).unwrap();
        assert_eq!(read.uptime, 11_072);
        assert_eq!(read.id, 0x281c_01bb_20f7_4f59_bed2_ca09_79a5_0285);
        assert_eq!(boot(&uptime, &uptime), None);
        assert_eq!(boot(&id, &id), None);
        assert_eq!(boot("/nowhere", &uptime), None);
    }
}
