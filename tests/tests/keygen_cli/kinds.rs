//! Trials and their conversion, named users, and device limits.

use super::*;

const JANUARY: &str = "2026-01-01T10:00:00Z";

/// Runs a command with the vendor's key at an instant.
fn at(workstation: &Scratch, when: &str, args: &[&str]) -> RunOutput {
    let (command, rest) = args.split_first().unwrap();
    let own = [command, "--key", "vendor.key", "--issued-at", when];
    keygen(workstation, &[&own[..], rest].concat())
}

/// Runs a command that issues, and returns its JSON report.
#[track_caller]
fn issue_json(workstation: &Scratch, when: &str, args: &[&str]) -> Value {
    at(workstation, when, &[args, &["--json"]].concat())
        .expect_code(0)
        .json()
}

#[track_caller]
fn refused(workstation: &Scratch, when: &str, args: &[&str]) -> PrintedError {
    at(workstation, when, args).expect_failure(2)
}

/// Runs a command that must be refused, and returns the error code.
#[track_caller]
fn code(workstation: &Scratch, when: &str, args: &[&str]) -> String {
    at(workstation, when, &[args, &["--json"]].concat()).expect_json_failure(2)
}

fn id(license: &Value) -> &str {
    license["license_id"].as_str().unwrap()
}

fn trial(customer: &str) -> [&str; 3] {
    ["trial", "--customer", customer]
}

#[test]
fn a_trial_has_the_terms_of_the_product_file_and_no_renewal_grace() {
    let workstation = Vendor::shared().workstation();
    let report = issue_json(&workstation, JANUARY, &trial("ACME"));
    let claims = payload(report["token"].as_str().unwrap());
    assert_eq!(
        (&claims["tier"], &claims["trial"]),
        (&json!("PRO"), &json!(true))
    );
    assert_eq!(report["expires_at"], "2026-01-16T00:00:00Z");
    assert_eq!(claims.get("renewal"), None);
    assert_eq!(report["trial"], true);
    // A trial lasts its days where it cannot check in.
    assert_eq!(claims.get("check_in"), None);
    let checked = issue_json(
        &workstation,
        JANUARY,
        &words("trial --customer Checked --check-in 24"),
    );
    assert_eq!(
        checked["check_in"],
        json!({"every_hours": 24, "grace_hours": 351})
    );
    let days = words("trial --customer Other --tier team --days 30 --offline");
    let report = issue_json(&workstation, JANUARY, &days);
    assert_eq!(report["expires_at"], "2026-02-01T00:00:00Z");
    assert_eq!(
        (&report["tier"], &report["check_in"]),
        (&json!("TEAM"), &Value::Null)
    );
}

#[test]
fn a_trial_lasts_its_days_where_it_cannot_check_in() {
    let vendor = Vendor::shared();
    let workstation = vendor.workstation();
    workstation.write("trust.jwks", &vendor.trust);
    for (customer, check_in) in [("ACME", &[][..]), ("Other", &["--check-in", "24"])] {
        let out = [
            &trial(customer)[..],
            check_in,
            &["--out", "t.lic", "--force"],
        ]
        .concat();
        let _ = at(&workstation, JANUARY, &out).expect_code(0);
        for (when, code) in [("2026-01-15T23:59:59Z", 0), ("2026-01-16T00:00:00Z", 1)] {
            let verify = ["verify", "t.lic", "--trust", "trust.jwks", "--at", when];
            let _ = license_tests::license(&workstation, &verify).expect_code(code);
        }
    }
}

