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
    // The renewal adds no entry about the first license.
    let shown = keygen(&workstation, &["ledger", "show", &id, "--json"]).expect_code(0);
    assert_eq!(shown.json()["entries"].as_array().unwrap().len(), 1);
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
    let renew = ["renew", &id, "--days", "9"];
    assert_eq!(code(&workstation, &renew), "SUPERSEDED");
    let error = now(&workstation, &renew).expect_failure(2);
    let resend = format!("keygen ledger resend {team} --out FILE");
    assert!(error.hint.contains(&resend), "{error:?}");
    let revoke = ["revoke", team, "--reason", "a mistake", "--json"];
    let report = keygen(&workstation, &revoke).expect_code(0);
    assert!(report.stderr.contains("STILL_HOLDS"), "{report:?}");
    assert!(report.stderr.contains(&id), "{report:?}");
    assert_eq!(report.json()["still_hold"], json!([id]));
    let report = issue_json(&workstation, &["renew", &id, "--days", "9"]);
    assert_eq!(report["supersedes"], json!([id]));
}

#[test]
fn limits_are_lowered_only_with_force() {
    let own = ["--quota", "users=7", "--devices", "5", "--seats", "7"];
    let team = ["--tier", "team", "--expires", "2026-06-30"];
    let (workstation, _) = workstation(&[&team[..], &own].concat());
    for command in [
        &["upgrade", "acme.lic", "--dry-run"][..],
        &["renew", "acme.lic", "--dry-run", "--days", "9"],
    ] {
        for (lower, claims) in [
            (&["--quota", "users=1"][..], json!({"seats": 1, "users": 1})),
            (&["--seats", "6"], json!({"seats": 6, "users": 6})),
            (&["--quota", "devices=4"], json!({"devices": 4})),
            (&["--devices", "3"], json!({"devices": 3})),
            (
                &["--quota", "commands_per_day=0"],
                json!({"commands_per_day": 0}),
            ),
            (&["--remove-feature", "hooks"], json!({})),
        ] {
            let args = [command, lower].concat();
            let error = now(&workstation, &args).expect_failure(2);
            assert!(error.hint.contains("--force"), "{error:?}");
            let forced = [&args[..], &["--force", "--json"]].concat();
            let report = now(&workstation, &forced).expect_code(0);
            assert!(report.stderr.contains("warning: LOSS: "), "{report:?}");
            let report = report.json();
            assert_ne!(report["losses"], json!([]));
            for (name, number) in claims.as_object().unwrap() {
                let quota = &report["quotas"][name];
                assert!(quota == number || name == "seats", "{lower:?}: {report}");
                let claim = &report[name];
                assert!(
                    claim == number || claim.is_null(),
                    "{lower:?}: {name}, {report}"
                );
            }
        }
    }
    for command in [
        "upgrade acme.lic --dry-run --force",
        "renew acme.lic --dry-run --days 9",
        "issue --tier pro --customer A --days 3 --dry-run",
    ] {
        let both = words("--remove-feature sso --add-feature sso");
        let error = now(&workstation, &[&words(command)[..], &both].concat()).expect_failure(2);
        assert!(error.message.contains("found sso in both"), "{error:?}");
    }
    let args = words("upgrade acme.lic --dry-run --devices 3 --force");
    let report = now(&workstation, &[&args[..], &["--json"]].concat()).expect_code(0);
    let losses = report.json()["losses"].clone();
    assert!(losses.to_string().contains("from 5 to 3"), "{losses}");
    let quiet = now(&workstation, &[&args[..], &["--quiet"]].concat()).expect_code(0);
    assert!(quiet.stderr.contains("LOSS"), "{quiet:?}");
}

/// Each case has the terms of the license, the changes, and the number of seats or devices and the
/// quota after them.
#[test]
fn a_change_leaves_one_number_of_seats_and_of_devices() {
    let cases: [(&str, &str, [Value; 2]); 9] = [
        ("pro", "--tier ent --seats 20", [json!(20), json!(20)]),
        ("pro --seats 50", "--tier ent", [json!(50), json!(50)]),
        (
            "pro --seats 50",
            "--tier ent --seats 60",
            [json!(60), json!(60)],
        ),
        (
            "pro --seats 50",
            "--tier ent --quota users=-1",
            [Value::Null, json!(-1)],
        ),
        ("pro --seats 3", "--tier team", [json!(5), json!(5)]),
        ("pro", "--tier team", [Value::Null, json!(5)]),
        ("team", "--quota users=20", [json!(20), json!(20)]),
        ("team --quota users=8", "--seats 9", [json!(9), json!(9)]),
        ("team --seats 8", "--add-feature sso", [json!(8), json!(8)]),
    ];
    for (terms, change, expected) in cases {
        let own = format!("--tier {terms} --expires 2026-06-30");
        let own = words(&own);
        let (workstation, _) = workstation(&own);
        let args = format!("upgrade acme.lic --dry-run {change}");
        let args = words(&args);
        let report = issue_json(&workstation, &args);
        let found = [report["seats"].clone(), report["quotas"]["users"].clone()];
        assert_eq!(found, expected, "{terms}: {change}");
    }
    let (workstation, _) = workstation(&words("--tier team --expires 2026-06-30"));
    for (change, devices) in [
        ("--tier ent --devices 10", [json!(10), json!(10)]),
        ("--tier ent", [Value::Null, json!(-1)]),
        ("--quota devices=9", [json!(9), json!(9)]),
    ] {
        let args = format!("upgrade acme.lic --dry-run {change}");
        let args = words(&args);
        let report = issue_json(&workstation, &args);
        let found = [
            report["devices"].clone(),
            report["quotas"]["devices"].clone(),
        ];
        assert_eq!(found, devices, "{change}");
    }
    let two = words("upgrade acme.lic --dry-run --seats 8 --quota users=9");
    let error = now(&workstation, &two).expect_failure(2);
    assert!(error.message.contains("users to 8"), "{error:?}");
}

