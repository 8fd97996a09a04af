//! Time never runs backwards.

use license_core::Timestamp;
use license_tests::tools::{self, Tool};

use super::*;

/// `license` with its clock off by so much, such as `-3d`.
fn shifted(faketime: &Tool, site: &Scratch, by: &str, args: &[&str]) -> Outcome {
    let run = faketime.run(site).args(["-f", by]);
    // A file's own dates and the uptime stay those of the system.
    let run = run.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let run = run
        .env("NO_FAKE_STAT", "1")
        .env("CODITECT_MACHINE_ID", HERE);
    run.arg(license_tests::programs::license()).args(args).run()
}

/// A machine with ENT installed now, and the time when it was.
fn site_of_now() -> (Scratch, String) {
    let site = site();
    let install = ["install", "--json", "--trust", "trust.jwks", "ent.lic"];
    let told = expect_valid(on(HERE, &site, &install));
    (site, evaluated_at(&told))
}

fn evaluated_at(answer: &Value) -> String {
    answer["evaluated_at"].as_str().unwrap().to_owned()
}

/// But for a few seconds: the mark and what is shown are read one after the other, and the uptime is told in whole seconds.
#[track_caller]
fn expect_not_before(answer: &Value, earlier: &str) {
    let at = |text: &str| Timestamp::parse(text).unwrap();
    let evaluated_at = at(&evaluated_at(answer));
    assert!(evaluated_at.plus(5) >= at(earlier), "{earlier}: {answer}");
}

#[test]
fn a_clock_that_is_set_back_gains_nothing_and_is_told() {
    let Some(faketime) = tools::faketime() else {
        return;
    };
    let (site, installed_at) = site_of_now();
    let status = shifted(faketime, &site, "-3d", &["status", "--json"]);
    let status = expect_valid(status);
    expect_not_before(&status, &installed_at);
    assert_eq!(warnings(&status), ["CLOCK_BEHIND"]);
    let said = shifted(faketime, &site, "-3d", &["status"])
        .expect_code(0)
        .stderr;
    assert!(said.starts_with("warning: CLOCK_BEHIND: "), "{said}");
    assert!(
        said.contains(" is 3 days behind ") || said.contains(" is 2 days behind "),
        "{said}"
    );
}

#[test]
fn without_a_license_it_gains_nothing_either() {
    let Some(faketime) = tools::faketime() else {
        return;
    };
    let site = Scratch::new();
    let used = on(HERE, &site, &["use", "commands_per_day"]);
    let _ = used.expect_code(0);
    let now = on(HERE, &site, &["status", "--json"]).expect_code(1).json();
    let status = shifted(faketime, &site, "-3d", &["status", "--json"]);
    let status = status.expect_code(1).json();
    assert_eq!(status["code"], "NO_LICENSE");
    expect_not_before(&status, &evaluated_at(&now));
    assert_eq!(warnings(&status), ["CLOCK_BEHIND"]);
}

#[test]
fn a_clock_that_is_back_by_less_than_a_day_is_not_worth_a_word() {
    let Some(faketime) = tools::faketime() else {
        return;
    };
    let (site, installed_at) = site_of_now();
    let status = expect_valid(shifted(faketime, &site, "-23h", &["status", "--json"]));
    expect_not_before(&status, &installed_at);
    assert_eq!(warnings(&status), [""; 0]);
}

#[test]
fn a_clock_that_is_set_back_does_not_bring_an_ended_license_back() {
    let Some(faketime) = tools::faketime() else {
        return;
    };
    let site = site();
    let issued = Run::of("date", &site).args(["-u", "-d", "-10 days", "+%Y-%m-%dT%H:%M:%SZ"]);
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
    site.write("trial.lic", minted(&terms).file);
    let told = on(
        HERE,
        &site,
        &["install", "--json", "--trust", "trust.jwks", "trial.lic"],
    );
    assert_eq!(told.expect_code(1).json()["code"], "EXPIRED");
    let back = shifted(faketime, &site, "-9d", &["status", "--json"])
        .expect_code(1)
        .json();
    assert_eq!(back["code"], "EXPIRED");
    let fresh = self::site();
    std::fs::copy(site.file("trial.lic"), fresh.file("trial.lic")).unwrap();
    let install = ["install", "--json", "--trust", "trust.jwks", "trial.lic"];
    let never_seen = shifted(faketime, &fresh, "-9d", &install);
    assert_eq!(
        never_seen.expect_code(0).json()["code"],
        "VALID",
        "else this proves nothing"
    );
}

