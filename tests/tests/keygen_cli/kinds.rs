//! Trials and their conversion, named users, and device limits.

use super::*;

const JANUARY: &str = "2026-01-01T10:00:00Z";

/// Runs a command with the vendor's key at an instant.
fn at(desk: &Scratch, when: &str, args: &[&str]) -> RunOutput {
    let (command, rest) = args.split_first().unwrap();
    let own = [command, "--key", "vendor.key", "--issued-at", when];
    keygen(desk, &[&own[..], rest].concat())
}

/// Runs a command that issues, and returns its JSON report.
#[track_caller]
fn issue_json(desk: &Scratch, when: &str, args: &[&str]) -> Value {
    at(desk, when, &[args, &["--json"]].concat())
        .expect_code(0)
        .json()
}

#[track_caller]
fn refused(desk: &Scratch, when: &str, args: &[&str]) -> PrintedError {
    at(desk, when, args).expect_failure(2)
}

/// Returns the code of a refusal.
#[track_caller]
fn code(desk: &Scratch, when: &str, args: &[&str]) -> String {
    at(desk, when, &[args, &["--json"]].concat()).expect_json_failure(2)
}

fn id(license: &Value) -> &str {
    license["license_id"].as_str().unwrap()
}

fn trial(customer: &str) -> [&str; 3] {
    ["trial", "--customer", customer]
}

#[test]
fn a_trial_has_the_terms_of_the_product_file_and_no_renewal_grace() {
    let desk = Vendor::shared().workstation();
    let report = issue_json(&desk, JANUARY, &trial("ACME"));
    let claims = payload(report["token"].as_str().unwrap());
    assert_eq!(
        (&claims["tier"], &claims["trial"]),
        (&json!("PRO"), &json!(true))
    );
    assert_eq!(report["expires_at"], "2026-01-16T00:00:00Z");
    assert_eq!(claims.get("renewal"), None);
    assert_eq!(report["trial"], true);
    let days = words("trial --customer Other --tier team --days 30 --offline");
    let report = issue_json(&desk, JANUARY, &days);
    assert_eq!(report["expires_at"], "2026-02-01T00:00:00Z");
    assert_eq!(
        (&report["tier"], &report["check_in"]),
        (&json!("TEAM"), &Value::Null)
    );
}

#[test]
fn a_customer_gets_one_trial_regardless_of_case_and_spacing() {
    let desk = Vendor::shared().workstation();
    let first = issue_json(&desk, JANUARY, &trial("Größe  AG"));
    for name in ["Größe AG", "GRÖSSE AG", " größe\tag "] {
        let complaint = at(&desk, JANUARY, &trial(name));
        // Lower case does not make ß and SS equal.
        if name.contains("SS") {
            let _ = complaint.expect_code(0);
            continue;
        }
        let complaint = complaint.expect_failure(2);
        assert!(complaint.message.contains(id(&first)), "{complaint:?}");
        assert!(complaint.hint.contains("--convert"), "{complaint:?}");
    }
    assert_eq!(code(&desk, JANUARY, &trial("größe ag")), "TRIAL_USED");
    let dry = [&trial("größe ag")[..], &["--dry-run"]].concat();
    assert_eq!(code(&desk, JANUARY, &dry), "TRIAL_USED");
    let again = [&trial("größe ag")[..], &["--again"]].concat();
    let second = issue_json(&desk, JANUARY, &again);
    let shown = keygen(&desk, &["ledger", "show", id(&second), "--json"]);
    assert!(shown.expect_code(0).stdout.contains("\"again\": true"));
}

#[test]
fn a_trial_needs_a_ledger() {
    let desk = Vendor::shared().workstation();
    let complaint = refused(
        &desk,
        JANUARY,
        &[&trial("ACME")[..], &["--no-ledger"]].concat(),
    );
    assert!(complaint.hint.contains("--no-ledger"), "{complaint:?}");
}

#[test]
fn concurrent_processes_issue_one_trial_per_customer() {
    let desk = Vendor::shared().workstation();
    let codes: Vec<_> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..6)
            .map(|_| scope.spawn(|| at(&desk, JANUARY, &trial("ACME")).code))
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert_eq!(
        codes.iter().filter(|code| **code == Some(0)).count(),
        1,
        "{codes:?}"
    );
    assert_eq!(
        codes.iter().filter(|code| **code == Some(2)).count(),
        5,
        "{codes:?}"
    );
}

