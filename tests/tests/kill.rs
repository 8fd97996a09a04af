//! `kill -9` at any moment of installing or counting: acknowledged changes are kept, no change is
//! applied twice, and no partial file remains.
//!
//! Each test kills 250 processes. `LICENSE_TESTS_KILLS=1000 cargo test -p license-tests --test kill
//! -- --nocapture` kills a thousand in about a minute, and prints the outcomes.
#![cfg(unix)]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use license_tests::{Run, Scratch, Vendor, copy_files};

/// Returns the number of processes that a test kills.
fn kills() -> u64 {
    let kills = std::env::var("LICENSE_TESTS_KILLS");
    kills.map_or(250, |kills| kills.parse().expect("a number of kills"))
}

/// Creates a machine with an installed PRO license, and with a PRO and a TEAM license as files.
/// Each license allows a million commands per day.
fn machine() -> Scratch {
    let machine = Vendor::shared().customer_machine();
    let quota = "commands_per_day=1000000";
    for (tier, file) in [("pro", "pro.lic"), ("team", "team.lic")] {
        let terms = ["--tier", tier, "--perpetual", "--offline", "--quota", quota];
        machine.write(file, Vendor::shared().issue(&terms).file);
    }
    let install = ["install", "--trust", "trust.jwks", "pro.lic"];
    let _ = Run::license(&machine).args(install).run().expect_code(0);
    machine
}

fn start(machine: &Scratch, args: &[&str]) -> Child {
    Run::license(machine).args(args).start()
}

/// Returns the longest duration of five runs.
fn duration(machine: &Scratch, args: &[&str]) -> Duration {
    let time = |_| {
        let started = Instant::now();
        assert!(start(machine, args).wait().unwrap().success());
        started.elapsed()
    };
    (0..5).map(time).max().unwrap()
}

/// Returns the moment of a kill, between zero and 1.2 times the duration. The moments of all kills
/// are spread evenly, but not in the order of the kills.
fn moment(kill: u64, duration: Duration) -> Duration {
    let spread = kill.wrapping_mul(2_654_435_761) % 1200;
    duration * u32::try_from(spread).unwrap() / 1000
}

/// Runs a command, kills the process at this moment, and returns whether the process had
/// acknowledged its change.
fn kill_at(moment: Duration, machine: &Scratch, args: &[&str]) -> bool {
    let mut child = start(machine, args);
    thread::sleep(moment);
    // SIGKILL. The process may already have ended.
    let _ = child.kill();
    let output = child.wait_with_output().unwrap();
    !output.stdout.is_empty()
}

fn used(machine: &Scratch) -> u64 {
    let query = Run::license(machine).args(["use", "commands_per_day", "0", "--json"]);
    let report = query.run().expect_code(0).json();
    assert_eq!(
        report["warnings"],
        serde_json::json!([]),
        "expected no warning about a damaged file"
    );
    report["used"].as_u64().unwrap()
}

/// Checks that the next writer has removed the files of killed writers.
fn expect_no_partial_files(machine: &Scratch) {
    let _ = used(machine);
    for entry in fs::read_dir(machine.state()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            !name.contains("unfinished") && !name.contains("damaged"),
            "{name}"
        );
    }
}

#[test]
fn an_acknowledged_use_is_counted_once_after_a_kill() {
    let kills = kills();
    let machine = machine();
    let args = ["use", "commands_per_day"];
    let duration = duration(&machine, &args);
    let (mut before, mut acknowledged, mut unacknowledged) = (used(&machine), 0, 0);
    for kill in 0..kills {
        let is_acknowledged = kill_at(moment(kill, duration), &machine, &args);
        let now = used(&machine);
        if is_acknowledged {
            assert_eq!(now, before + 1, "kill {kill}");
        } else {
            assert!(
                now == before || now == before + 1,
                "kill {kill}: {before}, {now}"
            );
        }
        acknowledged += u64::from(is_acknowledged);
        unacknowledged += u64::from(!is_acknowledged && now > before);
        before = now;
    }
    expect_no_partial_files(&machine);
    println!(
        "{kills} kills of `license use`: {acknowledged} counted and acknowledged, \
         {unacknowledged} counted only, {} without a change",
        kills - acknowledged - unacknowledged
    );
    assert!(acknowledged < kills, "no process was killed in time");
}

