//! `kill -9` at any moment of issuing: every delivered license is recorded, and every recorded
//! license is delivered.
#![cfg(unix)]

use std::collections::BTreeSet;
use std::fs;
use std::process::Child;
use std::time::{Duration, Instant};

use super::*;

const KILLS: u32 = 150;

fn start(vendor: &Scratch, out: &str, force: bool) -> Child {
    let options = ["--tier", "pro", "--customer", "ACME Ltd", "--perpetual"];
    Run::keygen(vendor)
        .args(["issue", "--key", "vendor.key", "--out", out])
        .args(options)
        .args(force.then_some("--force"))
        .start()
}

/// Returns the longest duration of five runs.
fn duration(vendor: &Scratch) -> Duration {
    let time = |run| {
        let started = Instant::now();
        assert!(
            start(vendor, &format!("warm-{run}.lic"), false)
                .wait()
                .unwrap()
                .success()
        );
        started.elapsed()
    };
    (0..5).map(time).max().unwrap()
}

/// Returns the moment of a kill, between zero and 1.2 times the duration. The moments of all kills
/// are spread evenly, but not in the order of the kills.
fn moment(kill: u32, duration: Duration) -> Duration {
    duration * (kill.wrapping_mul(2_654_435_761) % 1200) / 1000
}

/// Runs a command that writes to the ledger, and therefore recovers, but issues nothing. The file
/// contains a recorded license.
#[track_caller]
pub(super) fn recover(vendor: &Scratch, file: &str) {
    let import = ["ledger", "import", file, "--trust", "trust.jwks"];
    let report = keygen_json(vendor, &import);
    assert_eq!(report["entered"], 0);
}

/// Returns the names of the files in the working directory of the vendor.
fn names(vendor: &Scratch) -> BTreeSet<String> {
    let names = fs::read_dir(vendor.path()).unwrap();
    names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// Returns the tokens of the license files. Fails if a staging file exists.
fn files(vendor: &Scratch) -> BTreeSet<String> {
    let names = names(vendor);
    assert!(!names.iter().any(|name| name.starts_with('.')), "{names:?}");
    let licenses = names.iter().filter(|name| name.ends_with(".lic"));
    licenses.map(|name| token(&vendor.read(name))).collect()
}

fn token(file: &str) -> String {
    file.lines()
        .filter(|line| !line.starts_with("-----"))
        .collect()
}

fn recorded(vendor: &Scratch) -> BTreeSet<String> {
    let entries = export(vendor).into_iter();
    let licenses = entries.filter(|entry| entry["kind"] == "license");
    licenses
        .map(|entry| text(&entry["artefact"]).to_owned())
        .collect()
}

#[test]
fn after_the_next_run_exactly_the_delivered_licenses_are_recorded() {
    let vendor = vendor();
    let duration = duration(&vendor);
    let (mut delivered, mut missing, mut staging) = (0, 0, 0);
    for kill in 0..KILLS {
        let name = format!("{kill}.lic");
        let mut child = start(&vendor, &name, false);
        std::thread::sleep(moment(kill, duration));
        // SIGKILL. The process may already have ended.
        let _ = child.kill();
        let _ = child.wait().unwrap();
        let before = names(&vendor);
        staging += before.iter().filter(|name| name.starts_with('.')).count();
        // A command that reads recovers nothing.
        if kill % 10 == 0 {
            let _ = keygen(&vendor, &["ledger", "list"]).expect_code(0);
            assert_eq!(names(&vendor), before, "kill {kill}");
        }
        // The next run that writes issues a license after every second kill.
        if kill % 2 == 0 {
            issue(&vendor, &format!("next-{kill}.lic"), &[]);
        } else {
            recover(&vendor, "warm-0.lic");
        }
        let recorded = recorded(&vendor);
        assert_eq!(files(&vendor), recorded, "kill {kill}");
        if vendor.file(&name).exists() {
            delivered += 1;
        } else {
            missing += 1;
        }
    }
    verified_chain(&vendor);
    println!(
        "{KILLS} kills of `keygen issue`: {delivered} delivered, {missing} not delivered, \
         {staging} staging files remained"
    );
    assert!(missing > 0, "no process was killed in time");
}

#[test]
fn a_replaced_file_contains_the_license_that_was_recorded_last() {
    let vendor = vendor();
    let duration = duration(&vendor);
    for run in 0..5 {
        fs::remove_file(vendor.file(&format!("warm-{run}.lic"))).unwrap();
    }
    issue(&vendor, "acme.lic", &[]);
    for kill in 0..KILLS / 3 {
        let mut child = start(&vendor, "acme.lic", true);
        std::thread::sleep(moment(kill, duration));
        let _ = child.kill();
        let _ = child.wait().unwrap();
        recover(&vendor, "acme.lic");
        let last = export(&vendor).pop().unwrap();
        let file = BTreeSet::from([text(&last["artefact"]).to_owned()]);
        assert_eq!(files(&vendor), file, "kill {kill}");
    }
    verified_chain(&vendor);
}

#[test]
fn printed_licenses_are_recorded_and_confirmed_licenses_were_printed() {
    let vendor = vendor();
    let duration = duration(&vendor);
    let mut printed = BTreeSet::new();
    for kill in 0..KILLS / 2 {
        let json = (kill % 2 == 0).then_some("--json");
        let mut child = Run::keygen(&vendor)
            .args(["issue", "--key", "vendor.key", "--tier", "pro"])
            .args(["--customer", "ACME Ltd", "--perpetual", "--quiet"])
            .args(json)
            .start();
        std::thread::sleep(moment(kill, duration));
        let _ = child.kill();
        let output = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
        if !output.is_empty() {
            printed.insert(match json {
                Some(_) => {
                    let report: Value = serde_json::from_str(&output).unwrap();
                    text(&report["token"]).to_owned()
                }
                None => token(&output),
            });
        }
        recover(&vendor, "warm-0.lic");
        let entries = export(&vendor).into_iter();
        let entries: Vec<_> = entries
            .filter(|entry| entry["kind"] == "license" && entry["body"]["customer"] == "ACME Ltd")
            .skip(5)
            .collect();
        let tokens = |is_selected: &dyn Fn(&Value) -> bool| {
            let selected = entries.iter().filter(|entry| is_selected(entry));
            selected
                .map(|entry| text(&entry["artefact"]).to_owned())
                .collect::<BTreeSet<_>>()
        };
        assert!(printed.is_subset(&tokens(&|_| true)), "kill {kill}");
        assert!(
            tokens(&|entry| entry["delivered"] == true).is_subset(&printed),
            "kill {kill}"
        );
    }
    verified_chain(&vendor);
    assert!(
        !printed.is_empty(),
        "every process was killed before it printed"
    );
}

#[test]
fn a_ledger_can_be_created_after_its_first_process_was_killed() {
    for kill in 0..KILLS / 3 {
        let vendor = vendor();
        let mut child = start(&vendor, "0.lic", false);
        std::thread::sleep(Duration::from_micros(u64::from(kill) * 400));
        let _ = child.kill();
        let _ = child.wait().unwrap();
        issue(&vendor, "next.lic", &[]);
        assert_eq!(files(&vendor), recorded(&vendor), "kill {kill}");
        verified_chain(&vendor);
    }
}
