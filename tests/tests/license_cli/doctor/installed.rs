//! `license doctor`: the installed artifacts, and the next event.

use super::*;

/// Returns the instant that `date` computes from an expression such as `-10 days`.
fn date(expression: &str) -> String {
    let scratch = Scratch::new();
    let date = Run::new("date", &scratch).args(["-u", "-d", expression, "+%Y-%m-%dT%H:%M:%SZ"]);
    date.run().expect_code(0).stdout.trim().to_owned()
}

#[test]
fn a_license_that_does_not_verify_is_a_problem_and_is_not_quarantined() {
    let machine = healthy();
    machine.write("state/license.lic", tampered(&ENT));
    for _ in 0..2 {
        let report = examine(&machine).expect_code(1).json();
        expect(&report, "license", "problem", &["state/license.lic"]);
        assert!(
            !check(&report, "license")[1].contains("quarantined"),
            "{report}"
        );
        assert_eq!(report["next"], Value::Null);
    }
    let _ = on(HERE, &machine, &["status"]).expect_code(3);
    let report = examine(&machine).expect_code(0).json();
    let words = ["NO_LICENSE", "quarantined as", "license.lic.damaged-1"];
    expect(&report, "license", "warning", &words);
}

#[test]
fn keys_are_counted_and_damaged_key_files_are_reported() {
    if !tools::is_root() {
        return;
    }
    let machine = healthy();
    fs::create_dir(machine.file("etc")).unwrap();
    machine.write("etc/trust.jwks", &Vendor::shared().trust);
    let report = examine(&machine).expect_code(0).json();
    expect(
        &report,
        "trust",
        "ok",
        &["1 key: ", "; the administrator's 1 key: "],
    );
    expect(&report, "system", "ok", &["contains trust.jwks"]);
    machine.write("etc/trust.jwks", "noise");
    let report = examine(&machine).expect_code(0).json();
    expect(&report, "trust", "warning", &["etc/trust.jwks"]);
    machine.write("state/trust.jwks", "noise");
    let report = examine(&machine).expect_code(1).json();
    expect(&report, "trust", "problem", &["state/trust.jwks"]);
}

#[test]
fn the_administrators_license_is_used_and_damage_to_it_is_only_a_warning() {
    if !tools::is_root() {
        return;
    }
    let machine = machine();
    fs::create_dir(machine.file("etc")).unwrap();
    fs::copy(machine.file("trust.jwks"), machine.file("etc/trust.jwks")).unwrap();
    fs::copy(machine.file("ent.lic"), machine.file("etc/license.lic")).unwrap();
    let report = examine(&machine).expect_code(0).json();
    expect(&report, "license", "ok", &["VALID", "ENT"]);
    expect(
        &report,
        "system",
        "ok",
        &["contains license.lic, trust.jwks"],
    );
    let _ = on(
        HERE,
        &machine,
        &["install", "--trust", "trust.jwks", "ent.lic"],
    )
    .expect_code(0);
    machine.write("etc/license.lic", tampered(&ENT));
    let report = examine(&machine).expect_code(0).json();
    expect(&report, "license", "warning", &["etc/license.lic"]);
    let run = Run::license(&machine).env("CODITECT_SYSTEM_DIR", "relative");
    let report = run.args(["doctor", "--json"]).run().json();
    expect(&report, "system", "warning", &[]);
}

#[test]
fn an_expired_license_is_a_problem_and_a_grace_period_is_a_warning() {
    for (days, status, code) in [
        // The license expires after this many days and has a grace period of 72 hours.
        ("8", "warning", "GRACE_RENEWAL"),
        ("1", "problem", "EXPIRED"),
    ] {
        let machine = machine();
        let issued = date("-10 days");
        let terms = [
            "--tier",
            "pro",
            "--issued-at",
            &issued,
            "--days",
            days,
            "--offline",
        ];
        machine.write("short.lic", issue_license(&terms).file);
        let _ = on(
            HERE,
            &machine,
            &["install", "--trust", "trust.jwks", "short.lic"],
        );
        let report = examine(&machine).json();
        expect(
            &report,
            "license",
            status,
            &[code, "PRO", "ACME Ltd", "was valid through 20"],
        );
        let next = &report["next"];
        match status {
            "warning" => assert_eq!(next["what"], "end of the renewal grace period"),
            _ => assert_eq!(*next, Value::Null),
        }
    }
}