#[test]
fn the_installed_license_is_valid_after_a_kill() {
    let kills = kills();
    let machine = machine();
    let install = |file| ["install", "--trust", "trust.jwks", "--force", file];
    let duration = duration(&machine, &install("pro.lic"));
    let tier = || {
        let status = Run::license(&machine).args(["status", "--json"]).run();
        let status = status.expect_code(0).json();
        assert_eq!(status["code"], "VALID");
        assert_eq!(status["warnings"], serde_json::json!([]));
        status["tier"].as_str().unwrap().to_owned()
    };
    let (mut before, mut acknowledged, mut unacknowledged) = (tier(), 0, 0);
    for kill in 0..kills {
        let (file, expected) = match before.as_str() {
            "PRO" => ("team.lic", "TEAM"),
            _ => ("pro.lic", "PRO"),
        };
        let is_acknowledged = kill_at(moment(kill, duration), &machine, &install(file));
        let now = tier();
        assert!(!is_acknowledged || now == expected, "kill {kill}: {now}");
        acknowledged += u64::from(is_acknowledged);
        unacknowledged += u64::from(!is_acknowledged && now == expected);
        before = now;
    }
    expect_no_partial_files(&machine);
    println!(
        "{kills} kills of `license install`: {acknowledged} installed and acknowledged, \
         {unacknowledged} installed only, {} without a change",
        kills - acknowledged - unacknowledged
    );
    assert!(acknowledged < kills, "no process was killed in time");
}

/// Creates a machine with an installed license, and with a file that contains a second license and
/// a list that revokes the installed license.
fn machine_with_bundle() -> Scratch {
    let vendor = Vendor::shared().workstation();
    let keygen = |args: &[&str]| Run::keygen(&vendor).args(args).run().expect_code(0);
    let key = ["--key", "vendor.key"];
    let mut ids = Vec::new();
    for (tier, file) in [("pro", "pro.lic"), ("team", "team.lic")] {
        let terms = [
            "--tier",
            tier,
            "--customer",
            "ACME Ltd",
            "--perpetual",
            "--offline",
        ];
        let issue = [&["issue", "--json", "--out", file], &terms[..], &key].concat();
        let report = keygen(&issue).json();
        ids.push(report["license_id"].as_str().unwrap().to_owned());
    }
    let _ = keygen(&["revoke", &ids[0], "--reason", "replaced"]);
    let _ = keygen(&[&["revocations", "--out", "list.lic"], &key[..]].concat());
    let _ = keygen(&["bundle", "list.lic", "team.lic", "--out", "all.lic"]);
    let machine = Vendor::shared().customer_machine();
    for file in ["pro.lic", "all.lic"] {
        machine.write(file, vendor.read(file));
    }
    let install = ["install", "--trust", "trust.jwks", "pro.lic"];
    let _ = Run::license(&machine).args(install).run().expect_code(0);
    machine
}

#[test]
fn after_a_kill_a_file_of_several_blocks_is_installed_completely_or_not_at_all() {
    const KILLS: u64 = 200;
    let machine = machine_with_bundle();
    let base = machine.file("base");
    copy_files(&machine.state(), &base);
    let install = ["install", "--trust", "trust.jwks", "all.lic"];
    let duration = duration(&machine, &install);
    let mut outcomes = [0, 0];
    for kill in 0..KILLS {
        copy_files(&base, &machine.state());
        let is_acknowledged = kill_at(moment(kill, duration), &machine, &install);
        let status = Run::license(&machine).args(["status", "--json"]).run();
        let status = status.expect_code(0).json();
        assert_eq!(status["code"], "VALID", "kill {kill}: {status:#}");
        let lists = status["revocation_lists"].as_array().unwrap().len();
        match (status["tier"].as_str().unwrap(), lists) {
            ("PRO", 0) => assert!(!is_acknowledged, "kill {kill}"),
            ("TEAM", 1) => {}
            other => panic!("kill {kill}: partly installed, {other:?}"),
        }
        outcomes[lists] += 1;
        let remaining = fs::read_dir(machine.state()).unwrap();
        let mut remaining = remaining.map(|entry| entry.unwrap().file_name());
        assert!(!remaining.any(|name| name == ".undo"), "kill {kill}");
    }
    println!(
        "{KILLS} kills of `license install` of several blocks: {} without a change, {} installed",
        outcomes[0], outcomes[1]
    );
    assert!(
        outcomes.iter().all(|count| *count > 0),
        "the kills left only one of the two outcomes"
    );
}
