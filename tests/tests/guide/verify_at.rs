//! The program that verifies a file at a date.

use std::path::PathBuf;

use license_tests::vendor::{IssuedLicense, changed_at};
use license_tests::{Run, RunOutput, Scratch, Vendor, license, programs, words};

/// The program evaluates at this date.
const DATE: &str = "2027-03-01";
/// The options of a license that is valid at this date.
const VALID: &str = "--issued-at 2026-06-01 --expires 2027-05-31";
/// The options of a license that has expired at this date.
const EXPIRED: &str = "--issued-at 2026-01-01 --expires 2026-01-31";

fn product_file() -> PathBuf {
    programs::workspace().join("crates/license-client/fixtures/guide/product.toml")
}

/// Returns a PRO license of this vendor. `options` are those of `keygen issue`.
fn issue(vendor: &Vendor, options: &str) -> IssuedLicense {
    let product = product_file();
    let product = ["--product-file", product.to_str().unwrap(), "--tier", "pro"];
    vendor.issue(&[&product[..], &words(options)].concat())
}

fn verify(file: &str) -> RunOutput {
    let machine = Scratch::new();
    machine.write("acme.lic", file);
    Run::new(env!("CARGO_BIN_EXE_guide-verify-at"), &machine).run()
}

/// Returns the reason code of the program `license` for the same file, date and context.
fn code_of_license(file: &str) -> String {
    let machine = Vendor::of_fixtures().customer_machine();
    machine.write("acme.lic", file);
    let product = product_file();
    let options = ["--product-file", product.to_str().unwrap()];
    let command = words("verify --trust trust.jwks --json acme.lic --at");
    let context = words("--user ann --app-version 2.4.0 --build-date 2027-02-01");
    let verified = license(
        &machine,
        &[&options[..], &command, &[DATE], &context].concat(),
    );
    verified.json()["code"].as_str().unwrap().to_owned()
}

#[test]
fn a_valid_license_allows_the_features_of_its_tier() {
    let file = issue(Vendor::of_fixtures(), VALID).file;
    let verified = verify(&file).expect_code(0);
    assert_eq!(verified.stdout, "edit: true\nbatch_export: true\n");
    assert_eq!(verified.stderr, "");
    assert_eq!(code_of_license(&file), "VALID");
}

#[test]
fn a_license_that_has_expired_at_the_date_leaves_the_base_tier() {
    let file = issue(Vendor::of_fixtures(), EXPIRED).file;
    let stdout = verify(&file).expect_code(0).stdout;
    assert!(
        stdout.starts_with("EXPIRED: expected before 2026-02-01"),
        "{stdout}"
    );
    assert!(
        stdout.ends_with("found 2027-03-01T00:00:00Z\nedit: true\nbatch_export: false\n"),
        "{stdout}"
    );
    assert_eq!(code_of_license(&file), "EXPIRED");
}

#[test]
fn the_user_the_version_and_the_build_date_of_the_program_count() {
    let issue = |restriction: &str| {
        let options = format!("{VALID} {restriction}");
        issue(Vendor::of_fixtures(), &options).file
    };
    for met in [
        "--user ann",
        "--max-version <3.0.0",
        "--maintenance-until 2027-02-01",
    ] {
        let file = issue(met);
        let stdout = verify(&file).expect_code(0).stdout;
        assert_eq!(stdout, "edit: true\nbatch_export: true\n", "{met}");
        assert_eq!(code_of_license(&file), "VALID", "{met}");
    }
    for (not_met, code) in [
        ("--user bob", "USER_MISMATCH"),
        ("--max-version <2.0.0", "VERSION_NOT_COVERED"),
        ("--maintenance-until 2027-01-31", "VERSION_NOT_COVERED"),
    ] {
        let file = issue(not_met);
        let stdout = verify(&file).expect_code(0).stdout;
        assert!(stdout.starts_with(code), "{not_met}: {stdout}");
        assert!(stdout.ends_with("batch_export: false\n"), "{stdout}");
        assert_eq!(code_of_license(&file), code, "{not_met}");
    }
}

#[test]
fn a_license_of_another_vendor_is_refused() {
    let file = issue(Vendor::shared(), VALID).file;
    assert_refused(&file, "UNTRUSTED_KEY: ");
}

#[test]
fn a_damaged_file_is_refused() {
    assert_refused("noise", "MALFORMED: ");
    let token = issue(Vendor::of_fixtures(), VALID).token();
    let in_signature = token.len() - 20;
    assert_refused(&changed_at(&token, in_signature), "BAD_SIGNATURE: ");
}

fn assert_refused(file: &str, stderr: &str) {
    let refused = verify(file).expect_code(3);
    assert!(refused.stderr.starts_with(stderr), "{}", refused.stderr);
    assert_eq!(refused.stdout, "");
}