#[test]
fn a_customer_gets_one_trial_regardless_of_case_spacing_and_unicode_form() {
    let workstation = Vendor::shared().workstation();
    let first = issue_json(&workstation, JANUARY, &trial("Größe  AG"));
    for name in [
        "Größe AG",
        " größe\tag ",
        "GRÖSSE AG",
        // The letters and their marks are separate characters.
        "Gro\u{308}ße AG",
        "Größe\u{a0}AG",
        "Grö\u{ad}ße\u{200b} AG\u{feff}",
        "Ｇｒöße AG",
    ] {
        let error = at(&workstation, JANUARY, &trial(name)).expect_failure(2);
        assert!(error.message.contains(id(&first)), "{name:?}: {error:?}");
        assert!(error.hint.contains("--convert"), "{error:?}");
    }
    // The mark of a letter is part of the name.
    let _ = issue_json(&workstation, JANUARY, &trial("Große AG"));
    let turkish = issue_json(&workstation, JANUARY, &trial("İNCİR Ilıca"));
    for name in ["incir ılıca", "INCIR ILICA", "i\u{307}ncir\u{2800} ilica"] {
        let error = at(&workstation, JANUARY, &trial(name)).expect_failure(2);
        assert!(error.message.contains(id(&turkish)), "{name:?}: {error:?}");
    }
    for command in [&["trial"][..], &["issue", "--tier", "pro", "--days", "9"]] {
        for name in [" ", "\u{200b}", "\u{2800}\u{fff9}"] {
            let unnamed = [command, &["--customer", name]].concat();
            let error = at(&workstation, JANUARY, &unnamed).expect_failure(2);
            assert!(error.message.contains("--customer"), "{name:?}: {error:?}");
        }
    }
    assert_eq!(
        code(&workstation, JANUARY, &trial("größe ag")),
        "TRIAL_USED"
    );
    let dry = [&trial("größe ag")[..], &["--dry-run"]].concat();
    assert_eq!(code(&workstation, JANUARY, &dry), "TRIAL_USED");
    let again = [&trial("größe ag")[..], &["--again"]].concat();
    let second = issue_json(&workstation, JANUARY, &again);
    let shown = keygen(&workstation, &["ledger", "show", id(&second), "--json"]);
    assert!(shown.expect_code(0).stdout.contains("\"again\": true"));
}

#[test]
fn a_trial_needs_a_ledger() {
    let workstation = Vendor::shared().workstation();
    let error = refused(
        &workstation,
        JANUARY,
        &[&trial("ACME")[..], &["--no-ledger"]].concat(),
    );
    assert!(error.hint.contains("--no-ledger"), "{error:?}");
}

#[test]
fn concurrent_processes_issue_one_trial_per_customer() {
    let workstation = Vendor::shared().workstation();
    let codes: Vec<_> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..6)
            .map(|_| scope.spawn(|| at(&workstation, JANUARY, &trial("ACME")).code))
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
    let workstation = Vendor::shared().workstation();
    let _ = keygen(
        &workstation,
        &["product", "init", "WIDGET", "--out", "w.toml"],
    )
    .expect_code(0);
    let _ = issue_json(&workstation, JANUARY, &trial("ACME"));
    let widget = [&trial("ACME")[..], &["--product-file", "w.toml"]].concat();
    let report = issue_json(&workstation, JANUARY, &widget);
    assert_eq!(report["product"], "WIDGET");
    let file = workstation.read("w.toml");
    let (before, after) = file.split_once("[trial]").unwrap();
    let after = after.split_once("\n\n").unwrap().1;
    workstation.write("w.toml", format!("{before}{after}"));
    let other = ["trial", "--customer", "Other", "--product-file", "w.toml"];
    let error = refused(&workstation, JANUARY, &other);
    assert!(error.hint.contains("[trial]"), "{error:?}");
}

#[test]
fn a_converted_license_keeps_the_remaining_days_of_the_trial() {
    let workstation = Vendor::shared().workstation();
    let first = issue_json(&workstation, JANUARY, &trial("ACME Ltd"));
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
    let paid = issue_json(&workstation, fifth, &issue);
    // 365 days from the end of the trial, whose last day is the 15th.
    assert_eq!(paid["expires_at"], "2027-01-16T00:00:00Z");
    assert_eq!(
        (&paid["customer"], &paid["trial"]),
        (&json!("ACME Ltd"), &json!(false))
    );
    assert_eq!(paid["supersedes"], json!([id(&first)]));
    assert_eq!(paid["not_before"], fifth);
    assert_eq!(code(&workstation, fifth, &issue), "CONVERTED");
    let error = refused(&workstation, fifth, &issue);
    assert!(error.message.contains(id(&paid)), "{error:?}");
}