#[test]
fn each_product_has_its_own_trials() {
    let desk = Vendor::shared().workstation();
    let _ = keygen(&desk, &["product", "init", "WIDGET", "--out", "w.toml"]).expect_code(0);
    let _ = issue_json(&desk, JANUARY, &trial("ACME"));
    let widget = [&trial("ACME")[..], &["--product-file", "w.toml"]].concat();
    let report = issue_json(&desk, JANUARY, &widget);
    assert_eq!(report["product"], "WIDGET");
    let file = desk.read("w.toml");
    let (before, after) = file.split_once("[trial]").unwrap();
    let after = after.split_once("\n\n").unwrap().1;
    desk.write("w.toml", format!("{before}{after}"));
    let other = ["trial", "--customer", "Other", "--product-file", "w.toml"];
    let complaint = refused(&desk, JANUARY, &other);
    assert!(complaint.hint.contains("[trial]"), "{complaint:?}");
}

#[test]
fn a_converted_license_keeps_the_remaining_days_of_the_trial() {
    let desk = Vendor::shared().workstation();
    let first = issue_json(&desk, JANUARY, &trial("ACME Ltd"));
    let fifth = "2026-01-05T12:00:00Z";
    let issue = [
        "issue",
        "--tier",
        "team",
        "--convert",
        id(&first),
        "--days",
        "365",
    ];
    let paid = issue_json(&desk, fifth, &issue);
    // 365 days from the end of the trial, whose last day is the 15th.
    assert_eq!(paid["expires_at"], "2027-01-16T00:00:00Z");
    assert_eq!(
        (&paid["customer"], &paid["trial"]),
        (&json!("ACME Ltd"), &json!(false))
    );
    assert_eq!(paid["supersedes"], json!([id(&first)]));
    assert_eq!(paid["not_before"], fifth);
    assert_eq!(code(&desk, fifth, &issue), "CONVERTED");
    let complaint = refused(&desk, fifth, &issue);
    assert!(complaint.message.contains(id(&paid)), "{complaint:?}");
}

#[test]
fn an_ended_trial_has_no_remaining_days() {
    let desk = Vendor::shared().workstation();
    let first = issue_json(&desk, JANUARY, &trial("ACME Ltd"));
    let key = first["key"].as_str().unwrap().to_lowercase();
    let issue = ["issue", "--tier", "pro", "--convert", &key, "--days", "30"];
    // The trial has just ended, so the days are counted as for any other license.
    let paid = issue_json(&desk, "2026-01-16T00:00:00Z", &issue);
    assert_eq!(paid["expires_at"], "2026-02-16T00:00:00Z");
}