/// A product file whose tiers have other contents in the second year.
const SECOND_YEAR: [(&str, &str); 4] = [
    (r#"features = ["view"]"#, r#"features = ["view", "share"]"#),
    (
        r#"features = ["edit"]"#,
        r#"features = ["edit", "batch_export"]"#,
    ),
    (
        "prints_per_day = 50",
        "prints_per_day = 80, uploads_per_day = 7",
    ),
    ("check_in_every_hours = 48", "check_in_every_hours = 72"),
];

#[test]
fn a_refresh_adds_what_the_tier_has_now_and_takes_nothing_away() {
    let workstation = Vendor::shared().workstation();
    workstation.write("widget.toml", license_tests::WIDGET);
    let product = ["--product-file", "widget.toml"];
    let issue = words("issue --tier shop --customer ACME --expires 2026-06-30 --seats 4");
    let own = words("--add-feature export --quota prints_per_day=60 --out acme.lic");
    let _ = now(&workstation, &[&issue[..], &own, &product].concat()).expect_code(0);
    let mut text = license_tests::WIDGET.to_owned();
    for (before, after) in SECOND_YEAR {
        assert!(text.contains(before), "{before}: {text}");
        text = text.replace(before, after);
    }
    workstation.write("widget.toml", text);

    let renew = [&words("renew acme.lic --days 9 --dry-run")[..], &product].concat();
    let kept = now(&workstation, &renew).expect_code(0);
    for part in ["batch_export", "share", "uploads_per_day", "--refresh"] {
        assert!(kept.stderr.contains(part), "{part}: {kept:?}");
    }
    let kept = issue_json(&workstation, &renew);
    assert_eq!(kept["features"], json!(["edit", "export", "view"]));
    for command in [
        &renew[..],
        &[&["upgrade", "acme.lic", "--dry-run"], &product[..]].concat(),
    ] {
        let report = issue_json(&workstation, &[command, &["--refresh"]].concat());
        let features = json!(["batch_export", "edit", "export", "share", "view"]);
        assert_eq!(report["features"], features);
        let quotas = json!({"operators": 4, "prints_per_day": 80, "uploads_per_day": 7});
        assert_eq!(report["quotas"], quotas);
        assert_eq!(report["seats"], 4);
        assert_eq!(report["check_in"]["every_hours"], 72);
        assert_eq!(report["losses"], json!([]));
        // A feature that the license does not have yet can be left out.
        let without = ["--refresh", "--remove-feature", "share"];
        let report = issue_json(&workstation, &[command, &without].concat());
        assert!(
            !report["features"].to_string().contains("share"),
            "{report}"
        );
    }
}

/// The seats were sold before the product file had a quota for them.
#[test]
fn a_refresh_keeps_the_seats_of_a_license_without_the_quota() {
    let workstation = Vendor::shared().workstation();
    let product = license_tests::WIDGET;
    let line = "seats_quota = \"operators\"\n";
    let without = product.replace(line, "");
    let without = without
        .replace(", operators = 1", "")
        .replace(", operators = -1", "");
    assert!(!without.contains("operators"), "{without}");
    workstation.write("widget.toml", without);
    let issue = "issue --tier shop --customer A --expires 2026-06-30 --seats 20 --out a.lic --product-file widget.toml";
    let _ = now(&workstation, &words(issue)).expect_code(0);
    let five = product.replace("prints_per_day = 50", "prints_per_day = 50, operators = 5");
    workstation.write("widget.toml", five);
    for change in ["--refresh", "--tier site"] {
        let upgrade = format!("upgrade a.lic --dry-run {change} --product-file widget.toml");
        let report = issue_json(&workstation, &words(&upgrade));
        let found = [&report["seats"], &report["quotas"]["operators"]];
        assert_eq!(found, [&json!(20), &json!(20)], "{change}");
    }
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
