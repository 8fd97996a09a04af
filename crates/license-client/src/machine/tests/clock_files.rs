//! Files of the system that show the time.

use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::state::{ClockHighWater, ClockReading};
use license_core::time;

use super::*;
use crate::state_dir::StateDir;

fn clock() -> DateTime<Utc> {
    time::parse_instant("2027-03-01").unwrap()
}

/// Returns the days after the clock that a new state on this system has as its mark.
fn days_of_mark(system: &Simulated) -> i64 {
    let reading = ClockReading {
        clock: clock(),
        boot: None,
    };
    let mut seen = ClockHighWater::default();
    seen.observe(reading);
    let state = StateDir::at("/home/jo/.acme9");
    seen.record_evidence(&clock_evidence(system, Some(&state)), reading);
    (seen.mark() - clock()).num_days()
}

fn with_files(platform: Platform, files: &[(&str, i64)]) -> Simulated {
    let write = |system: Simulated, (path, days): &(&str, i64)| {
        system.written(path, clock() + TimeDelta::days(*days))
    };
    files.iter().fold(Simulated::new(platform), write)
}

#[test]
fn three_sources_replace_a_lost_mark() {
    let wtmp = ("/var/log/wtmp", 60);
    let packages = ("/var/lib/dpkg/status", 50);
    let license = ("/home/jo/.acme9/license.lic", 40);
    for (files, expected) in [
        (&[wtmp, packages, license][..], 40),
        (&[wtmp, packages], 0),
        // These files are written together.
        (&[wtmp, packages, ("/etc/ld.so.cache", 50)], 0),
        // A home directory is one source.
        (
            &[wtmp, license, ("/home/jo/.acme9", 40), ("/home/jo", 40)],
            0,
        ),
    ] {
        let system = with_files(Platform::Linux, files);
        assert_eq!(days_of_mark(&system), expected, "{files:?}");
    }
}

#[test]
fn only_linux_and_macos_have_evidence() {
    let everywhere: Vec<_> = ["/var/log", "/var/tmp", "/etc/hosts", "/var/log/wtmp"]
        .into_iter()
        .chain(["/var/run/utmpx", "/private/tmp", "/home/jo"])
        .map(|path| (path, 60))
        .collect();
    for &platform in Platform::ALL {
        let has_evidence = matches!(platform, Platform::Linux | Platform::MacOs);
        let system = with_files(platform, &everywhere);
        let expected = if has_evidence { 60 } else { 0 };
        assert_eq!(days_of_mark(&system), expected, "{platform}");
    }
}