#[test]
fn the_earliest_event_is_reported_as_the_next_event() {
    let machine = machine();
    let now = date("-90 minutes");
    let terms = ["--tier", "pro", "--issued-at", &now, "--days", "365"];
    machine.write("year.lic", issue_license(&terms).file);
    let _ = on(
        HERE,
        &machine,
        &["install", "--trust", "trust.jwks", "year.lic"],
    )
    .expect_code(0);
    let report = examine(&machine).expect_code(0).json();
    let due = date(&format!("{now} 24 hours"));
    let next = json!({ "what": "check-in due", "at": due });
    assert_eq!(report["next"], next);
    expect(&report, "next", "ok", &["check-in due at ", "in 22 hours"]);
    expect(
        &report,
        "check-in",
        "ok",
        &["no validation token is installed", "every 24 hours"],
    );
    machine.write(
        "offline.lic",
        issue_license(&[&terms[..], &["--offline"]].concat()).file,
    );
    let _ = on(
        HERE,
        &machine,
        &["install", "--trust", "trust.jwks", "offline.lic"],
    )
    .expect_code(0);
    let report = examine(&machine).expect_code(0).json();
    assert_eq!(report["next"]["what"], "start of the expiry notice");
    let terms = [
        "--tier",
        "pro",
        "--issued-at",
        &now,
        "--days",
        "7",
        "--offline",
    ];
    machine.write("week.lic", issue_license(&terms).file);
    let _ = on(
        HERE,
        &machine,
        &["install", "--force", "--trust", "trust.jwks", "week.lic"],
    )
    .expect_code(0);
    let report = examine(&machine).expect_code(0).json();
    assert_eq!(report["next"]["what"], "end of the license");
    expect(&report, "license", "warning", &["VALID", "EXPIRES_SOON"]);
}

#[test]
fn the_newest_validation_token_is_reported() {
    let machine = machine();
    let issued = date("-10 days");
    let license = issue_license(&["--tier", "pro", "--issued-at", &issued, "--perpetual"]);
    machine.write("pro.lic", &license.file);
    let _ = on(
        HERE,
        &machine,
        &["install", "--trust", "trust.jwks", "pro.lic"],
    )
    .expect_code(1);
    let report = examine(&machine).expect_code(1).json();
    expect(&report, "license", "problem", &["CHECK_IN_OVERDUE"]);
    let here = digest_of(HERE);
    let ago = |days: &str, options: &[&str]| {
        let at = date(days);
        let options = [&["--issued-at", &at, "--machine", &here], options].concat();
        machine.write(
            "validation.lic",
            Vendor::shared().check_in(&license, &options),
        );
        let _ = on(HERE, &machine, &["install", "validation.lic"]);
        (at, examine(&machine).json())
    };
    let (at, report) = ago("-2 days", &[]);
    expect(
        &report,
        "check-in",
        "ok",
        &[&format!("the newest validation token is from {at}, active")],
    );
    expect(
        &report,
        "license",
        "warning",
        &["GRACE_OFFLINE", "valid for "],
    );
    assert_eq!(report["next"]["what"], "end of the check-in grace period");
    let (at, report) = ago("-1 minute", &[]);
    expect(&report, "check-in", "ok", &[&at]);
    expect(&report, "license", "ok", &["VALID"]);
    let (_, report) = ago("-1 second", &["--status", "suspended"]);
    expect(&report, "license", "problem", &["SUSPENDED"]);
    expect(&report, "check-in", "ok", &["suspended"]);
}

