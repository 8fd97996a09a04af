//! The clock high-water mark: recorded time does not go back.

use license_core::chrono::TimeDelta;
use license_core::time;
use license_tests::tools::{self, Tool};

use super::*;

/// Runs `license` with a clock that is shifted by `offset`, for example `-3d`.
fn shifted(faketime: &Tool, machine: &Scratch, offset: &str, args: &[&str]) -> RunOutput {
    let run = tools::license_at_time(faketime, machine, offset).env("CODITECT_MACHINE_ID", HERE);
    run.args(args).run()
}

/// Installs ENT on a new machine. Returns the machine and the time of the installation.
fn newly_installed_machine() -> (Scratch, String) {
    let machine = machine();
    let install = ["install", "--json", "--trust", "trust.jwks", "ent.lic"];
    let report = expect_valid(on(HERE, &machine, &install));
    (machine, evaluated_at(&report))
}

fn evaluated_at(answer: &Value) -> String {
    answer["evaluated_at"].as_str().unwrap().to_owned()
}

/// Checks the time of a decision. Tolerates five seconds, because the times are read one after the
/// other and the uptime has a resolution of one second.
#[track_caller]
fn expect_not_before(answer: &Value, earlier: &str) {
    let at = |text: &str| time::parse_instant(text).unwrap();
    let evaluated_at = at(&evaluated_at(answer));
    assert!(
        evaluated_at + TimeDelta::seconds(5) >= at(earlier),
        "{earlier}: {answer}"
    );
}

#[test]
fn a_clock_that_is_set_back_does_not_change_the_time_and_is_reported() {
    let Some(faketime) = tools::faketime() else {
        return;
    };
    let (machine, installed_at) = newly_installed_machine();
    let status = shifted(faketime, &machine, "-3d", &["status", "--json"]);
    let status = expect_valid(status);
    expect_not_before(&status, &installed_at);
    assert_eq!(warnings(&status), ["CLOCK_BEHIND"]);
    let output = shifted(faketime, &machine, "-3d", &["status"])
        .expect_code(0)
        .stderr;
    assert!(output.starts_with("warning: CLOCK_BEHIND: "), "{output}");
    assert!(
        output.contains(", 3 days behind ") || output.contains(", 2 days behind "),
        "{output}"
    );
}

#[test]
fn without_a_license_a_clock_that_is_set_back_does_not_change_the_time() {
    let Some(faketime) = tools::faketime() else {
        return;
    };
    let machine = Scratch::new();
    let used = on(HERE, &machine, &["use", "commands_per_day"]);
    let _ = used.expect_code(0);
    let now = on(HERE, &machine, &["status", "--json"])
        .expect_code(1)
        .json();
    let status = shifted(faketime, &machine, "-3d", &["status", "--json"]);
    let status = status.expect_code(1).json();
    assert_eq!(status["code"], "NO_LICENSE");
    expect_not_before(&status, &evaluated_at(&now));
    assert_eq!(warnings(&status), ["CLOCK_BEHIND"]);
}

#[test]
fn a_clock_that_is_less_than_a_day_behind_causes_no_warning() {
    let Some(faketime) = tools::faketime() else {
        return;
    };
    let (machine, installed_at) = newly_installed_machine();
    let status = expect_valid(shifted(faketime, &machine, "-23h", &["status", "--json"]));
    expect_not_before(&status, &installed_at);
    assert_eq!(warnings(&status), [""; 0]);
}

#[test]
fn a_clock_that_is_set_back_does_not_restore_an_expired_license() {
    let Some(faketime) = tools::faketime() else {
        return;
    };
    let machine = machine();
    let issued = Run::new("date", &machine).args(["-u", "-d", "-10 days", "+%Y-%m-%dT%H:%M:%SZ"]);
    let issued = issued.run().expect_code(0).stdout;
    let terms = [
        "--tier",
        "pro",
        "--issued-at",
        issued.trim(),
        "--days",
        "1",
        "--offline",
    ];
    machine.write("trial.lic", issue_license(&terms).file);
    let report = on(
        HERE,
        &machine,
        &["install", "--json", "--trust", "trust.jwks", "trial.lic"],
    );
    assert_eq!(report.expect_code(1).json()["code"], "EXPIRED");
    let back = shifted(faketime, &machine, "-9d", &["status", "--json"])
        .expect_code(1)
        .json();
    assert_eq!(back["code"], "EXPIRED");
}

/// Returns a machine with a license that was issued ten days ago for one day, and expired.
fn machine_with_expired_license() -> Scratch {
    let machine = machine();
    let issued = Run::new("date", &machine).args(["-u", "-d", "-10 days", "+%Y-%m-%dT%H:%M:%SZ"]);
    let issued = issued.run().expect_code(0).stdout;
    let terms = ["--tier", "pro", "--days", "1", "--offline", "--issued-at"];
    let license = issue_license(&[&terms[..], &[issued.trim()]].concat());
    machine.write("day.lic", license.file);
    let install = ["install", "--json", "--trust", "trust.jwks", "day.lic"];
    let report = on(HERE, &machine, &install).expect_code(1).json();
    assert_eq!(report["code"], "EXPIRED");
    machine
}