#[test]
fn an_ended_trial_has_no_remaining_days() {
    let workstation = Vendor::shared().workstation();
    let first = issue_json(&workstation, JANUARY, &trial("ACME Ltd"));
    let key = first["key"].as_str().unwrap().to_lowercase();
    workstation.write("trial.lic", first["token"].as_str().unwrap());
    for (named, dry_run) in [("trial.lic", &["--dry-run"][..]), (&key, &[])] {
        let issue = ["issue", "--tier", "pro", "--convert", named, "--days", "30"];
        // The trial has just ended, so the days are counted as for any other license.
        let issue = [&issue[..], dry_run].concat();
        let paid = issue_json(&workstation, "2026-01-16T00:00:00Z", &issue);
        assert_eq!(paid["expires_at"], "2026-02-16T00:00:00Z", "{named}");
    }
}

#[test]
fn a_conversion_keeps_the_customer_and_does_not_end_before_the_trial() {
    let workstation = Vendor::shared().workstation();
    let first = issue_json(&workstation, JANUARY, &trial("ACME Ltd"));
    let convert = ["issue", "--tier", "pro", "--convert", id(&first)];
    let with = |rest: &[&'static str]| [&convert[..], rest].concat();
    let error = refused(&workstation, JANUARY, &with(&["--expires", "2026-01-10"]));
    assert!(error.message.contains("2026-01-16"), "{error:?}");
    let error = refused(
        &workstation,
        JANUARY,
        &with(&["--perpetual", "--customer", "Other"]),
    );
    assert!(error.message.contains("ACME Ltd"), "{error:?}");
    let same = with(&["--expires", "2026-01-15", "--customer", "acme ltd"]);
    let _ = at(&workstation, JANUARY, &[&same[..], &["--dry-run"]].concat()).expect_code(0);
    let paid = issue_json(&workstation, JANUARY, &with(&["--perpetual"]));
    assert_eq!(paid["expires_at"], Value::Null);
}

#[test]
fn only_a_trial_is_converted() {
    let workstation = Vendor::shared().workstation();
    let paid = issue_json(
        &workstation,
        JANUARY,
        &["issue", "--tier", "pro", "--customer", "A", "--days", "9"],
    );
    let convert = |named: &str| {
        let issue = ["issue", "--tier", "pro", "--days", "9", "--convert", named];
        code(&workstation, JANUARY, &issue)
    };
    assert_eq!(convert(id(&paid)), "USAGE");
    assert_eq!(convert("01a20559-0f9d-7fd1-a393-f9ddb51873f1"), "NOT_FOUND");
    assert_eq!(convert(""), "NOT_FOUND");
    // A file names its license, which a key of the ledger must have signed.
    workstation.write("paid.lic", paid["token"].as_str().unwrap());
    assert_eq!(convert("paid.lic"), "USAGE");
    workstation.write("broken.lic", "no license");
    let broken = words("issue --tier pro --days 9 --json --convert broken.lic");
    let broken = at(&workstation, JANUARY, &broken).expect_json_failure(3);
    assert_eq!(broken, "MALFORMED");
    let first = issue_json(&workstation, JANUARY, &trial("ACME Ltd"));
    let revoke = ["revoke", id(&first), "--reason", "fraud"];
    let _ = keygen(&workstation, &revoke).expect_code(0);
    assert_eq!(convert(id(&first)), "REVOKED");
}

#[test]
fn issue_mentions_an_active_trial_of_the_customer() {
    let workstation = Vendor::shared().workstation();
    let first = issue_json(&workstation, JANUARY, &trial("ACME Ltd"));
    let issue = [
        "issue",
        "--tier",
        "pro",
        "--customer",
        "ACME  LTD",
        "--days",
        "9",
    ];
    let report = at(&workstation, JANUARY, &issue).expect_code(0);
    assert!(
        report.stderr.contains(&format!("--convert {}", id(&first))),
        "{report:?}"
    );
    let report = at(&workstation, "2026-01-16T00:00:00Z", &issue).expect_code(0);
    assert!(!report.stderr.contains("--convert"), "{report:?}");
}

/// Issues a license for named users.
fn issue_for_users(workstation: &Scratch, users: &[&str]) -> Value {
    let mut issue = words("issue --tier team --customer ACME --days 365");
    for user in users {
        issue.extend(["--user", user]);
    }
    issue_json(workstation, JANUARY, &issue)
}

fn reassign<'a>(license: &'a Value, from: &'a str, to: &'a str) -> [&'a str; 6] {
    ["reassign", id(license), "--from", from, "--to", to]
}