#[test]
fn a_validation_token_for_another_machine_is_ignored_and_reported() {
    let machine = machine();
    let elsewhere = digest_of(ELSEWHERE);
    let validation = Vendor::shared().check_in(&PRO, &["--machine", &elsewhere]);
    machine.write("both.lic", format!("{}{validation}", PRO.file));
    let install = ["install", "--trust", "trust.jwks", "--force", "both.lic"];
    let _ = on(HERE, &machine, &install);
    let report = examine(&machine).expect_code(1).json();
    expect(
        &report,
        "check-in",
        "warning",
        &["1 validation token for another machine"],
    );
}

#[test]
fn a_license_for_certain_versions_is_valid_and_the_version_is_not_stated() {
    let machine = machine();
    let terms = words("--tier pro --perpetual --offline --maintenance-until 2026-01-01");
    let fallback = issue_license(&terms);
    machine.write("fallback.lic", &fallback.file);
    let install = words("install --trust trust.jwks fallback.lic");
    let installed = on(HERE, &machine, &install).expect_code(0).stdout;
    let versions = "  versions    built through 2026-01-01 (UTC); the version is not stated here";
    assert!(installed.starts_with("licensed: VALID\n"), "{installed}");
    assert!(installed.contains(versions), "{installed}");
    let report = examine(&machine).expect_code(0).json();
    let expected = [
        "VALID",
        fallback.report["license_id"].as_str().unwrap(),
        "versions built through 2026-01-01 (UTC), the version is not stated",
    ];
    expect(&report, "license", "ok", &expected);
    // A stated version must be covered. An answer for an application is not given without one.
    let status = |args: &[&str]| on(HERE, &machine, &[&["status", "--json"], args].concat());
    let stated = status(&["--build-date", "2026-01-01"])
        .expect_code(0)
        .json();
    let versions = json!({
        "max_version": null,
        "maintenance_until": "2026-01-01T23:59:59Z",
        "stated": true,
    });
    assert_eq!(stated["versions"], versions);
    let newer = status(&["--build-date", "2026-01-02"])
        .expect_code(1)
        .json();
    assert_eq!(newer["code"], "VERSION_NOT_COVERED");
    let _ = on(HERE, &machine, &["check", "cloud_sync"]).expect_code(1);
    let check = words("check cloud_sync --build-date 2026-01-01");
    let _ = on(HERE, &machine, &check).expect_code(0);
}

#[test]
fn missing_context_of_the_application_is_a_warning() {
    let machine = machine();
    let terms = ["--tier", "pro", "--perpetual", "--offline", "--user", "ann"];
    machine.write("named.lic", issue_license(&terms).file);
    let install = words("install --trust trust.jwks --user ann named.lic");
    let _ = on(HERE, &machine, &install).expect_code(0);
    let report = examine(&machine).expect_code(0).json();
    expect(
        &report,
        "license",
        "warning",
        &["USER_MISMATCH", "the user is not known"],
    );
    assert!(check(&report, "license")[2].contains("--user"), "{report}");
}

#[test]
fn an_invalid_usage_type_is_reported_as_a_problem() {
    let machine = machine();
    let terms = ["--tier", "pro", "--perpetual", "--usage-type", "runtime"];
    machine.write(
        "runtime.lic",
        issue_license(&[&terms[..], &["--offline"]].concat()).file,
    );
    let install = words("install --trust trust.jwks --usage-type runtime");
    let _ = on(HERE, &machine, &[&install[..], &["runtime.lic"]].concat()).expect_code(0);
    let run = Run::license(&machine).env("CODITECT_USAGE_TYPE", "both");
    let report = run.args(["doctor", "--json"]).run().expect_code(1).json();
    expect(&report, "license", "problem", &["CODITECT_USAGE_TYPE"]);
}
