//! `keygen issue`: refusals, destinations and reports.

use super::*;
use license_tests::tools;

/// Runs `keygen issue` with `terms` and with valid defaults for all other options. Returns the
/// error.
///
/// `--no-end` in `terms` is not an option of `keygen`. It only prevents the default `--perpetual`.
#[track_caller]
fn refused(terms: &[&str]) -> PrintedError {
    let workstation = Vendor::shared().workstation();
    let base = ["issue", "--key", "vendor.key", "--out", "refused.lic"];
    let mut issue = Run::keygen(&workstation).args(base);
    for [flag, value] in [["--tier", "pro"], ["--customer", "ACME Ltd"]] {
        if !terms.contains(&flag) {
            issue = issue.args([flag, value]);
        }
    }
    let ends = ["--expires", "--days", "--perpetual", "--no-end"];
    if !terms.iter().any(|term| ends.contains(term)) {
        issue = issue.arg("--perpetual");
    }
    let terms = terms.iter().filter(|term| **term != "--no-end");
    let error = issue.args(terms).run().expect_failure(2);
    assert!(!workstation.file("refused.lic").exists(), "{error:?}");
    error
}

#[test]
fn an_invalid_value_is_refused_with_the_name_of_its_option() {
    let cases: [(&str, &[&str], &[&str]); 21] = [
        ("--tier", &["gold", ""], &[]),
        (
            "--expires",
            &["2026-02-30", "soon", "2019-12-31"],
            &["--issued-at", "2020-01-01"],
        ),
        ("--days", &["0", "x", "-3"], &[]),
        ("--usage-type", &["both"], &[]),
        ("--maintenance-until", &["soon", "2026-13-01"], &[]),
        ("--max-version", &["x.y.z.w", ""], &[]),
        ("--company", &["A", "acme ltd", "ABCDEFGHIJKLMNOPQ"], &[]),
        ("--not-before", &["never"], &[]),
        ("--issued-at", &["x", "1900-01-01T00:00:00Z"], &[]),
        ("--alg", &["ES256", "none", "HS256"], &[]),
        ("--seats", &["0", "x", "-1", "5000000000"], &[]),
        ("--seats", &["4"], &["--tier", "team"]),
        ("--devices", &["0", "x", "-1", "5000000000"], &[]),
        (
            "--check-in",
            &["0", "x", "-1", "10000000000000000000000"],
            &[],
        ),
        ("--grace", &["0", "23", "x"], &[]),
        ("--customer", &[""], &[]),
        ("--issuer", &[""], &[]),
        ("--user", &[""], &[]),
        ("--add-feature", &["", "Bad Name", "ünicode"], &[]),
        ("--remove-feature", &["sso", "nonsense"], &[]),
        (
            "--quota",
            &["agents", "agents=-2", "agents=x", "=3", "Bad Name=3"],
            &[],
        ),
    ];
    for (flag, values, others) in cases {
        for value in values {
            let error = refused(&[&[flag, *value], others].concat());
            let output = format!("{} {}", error.message, error.hint);
            assert!(
                output.contains(flag),
                "the error about {flag} {value:?} does not name the option: {output}"
            );
        }
    }
}

#[test]
fn zero_seats_and_zero_devices_are_refused_by_every_command() {
    let workstation = Vendor::shared().workstation();
    let team = words("--tier team --days 30 --out acme.lic");
    let _ = issued(&workstation, &team).expect_code(0);
    let numbers = "a whole number from 1 to 4294967295";
    for (command, options) in [
        (
            "issue --customer A --tier team --days 9",
            &["seats", "devices"][..],
        ),
        ("upgrade acme.lic", &["seats", "devices"]),
        ("renew acme.lic --days 9", &["seats", "devices"]),
        ("renew acme.lic --days 9 --force", &["seats", "devices"]),
        ("enterprise-key --company ACME --perpetual", &["seats"]),
    ] {
        for option in options {
            let zero = format!("--{option}=0");
            let args = [&words(command)[..], &["--key", "vendor.key", &zero]].concat();
            let error = Run::keygen(&workstation).args(args).run().expect_failure(2);
            for part in [&format!("--{option}"), numbers] {
                assert!(error.message.contains(part), "{command}: {error:?}");
            }
        }
    }
    for option in ["seats", "devices"] {
        let table = format!("tier,customer,days,{option}\nteam,A,9,0\n");
        workstation.write("orders.csv", table);
        let batch = words("batch orders.csv --key vendor.key --out out --dry-run");
        let error = Run::keygen(&workstation)
            .args(batch)
            .run()
            .expect_failure(2);
        for part in ["line 2", option, numbers] {
            assert!(error.message.contains(part), "{error:?}");
        }
    }
}

