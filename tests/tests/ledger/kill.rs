//! `kill -9` at any moment of minting: every license that is there is entered, and every one that is entered is there.
#![cfg(unix)]

use std::collections::BTreeSet;
use std::fs;
use std::process::Child;
use std::time::{Duration, Instant};

use super::*;

const KILLS: u32 = 150;

fn start(desk: &Scratch, out: &str, force: bool) -> Child {
    let order = ["--tier", "pro", "--customer", "ACME Ltd", "--perpetual"];
    Run::keygen(desk)
        .args(["issue", "--key", "vendor.key", "--out", out])
        .args(order)
        .args(force.then_some("--force"))
        .start()
}

/// How long it takes, the longest of some.
fn duration(desk: &Scratch) -> Duration {
    let time = |run| {
        let started = Instant::now();
        assert!(
            start(desk, &format!("warm-{run}.lic"), false)
                .wait()
                .unwrap()
                .success()
        );
        started.elapsed()
    };
    (0..5).map(time).max().unwrap()
}

/// Spread evenly over the time that it takes and a little more, in an order without a pattern.
fn moment(kill: u32, duration: Duration) -> Duration {
    duration * (kill.wrapping_mul(2_654_435_761) % 1200) / 1000
}

/// The tokens of the licenses that have a file, none of which is passing or half written.
fn files(desk: &Scratch) -> BTreeSet<String> {
    let names = fs::read_dir(desk.path()).unwrap();
    let names: Vec<_> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(!names.iter().any(|name| name.starts_with('.')), "{names:?}");
    let licenses = names.iter().filter(|name| name.ends_with(".lic"));
    licenses.map(|name| token(&desk.read(name))).collect()
}

fn token(file: &str) -> String {
    file.lines()
        .filter(|line| !line.starts_with("-----"))
        .collect()
}

fn entered(desk: &Scratch) -> BTreeSet<String> {
    let entries = export(desk).into_iter();
    let licenses = entries.filter(|entry| entry["kind"] == "license");
    licenses
        .map(|entry| text(&entry["artefact"]).to_owned())
        .collect()
}

#[test]
fn the_next_run_finds_entered_what_has_a_file_and_nothing_else() {
    let desk = desk();
    let duration = duration(&desk);
    let (mut there, mut not, mut passing) = (0, 0, 0);
    for kill in 0..KILLS {
        let name = format!("{kill}.lic");
        let mut child = start(&desk, &name, false);
        std::thread::sleep(moment(kill, duration));
        // SIGKILL. It may have ended already.
        let _ = child.kill();
        let _ = child.wait().unwrap();
        let names = fs::read_dir(desk.path())
            .unwrap()
            .map(|name| name.unwrap().file_name());
        passing += names
            .filter(|name| name.to_str().unwrap().starts_with('.'))
            .count();
        // The next run is one that mints, or one that looks.
        if kill % 2 == 0 {
            issue(&desk, &format!("next-{kill}.lic"), &[]);
        }
        let entered = entered(&desk);
        assert_eq!(files(&desk), entered, "kill {kill}");
        match desk.file(&name).exists() {
            true => there += 1,
            false => not += 1,
        }
    }
    whole(&desk);
    println!(
        "{KILLS} kills of `keygen issue`: {there} licenses were there, {not} were not, {passing} had left a passing file"
    );
    assert!(not > 0, "none was killed in time");
}

#[test]
fn a_file_that_is_replaced_holds_what_was_entered_last() {
    let desk = desk();
    let duration = duration(&desk);
    for run in 0..5 {
        fs::remove_file(desk.file(&format!("warm-{run}.lic"))).unwrap();
    }
    issue(&desk, "acme.lic", &[]);
    for kill in 0..KILLS / 3 {
        let mut child = start(&desk, "acme.lic", true);
        std::thread::sleep(moment(kill, duration));
        let _ = child.kill();
        let _ = child.wait().unwrap();
        let last = export(&desk).pop().unwrap();
        let file = BTreeSet::from([text(&last["artefact"]).to_owned()]);
        assert_eq!(files(&desk), file, "kill {kill}");
    }
    whole(&desk);
}

#[test]
fn what_was_printed_is_entered_and_what_is_certain_was_printed() {
    let desk = desk();
    let duration = duration(&desk);
    let mut seen = BTreeSet::new();
    for kill in 0..KILLS / 2 {
        let json = (kill % 2 == 0).then_some("--json");
        let mut child = Run::keygen(&desk)
            .args(["issue", "--key", "vendor.key", "--tier", "pro"])
            .args(["--customer", "ACME Ltd", "--perpetual", "--quiet"])
            .args(json)
            .start();
        std::thread::sleep(moment(kill, duration));
        let _ = child.kill();
        let printed = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
        if !printed.is_empty() {
            seen.insert(match json {
                Some(_) => {
                    let told: Value = serde_json::from_str(&printed).unwrap();
                    text(&told["token"]).to_owned()
                }
                None => token(&printed),
            });
        }
        let entries = export(&desk).into_iter();
        let entries: Vec<_> = entries
            .filter(|entry| entry["kind"] == "license" && entry["body"]["customer"] == "ACME Ltd")
            .skip(5)
            .collect();
        let of = |is_such: &dyn Fn(&Value) -> bool| {
            let such = entries.iter().filter(|entry| is_such(entry));
            such.map(|entry| text(&entry["artefact"]).to_owned())
                .collect::<BTreeSet<_>>()
        };
        assert!(seen.is_subset(&of(&|_| true)), "kill {kill}");
        assert!(
            of(&|entry| entry["delivered"] == true).is_subset(&seen),
            "kill {kill}"
        );
    }
    whole(&desk);
    assert!(!seen.is_empty());
}

#[test]
fn a_ledger_is_made_whenever_who_makes_it_is_killed() {
    for kill in 0..KILLS / 3 {
        let desk = desk();
        let mut child = start(&desk, "0.lic", false);
        std::thread::sleep(Duration::from_micros(u64::from(kill) * 400));
        let _ = child.kill();
        let _ = child.wait().unwrap();
        issue(&desk, "next.lic", &[]);
        assert_eq!(files(&desk), entered(&desk), "kill {kill}");
        whole(&desk);
    }
}