fn remove_state(machine: &Scratch) {
    for file in ["license.cache", "quota"] {
        std::fs::remove_file(machine.state().join(file)).unwrap();
    }
}

#[test]
#[cfg(unix)]
fn a_lost_state_and_a_clock_that_is_set_back_do_not_restore_an_expired_license() {
    let Some(faketime) = tools::faketime().filter(|_| tools::has_files_of_last_days(8)) else {
        return;
    };
    let machine = machine_with_expired_license();
    let status = |args: &[&str]| shifted(faketime, &machine, "-9d", args).json();
    for _ in 0..2 {
        remove_state(&machine);
        let back = status(&["status", "--json"]);
        assert_eq!(back["code"], "EXPIRED", "{back}");
        assert_eq!(warnings(&back), ["CLOCK_BEHIND", "STATE"]);
        let message = back["warnings"][1]["message"].as_str().unwrap();
        assert!(message.contains("`license request --clock`"), "{message}");
        // The recorded time stays, and so does its explanation.
        let again = status(&["status", "--json"]);
        assert_eq!(warnings(&again), ["CLOCK_BEHIND", "STATE"]);
    }
    // The same license does not count as a new artifact, and a fresh home has no advantage.
    std::fs::remove_dir_all(machine.state()).unwrap();
    let install = ["install", "--json", "--trust", "trust.jwks", "day.lic"];
    assert_eq!(status(&install)["code"], "EXPIRED");
    assert_eq!(status(&install)["code"], "EXPIRED");
    // The license is valid at the time of the clock.
    let at = Run::new("date", &machine).args(["-u", "-d", "-9 days", "+%Y-%m-%d"]);
    let at = at.run().expect_code(0).stdout;
    assert_eq!(
        status(&["status", "--json", "--at", at.trim()])["code"],
        "VALID"
    );
    // A correct clock ends the warnings.
    let now = on(HERE, &machine, &["status", "--json"]).json();
    assert_eq!(warnings(&now), [""; 0]);
}

/// The files are wrong and the clock is right: the vendor repairs the clock once.
#[test]
#[cfg(unix)]
fn a_clock_repair_overrules_the_files_of_the_system() {
    let Some(faketime) = tools::faketime().filter(|_| tools::has_files_of_last_days(8)) else {
        return;
    };
    let machine = machine_with_expired_license();
    let status = || shifted(faketime, &machine, "-9d", &["status", "--json"]).json();
    remove_state(&machine);
    assert_eq!(status()["code"], "EXPIRED");
    let request = shifted(faketime, &machine, "-9d", &["request", "--clock"]);
    let now = Run::new("date", &machine).args(["-u", "-d", "-9 days", "+%Y-%m-%dT%H:%M:%SZ"]);
    let now = now.run().expect_code(0).stdout;
    let repair = activation::repair(&request.expect_code(0).stdout, now.trim());
    machine.write("repair.lic", repair);
    let _ = shifted(faketime, &machine, "-9d", &["install", "repair.lic"]);
    for _ in 0..2 {
        let repaired = status();
        assert_eq!(repaired["code"], "VALID", "{repaired}");
        assert_eq!(warnings(&repaired), ["EXPIRES_SOON"]);
    }
}

/// A future modification time, as after a mistake or from a backup, is no evidence.
#[test]
fn files_with_a_future_modification_time_do_not_change_the_time() {
    let machine = machine();
    let install = ["install", "--json", "--trust", "trust.jwks", "ent.lic"];
    let _ = expect_valid(on(HERE, &machine, &install));
    let future = std::time::SystemTime::now() + std::time::Duration::from_secs(400 * 24 * 3600);
    for path in [machine.state().join("license.lic"), machine.state()] {
        let file = std::fs::File::open(path).unwrap();
        file.set_modified(future).unwrap();
    }
    remove_state(&machine);
    let status = expect_valid(on(HERE, &machine, &["status", "--json"]));
    assert_eq!(warnings(&status), [""; 0]);
}

#[test]
fn setting_the_clock_back_does_not_refill_a_quota() {
    let Some(faketime) = tools::faketime() else {
        return;
    };
    let machine = Scratch::new();
    let args = ["use", "commands_per_day", "10", "--json"];
    let _ = on(HERE, &machine, &args).expect_code(0);
    for by in ["-3d", "-1d", "-400d"] {
        let args = ["use", "commands_per_day", "1", "--json"];
        let denied = shifted(faketime, &machine, by, &args).expect_code(1).json();
        assert_eq!(denied["code"], "QUOTA_EXHAUSTED", "{by}");
    }
}