#[test]
fn the_last_day_of_the_year_9999_is_refused_in_favor_of_a_perpetual_license() {
    let workstation = Vendor::shared().workstation();
    let _ = issued(&workstation, &words("--tier team --days 30 --out acme.lic")).expect_code(0);
    let last = refused(&["--expires", "9999-12-31"]);
    let expected = "--expires: expected a last day before 9999-12-31, found 9999-12-31";
    assert_eq!(last.message, expected);
    assert!(last.hint.contains("--perpetual"), "{last:?}");
    let renew = words("renew acme.lic --key vendor.key --until 9999-12-31");
    let last = Run::keygen(&workstation)
        .args(renew)
        .run()
        .expect_failure(2);
    let expected = "--until: expected a last day before 9999-12-31, found 9999-12-31";
    assert_eq!(last.message, expected);
    assert!(last.hint.contains("--perpetual"), "{last:?}");
    workstation.write("orders.csv", "tier,customer,expires\npro,A,9999-12-31\n");
    let batch = words("batch orders.csv --key vendor.key --out out --dry-run");
    let last = Run::keygen(&workstation)
        .args(batch)
        .run()
        .expect_failure(2);
    assert!(last.message.contains("before 9999-12-31"), "{last:?}");
    let before = ["--tier", "pro", "--expires", "9999-12-30"];
    let before = issued(&workstation, &before).expect_code(0);
    assert!(before.stderr.contains("through 9999-12-30"), "{before:?}");
}

#[test]
fn an_error_about_hours_does_not_mention_another_limit() {
    for (terms, other) in [
        (["--grace", "9000000000000000000"], "at least"),
        (["--check-in", "0"], "grace"),
    ] {
        let error = refused(&terms);
        assert!(!error.message.contains(other), "{terms:?}: {error:?}");
    }
}

#[test]
fn fewer_seats_than_the_tier_includes_are_refused() {
    for option in [["--seats", "4"], ["--quota", "users=4"]] {
        let error = refused(&[&["--tier", "team"], &option[..]].concat());
        assert!(error.message.contains('5'), "{error:?}");
        assert!(error.hint.contains("--force"), "{error:?}");
    }
}

#[test]
fn the_first_line_of_the_report_states_a_required_check_in() {
    let workstation = Vendor::shared().workstation();
    for (terms, first) in [
        ("--tier pro", "check-in   required every 24 hours"),
        ("--tier pro --offline", "license    PRO"),
        ("--tier ent", "license    ENT"),
        (
            "--tier ent --check-in 48",
            "check-in   required every 48 hours",
        ),
    ] {
        let terms = format!("issue --key vendor.key --customer A --days 9 --no-ledger {terms}");
        let terms = words(&terms);
        let dry = keygen(&workstation, &[&terms[..], &["--dry-run"]].concat()).expect_code(0);
        assert_eq!(
            dry.stdout.starts_with("check-in"),
            first.starts_with("check-in")
        );
        // The license goes to standard output, and the report to standard error.
        let issued = keygen(&workstation, &terms).expect_code(0);
        assert!(issued.stderr.starts_with(first), "{first}: {issued:?}");
    }
}

#[test]
fn conflicting_options_are_refused() {
    for terms in [
        &["--days", "3", "--perpetual"][..],
        &["--days", "3", "--expires", "2030-01-01"],
        &["--offline", "--check-in", "24"],
        &["--offline", "--grace", "24"],
        &["--not-before", "2030-06-01", "--expires", "2030-05-01"],
        &["--check-in", "48", "--grace", "24"],
        &["--tier", "free", "--grace", "24"],
    ] {
        refused(terms);
    }
}

#[test]
fn an_end_date_or_perpetual_is_required() {
    let error = refused(&["--no-end"]);
    for option in ["--expires", "--days", "--perpetual"] {
        assert!(error.message.contains(option), "{error:?}");
    }
}

#[test]
fn the_hint_names_the_option_to_use_instead() {
    for (terms, option) in [
        (&["--days", "4000000000"][..], "--perpetual"),
        (&["--days", "4000000"], "--perpetual"),
        (&["--expires", "9999-12-31"], "--perpetual"),
        (&["--ofline"], "--offline"),
    ] {
        let error = refused(terms);
        assert!(error.hint.contains(option), "{terms:?}: {error:?}");
    }
}