#[test]
fn a_conversion_keeps_the_customer_and_does_not_end_before_the_trial() {
    let desk = Vendor::shared().workstation();
    let first = issue_json(&desk, JANUARY, &trial("ACME Ltd"));
    let convert = ["issue", "--tier", "pro", "--convert", id(&first)];
    let with = |rest: &[&'static str]| [&convert[..], rest].concat();
    let complaint = refused(&desk, JANUARY, &with(&["--expires", "2026-01-10"]));
    assert!(complaint.message.contains("2026-01-16"), "{complaint:?}");
    let complaint = refused(
        &desk,
        JANUARY,
        &with(&["--perpetual", "--customer", "Other"]),
    );
    assert!(complaint.message.contains("ACME Ltd"), "{complaint:?}");
    let same = with(&["--expires", "2026-01-15", "--customer", "acme ltd"]);
    let _ = at(&desk, JANUARY, &[&same[..], &["--dry-run"]].concat()).expect_code(0);
    let paid = issue_json(&desk, JANUARY, &with(&["--perpetual"]));
    assert_eq!(paid["expires_at"], Value::Null);
}

#[test]
fn only_a_trial_is_converted() {
    let desk = Vendor::shared().workstation();
    let paid = issue_json(
        &desk,
        JANUARY,
        &["issue", "--tier", "pro", "--customer", "A", "--days", "9"],
    );
    let convert = |named: &str| {
        let issue = ["issue", "--tier", "pro", "--days", "9", "--convert", named];
        code(&desk, JANUARY, &issue)
    };
    assert_eq!(convert(id(&paid)), "USAGE");
    assert_eq!(convert("01a20559-0f9d-7fd1-a393-f9ddb51873f1"), "NOT_FOUND");
    assert_eq!(convert(""), "NOT_FOUND");
    let first = issue_json(&desk, JANUARY, &trial("ACME Ltd"));
    let revoke = ["revoke", id(&first), "--reason", "fraud"];
    let _ = keygen(&desk, &revoke).expect_code(0);
    assert_eq!(convert(id(&first)), "REVOKED");
}

#[test]
fn issuing_notes_an_active_trial_of_the_customer() {
    let desk = Vendor::shared().workstation();
    let first = issue_json(&desk, JANUARY, &trial("ACME Ltd"));
    let issue = [
        "issue",
        "--tier",
        "pro",
        "--customer",
        "ACME  LTD",
        "--days",
        "9",
    ];
    let report = at(&desk, JANUARY, &issue).expect_code(0);
    assert!(
        report.stderr.contains(&format!("--convert {}", id(&first))),
        "{report:?}"
    );
    let report = at(&desk, "2026-01-16T00:00:00Z", &issue).expect_code(0);
    assert!(!report.stderr.contains("--convert"), "{report:?}");
}

/// Issues a license for named users.
fn issue_for_users(desk: &Scratch, users: &[&str]) -> Value {
    let mut issue = words("issue --tier team --customer ACME --days 365");
    for user in users {
        issue.extend(["--user", user]);
    }
    issue_json(desk, JANUARY, &issue)
}

fn reassign<'a>(license: &'a Value, from: &'a str, to: &'a str) -> [&'a str; 6] {
    ["reassign", id(license), "--from", from, "--to", to]
}

#[test]
fn a_user_is_replaced_after_the_cool_down() {
    let desk = Vendor::shared().workstation();
    let license = issue_for_users(&desk, &["alice", "bob"]);
    let change = reassign(&license, "alice", "carol");
    assert_eq!(code(&desk, "2026-01-31T09:59:59Z", &change), "COOL_DOWN");
    let complaint = refused(&desk, "2026-01-31T09:59:59Z", &change);
    assert!(
        complaint.message.contains("2026-01-31T10:00:00Z"),
        "{complaint:?}"
    );
    let after = issue_json(&desk, "2026-01-31T10:00:00Z", &change);
    assert_eq!(after["users"], json!(["carol", "bob"]));
    assert_eq!(after["supersedes"], json!([id(&license)]));
    assert_eq!(after["expires_at"], license["expires_at"]);
    // Carol was added just now. Bob has been a user of both licenses since January.
    let day = "2026-02-01T00:00:00Z";
    assert_eq!(
        code(&desk, day, &reassign(&after, "carol", "dan")),
        "COOL_DOWN"
    );
    let last = issue_json(&desk, day, &reassign(&after, "bob", "alice"));
    assert_eq!(last["users"], json!(["carol", "alice"]));
    // Her earlier place does not count.
    assert_eq!(
        code(&desk, day, &reassign(&last, "alice", "bob")),
        "COOL_DOWN"
    );
}

#[test]
fn a_waived_cool_down_is_recorded() {
    let desk = Vendor::shared().workstation();
    let license = issue_for_users(&desk, &["alice"]);
    let change = [
        &reassign(&license, "alice", "bob")[..],
        &["--waive-cool-down"],
    ]
    .concat();
    let after = issue_json(&desk, JANUARY, &change);
    let shown = keygen(&desk, &["ledger", "show", id(&after), "--json"]).expect_code(0);
    assert!(
        shown.stdout.contains("\"cool_down_waived\": true"),
        "{shown:?}"
    );
}

