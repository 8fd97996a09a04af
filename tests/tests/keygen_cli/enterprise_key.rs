//! `keygen enterprise-key`.

use super::*;

fn mint(desk: &Scratch, args: &[&str]) -> Outcome {
    Run::keygen(desk)
        .args(["enterprise-key", "--key", "vendor.key"])
        .args(args)
        .run()
}

const ACME: [&str; 4] = ["--company", "ACME", "--seats", "100"];

#[test]
fn the_key_is_all_there_is_on_stdout() {
    let desk = Vendor::shared().desk();
    let args = [&ACME[..], &["--expires", "20301231"]].concat();
    let minted = mint(&desk, &args).expect_code(0);
    let signature = minted
        .stdout
        .strip_prefix("CODITECT-ENT-ACME-100-20301231-")
        .unwrap();
    assert_eq!(signature.trim_end().len(), 342, "2048 bits in base64url");
    assert_eq!(
        minted,
        mint(&desk, &args),
        "RS256 gives the same signature each time"
    );
}

#[test]
fn the_short_form_is_the_one_that_the_full_key_is_told_with() {
    let desk = Vendor::shared().desk();
    let args = [&ACME[..], &["--perpetual"]].concat();
    let full = mint(&desk, &args).expect_code(0);
    let short = mint(&desk, &[&args[..], &["--short"]].concat())
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
    let desk = Vendor::shared().desk();
    let args = [
        &ACME[..],
        &["--expires", "20301231", "--product", "WIDGET", "--json"],
    ]
    .concat();
    let told = mint(&desk, &args).expect_code(0).json();
    assert!(
        told["key"]
            .as_str()
            .unwrap()
            .starts_with("WIDGET-ENT-ACME-100-20301231-")
    );
    assert!(
        told["short_key"]
            .as_str()
            .unwrap()
            .starts_with("WIDGET-ENT-ACME-100-20301231-")
    );
    let terms = ["product", "company", "seats", "expires_at", "kid", "alg"].map(|name| &told[name]);
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
fn wrong_values_are_refused_and_nothing_is_written() {
    let desk = Vendor::shared().desk();
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
        mint(&desk, &[args, &["--out", "new"]].concat()).expect_failure(2);
        assert!(!desk.file("new").exists(), "{args:?}");
    }
}

#[test]
fn the_largest_number_of_seats_is_taken() {
    let desk = Vendor::shared().desk();
    let minted = mint(
        &desk,
        &["--company", "ACME", "--seats", "4294967295", "--perpetual"],
    );
    assert!(
        minted
            .expect_code(0)
            .stdout
            .starts_with("CODITECT-ENT-ACME-4294967295-99991231-")
    );
}

#[test]
fn a_key_that_has_ended_is_minted_with_a_warning() {
    let desk = Vendor::shared().desk();
    let minted = mint(&desk, &[&ACME[..], &["--expires", "20191231"]].concat()).expect_code(0);
    assert!(
        minted.stderr.starts_with("warning: EXPIRED: "),
        "{}",
        minted.stderr
    );
}

#[test]
fn a_short_form_that_would_match_no_other_is_refused() {
    let desk = Vendor::with_key("2048", "PS256").desk();
    let complaint =
        mint(&desk, &[&ACME[..], &["--perpetual", "--short"]].concat()).expect_failure(2);
    assert!(complaint.hint.contains("without --short"), "{complaint:?}");
}

#[test]
fn nothing_is_overwritten_without_force() {
    let desk = Vendor::shared().desk();
    desk.write("acme.key", "precious");
    let args = [&ACME[..], &["--perpetual", "--out", "acme.key"]].concat();
    mint(&desk, &args).expect_failure(2);
    assert_eq!(desk.read("acme.key"), "precious");
    let _ = mint(&desk, &[&args[..], &["--force"]].concat()).expect_code(0);
    assert!(
        desk.read("acme.key")
            .starts_with("CODITECT-ENT-ACME-100-99991231-")
    );
}