#[test]
fn a_missing_or_damaged_product_file_is_refused() {
    let workstation = Vendor::shared().workstation();
    workstation.write("broken.toml", "product = ");
    let with = |file| {
        issued(
            &workstation,
            &[
                "--tier",
                "pro",
                "--perpetual",
                "--out",
                "new.lic",
                "--product-file",
                file,
            ],
        )
    };
    with("missing.toml").expect_failure(4);
    let error = with("broken.toml").expect_failure(3);
    assert!(error.message.starts_with("broken.toml: "), "{error:?}");
    assert!(!workstation.file("new.lic").exists());
}

#[test]
fn without_out_the_license_goes_to_stdout_and_the_report_to_stderr() {
    let workstation = Vendor::shared().workstation();
    for out in [&[][..], &["--out", "-"]] {
        let terms = [&["--tier", "team", "--perpetual"], out].concat();
        let printed = issued(&workstation, &terms).expect_code(0);
        assert!(printed.stdout.starts_with("-----BEGIN LICENSE-----\n"));
        assert!(printed.stdout.ends_with("-----END LICENSE-----\n"));
        assert!(printed.stdout.lines().all(|line| line.len() <= 64));
        for report in ["CODITECT-TEAM-", "license id", "every 24 hours"] {
            assert!(printed.stderr.contains(report), "{}", printed.stderr);
        }
    }
}

#[test]
fn the_report_has_a_line_about_check_ins() {
    let workstation = Vendor::shared().workstation();
    let line = |name: &str, terms: &[&str]| {
        let terms = [&["--tier", "pro", "--perpetual", "--out", name], terms].concat();
        let report = issued(&workstation, &terms).expect_code(0).stdout;
        let line = report.lines().find(|line| line.starts_with("check-in"));
        line.unwrap_or_else(|| panic!("{report}")).to_owned()
    };
    assert!(line("1", &[]).contains("every 24 hours"));
    assert!(line("2", &["--offline"]).contains("not required"));
    let own = line("3", &["--check-in", "12", "--grace", "36"]);
    assert!(
        own.contains("every 12 hours") && own.contains("36 hours"),
        "{own}"
    );
}

#[test]
fn a_missing_directory_is_a_system_error() {
    let workstation = Vendor::shared().workstation();
    let terms = ["--tier", "pro", "--perpetual", "--out", "missing/acme.lic"];
    issued(&workstation, &terms).expect_failure(4);
}

#[test]
fn json_has_every_member() {
    let issued = Vendor::shared().issue(&words("--tier team --days 30 --not-before 2020-02-01"));
    let claims = issued.claims();
    let expected = json!({
        "license_id": claims["jti"], "key": claims["key"], "short_key": null, "product": "CODITECT",
        "tier": "TEAM", "customer": "ACME Ltd", "issued_at": "2020-01-01T00:00:00Z",
        "not_before": "2020-02-01T00:00:00Z", "expires_at": "2020-03-03T00:00:00Z",
        "trial": false, "supersedes": [], "users": null, "machines": null,
        "seats": null, "devices": null, "activation": false, "usage_type": null, "maintenance_until": null, "max_version": null,
        "features": claims["features"], "quotas": claims["quotas"],
        "check_in": {"every_hours": 24, "grace_hours": 168},
        "kid": Vendor::shared().kid, "path": "issued.lic", "token": null, "dry_run": false,
    });
    assert_eq!(issued.report, expected);
}

#[test]
fn json_without_out_contains_the_token() {
    let workstation = Vendor::shared().workstation();
    let issued = issued(&workstation, &["--json", "--tier", "free", "--perpetual"]).expect_code(0);
    let report = issued.json();
    assert_eq!(report["path"], Value::Null);
    let claims = payload(report["token"].as_str().unwrap());
    assert_eq!(claims["jti"], report["license_id"]);
    assert_eq!(issued.stderr, "");
}

#[test]
fn with_json_every_error_is_an_object_including_usage_errors() {
    let workstation = Vendor::shared().workstation();
    let refused = |terms: &[&str], exit| {
        issued(&workstation, &[terms, &["--json"]].concat()).expect_json_failure(exit)
    };
    assert_eq!(refused(&["--tier", "gold", "--perpetual"], 2), "USAGE");
    assert_eq!(refused(&["--tier", "pro"], 2), "USAGE");
    assert_eq!(refused(&["--no-such-flag"], 2), "USAGE");
    assert_eq!(
        refused(&["--tier", "pro", "--perpetual", "--out", "vendor.key"], 2),
        "EXISTS"
    );
    assert_eq!(
        refused(
            &["--tier", "pro", "--perpetual", "--product-file", "none"],
            4
        ),
        "IO"
    );
    let missing = words("issue --json --key none --tier pro --customer X --perpetual");
    assert_eq!(
        Run::keygen(&workstation)
            .args(missing)
            .run()
            .expect_json_failure(4),
        "IO"
    );
}

