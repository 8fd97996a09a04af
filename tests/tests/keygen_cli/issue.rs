//! `keygen issue`: refusals, destinations and reports.

use super::*;

/// Runs `keygen issue` with options that are valid except for `terms`.
#[track_caller]
fn refused(terms: &[&str]) -> PrintedError {
    let desk = Vendor::shared().workstation();
    let base = ["issue", "--key", "vendor.key", "--out", "refused.lic"];
    let mut issue = Run::keygen(&desk).args(base);
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
    let complaint = issue.args(terms).run().expect_failure(2);
    assert!(!desk.file("refused.lic").exists(), "{complaint:?}");
    complaint
}

#[track_caller]
fn refused_by_name(flag: &str, values: &[&str], with: &[&str]) {
    for value in values {
        let complaint = refused(&[&[flag, *value], with].concat());
        let output = format!("{} {}", complaint.message, complaint.hint);
        assert!(
            output.contains(flag),
            "{flag} {value:?} is refused without the name of the option: {output}"
        );
    }
}

#[test]
fn an_invalid_value_is_refused_with_the_name_of_its_option() {
    refused_by_name("--tier", &["gold", ""], &[]);
    refused_by_name(
        "--expires",
        &["2026-02-30", "soon", "2019-12-31"],
        &["--issued-at", "2020-01-01"],
    );
    refused_by_name("--days", &["0", "x", "-3"], &[]);
    refused_by_name("--usage-type", &["both"], &[]);
    refused_by_name("--maintenance-until", &["soon", "2026-13-01"], &[]);
    refused_by_name("--max-version", &["x.y.z.w", ""], &[]);
    refused_by_name("--company", &["A", "acme ltd", "ABCDEFGHIJKLMNOPQ"], &[]);
    refused_by_name("--not-before", &["never"], &[]);
    refused_by_name("--issued-at", &["x", "1900-01-01T00:00:00Z"], &[]);
    refused_by_name("--alg", &["ES256", "none", "HS256"], &[]);
    refused_by_name("--quota", &["agents", "agents=-2", "agents=x", "=3"], &[]);
}

#[test]
fn an_invalid_number_is_refused_with_the_name_of_its_option() {
    for flag in ["--seats", "--devices"] {
        refused_by_name(flag, &["0", "x", "-1", "5000000000"], &[]);
        let complaint = refused(&[flag, "0"]);
        let jargon = ["non-zero type", "target type", "invalid digit"];
        assert!(
            !jargon.iter().any(|word| complaint.message.contains(word)),
            "{complaint:?}"
        );
    }
    refused_by_name(
        "--check-in",
        &["0", "x", "-1", "10000000000000000000000"],
        &[],
    );
    refused_by_name("--grace", &["0", "23", "x"], &[]);
}

#[test]
fn too_many_hours_are_refused() {
    let complaint = refused(&["--grace", "9000000000000000000"]);
    assert!(!complaint.message.contains("at least"), "{complaint:?}");
    let complaint = refused(&["--check-in", "0"]);
    assert!(!complaint.message.contains("grace"), "{complaint:?}");
}

#[test]
fn an_empty_name_is_refused_with_the_name_of_its_option() {
    refused_by_name("--customer", &[""], &[]);
    refused_by_name("--issuer", &[""], &[]);
    refused_by_name("--user", &[""], &[]);
}

#[test]
fn an_invalid_feature_or_quota_is_refused_with_the_name_of_its_option() {
    refused_by_name("--add-feature", &["", "Bad Name", "ünicode"], &[]);
    refused_by_name("--remove-feature", &["sso", "nonsense"], &[]);
    refused_by_name("--quota", &["Bad Name=3"], &[]);
}