#[test]
fn a_user_is_replaced_after_the_cool_down() {
    let workstation = Vendor::shared().workstation();
    let license = issue_for_users(&workstation, &["alice", "bob"]);
    let change = reassign(&license, "alice", "carol");
    assert_eq!(
        code(&workstation, "2026-01-31T09:59:59Z", &change),
        "COOL_DOWN"
    );
    let error = refused(&workstation, "2026-01-31T09:59:59Z", &change);
    assert!(error.message.contains("2026-01-31T10:00:00Z"), "{error:?}");
    let after = issue_json(&workstation, "2026-01-31T10:00:00Z", &change);
    assert_eq!(after["users"], json!(["carol", "bob"]));
    assert_eq!(after["supersedes"], json!([id(&license)]));
    assert_eq!(after["expires_at"], license["expires_at"]);
    // Carol has just become a user. Bob has been a user of both licenses since January.
    let day = "2026-02-01T00:00:00Z";
    assert_eq!(
        code(&workstation, day, &reassign(&after, "carol", "dan")),
        "COOL_DOWN"
    );
    let mut by_file = reassign(&after, "bob", "alice");
    workstation.write("after.lic", after["token"].as_str().unwrap());
    by_file[1] = "after.lic";
    let last = issue_json(&workstation, day, &by_file);
    assert_eq!(last["users"], json!(["carol", "alice"]));
    // The earlier period in which Alice was a user does not count.
    assert_eq!(
        code(&workstation, day, &reassign(&last, "alice", "bob")),
        "COOL_DOWN"
    );
}

#[test]
fn a_waived_cool_down_is_recorded() {
    let workstation = Vendor::shared().workstation();
    let license = issue_for_users(&workstation, &["alice"]);
    let change = [
        &reassign(&license, "alice", "bob")[..],
        &["--waive-cool-down"],
    ]
    .concat();
    let after = issue_json(&workstation, JANUARY, &change);
    let shown = keygen(&workstation, &["ledger", "show", id(&after), "--json"]).expect_code(0);
    assert!(
        shown.stdout.contains("\"cool_down_waived\": true"),
        "{shown:?}"
    );
}

#[test]
fn only_the_latest_license_is_reassigned() {
    let workstation = Vendor::shared().workstation();
    let license = issue_for_users(&workstation, &["alice"]);
    let change = [
        &reassign(&license, "alice", "bob")[..],
        &["--waive-cool-down"],
    ]
    .concat();
    let after = issue_json(&workstation, JANUARY, &change);
    assert_eq!(code(&workstation, JANUARY, &change), "SUPERSEDED");
    let error = refused(&workstation, JANUARY, &change);
    assert!(error.hint.contains(id(&after)), "{error:?}");
    let late = [
        &reassign(&after, "bob", "carol")[..],
        &["--waive-cool-down"],
    ]
    .concat();
    assert_eq!(code(&workstation, "2028-01-01T00:00:00Z", &late), "EXPIRED");
}

#[test]
fn a_reassignment_needs_a_current_user_and_a_new_user() {
    let workstation = Vendor::shared().workstation();
    let license = issue_for_users(&workstation, &["alice", "bob"]);
    for (from, to) in [
        ("mallory", "carol"),
        ("alice", "bob"),
        ("alice", " "),
        ("alice", "alice"),
    ] {
        assert_eq!(
            code(&workstation, JANUARY, &reassign(&license, from, to)),
            "USAGE",
            "{from} {to}"
        );
    }
    let unnamed = issue_for_users(&workstation, &[]);
    let error = refused(&workstation, JANUARY, &reassign(&unnamed, "alice", "bob"));
    assert!(
        error.message.contains("not limited to named users"),
        "{error:?}"
    );
}

