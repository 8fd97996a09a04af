//! `keygen renew` and `keygen upgrade`.

use super::*;

/// Runs a command with the vendor's key in February 2026.
fn now(workstation: &Scratch, args: &[&str]) -> RunOutput {
    let (command, rest) = args.split_first().unwrap();
    let own = [command, "--key", "vendor.key", "--issued-at", "2026-02-01"];
    keygen(workstation, &[&own[..], rest].concat())
}

#[track_caller]
fn issue_json(workstation: &Scratch, args: &[&str]) -> Value {
    now(workstation, &[args, &["--json"]].concat())
        .expect_code(0)
        .json()
}

#[track_caller]
fn code(workstation: &Scratch, args: &[&str]) -> String {
    now(workstation, &[args, &["--json"]].concat()).expect_json_failure(2)
}

/// Returns a vendor's directory with a license, and the id of the license.
fn workstation(terms: &[&str]) -> (Scratch, String) {
    let workstation = Vendor::shared().workstation();
    let issue = words("issue --key vendor.key --customer ACME --issued-at 2026-01-01");
    let out = ["--out", "acme.lic", "--json"];
    let report = keygen(&workstation, &[&issue[..], terms, &out].concat())
        .expect_code(0)
        .json();
    let id = report["license_id"].as_str().unwrap().to_owned();
    (workstation, id)
}

const PRO: &[&str] = &["--tier", "pro", "--expires", "2026-06-30"];

#[test]
fn a_renewal_starts_when_the_license_ends() {
    let (workstation, id) = workstation(PRO);
    for (term, end) in [
        (&["--days", "365"][..], json!("2027-07-01T00:00:00Z")),
        (&["--until", "2026-12-31"], json!("2027-01-01T00:00:00Z")),
        (&["--perpetual"], Value::Null),
    ] {
        let report = issue_json(
            &workstation,
            &[&["renew", "acme.lic", "--dry-run"], term].concat(),
        );
        assert_eq!(report["not_before"], "2026-07-01T00:00:00Z");
        assert_eq!(report["expires_at"], end);
        assert_eq!(report["supersedes"], json!([id]));
    }
    let report = issue_json(&workstation, &["renew", &id, "--days", "30"]);
    assert_eq!(report["supersedes"], json!([id]));
    assert_eq!(
        code(&workstation, &["renew", &id, "--days", "30"]),
        "RENEWED"
    );
    // In the ledger, the first license stays active until its end.
    let list = keygen(&workstation, &["ledger", "show", &id, "--json"]).expect_code(0);
    assert!(!list.stdout.contains("superseded"), "{list:?}");
}

/// Returns a vendor's directory with a license and its renewal, and both ids.
fn renewed(terms: &[&str]) -> (Scratch, String, String) {
    let (workstation, id) = workstation(terms);
    let next = issue_json(&workstation, &["renew", &id, "--days", "30"]);
    let next = next["license_id"].as_str().unwrap().to_owned();
    (workstation, id, next)
}

#[test]
fn a_change_of_the_renewal_replaces_both_licenses_at_once() {
    let terms = [PRO, &["--user", "alice"]].concat();
    let reassign = ["--from", "alice", "--to", "bob", "--waive-cool-down"];
    let upgrade = ["--tier", "team", "--seats", "9"];
    for (command, change) in [("upgrade", &upgrade[..]), ("reassign", &reassign)] {
        let (workstation, id, next) = renewed(&terms);
        let error = now(&workstation, &[&[command, &id], change].concat()).expect_failure(2);
        assert!(error.message.contains(&next), "{error:?}");
        assert!(error.message.contains("2026-07-01"), "{error:?}");
        assert!(error.hint.contains("change the successor"), "{error:?}");
        let refused = code(&workstation, &[&[command, &id], change].concat());
        assert_eq!(refused, "RENEWED");
        let report = issue_json(&workstation, &[&[command, &next], change].concat());
        assert_eq!(report["not_before"], "2026-02-01T00:00:00Z");
        assert_eq!(report["expires_at"], "2026-07-31T00:00:00Z");
        assert_eq!(report["supersedes"], json!([id, next]));
    }
}

