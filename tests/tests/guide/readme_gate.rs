//! The program of the README, with the license that the README issues and installs.

use license_tests::{Run, RunOutput, Scratch, Vendor, license, words};

fn gate(machine: &Scratch) -> RunOutput {
    Run::new(env!("CARGO_BIN_EXE_readme-gate"), machine).run()
}

/// Returns a machine on which the license of the README is installed. The options are added to
/// the commands that issue and install the license.
fn licensed(options: &[&str]) -> Scratch {
    let workstation = Vendor::of_fixtures().workstation();
    let issue = Run::keygen(&workstation)
        .args(words("issue --key vendor.key --tier pro --customer"))
        .arg("ACME Ltd")
        .args(words("--days 365 --offline --out acme.lic"))
        .args(options);
    let _ = issue.run().expect_code(0);
    let machine = Vendor::of_fixtures().customer_machine();
    machine.write("acme.lic", workstation.read("acme.lic"));
    let install = words("install --trust trust.jwks acme.lic");
    let _ = license(&machine, &[&install, options].concat()).expect_code(0);
    machine
}

#[test]
fn with_the_license_of_the_readme_the_program_syncs() {
    let outcome = gate(&licensed(&[])).expect_code(0);
    assert_eq!(outcome.stdout, "syncing\n");
}

#[test]
fn without_a_license_the_program_prints_the_lowest_tier_with_the_feature() {
    let outcome = gate(&Scratch::new()).expect_code(0);
    assert_eq!(
        outcome.stdout,
        "FEATURE_NOT_INCLUDED: expected tier PRO or higher\n"
    );
    assert_eq!(outcome.stderr, "");
}

#[test]
fn a_license_for_named_users_is_an_error_that_names_the_missing_value() {
    let outcome = gate(&licensed(&["--user", "ann"])).expect_code(1);
    let message = "call `user` on the builder of the client";
    assert!(outcome.stderr.contains(message), "{}", outcome.stderr);
    assert_eq!(outcome.stdout, "");
}

#[test]
fn a_damaged_license_is_reported_and_is_not_an_error() {
    let machine = licensed(&[]);
    machine.write("state/license.lic", "noise");
    let outcome = gate(&machine).expect_code(0);
    assert!(
        outcome.stdout.starts_with("FEATURE_NOT_INCLUDED"),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome.stderr.contains("does not verify"),
        "{}",
        outcome.stderr
    );
}