#[test]
fn only_the_latest_license_is_reassigned() {
    let desk = Vendor::shared().workstation();
    let license = issue_for_users(&desk, &["alice"]);
    let change = [
        &reassign(&license, "alice", "bob")[..],
        &["--waive-cool-down"],
    ]
    .concat();
    let after = issue_json(&desk, JANUARY, &change);
    assert_eq!(code(&desk, JANUARY, &change), "SUPERSEDED");
    let complaint = refused(&desk, JANUARY, &change);
    assert!(complaint.hint.contains(id(&after)), "{complaint:?}");
    let late = [
        &reassign(&after, "bob", "carol")[..],
        &["--waive-cool-down"],
    ]
    .concat();
    assert_eq!(code(&desk, "2028-01-01T00:00:00Z", &late), "EXPIRED");
}

#[test]
fn reassignment_needs_a_present_user_and_a_new_one() {
    let desk = Vendor::shared().workstation();
    let license = issue_for_users(&desk, &["alice", "bob"]);
    for (from, to) in [
        ("mallory", "carol"),
        ("alice", "bob"),
        ("alice", " "),
        ("alice", "alice"),
    ] {
        assert_eq!(
            code(&desk, JANUARY, &reassign(&license, from, to)),
            "USAGE",
            "{from} {to}"
        );
    }
    let unnamed = issue_for_users(&desk, &[]);
    let complaint = refused(&desk, JANUARY, &reassign(&unnamed, "alice", "bob"));
    assert!(
        complaint.message.contains("not limited to named users"),
        "{complaint:?}"
    );
}

#[test]
fn after_a_reassignment_only_the_new_user_is_accepted() {
    let vendor = Vendor::shared();
    let desk = vendor.workstation();
    desk.write("trust.jwks", &vendor.trust);
    let license = issue_for_users(&desk, &["alice"]);
    let out = ["--waive-cool-down", "--out", "new.lic"];
    let _ = at(
        &desk,
        JANUARY,
        &[&reassign(&license, "alice", "bob")[..], &out].concat(),
    )
    .expect_code(0);
    let verify = |user: &str| {
        let args = words("verify new.lic --trust trust.jwks --at 2026-01-02 --json");
        let run = Run::license(&desk).args(args).args(["--user", user]).run();
        (run.code, run.json()["code"].clone())
    };
    assert_eq!(verify("alice"), (Some(1), json!("USER_MISMATCH")));
    assert_eq!(verify("bob"), (Some(0), json!("VALID")));
}

/// Returns the digest of the machine with a number.
fn digest(number: u8) -> String {
    format!("mach_{}", format!("{number:02x}").repeat(16))
}

#[test]
fn check_ins_count_the_machines_of_a_license() {
    let desk = Vendor::shared().workstation();
    let issue = words("issue --tier pro --customer ACME --days 365");
    let runtime = words("--usage-type runtime --devices 2 --out acme.lic");
    let _ = at(&desk, JANUARY, &[&issue[..], &runtime].concat()).expect_code(0);
    let check_in = |number, rest: &[&str]| {
        let digest = digest(number);
        let args = ["check-in", "acme.lic", "--json", "--machine", &digest];
        at(&desk, JANUARY, &[&args[..], rest].concat())
    };
    for number in [1, 2, 1, 2] {
        let _ = check_in(number, &[]).expect_code(0);
    }
    assert_eq!(
        check_in(3, &["--dry-run"]).expect_json_failure(2),
        "DEVICE_LIMIT"
    );
    assert_eq!(check_in(3, &[]).expect_json_failure(2), "DEVICE_LIMIT");
    // A suspension does not count as use.
    let _ = check_in(4, &["--status", "suspended"]).expect_code(0);
    let _ = check_in(3, &["--over-device-limit"]).expect_code(0);
    let _ = check_in(3, &[]).expect_code(0);
    let _ = check_in(5, &["--no-ledger"]).expect_code(0);
}

#[test]
fn versions_built_within_maintenance_stay_covered() {
    let vendor = Vendor::shared();
    let desk = vendor.workstation();
    desk.write("trust.jwks", &vendor.trust);
    let issue = words("issue --tier pro --customer ACME --perpetual --offline");
    let fallback = ["--maintenance-until", "2026-12-31", "--out", "acme.lic"];
    let _ = at(&desk, JANUARY, &[&issue[..], &fallback].concat()).expect_code(0);
    let verify = |built: &str| {
        let args = words("verify acme.lic --trust trust.jwks --at 2040-01-01 --json");
        let run = Run::license(&desk)
            .args(args)
            .args(["--build-date", built])
            .run();
        run.json()["code"].clone()
    };
    assert_eq!(verify("2026-12-31"), "VALID");
    assert_eq!(verify("2027-01-01"), "VERSION_NOT_COVERED");
}

