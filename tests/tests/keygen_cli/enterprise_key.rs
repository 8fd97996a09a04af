//! `keygen enterprise-key`.

use super::*;

fn issue_key(workstation: &Scratch, args: &[&str]) -> RunOutput {
    Run::keygen(workstation)
        .args(["enterprise-key", "--key", "vendor.key"])
        .args(args)
        .run()
}

const ACME: [&str; 4] = ["--company", "ACME", "--seats", "100"];

#[test]
fn stdout_contains_only_the_key() {
    let workstation = Vendor::shared().workstation();
    let args = [&ACME[..], &["--expires", "20301231"]].concat();
    let output = issue_key(&workstation, &args).expect_code(0);
    let signature = output
        .stdout
        .strip_prefix("CODITECT-ENT-ACME-100-20301231-")
        .unwrap();
    assert_eq!(signature.trim_end().len(), 342, "2048 bits in base64url");
    assert_eq!(
        output,
        issue_key(&workstation, &args),
        "RS256 signatures are deterministic"
    );
}

#[test]
fn the_report_of_the_full_key_shows_its_short_form() {
    let workstation = Vendor::shared().workstation();
    let args = [&ACME[..], &["--perpetual"]].concat();
    let full = issue_key(&workstation, &args).expect_code(0);
    let short = issue_key(&workstation, &[&args[..], &["--short"]].concat())
        .expect_code(0)
        .stdout;
    let digits = short
        .trim_end()
        .strip_prefix("CODITECT-ENT-ACME-100-99991231-")
        .unwrap();
    assert_eq!(digits.len(), 16);
    assert!(
        digits
            .bytes()
            .all(|digit| matches!(digit, b'0'..=b'9' | b'A'..=b'F'))
    );
    assert!(full.stderr.contains(short.trim_end()), "{}", full.stderr);
}

#[test]
fn json_has_both_forms_and_the_terms() {
    let workstation = Vendor::shared().workstation();
    let args = [
        &ACME[..],
        &["--expires", "20301231", "--product", "WIDGET", "--json"],
    ]
    .concat();
    let report = issue_key(&workstation, &args).expect_code(0).json();
    assert!(
        report["key"]
            .as_str()
            .unwrap()
            .starts_with("WIDGET-ENT-ACME-100-20301231-")
    );
    assert!(
        report["short_key"]
            .as_str()
            .unwrap()
            .starts_with("WIDGET-ENT-ACME-100-20301231-")
    );
    let terms =
        ["product", "company", "seats", "expires_at", "kid", "alg"].map(|name| &report[name]);
    let end = "2031-01-01T00:00:00Z";
    let kid = &Vendor::shared().kid;
    assert_eq!(
        terms,
        [
            &json!("WIDGET"),
            &json!("ACME"),
            &json!(100),
            &json!(end),
            &json!(kid),
            &json!("RS256")
        ]
    );
}

#[test]
fn invalid_values_are_refused_and_nothing_is_written() {
    let workstation = Vendor::shared().workstation();
    for args in [
        &["--company", "A", "--seats", "1", "--perpetual"][..],
        &["--company", "AC ME", "--seats", "1", "--perpetual"],
        &words("--company ABCDEFGHIJKLMNOPQ --seats 1 --perpetual"),
        &["--company", "ACME", "--seats", "0", "--perpetual"],
        &["--company", "ACME", "--seats", "4294967296", "--perpetual"],
        &["--company", "ACME", "--seats", "1"],
        &["--company", "ACME", "--seats", "1", "--expires", "20260230"],
        &words("--company ACME --seats 1 --expires 20261231 --perpetual"),
        &[
            "--company",
            "ACME",
            "--seats",
            "1",
            "--perpetual",
            "--product",
            "x y",
        ],
        &["--company", "ACME", "--perpetual"],
        &["--seats", "1", "--perpetual"],
    ] {
        issue_key(&workstation, &[args, &["--out", "new"]].concat()).expect_failure(2);
        assert!(!workstation.file("new").exists(), "{args:?}");
    }
}

#[test]
fn the_largest_number_of_seats_is_accepted() {
    let workstation = Vendor::shared().workstation();
    let output = issue_key(
        &workstation,
        &["--company", "ACME", "--seats", "4294967295", "--perpetual"],
    );
    assert!(
        output
            .expect_code(0)
            .stdout
            .starts_with("CODITECT-ENT-ACME-4294967295-99991231-")
    );
}

#[test]
fn fewer_seats_than_the_tier_includes_are_refused() {
    let workstation = Vendor::shared().workstation();
    let product = license_tests::WIDGET.replace("operators = -1", "operators = 50");
    workstation.write("widget.toml", product);
    let key = |seats| {
        let terms = words("--company ACME --perpetual --product-file widget.toml --seats");
        issue_key(&workstation, &[&terms[..], &[seats]].concat())
    };
    let error = key("49").expect_failure(2);
    assert!(error.hint.contains("--seats 50"), "{error:?}");
    let _ = key("50").expect_code(0);
}

#[test]
fn an_ended_key_is_issued_with_a_warning() {
    let workstation = Vendor::shared().workstation();
    let output = issue_key(
        &workstation,
        &[&ACME[..], &["--expires", "20191231"]].concat(),
    )
    .expect_code(0);
    assert!(
        output.stderr.starts_with("warning: EXPIRED: "),
        "{}",
        output.stderr
    );
}

#[test]
fn a_short_form_with_ps256_is_refused() {
    let workstation = Vendor::with_new_key("2048", "PS256").workstation();
    let error = issue_key(
        &workstation,
        &[&ACME[..], &["--perpetual", "--short"]].concat(),
    )
    .expect_failure(2);
    assert!(error.hint.contains("without --short"), "{error:?}");
}