/// Simulates a virtual machine that was paused, or a suspended WSL host: the uptime does not
/// include the days of the pause.
#[test]
fn each_day_that_the_uptime_does_not_include_refills_the_quota_once() {
    let Some(faketime) = tools::faketime() else {
        return;
    };
    let machine = Scratch::new();
    let args = ["use", "commands_per_day", "10", "--json"];
    let _ = on(HERE, &machine, &args).expect_code(0);
    for by in ["+3d", "+5d"] {
        let used = shifted(faketime, &machine, by, &args).expect_code(0).json();
        let now = shifted(faketime, &machine, by, &["status", "--json"]).json();
        let refills = used["refills_at"].as_str().unwrap();
        assert!(refills > &*evaluated_at(&now), "{refills} has passed");
        let _ = shifted(faketime, &machine, by, &args).expect_code(1);
    }
    let _ = shifted(faketime, &machine, "+3d", &args).expect_code(1);
    // The clock high-water mark may be one day ahead now. The quota of that day is still unused.
    let _ = on(HERE, &machine, &args);
    let _ = on(HERE, &machine, &args).expect_code(1);
}

#[test]
fn the_time_of_a_clock_that_was_ahead_is_recorded() {
    let Some(faketime) = tools::faketime() else {
        return;
    };
    let (machine, installed_at) = newly_installed_machine();
    let ahead = expect_valid(shifted(faketime, &machine, "+20h", &["status", "--json"]));
    assert!(evaluated_at(&ahead) > installed_at);
    let back = expect_valid(on(HERE, &machine, &["status", "--json"]));
    expect_not_before(&back, &evaluated_at(&ahead));
}

#[test]
fn a_clock_that_was_far_ahead_is_ignored_or_repaired_by_a_new_signature() {
    let Some(faketime) = tools::faketime() else {
        return;
    };
    let (machine, _) = newly_installed_machine();
    let _ = shifted(faketime, &machine, "+30d", &["status"]).expect_code(0);
    let status = expect_valid(on(HERE, &machine, &["status", "--json"]));
    if warnings(&status).is_empty() {
        // The uptime of this machine is reliable, so the time of the clock was rejected.
        return;
    }
    assert_eq!(warnings(&status), ["CLOCK_BEHIND"]);
    let install = |file| {
        let args = ["install", "--trust", "trust.jwks", file];
        on(HERE, &machine, &args).expect_code(0).stderr
    };
    // An artifact with an old date does not prove the present time.
    assert!(install("enterprise.key").contains("CLOCK_BEHIND"));
    let now = Run::new("date", &machine).args(["-u", "+%Y-%m-%dT%H:%M:%SZ"]);
    let now = now.run().expect_code(0).stdout;
    let terms = ["--tier", "ent", "--perpetual", "--issued-at", now.trim()];
    machine.write("new.lic", issue_license(&terms).file);
    let output = install("new.lic");
    assert!(output.contains("the clock was ahead before"), "{output}");
    assert!(!output.contains("CLOCK_BEHIND"), "{output}");
    let status = expect_valid(on(HERE, &machine, &["status", "--json"]));
    assert_eq!(warnings(&status), [""; 0]);
}

#[test]
fn a_license_that_ended_because_the_clock_was_ahead_once_needs_a_clock_repair() {
    let Some(faketime) = tools::faketime() else {
        return;
    };
    let machine = machine();
    let terms = words("--tier ent --expires 2090-12-31 --offline");
    machine.write("long.lic", issue_license(&terms).file);
    let install = words("install --trust trust.jwks --force long.lic");
    let _ = shifted(faketime, &machine, "+27000d", &install).expect_code(1);
    let status = on(HERE, &machine, &["status"]).expect_code(1);
    assert!(
        status.stdout.starts_with("denied: EXPIRED"),
        "{}",
        status.stdout
    );
    let doctor = on(HERE, &machine, &["doctor", "--json"])
        .expect_code(1)
        .json();
    let checks = doctor["checks"].as_array().unwrap().iter();
    let hints = checks.filter(|check| check["check"] == "license" || check["check"] == "clock");
    let hints = hints.map(|check| check["hint"].as_str().unwrap_or_default());
    for hint in hints.chain([&*status.stderr]) {
        assert!(hint.contains("license request --clock"), "{hint}");
        assert!(!hint.contains("renewal"), "{hint}");
    }
}

#[test]
fn a_date_given_with_at_is_not_recorded() {
    let (machine, _) = newly_installed_machine();
    let files = ["state/license.cache", "state/quota"];
    let content = || files.map(|file| std::fs::read(machine.file(file)).unwrap());
    let before = content();
    for args in [
        &["status"][..],
        &["features"],
        &["explain"],
        &["check", "sso"],
        &["session"],
        &["verify", "--trust", "trust.jwks", "ent.lic"],
    ] {
        let _ = on(HERE, &machine, &[args, &["--at", "2090-01-01"]].concat()).expect_code(0);
    }
    assert!(content() == before, "the files are unchanged");
    let install = words("install --trust trust.jwks --at 2090-01-01 ent.lic");
    let _ = on(HERE, &machine, &install).expect_code(0);
    let status = expect_valid(on(HERE, &machine, &["status", "--json"]));
    assert!(evaluated_at(&status).as_str() < "2090-01-01", "{status}");
}