#[test]
fn a_successor_inherits_the_machines_of_its_predecessor() {
    let desk = Vendor::shared().workstation();
    let issue = words("issue --tier pro --customer ACME --days 365");
    let terms = ["--devices", "1", "--user", "alice", "--out", "a.lic"];
    let _ = at(&desk, JANUARY, &[&issue[..], &terms].concat()).expect_code(0);
    let check_in = |file: &str, number| {
        let digest = digest(number);
        at(
            &desk,
            JANUARY,
            &["check-in", file, "--json", "--machine", &digest],
        )
    };
    let _ = check_in("a.lic", 1).expect_code(0);
    let change = words("--from alice --to carol --waive-cool-down --out b.lic");
    let license = keygen(&desk, &["ledger", "list", "--json"])
        .expect_code(0)
        .json();
    let license = &license["licenses"][0];
    let _ = at(
        &desk,
        JANUARY,
        &[&["reassign", id(license)][..], &change].concat(),
    )
    .expect_code(0);
    assert_eq!(check_in("b.lic", 2).expect_json_failure(2), "DEVICE_LIMIT");
    let _ = check_in("b.lic", 1).expect_code(0);
    let warned = check_in("a.lic", 1).expect_code(0);
    assert!(warned.stderr.contains("SUPERSEDED"), "{warned:?}");
}

#[test]
fn a_revoked_license_gets_no_active_validation() {
    let desk = Vendor::shared().workstation();
    let issue = words("issue --tier pro --customer ACME --days 365 --out a.lic --json");
    let report = at(&desk, JANUARY, &issue).expect_code(0).json();
    let _ = keygen(&desk, &["revoke", id(&report), "--reason", "fraud"]).expect_code(0);
    for dry in [&[][..], &["--dry-run"]] {
        let check_in = [&["check-in", "a.lic"][..], dry].concat();
        assert_eq!(code(&desk, JANUARY, &check_in), "REVOKED");
    }
    let output = ["check-in", "a.lic", "--status", "revoked", "--json"];
    let _ = at(&desk, JANUARY, &output).expect_code(0);
}

#[test]
fn the_report_and_the_dry_run_show_the_restrictions() {
    let desk = Vendor::shared().workstation();
    let issue = [
        "issue",
        "--tier",
        "pro",
        "--customer",
        "ACME",
        "--perpetual",
        "--user",
        " ann ",
        "--user",
        "ann",
    ];
    let own = words("--seats 3 --devices 2 --usage-type runtime --add-feature sso");
    let more = words("--remove-feature hooks --quota agents=7 --max-version <3.0.0");
    let until = ["--maintenance-until", "2026-06-30", "--out", "a.lic"];
    let all = [&issue[..], &own, &more, &until].concat();
    for dry in [&["--dry-run"][..], &[]] {
        let report = at(&desk, JANUARY, &[&all[..], dry].concat()).expect_code(0);
        for line in [
            "users      only ann\n",
            "counts     3 seats, 2 devices\n",
            "usage      only runtime\n",
            "versions   built up to 2026-06-30T23:59:59Z\n",
            "versions   <3.0.0\n",
            "adds       sso\n",
            "lacks      hooks\n",
            "quotas     agents 7, devices 2, users 3\n",
        ] {
            assert!(report.stdout.contains(line), "{line} {report:?}");
        }
        assert!(report.stderr.contains("duplicate user"), "{report:?}");
    }
}

#[test]
fn a_validation_for_all_machines_of_a_limited_license_is_warned_about() {
    let desk = Vendor::shared().workstation();
    let issue = words("issue --tier pro --customer ACME --days 365 --devices 2");
    let _ = at(&desk, JANUARY, &[&issue[..], &["--out", "a.lic"]].concat()).expect_code(0);
    let report = at(&desk, JANUARY, &["check-in", "a.lic"]).expect_code(0);
    assert!(report.stderr.contains("NOT_COUNTED"), "{report:?}");
}
