//! Files whose times show how late the clock was already.
//!
//! Each source is written by another program, on its own occasions. A source has several paths,
//! because distributions differ. At most 30 files are examined, and none is opened.

use std::path::Path;

use license_core::chrono::{DateTime, Utc};
use license_core::state::ClockEvidence;

use super::{Platform, System};
use crate::state_dir::{StateDir, StateFile};

type Source = &'static [&'static str];

const LINUX: &[Source] = &[
    // Boot records and logins.
    &[
        "/var/log/wtmp",
        "/var/log/lastlog",
        "/var/log/btmp",
        "/var/lib/wtmpdb/wtmp.db",
        "/var/lib/systemd/random-seed",
    ],
    // Time synchronization.
    &[
        "/var/lib/systemd/timesync/clock",
        "/var/lib/chrony/drift",
        "/var/lib/ntpsec/ntp.drift",
        "/var/lib/ntp/drift",
    ],
    // Package managers. The cache of the loader is written after them.
    &[
        "/var/lib/dpkg/status",
        "/var/lib/rpm/rpmdb.sqlite",
        "/usr/lib/sysimage/rpm/rpmdb.sqlite",
        "/var/lib/pacman/local",
        "/lib/apk/db/installed",
        "/etc/ld.so.cache",
    ],
    // Logs and their rotation.
    &[
        "/var/log",
        "/var/log/syslog",
        "/var/log/messages",
        "/var/lib/logrotate/status",
        "/var/lib/logrotate/logrotate.status",
    ],
    // Network configuration, by a DHCP client or the runtime of a container.
    &["/etc/resolv.conf", "/etc/hosts", "/etc/hostname"],
    // Temporary files of all programs.
    &["/var/tmp", "/tmp"],
];

const MACOS: &[Source] = &[
    &["/var/run/utmpx"],
    &["/Library/Receipts/InstallHistory.plist"],
    &["/var/log", "/var/log/system.log"],
    &["/Library/Preferences/SystemConfiguration/preferences.plist"],
    &["/private/var/tmp", "/private/tmp"],
];

/// Returns the times of the files of the system, and of the user's files.
///
/// Windows has no time that programs cannot set, so there is no evidence.
pub(crate) fn clock_evidence(system: &dyn System, state_dir: Option<&StateDir>) -> ClockEvidence {
    let sources = match system.platform() {
        Platform::Linux => LINUX,
        Platform::MacOs => MACOS,
        Platform::Windows | Platform::Other => return ClockEvidence::default(),
    };
    let time = |path: &Path| system.last_write(path).ok();
    let of_source = |paths: &Source| {
        let paths = paths.iter().map(Path::new);
        paths.filter_map(time).collect()
    };
    let of_user: Vec<DateTime<Utc>> = state_dir.map_or_else(Vec::new, |dir| {
        let license = dir.file(StateFile::License);
        let paths = [Some(dir.path()), dir.path().parent(), Some(&*license)];
        paths.into_iter().flatten().filter_map(time).collect()
    });
    ClockEvidence::new(sources.iter().map(of_source).chain([of_user]))
}
