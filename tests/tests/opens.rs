//! What `license` opens and looks at, each path counted by `strace`: a file that is not needed, or is read again, makes these fail.
#![cfg(target_os = "linux")]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;

use license_tests::{Scratch, Vendor, programs, tools};

const VERIFY: &[&str] = &["verify", "--trust", "trust.jwks", "pro.lic"];

/// What opens a file or asks whether there is one.
const CALLS: &str =
    "trace=open,openat,stat,lstat,newfstatat,statx,access,faccessat,faccessat2,readlink,readlinkat";

/// Where the loader and the C library look for libraries, and Rust's runtime for the end of the stack.
const BEFORE_MAIN: &[&str] = &[
    "/etc/ld.so.",
    "/lib",
    "/usr/lib",
    "/proc/self/maps",
    "/sys/",
];

/// What tells which machine this is, whether it is a container, and how long it has been running.
const OF_THE_MACHINE: &[&str] = &[
    "/etc/coditect/machine-id",
    "/etc/machine-id",
    "/var/lib/dbus/machine-id",
    "/proc/1/cgroup",
    "/proc/self/cgroup",
    "/proc/self/mountinfo",
    "/proc/sys/kernel/osrelease",
    "/proc/sys/kernel/random/boot_id",
    "/proc/uptime",
    "/run/.containerenv",
];

/// How often each path was opened, and how often it was only asked for.
type Seen = BTreeMap<String, [usize; 2]>;

/// A machine with a PRO license, which has seen this moment already.
fn machine() -> Scratch {
    let vendor = Vendor::shared();
    let machine = vendor.site();
    machine.write(
        "pro.lic",
        vendor
            .issue(&["--tier", "pro", "--perpetual", "--offline"])
            .file,
    );
    let license = |args: &[&str]| {
        let run = license_tests::Run::license(&machine).args(args);
        let _ = run.run().expect_code(0);
    };
    license(&["install", "--trust", "trust.jwks", "pro.lic"]);
    license(&["status"]);
    machine
}

/// What a command looks at after it was started; none where there is no `strace`. State is called `STATE`.
fn seen(machine: &Scratch, args: &[&str]) -> Option<Seen> {
    let strace = tools::strace()?
        .run(machine)
        .args(["-f", "-o", "trace.txt", "-e", CALLS]);
    let _ = strace
        .arg(programs::license())
        .args(args)
        .run()
        .expect_code(0);
    let state = machine.state();
    let trace = machine
        .read("trace.txt")
        .replace(state.to_str().unwrap(), "STATE");
    let mut seen = Seen::new();
    for (path, is_opened) in trace.lines().filter_map(call) {
        if !BEFORE_MAIN.iter().any(|start| path.starts_with(start)) {
            let [opened, asked] = seen.entry(path.to_owned()).or_default();
            *(if is_opened { opened } else { asked }) += 1;
        }
    }
    Some(seen)
}

/// The path that a call is about, and whether it is to be opened; none if it is about a file that is open.
fn call(line: &str) -> Option<(&str, bool)> {
    let (before, rest) = line.split_once('"')?;
    let (path, _) = rest.split_once('"')?;
    (!path.is_empty()).then(|| (path, before.contains(" open")))
}

fn opened(seen: &Seen) -> Vec<(&str, usize)> {
    let opened = seen.iter().filter(|(_, [opened, _])| *opened > 0);
    opened
        .map(|(path, [opened, _])| (&**path, *opened))
        .collect()
}

#[test]
fn version_and_help_look_at_nothing() {
    let machine = Scratch::new();
    for args in [&["--version"][..], &["--help"], &["help", "verify"]] {
        let Some(seen) = seen(&machine, args) else {
            return;
        };
        assert_eq!(seen, Seen::new(), "{args:?}");
    }
}

#[test]
fn verify_reads_the_license_and_the_keys_and_nothing_else() {
    let machine = machine();
    let Some(seen) = seen(&machine, VERIFY) else {
        return;
    };
    assert_eq!(opened(&seen), [("pro.lic", 1), ("trust.jwks", 1)]);
    // Lists that are kept here could revoke it.
    let asked: Vec<_> = seen.keys().map(String::as_str).collect();
    let lists = ["/etc/coditect/.undo", "/etc/coditect/revocations.lic"];
    let own = ["STATE/.undo", "STATE/revocations.lic"];
    assert_eq!(
        asked,
        [&lists[..], &own, &["pro.lic", "trust.jwks"]].concat()
    );
}

#[test]
fn verify_needs_no_state_to_be_there() {
    let vendor = Vendor::shared();
    let machine = vendor.site();
    machine.write(
        "pro.lic",
        vendor
            .issue(&["--tier", "pro", "--perpetual", "--offline"])
            .file,
    );
    let Some(seen) = seen(&machine, VERIFY) else {
        return;
    };
    assert_eq!(opened(&seen), [("pro.lic", 1), ("trust.jwks", 1)]);
}

#[test]
fn status_and_check_read_each_file_of_the_state_once() {
    let machine = machine();
    for args in [&["status"][..], &["check", "cloud_sync"]] {
        let Some(seen) = seen(&machine, args) else {
            return;
        };
        let (own, others): (Vec<_>, Vec<_>) = opened(&seen)
            .into_iter()
            .partition(|(path, _)| path.starts_with("STATE"));
        // No activation is kept: its name ends with the machine.
        let own = own
            .into_iter()
            .filter(|(path, _)| !path.starts_with("STATE/activation."));
        let expected = ["license.cache", "license.lic", "quota", "trust.jwks"];
        let expected = expected.map(|file| (format!("STATE/{file}"), 1));
        assert!(
            own.eq(expected.iter().map(|(path, times)| (&**path, *times))),
            "{args:?}: {seen:?}"
        );
        for (path, times) in others {
            assert!(
                OF_THE_MACHINE.contains(&path) && times == 1,
                "{args:?}: {path} {times} times"
            );
        }
    }
}