#[test]
fn an_upgrade_adds_named_users_and_removes_them_after_the_cool_down() {
    let workstation = Vendor::shared().workstation();
    let license = issue_for_users(&workstation, &["alice", "Bob"]);
    let add = ["upgrade", id(&license), "--user", "carol", "--user", "bob"];
    let report = at(&workstation, JANUARY, &[&add[..], &["--dry-run"]].concat());
    let report = report.expect_code(0);
    assert!(
        report.stderr.contains("users bob and Bob differ"),
        "{report:?}"
    );
    assert!(!report.stderr.contains("seats"), "{report:?}");
    let more = [
        "--user",
        "dan",
        "--user",
        "eve",
        "--seats",
        "5",
        "--dry-run",
    ];
    let few = [&add[..], &more].concat();
    let few = at(&workstation, JANUARY, &few).expect_code(0);
    let expected = "the license names 6 users, and has 5 seats; add --seats 6";
    assert!(few.stderr.contains(expected), "{few:?}");
    let after = issue_json(&workstation, JANUARY, &add);
    assert_eq!(after["users"], json!(["alice", "Bob", "carol", "bob"]));
    let remove = |user| ["upgrade", id(&after), "--remove-user", user, "--force"];
    let day = "2026-01-31T10:00:00Z";
    assert_eq!(code(&workstation, day, &remove("alice")[..4]), "USAGE");
    assert_eq!(code(&workstation, day, &remove("dan")), "USAGE");
    let error = refused(&workstation, day, &remove("ALICE"));
    assert!(
        error.hint.starts_with("use --remove-user alice,"),
        "{error:?}"
    );
    assert_eq!(
        code(&workstation, "2026-01-31T09:59:59Z", &remove("bob")),
        "COOL_DOWN"
    );
    let less = issue_json(&workstation, day, &remove("alice"));
    assert_eq!(less["users"], json!(["Bob", "carol", "bob"]));
    for wrong in [&["--user", "carol"][..], &["--user", " "]] {
        let upgrade = [&["upgrade", id(&less)], wrong].concat();
        assert_eq!(code(&workstation, day, &upgrade), "USAGE", "{wrong:?}");
    }
}

/// A license for all users becomes one for named users, and never the reverse.
#[test]
fn users_of_an_unlimited_license_are_named_only_with_force() {
    let workstation = Vendor::shared().workstation();
    let license = issue_for_users(&workstation, &[]);
    let name = ["upgrade", id(&license), "--user", "alice", "--force"];
    assert_eq!(code(&workstation, JANUARY, &name[..4]), "USAGE");
    let after = at(&workstation, JANUARY, &[&name[..], &["--json"]].concat()).expect_code(0);
    assert!(after.stderr.contains("LOSS"), "{after:?}");
    let after = after.json();
    let last = ["upgrade", id(&after), "--remove-user", "alice", "--force"];
    let error = refused(&workstation, "2026-03-01T00:00:00Z", &last);
    assert!(
        error.message.contains("at least one remaining user"),
        "{error:?}"
    );
    let misspelled = reassign(&after, "Alice", "bob");
    let error = refused(&workstation, JANUARY, &misspelled);
    assert!(error.hint.starts_with("use --from alice,"), "{error:?}");
}

#[test]
fn after_a_reassignment_only_the_new_user_is_accepted() {
    let vendor = Vendor::shared();
    let workstation = vendor.workstation();
    workstation.write("trust.jwks", &vendor.trust);
    let license = issue_for_users(&workstation, &["alice"]);
    let out = ["--waive-cool-down", "--out", "new.lic"];
    let _ = at(
        &workstation,
        JANUARY,
        &[&reassign(&license, "alice", "bob")[..], &out].concat(),
    )
    .expect_code(0);
    let verify = |user: &str| {
        let args = words("verify new.lic --trust trust.jwks --at 2026-01-02 --json");
        let run = Run::license(&workstation)
            .args(args)
            .args(["--user", user])
            .run();
        (run.code, run.json()["code"].clone())
    };
    assert_eq!(verify("alice"), (Some(1), json!("USER_MISMATCH")));
    assert_eq!(verify("bob"), (Some(0), json!("VALID")));
}

/// Returns a machine digest that consists of repetitions of `number`.
fn digest(number: u8) -> String {
    format!("mach_{}", format!("{number:02x}").repeat(16))
}