#[test]
fn a_quota_is_not_refilled_by_setting_the_clock_back() {
    let Some(faketime) = tools::faketime() else {
        return;
    };
    let site = Scratch::new();
    let args = ["use", "commands_per_day", "10", "--json"];
    let _ = on(HERE, &site, &args).expect_code(0);
    for by in ["-3d", "-1d", "-400d"] {
        let args = ["use", "commands_per_day", "1", "--json"];
        let denied = shifted(faketime, &site, by, &args).expect_code(1).json();
        assert_eq!(denied["code"], "QUOTA_EXHAUSTED", "{by}");
    }
}

/// As after days for which a virtual machine was paused, or WSL's host slept: the uptime knows nothing of them.
#[test]
fn days_that_the_uptime_has_not_seen_bring_their_quota_and_none_does_twice() {
    let Some(faketime) = tools::faketime() else {
        return;
    };
    let site = Scratch::new();
    let args = ["use", "commands_per_day", "10", "--json"];
    let _ = on(HERE, &site, &args).expect_code(0);
    for by in ["+3d", "+5d"] {
        let used = shifted(faketime, &site, by, &args).expect_code(0).json();
        let now = shifted(faketime, &site, by, &["status", "--json"]).json();
        let refills = used["refills_at"].as_str().unwrap();
        assert!(refills > &*evaluated_at(&now), "{refills} has passed");
        let _ = shifted(faketime, &site, by, &args).expect_code(1);
    }
    let _ = shifted(faketime, &site, "+3d", &args).expect_code(1);
    // The mark may be a day ahead by now, and brings that day's.
    let _ = on(HERE, &site, &args);
    let _ = on(HERE, &site, &args).expect_code(1);
}

#[test]
fn a_clock_that_was_ahead_is_remembered() {
    let Some(faketime) = tools::faketime() else {
        return;
    };
    let (site, installed_at) = site_of_now();
    let ahead = expect_valid(shifted(faketime, &site, "+20h", &["status", "--json"]));
    assert!(evaluated_at(&ahead) > installed_at);
    let back = expect_valid(on(HERE, &site, &["status", "--json"]));
    expect_not_before(&back, &evaluated_at(&ahead));
}

#[test]
fn a_clock_that_was_far_ahead_does_no_harm_or_is_repaired_by_what_is_newly_signed() {
    let Some(faketime) = tools::faketime() else {
        return;
    };
    let (site, _) = site_of_now();
    let _ = shifted(faketime, &site, "+30d", &["status"]).expect_code(0);
    let status = expect_valid(on(HERE, &site, &["status", "--json"]));
    if warnings(&status).is_empty() {
        // Where the uptime can be believed, the clock was not.
        return;
    }
    assert_eq!(warnings(&status), ["CLOCK_BEHIND"]);
    let install = |file| {
        let args = ["install", "--trust", "trust.jwks", file];
        on(HERE, &site, &args).expect_code(0).stderr
    };
    // One that was issued long ago proves nothing of the time.
    assert!(install("enterprise.key").contains("CLOCK_BEHIND"));
    let now = Run::of("date", &site).args(["-u", "+%Y-%m-%dT%H:%M:%SZ"]);
    let now = now.run().expect_code(0).stdout;
    let terms = ["--tier", "ent", "--perpetual", "--issued-at", now.trim()];
    site.write("new.lic", minted(&terms).file);
    let said = install("new.lic");
    assert!(said.contains("the clock had been ahead"), "{said}");
    assert!(!said.contains("CLOCK_BEHIND"), "{said}");
    let status = expect_valid(on(HERE, &site, &["status", "--json"]));
    assert_eq!(warnings(&status), [""; 0]);
}

#[test]
fn trying_out_a_date_is_not_remembered() {
    let (site, _) = site_of_now();
    let files = ["state/license.cache", "state/quota"];
    let content = || files.map(|file| std::fs::read(site.file(file)).unwrap());
    let before = content();
    for args in [
        &["status"][..],
        &["features"],
        &["explain"],
        &["check", "sso"],
        &["session"],
        &["verify", "--trust", "trust.jwks", "ent.lic"],
    ] {
        let _ = on(HERE, &site, &[args, &["--at", "2090-01-01"]].concat()).expect_code(0);
    }
    assert!(content() == before, "not a byte has changed");
    let install = words("install --trust trust.jwks --at 2090-01-01 ent.lic");
    let _ = on(HERE, &site, &install).expect_code(0);
    let status = expect_valid(on(HERE, &site, &["status", "--json"]));
    assert!(evaluated_at(&status).as_str() < "2090-01-01", "{status}");
}