#[test]
fn the_error_names_the_last_renewal() {
    let (workstation, id, next) = renewed(PRO);
    let third = issue_json(&workstation, &["renew", &next, "--days", "30"]);
    let third = third["license_id"].as_str().unwrap();
    for command in [
        &["renew", &id, "--days", "9"][..],
        &["upgrade", &id, "--seats", "9"],
    ] {
        let error = now(&workstation, command).expect_failure(2);
        assert!(error.message.contains(third), "{error:?}");
    }
}

#[test]
fn an_upgrade_of_a_future_license_keeps_its_start() {
    let later = words("--tier pro --expires 2026-06-30 --not-before 2026-05-01");
    let (workstation, _) = workstation(&later);
    let report = issue_json(&workstation, &["upgrade", "acme.lic", "--tier", "team"]);
    assert_eq!(report["not_before"], "2026-05-01T00:00:00Z");
}

#[test]
fn a_license_can_be_replaced_again_after_its_successor_is_revoked() {
    let (workstation, id) = workstation(&["--tier", "pro", "--expires", "2096-06-30"]);
    let team = issue_json(&workstation, &["upgrade", &id, "--tier", "team"]);
    let team = team["license_id"].as_str().unwrap();
    assert_eq!(
        code(&workstation, &["renew", &id, "--days", "9"]),
        "SUPERSEDED"
    );
    let revoke = ["revoke", team, "--reason", "a mistake", "--json"];
    let report = keygen(&workstation, &revoke).expect_code(0);
    assert!(report.stderr.contains("STILL_HOLDS"), "{report:?}");
    assert!(report.stderr.contains(&id), "{report:?}");
    assert_eq!(report.json()["still_hold"], json!([id]));
    let report = issue_json(&workstation, &["renew", &id, "--days", "9"]);
    assert_eq!(report["supersedes"], json!([id]));
}

#[test]
fn an_upgrade_lowers_quotas_only_with_force() {
    let own = ["--quota", "users=7", "--devices", "5", "--seats", "7"];
    let team = ["--tier", "team", "--expires", "2026-06-30"];
    let (workstation, _) = workstation(&[&team[..], &own].concat());
    for lower in [
        &["--quota", "users=1"][..],
        &["--quota", "commands_per_day=0"],
        &["--devices", "3"],
        &["--seats", "6"],
    ] {
        let args = [&["upgrade", "acme.lic", "--dry-run"], lower].concat();
        let error = now(&workstation, &args).expect_failure(2);
        assert!(error.message.contains("expected at least"), "{error:?}");
        let hint = if lower.contains(&"--seats") {
            "keygen issue"
        } else {
            "--force"
        };
        assert!(error.hint.contains(hint), "{error:?}");
    }
    let args = words("upgrade acme.lic --dry-run --devices 3 --force");
    let report = now(&workstation, &[&args[..], &["--json"]].concat()).expect_code(0);
    assert!(report.stderr.contains("warning: LOSS: "), "{report:?}");
    let losses = report.json()["losses"].clone();
    assert!(losses.to_string().contains("from 5 to 3"), "{losses}");
    let quiet = now(&workstation, &[&args[..], &["--quiet"]].concat()).expect_code(0);
    assert!(quiet.stderr.contains("LOSS"), "{quiet:?}");
}

#[test]
fn a_renewal_of_an_ended_license_starts_now() {
    let (workstation, _) = workstation(&["--tier", "pro", "--expires", "2026-01-15"]);
    let report = issue_json(&workstation, &["renew", "acme.lic", "--days", "10"]);
    assert_eq!(report["not_before"], "2026-02-01T00:00:00Z");
    assert_eq!(report["expires_at"], "2026-02-12T00:00:00Z");
    let (workstation, _) = self::workstation(&["--tier", "pro", "--expires", "2026-01-15"]);
    let report = now(
        &workstation,
        &["renew", "acme.lic", "--days", "10", "--dry-run"],
    )
    .expect_code(0);
    assert!(report.stderr.contains("16 days since then"), "{report:?}");
}