#[test]
fn check_ins_count_the_machines_of_a_license() {
    let workstation = Vendor::shared().workstation();
    let issue = words("issue --tier pro --customer ACME --days 365");
    let runtime = words("--usage-type runtime --devices 2 --out acme.lic");
    let _ = at(&workstation, JANUARY, &[&issue[..], &runtime].concat()).expect_code(0);
    let check_in = |number, rest: &[&str]| {
        let digest = digest(number);
        let args = ["check-in", "acme.lic", "--json", "--machine", &digest];
        at(&workstation, JANUARY, &[&args[..], rest].concat())
    };
    for number in [1, 2, 1, 2] {
        let _ = check_in(number, &[]).expect_code(0);
    }
    assert_eq!(
        check_in(3, &["--dry-run"]).expect_json_failure(2),
        "DEVICE_LIMIT"
    );
    let args = ["check-in", "acme.lic", "--machine", &digest(3)];
    let error = at(&workstation, JANUARY, &args).expect_failure(2);
    assert!(
        error.hint.starts_with("add --over-device-limit"),
        "{error:?}"
    );
    let shown = keygen(&workstation, &words("ledger show acme.lic --json")).expect_code(0);
    assert_eq!(shown.json()["checked_in"].as_array().unwrap().len(), 2);
    assert_eq!(check_in(3, &[]).expect_json_failure(2), "DEVICE_LIMIT");
    // A suspension does not use up a device.
    let _ = check_in(4, &["--status", "suspended"]).expect_code(0);
    let _ = check_in(3, &["--over-device-limit"]).expect_code(0);
    let _ = check_in(3, &[]).expect_code(0);
    let _ = check_in(5, &["--no-ledger"]).expect_code(0);
}

#[test]
fn versions_built_within_maintenance_stay_covered() {
    let vendor = Vendor::shared();
    let workstation = vendor.workstation();
    workstation.write("trust.jwks", &vendor.trust);
    let issue = words("issue --tier pro --customer ACME --perpetual --offline");
    let fallback = ["--maintenance-until", "2026-12-31", "--out", "acme.lic"];
    let _ = at(&workstation, JANUARY, &[&issue[..], &fallback].concat()).expect_code(0);
    let verify = |built: &str| {
        let args = words("verify acme.lic --trust trust.jwks --at 2040-01-01 --json");
        let run = Run::license(&workstation)
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
    let workstation = Vendor::shared().workstation();
    let issue = words("issue --tier pro --customer ACME --days 365");
    let terms = ["--devices", "1", "--user", "alice", "--out", "a.lic"];
    let _ = at(&workstation, JANUARY, &[&issue[..], &terms].concat()).expect_code(0);
    let check_in = |file: &str, number| {
        let digest = digest(number);
        at(
            &workstation,
            JANUARY,
            &["check-in", file, "--json", "--machine", &digest],
        )
    };
    let _ = check_in("a.lic", 1).expect_code(0);
    let change = words("--from alice --to carol --waive-cool-down --out b.lic");
    let license = keygen(&workstation, &["ledger", "list", "--json"])
        .expect_code(0)
        .json();
    let license = &license["licenses"][0];
    let _ = at(
        &workstation,
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
    let workstation = Vendor::shared().workstation();
    let issue = words("issue --tier pro --customer ACME --days 365 --out a.lic --json");
    let report = at(&workstation, JANUARY, &issue).expect_code(0).json();
    let _ = keygen(&workstation, &["revoke", id(&report), "--reason", "fraud"]).expect_code(0);
    for dry in [&[][..], &["--dry-run"]] {
        let check_in = [&["check-in", "a.lic"][..], dry].concat();
        assert_eq!(code(&workstation, JANUARY, &check_in), "REVOKED");
    }
    let output = ["check-in", "a.lic", "--status", "revoked", "--json"];
    let _ = at(&workstation, JANUARY, &output).expect_code(0);
}

#[test]
fn the_report_and_the_dry_run_show_the_restrictions() {
    let workstation = Vendor::shared().workstation();
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
        let report = at(&workstation, JANUARY, &[&all[..], dry].concat()).expect_code(0);
        for line in [
            "users      only ann\n",
            "counts     3 seats, 2 devices\n",
            "usage      only runtime\n",
            "versions   built through 2026-06-30 (UTC)\n",
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
fn a_validation_for_all_machines_of_a_limited_license_causes_a_warning() {
    let workstation = Vendor::shared().workstation();
    let issue = words("issue --tier pro --customer ACME --days 365 --devices 2");
    let _ = at(
        &workstation,
        JANUARY,
        &[&issue[..], &["--out", "a.lic"]].concat(),
    )
    .expect_code(0);
    let report = at(&workstation, JANUARY, &["check-in", "a.lic"]).expect_code(0);
    assert!(report.stderr.contains("NOT_COUNTED"), "{report:?}");
}