#[test]
fn fewer_seats_than_the_tier_includes_are_refused() {
    let complaint = refused(&["--tier", "team", "--seats", "4"]);
    assert!(complaint.message.contains('5'), "{complaint:?}");
    refused_by_name("--seats", &["4"], &["--tier", "team"]);
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
fn the_end_or_perpetual_is_required() {
    let complaint = refused(&["--no-end"]);
    for option in ["--expires", "--days", "--perpetual"] {
        assert!(complaint.message.contains(option), "{complaint:?}");
    }
}

#[test]
fn too_many_days_are_refused_with_a_hint_at_perpetual() {
    let complaint = refused(&["--days", "4000000000"]);
    assert!(complaint.hint.contains("--perpetual"), "{complaint:?}");
}

#[test]
fn a_misspelled_option_gets_a_suggestion() {
    let complaint = refused(&["--ofline"]);
    assert!(complaint.hint.contains("--offline"), "{complaint:?}");
}

#[test]
fn a_missing_or_damaged_product_file_is_refused() {
    let desk = Vendor::shared().workstation();
    desk.write("broken.toml", "product = ");
    let with = |file| {
        issued(
            &desk,
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
    let complaint = with("broken.toml").expect_failure(3);
    assert!(
        complaint.message.starts_with("broken.toml: "),
        "{complaint:?}"
    );
    assert!(!desk.file("new.lic").exists());
}

#[test]
fn without_out_the_license_goes_to_stdout_and_the_report_to_stderr() {
    let desk = Vendor::shared().workstation();
    for out in [&[][..], &["--out", "-"]] {
        let terms = [&["--tier", "team", "--perpetual"], out].concat();
        let printed = issued(&desk, &terms).expect_code(0);
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
    let desk = Vendor::shared().workstation();
    let line = |name: &str, terms: &[&str]| {
        let terms = [&["--tier", "pro", "--perpetual", "--out", name], terms].concat();
        let report = issued(&desk, &terms).expect_code(0).stdout;
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
fn an_existing_file_is_replaced_only_with_force() {
    let desk = Vendor::shared().workstation();
    desk.write("acme.lic", "precious");
    let terms = ["--tier", "pro", "--perpetual", "--out", "acme.lic"];
    let complaint = issued(&desk, &terms).expect_failure(2);
    assert!(complaint.hint.contains("--force"), "{complaint:?}");
    assert_eq!(desk.read("acme.lic"), "precious");
    let _ = issued(&desk, &[&terms[..], &["--force"]].concat()).expect_code(0);
    assert!(
        desk.read("acme.lic")
            .starts_with("-----BEGIN LICENSE-----\n")
    );
}

#[test]
fn a_missing_directory_is_a_system_error() {
    let desk = Vendor::shared().workstation();
    let terms = ["--tier", "pro", "--perpetual", "--out", "missing/acme.lic"];
    issued(&desk, &terms).expect_failure(4);
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
    let desk = Vendor::shared().workstation();
    let issued = issued(&desk, &["--json", "--tier", "free", "--perpetual"]).expect_code(0);
    let report = issued.json();
    assert_eq!(report["path"], Value::Null);
    let claims = payload(report["token"].as_str().unwrap());
    assert_eq!(claims["jti"], report["license_id"]);
    assert_eq!(issued.stderr, "");
}

#[test]
fn errors_are_objects_with_json_including_usage_errors() {
    let desk = Vendor::shared().workstation();
    let refused = |terms: &[&str], exit| {
        issued(&desk, &[terms, &["--json"]].concat()).expect_json_failure(exit)
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
        Run::keygen(&desk)
            .args(missing)
            .run()
            .expect_json_failure(4),
        "IO"
    );
}

#[test]
fn a_private_key_is_not_replaced_even_with_force() {
    let desk = Vendor::shared().workstation();
    let key = desk.read("vendor.key");
    let replacing = words("--tier pro --perpetual --out vendor.key --force");
    issued(&desk, &replacing).expect_failure(2);
    let replacing = ["--key", "vendor.key", "--out", "vendor.key", "--force"];
    public(&desk, &replacing).expect_failure(2);
    assert_eq!(desk.read("vendor.key"), key);
}

#[test]
fn an_end_after_the_last_date_is_refused_with_a_hint_at_perpetual() {
    let complaint = refused(&["--expires", "9999-12-31"]);
    assert!(complaint.hint.contains("--perpetual"), "{complaint:?}");
    let complaint = refused(&["--days", "4000000"]);
    assert!(complaint.hint.contains("--perpetual"), "{complaint:?}");
}

#[test]
fn unusual_terms_are_issued_with_a_warning() {
    let desk = Vendor::shared().workstation();
    for (terms, code) in [
        (
            &["--perpetual", "--add-feature", "cloud_sink"][..],
            "UNKNOWN_FEATURE",
        ),
        (&["--perpetual", "--quota", "projects=5"], "UNKNOWN_QUOTA"),
        (&["--days", "1", "--issued-at", "2020-01-01"], "EXPIRED"),
    ] {
        let outcome = issued(&desk, &[&["--tier", "pro"], terms].concat()).expect_code(0);
        assert!(outcome.stderr.contains(code), "{}", outcome.stderr);
    }
    let usual = issued(&desk, &["--tier", "pro", "--perpetual"]).expect_code(0);
    assert!(!usual.stderr.contains("warning"), "{}", usual.stderr);
}