#[test]
fn a_renewal_cannot_shorten_a_license() {
    let (workstation, _) = workstation(PRO);
    for until in ["2026-06-30", "2026-03-01", "2020-01-01"] {
        assert_eq!(
            code(&workstation, &["renew", "acme.lic", "--until", until]),
            "USAGE",
            "{until}"
        );
    }
    let error = now(
        &workstation,
        &["renew", "acme.lic", "--until", "2026-06-29"],
    )
    .expect_failure(2);
    assert!(error.message.contains("2026-07-01"), "{error:?}");
    // The license covers all versions, so an end of maintenance would reduce it.
    let narrower = words("renew acme.lic --days 9 --maintenance-until 2027-01-01");
    assert_eq!(code(&workstation, &narrower), "USAGE");
}

#[test]
fn the_maintenance_of_a_perpetual_license_is_renewed() {
    let terms = words("--tier pro --perpetual --maintenance-until 2026-12-31");
    let (workstation, id) = workstation(&terms);
    assert_eq!(
        code(&workstation, &["renew", "acme.lic", "--days", "9"]),
        "USAGE"
    );
    assert_eq!(
        code(
            &workstation,
            &["renew", "acme.lic", "--maintenance-until", "2026-12-30"]
        ),
        "USAGE"
    );
    let report = issue_json(
        &workstation,
        &["renew", "acme.lic", "--maintenance-until", "2027-12-31"],
    );
    assert_eq!(
        (&report["expires_at"], &report["supersedes"]),
        (&Value::Null, &json!([id]))
    );
    assert_eq!(report["not_before"], "2026-02-01T00:00:00Z");
    let claims = payload(report["token"].as_str().unwrap());
    assert_eq!(claims["maintenance_until"], 1_830_297_599);
}

#[test]
fn an_upgrade_adds_the_tier_and_keeps_individual_terms() {
    let own = words("--add-feature sla_guarantee --remove-feature hooks --quota agents=99");
    let (workstation, id) = workstation(&[PRO, &own, &["--offline", "--user", "alice"]].concat());
    let report = issue_json(
        &workstation,
        &["upgrade", "acme.lic", "--tier", "team", "--seats", "7"],
    );
    let claims = payload(report["token"].as_str().unwrap());
    let features = claims["features"].as_array().unwrap();
    let has = |name: &str| features.contains(&json!(name));
    assert!(has("team_analytics") && has("sla_guarantee") && !has("hooks"));
    assert_eq!(claims["quotas"]["agents"], 99);
    assert_eq!(claims["quotas"]["users"], 7);
    assert_eq!(
        (&report["tier"], &report["users"]),
        (&json!("TEAM"), &json!(["alice"]))
    );
    assert_eq!(report["check_in"], Value::Null);
    assert_eq!(report["expires_at"], "2026-07-01T00:00:00Z");
    assert_eq!(report["supersedes"], json!([id]));
}

#[test]
fn an_upgrade_reports_gains_and_losses() {
    let (workstation, _) = workstation(PRO);
    let report = now(
        &workstation,
        &["upgrade", "acme.lic", "--tier", "team", "--dry-run"],
    )
    .expect_code(0);
    assert!(
        report
            .stderr
            .contains("gained: feature team_analytics is added"),
        "{report:?}"
    );
    assert!(
        report
            .stderr
            .contains("LOSS: quota devices is lowered from unlimited to 5"),
        "{report:?}"
    );
    let report = now(
        &workstation,
        &["renew", "acme.lic", "--days", "9", "--dry-run"],
    )
    .expect_code(0);
    assert!(!report.stderr.contains("LOSS"), "{report:?}");
}

#[test]
fn an_upgrade_without_improvement_is_refused() {
    let (workstation, _) = workstation(PRO);
    for args in [
        &["--tier", "free"][..],
        &["--tier", "pro"],
        &["--add-feature", "hooks"],
    ] {
        assert_eq!(
            code(&workstation, &[&["upgrade", "acme.lic"], args].concat()),
            "USAGE",
            "{args:?}"
        );
    }
    let (ended, _) = self::workstation(&["--tier", "pro", "--expires", "2026-01-15"]);
    let error = now(&ended, &["upgrade", "acme.lic", "--tier", "team"]).expect_failure(2);
    assert!(error.hint.contains("keygen renew"), "{error:?}");
}

