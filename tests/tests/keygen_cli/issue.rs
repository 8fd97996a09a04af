//! How `keygen issue` refuses, where it writes, and what it tells.

use super::*;

/// A license that could be issued, but for `terms`.
#[track_caller]
fn refused(terms: &[&str]) -> Complaint {
    let desk = Vendor::shared().desk();
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
        let said = format!("{} {}", complaint.message, complaint.hint);
        assert!(
            said.contains(flag),
            "{flag} {value:?} is refused without its name: {said}"
        );
    }
}

#[test]
fn a_wrong_value_is_refused_with_the_name_of_its_flag() {
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
fn a_wrong_number_is_refused_with_the_name_of_its_flag_and_what_it_may_be() {
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
fn hours_beyond_all_reason_are_refused_as_too_many() {
    let complaint = refused(&["--grace", "9000000000000000000"]);
    assert!(!complaint.message.contains("at least"), "{complaint:?}");
    let complaint = refused(&["--check-in", "0"]);
    assert!(!complaint.message.contains("grace"), "{complaint:?}");
}

#[test]
fn an_empty_name_is_refused_with_the_name_of_its_flag() {
    refused_by_name("--customer", &[""], &[]);
    refused_by_name("--issuer", &[""], &[]);
    refused_by_name("--user", &[""], &[]);
}

#[test]
fn a_feature_or_quota_that_cannot_be_is_refused_with_the_name_of_its_flag() {
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
fn terms_that_exclude_each_other_are_refused() {
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
fn whether_it_ends_must_be_said() {
    let complaint = refused(&["--no-end"]);
    for way in ["--expires", "--days", "--perpetual"] {
        assert!(complaint.message.contains(way), "{complaint:?}");
    }
}

#[test]
fn a_license_for_ever_is_not_made_of_days() {
    let complaint = refused(&["--days", "4000000000"]);
    assert!(complaint.hint.contains("--perpetual"), "{complaint:?}");
}

#[test]
fn a_slip_of_the_finger_gets_a_suggestion() {
    let complaint = refused(&["--ofline"]);
    assert!(complaint.hint.contains("--offline"), "{complaint:?}");
}

#[test]
fn a_product_file_that_is_missing_or_damaged_is_refused() {
    let desk = Vendor::shared().desk();
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
fn without_out_the_file_goes_to_stdout_and_the_rest_to_stderr() {
    let desk = Vendor::shared().desk();
    for out in [&[][..], &["--out", "-"]] {
        let terms = [&["--tier", "team", "--perpetual"], out].concat();
        let printed = issued(&desk, &terms).expect_code(0);
        assert!(printed.stdout.starts_with("-----BEGIN LICENSE-----\n"));
        assert!(printed.stdout.ends_with("-----END LICENSE-----\n"));
        assert!(printed.stdout.lines().all(|line| line.len() <= 64));
        for told in ["CODITECT-TEAM-", "license id", "every 24 hours"] {
            assert!(printed.stderr.contains(told), "{}", printed.stderr);
        }
    }
}

#[test]
fn one_line_says_whether_and_how_often_it_must_check_in() {
    let desk = Vendor::shared().desk();
    let line = |name: &str, terms: &[&str]| {
        let terms = [&["--tier", "pro", "--perpetual", "--out", name], terms].concat();
        let told = issued(&desk, &terms).expect_code(0).stdout;
        let line = told.lines().find(|line| line.starts_with("check-in"));
        line.unwrap_or_else(|| panic!("{told}")).to_owned()
    };
    assert!(line("1", &[]).contains("every 24 hours"));
    assert!(line("2", &["--offline"]).contains("never"));
    let own = line("3", &["--check-in", "12", "--grace", "36"]);
    assert!(
        own.contains("every 12 hours") && own.contains("36 hours"),
        "{own}"
    );
}

#[test]
fn nothing_is_overwritten_without_force() {
    let desk = Vendor::shared().desk();
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
fn a_folder_that_is_missing_is_a_failure_of_the_machine() {
    let desk = Vendor::shared().desk();
    let terms = ["--tier", "pro", "--perpetual", "--out", "missing/acme.lic"];
    issued(&desk, &terms).expect_failure(4);
}

#[test]
fn json_tells_all_there_is_to_know() {
    let minted = Vendor::shared().issue(&words("--tier team --days 30 --not-before 2020-02-01"));
    let claims = minted.claims();
    let expected = json!({
        "license_id": claims["jti"], "key": claims["key"], "short_key": null, "product": "CODITECT",
        "tier": "TEAM", "customer": "ACME Ltd", "issued_at": "2020-01-01T00:00:00Z",
        "not_before": "2020-02-01T00:00:00Z", "expires_at": "2020-03-03T00:00:00Z",
        "trial": false, "supersedes": [], "users": null, "machines": null,
        "seats": null, "devices": null, "activation": false, "usage_type": null, "maintenance_until": null, "max_version": null,
        "features": claims["features"], "quotas": claims["quotas"],
        "check_in": {"every_hours": 24, "grace_hours": 168},
        "kid": Vendor::shared().kid, "path": "minted.lic", "token": null, "dry_run": false,
    });
    assert_eq!(minted.told, expected);
}

#[test]
fn json_without_a_file_holds_the_token() {
    let desk = Vendor::shared().desk();
    let issued = issued(&desk, &["--json", "--tier", "free", "--perpetual"]).expect_code(0);
    let told = issued.json();
    assert_eq!(told["path"], Value::Null);
    let claims = payload(told["token"].as_str().unwrap());
    assert_eq!(claims["jti"], told["license_id"]);
    assert_eq!(issued.stderr, "");
}

#[test]
fn errors_are_objects_with_json_also_those_of_usage() {
    let desk = Vendor::shared().desk();
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
fn a_private_key_is_never_replaced_not_even_by_force() {
    let desk = Vendor::shared().desk();
    let key = desk.read("vendor.key");
    let replacing = words("--tier pro --perpetual --out vendor.key --force");
    issued(&desk, &replacing).expect_failure(2);
    let replacing = ["--key", "vendor.key", "--out", "vendor.key", "--force"];
    public(&desk, &replacing).expect_failure(2);
    assert_eq!(desk.read("vendor.key"), key);
}

#[test]
fn an_end_that_no_date_can_say_is_refused_and_perpetual_is_named() {
    let complaint = refused(&["--expires", "9999-12-31"]);
    assert!(complaint.hint.contains("--perpetual"), "{complaint:?}");
    let complaint = refused(&["--days", "4000000"]);
    assert!(complaint.hint.contains("--perpetual"), "{complaint:?}");
}

#[test]
fn what_is_rarely_meant_is_minted_with_a_warning() {
    let desk = Vendor::shared().desk();
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