#[test]
fn a_private_key_is_not_replaced_even_with_force() {
    let workstation = Vendor::shared().workstation();
    let key = workstation.read("vendor.key");
    let replacing = words("--tier pro --perpetual --out vendor.key --force");
    issued(&workstation, &replacing).expect_failure(2);
    let replacing = ["--key", "vendor.key", "--out", "vendor.key", "--force"];
    public(&workstation, &replacing).expect_failure(2);
    assert_eq!(workstation.read("vendor.key"), key);
}

#[test]
fn unusual_terms_are_issued_with_a_warning() {
    let workstation = Vendor::shared().workstation();
    for (terms, code) in [
        (
            &["--perpetual", "--add-feature", "cloud_sink"][..],
            "UNKNOWN_FEATURE",
        ),
        (&["--perpetual", "--quota", "projects=5"], "UNKNOWN_QUOTA"),
        (
            &["--perpetual", "--quota", "borrow_day=7"],
            "did you mean borrow_days?",
        ),
        (
            &["--perpetual", "--quota", "borrow_days=7"],
            "INEFFECTIVE_QUOTA",
        ),
        (
            &["--perpetual", "--quota", "named_user=5"],
            "did you mean named_users?",
        ),
        (
            &["--perpetual", "--quota", "named_users=5"],
            "the quota named_users has no effect",
        ),
        (&["--days", "1", "--issued-at", "2020-01-01"], "EXPIRED"),
        (&["--perpetual", "--user", "'ann'"], "QUOTATION_MARK"),
    ] {
        let outcome = issued(&workstation, &[&["--tier", "pro"], terms].concat()).expect_code(0);
        assert!(outcome.stderr.contains(code), "{}", outcome.stderr);
    }
    // The ledger has other licenses of the customer.
    let usual = ["--tier", "pro", "--perpetual", "--no-ledger"];
    let usual = issued(&workstation, &usual).expect_code(0);
    assert!(!usual.stderr.contains("warning"), "{}", usual.stderr);
}

#[test]
fn a_clock_that_contradicts_the_ledger_is_refused() {
    let Some(faketime) = tools::faketime() else {
        return;
    };
    let workstation = Vendor::shared().workstation();
    let _ = issued(&workstation, &words("--tier pro --days 9 --out acme.lic")).expect_code(0);
    workstation.write("orders.csv", "tier,customer,days\npro,A,9\n");
    let at = |time: &str, command: &str, options: &[&str]| {
        let run = tools::keygen_at_time(faketime, &workstation, time);
        let run = run.args(words(command)).args(["--key", "vendor.key"]);
        run.args(options).run()
    };
    let issue = "issue --tier pro --customer Ann --days 9 --out new.lic";
    for (time, direction) in [
        ("@1970-01-02 00:00:00", "before the last entry"),
        ("@2099-01-02 00:00:00", "after the last entry"),
    ] {
        for command in [
            issue,
            "check-in acme.lic --out new.lic",
            "revocations --out new.lic",
            "batch orders.csv --out new",
        ] {
            for options in [&[][..], &["--dry-run"]] {
                let error = at(time, command, options).expect_failure(2);
                assert!(error.message.contains(direction), "{command}: {error:?}");
                assert!(error.hint.contains("--force"), "{command}: {error:?}");
            }
            let json = at(time, command, &["--json"]);
            assert_eq!(json.expect_json_failure(2), "WRONG_CLOCK");
        }
        assert!(!workstation.file("new").exists() && !workstation.file("new.lic").exists());
    }
    // Without a ledger, nothing is known about the time.
    let alone = at("@2099-01-02 00:00:00", issue, &["--no-ledger"]);
    let _ = alone.expect_code(0);
    let forced = at("@2099-01-02 00:00:00", issue, &["--force"]).expect_code(0);
    assert!(forced.stderr.contains("WRONG_CLOCK: "), "{forced:?}");
    // The correct clock is behind now. One entry with the correct time repairs this.
    let other = words("--tier pro --days 9 --out other.lic");
    assert_eq!(
        issued(&workstation, &[&other[..], &["--json"]].concat()).expect_json_failure(2),
        "WRONG_CLOCK"
    );
    let _ = issued(&workstation, &[&other[..], &["--force"]].concat()).expect_code(0);
    let again = words("--tier pro --days 9 --out again.lic");
    let _ = issued(&workstation, &again).expect_code(0);
}