#[test]
fn a_replaced_or_revoked_license_is_not_renewed() {
    let (workstation, id) = workstation(PRO);
    let team = issue_json(&workstation, &["upgrade", "acme.lic", "--tier", "team"]);
    let error = now(&workstation, &["renew", "acme.lic", "--days", "9"]).expect_failure(2);
    assert!(
        error.hint.contains(team["license_id"].as_str().unwrap()),
        "{error:?}"
    );
    let revoked = team["license_id"].as_str().unwrap();
    let _ = keygen(&workstation, &["revoke", revoked, "--reason", "fraud"]).expect_code(0);
    assert_eq!(
        code(&workstation, &["renew", revoked, "--days", "9"]),
        "REVOKED"
    );
    let _ = issue_json(&workstation, &["upgrade", &id, "--seats", "9"]);
}

#[test]
fn only_licenses_signed_by_the_vendor_are_renewed() {
    let (workstation, _) = workstation(PRO);
    let stranger = Vendor::with_new_key("2048", "RS256");
    workstation.write(
        "foreign.lic",
        stranger.issue(&["--tier", "ent", "--perpetual"]).file,
    );
    let renew = now(
        &workstation,
        &words("renew foreign.lic --maintenance-until 2030-01-01 --json"),
    );
    assert_eq!(renew.expect_json_failure(3), "UNTRUSTED_KEY");
    let file = workstation.read("acme.lic");
    let at = file.find('.').unwrap() + 80;
    workstation.write("edited.lic", vendor::changed_at(&file, at));
    let renew = now(
        &workstation,
        &["renew", "edited.lic", "--days", "9", "--json"],
    );
    assert_eq!(renew.expect_json_failure(3), "BAD_SIGNATURE");
}

#[test]
fn trials_and_enterprise_keys_get_specific_hints() {
    let workstation = Vendor::shared().workstation();
    let trial = ["trial", "--customer", "ACME", "--out", "trial.lic"];
    let _ = now(&workstation, &trial).expect_code(0);
    let error = now(&workstation, &["renew", "trial.lic", "--days", "9"]).expect_failure(2);
    assert!(error.hint.contains("--convert"), "{error:?}");
    let _ = now(&workstation, &["upgrade", "trial.lic", "--tier", "team"]).expect_failure(2);
    let key = words("enterprise-key --key vendor.key --company ACME --seats 9");
    let _ = keygen(
        &workstation,
        &[&key[..], &["--expires", "20271231", "--out", "a.key"]].concat(),
    )
    .expect_code(0);
    let error = now(&workstation, &["renew", "a.key", "--days", "9"]).expect_failure(2);
    assert!(error.hint.contains("enterprise-key"), "{error:?}");
}

#[test]
fn the_license_and_the_keys_may_come_from_standard_input() {
    let (workstation, id) = workstation(PRO);
    for command in [
        &["renew", "-", "--days", "9"][..],
        &["upgrade", "-", "--tier", "team"],
    ] {
        let run = Run::keygen(&workstation)
            .args(command)
            .args(["--key", "vendor.key", "--json"]);
        let ledger = format!("{}.db", command[0]);
        let at = ["--issued-at", "2026-02-01", "--ledger", &ledger];
        let trust = ["--trust", "vendor.jwk"];
        workstation.write("vendor.jwk", &Vendor::shared().trust);
        let report = run
            .args(at)
            .args(trust)
            .stdin(workstation.read("acme.lic"))
            .run();
        let report = report.expect_code(0).json();
        assert!(report["supersedes"].to_string().contains(&id));
    }
    let run =
        Run::keygen(&workstation).args(["renew", "acme.lic", "--days", "9", "--key", "vendor.key"]);
    let at = words("--issued-at 2026-02-01 --ledger third.db --trust -");
    let _ = run
        .args(at)
        .stdin(Vendor::shared().trust.clone())
        .run()
        .expect_code(0);
}
