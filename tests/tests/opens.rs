//! The files that `license` opens and examines, as counted by `strace`. Opening an unnecessary
//! file, or a file twice, fails these tests.
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

/// System calls that open or examine a file.
const CALLS: &str =
    "trace=open,openat,stat,lstat,newfstatat,statx,access,faccessat,faccessat2,readlink,readlinkat";

/// Paths that the loader, the C library and Rust's runtime open before `main`.
const BEFORE_MAIN: &[&str] = &[
    "/etc/ld.so.",
    "/lib",
    "/usr/lib",
    "/proc/self/maps",
    "/sys/",
];

/// Files that identify the machine, and show whether it is a container and how long it has been
/// running.
const MACHINE_FILES: &[&str] = &[
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

/// How often each path was opened, and how often it was only examined.
type Accesses = BTreeMap<String, [usize; 2]>;

/// Returns a machine with an installed PRO license. Its state already contains the current time.
fn machine() -> Scratch {
    let vendor = Vendor::shared();
    let machine = vendor.customer_machine();
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

/// Returns the paths that a command opens or examines, with `STATE` instead of the state directory.
/// `None` if there is no `strace`.
fn trace(machine: &Scratch, args: &[&str]) -> Option<Accesses> {
    let strace = tools::strace()?
        .run(machine)
        .args(["-f", "-y", "-o", "trace.txt", "-e", CALLS]);
    let _ = strace
        .arg(programs::license())
        .args(args)
        .run()
        .expect_code(0);
    let state = machine.state();
    let lines = machine
        .read("trace.txt")
        .replace(state.to_str().unwrap(), "STATE");
    let mut accesses = Accesses::new();
    for (path, is_opened) in lines.lines().filter_map(call) {
        if !BEFORE_MAIN.iter().any(|start| path.starts_with(start)) {
            let [opened, examined] = accesses.entry(path).or_default();
            *(if is_opened { opened } else { examined }) += 1;
        }
    }
    Some(accesses)
}

/// Returns the path in a system call, and whether the call opens a file. A directory, or a file
/// that does not exist, is only examined. `None` if the call uses an open file.
fn call(line: &str) -> Option<(String, bool)> {
    let (before, rest) = line.split_once('"')?;
    let (path, after) = rest.split_once('"')?;
    // The option `-y` prints the path of a descriptor behind its number.
    let directory = before
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    let directory = directory.filter(|_| !before.contains("AT_FDCWD"));
    let path = match (path, directory) {
        ("", _) => return None,
        (".", Some((directory, _))) => directory.to_owned(),
        (path, Some((directory, _))) if !path.starts_with('/') => format!("{directory}/{path}"),
        (path, _) => path.to_owned(),
    };
    let is_open = before.contains(" open") && !after.contains("O_DIRECTORY");
    Some((path, is_open && !after.contains("ENOENT")))
}

fn opened(accesses: &Accesses) -> Vec<(&str, usize)> {
    let opened = accesses.iter().filter(|(_, [opened, _])| *opened > 0);
    opened
        .map(|(path, [opened, _])| (&**path, *opened))
        .collect()
}

#[test]
fn version_and_help_open_no_files() {
    let machine = Scratch::new();
    for args in [&["--version"][..], &["--help"], &["help", "verify"]] {
        let Some(accesses) = trace(&machine, args) else {
            return;
        };
        assert_eq!(accesses, Accesses::new(), "{args:?}");
    }
}

#[test]
fn verify_reads_only_the_license_the_keys_and_the_recorded_revocations() {
    let machine = machine();
    let Some(accesses) = trace(&machine, VERIFY) else {
        return;
    };
    let opened = opened(&accesses);
    let is_other = |(path, _): &(&str, usize)| !MACHINE_FILES.contains(path);
    let others: Vec<_> = opened.into_iter().filter(is_other).collect();
    // The state contains the recorded revocations.
    let state = [("STATE/license.cache", 1), ("STATE/quota", 1)];
    let named = [("pro.lic", 1), ("trust.jwks", 1)];
    assert_eq!(others, [state, named].concat());
    // `verify` also looks for stored revocation lists, which could revoke the license.
    for list in ["/etc/coditect", "STATE/revocations.lic"] {
        assert!(accesses.contains_key(list), "{list}: {accesses:?}");
    }
}

#[test]
fn verify_needs_no_state_directory() {
    let vendor = Vendor::shared();
    let machine = vendor.customer_machine();
    machine.write(
        "pro.lic",
        vendor
            .issue(&["--tier", "pro", "--perpetual", "--offline"])
            .file,
    );
    let Some(accesses) = trace(&machine, VERIFY) else {
        return;
    };
    assert_eq!(opened(&accesses), [("pro.lic", 1), ("trust.jwks", 1)]);
}

#[test]
fn status_and_check_read_each_file_of_the_state_once() {
    let machine = machine();
    for args in [&["status"][..], &["check", "cloud_sync"]] {
        let Some(accesses) = trace(&machine, args) else {
            return;
        };
        let (own, others): (Vec<_>, Vec<_>) = opened(&accesses)
            .into_iter()
            .partition(|(path, _)| path.starts_with("STATE"));
        // Ignores the copy of the file `activation`, whose name ends with the id of the machine.
        let own = own
            .into_iter()
            .filter(|(path, _)| !path.starts_with("STATE/activation."));
        let expected = ["license.cache", "license.lic", "quota", "trust.jwks"];
        let expected = expected.map(|file| (format!("STATE/{file}"), 1));
        assert!(
            own.eq(expected.iter().map(|(path, times)| (&**path, *times))),
            "{args:?}: {accesses:?}"
        );
        for (path, times) in others {
            assert!(
                MACHINE_FILES.contains(&path) && times == 1,
                "{args:?}: {path} {times} times"
            );
        }
    }
}