#[test]
fn an_active_license_of_the_customer_causes_a_warning() {
    let workstation = Vendor::shared().workstation();
    let issue = |customer: &str, term: &str| {
        let words = words("issue --key vendor.key --tier pro --offline");
        let args = [&words[..], &["--customer", customer, term]].concat();
        keygen(&workstation, &args).expect_code(0).stderr
    };
    let list = || {
        let list = keygen(&workstation, &["ledger", "list", "--json"]);
        list.expect_code(0).json()["licenses"].clone()
    };
    assert!(!issue("ACME Ltd", "--days=30").contains("ACTIVE_LICENSE"));
    assert!(!issue("ACME Ltd Berlin", "--days=30").contains("ACTIVE_LICENSE"));
    let first = list()[0]["license_id"].as_str().unwrap().to_owned();
    let warned = issue("acme ltd", "--perpetual");
    let warning = warned
        .lines()
        .find(|line| line.contains("ACTIVE_LICENSE"))
        .unwrap();
    for part in [
        &*first,
        "(PRO, through 20",
        &format!("`keygen upgrade {first} --seats N`"),
        &format!("`keygen renew {first} --days N`"),
    ] {
        assert!(warning.contains(part), "{warning}");
    }
    let warned = issue("ACME  ltd\u{200b}", "--perpetual");
    assert!(warned.contains("PRO, perpetual), and others"), "{warned}");
    // A revoked license is not active.
    let revoke = words("revoke --customer");
    let revoke = [&revoke[..], &["ACME Ltd", "--reason", "refund"]].concat();
    let _ = keygen(&workstation, &revoke).expect_code(0);
    assert!(!issue("ACME Ltd", "--perpetual").contains("ACTIVE_LICENSE"));
}

#[test]
fn a_mistake_on_the_command_line_gets_a_hint_that_helps() {
    let workstation = Vendor::shared().workstation();
    workstation.write("widget.toml", license_tests::WIDGET);
    let license = words("--tier pro --days 9 --out acme.lic");
    let _ = issued(&workstation, &license).expect_code(0);
    let issue = "issue --tier shop --customer A --days 9 --product-file widget.toml";
    let convert = "issue --tier pro --days 9 --convert new-trail.lic";
    for (command, part) in [
        (
            "upgrade acme.lic --days 400",
            "`keygen renew LICENSE --days N`",
        ),
        (
            "upgrade acme.lic --days=400",
            "`keygen renew LICENSE --days N`",
        ),
        (
            "renew acme.lic --tier site --days 9",
            "`keygen upgrade LICENSE --tier TIER`",
        ),
        (
            "upgrade acme.lic --customer B",
            "`keygen revoke LICENSE --reason TEXT`",
        ),
        (
            "renew acme.lic --days 9 --customer B",
            "`keygen issue --customer NAME`",
        ),
        (
            &format!("{issue} --add-feature Export"),
            "did you mean --add-feature export?",
        ),
        (
            &format!("{issue} --add-feature QQQ"),
            "`keygen product show`",
        ),
        (convert, "correct the name of the file"),
    ] {
        let args = [&words(command)[..], &["--key", "vendor.key"]].concat();
        let error = keygen(&workstation, &args).expect_failure(2);
        assert!(error.hint.contains(part), "{command}: {error:?}");
    }
    let users = ["--tier", "pro", "--days", "9", "--user", "ann,bob"];
    let noted = issued(&workstation, &users).expect_code(0).stderr;
    assert!(noted.contains("ann,bob is one user"), "{noted}");
}

#[test]
fn a_named_ledger_that_is_created_is_a_note() {
    let workstation = Vendor::shared().workstation();
    let issue = |options: &str| {
        let terms = "--tier pro --days 9 --force --out acme.lic";
        let terms = format!("{terms}{options}");
        issued(&workstation, &words(&terms)).expect_code(0).stderr
    };
    assert!(!issue("").contains("ledger"));
    let dry_run = issue(" --ledger typo.db --dry-run");
    assert!(dry_run.contains("would create ledger typo.db"), "{dry_run}");
    assert!(issue(" --ledger typo.db").contains("created ledger typo.db"));
    assert!(!issue(" --ledger typo.db").contains("created ledger"));
}
