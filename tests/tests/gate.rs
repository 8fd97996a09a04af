//! The program that gates a feature in the documentation does it, with and without a license.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use license_tests::{Outcome, Run, Scratch, Vendor, programs};

static GATE: LazyLock<PathBuf> = LazyLock::new(|| programs::example("license-client", "gate"));

/// The vendor whose public key is compiled into the program.
static VENDOR: LazyLock<Vendor> = LazyLock::new(|| {
    let key = programs::workspace().join("fixtures/keys/vendor.pem");
    Vendor::of_key(fs::read_to_string(key).unwrap(), &[])
});

fn gate(machine: &Scratch, feature: &str) -> Outcome {
    Run::of(&*GATE, machine).arg(feature).run()
}

/// A machine with a license of this vendor's for PRO, which ends in no year and needs no check-in.
fn machine_with_license_of(vendor: &Vendor) -> Scratch {
    let machine = vendor.site();
    let minted = vendor.issue(&["--tier", "pro", "--perpetual", "--offline"]);
    machine.write("pro.lic", minted.file);
    let install = ["install", "--trust", "trust.jwks", "pro.lic"];
    let _ = Run::license(&machine).args(install).run().expect_code(0);
    machine
}

#[test]
fn without_a_license_the_free_features_work_and_the_others_say_why_not() {
    let machine = Scratch::new();
    let free = gate(&machine, "local_execution").expect_code(0);
    assert_eq!(free.stdout, "local_execution: go ahead\n");
    let paid = gate(&machine, "cloud_sync").expect_code(1);
    assert!(paid.stdout.contains("PRO"), "{}", paid.stdout);
    assert_eq!(free.stderr + &paid.stderr, "");
}

#[test]
fn with_a_license_the_features_of_its_tier_work_and_no_others() {
    let machine = machine_with_license_of(&VENDOR);
    for feature in ["local_execution", "cloud_sync"] {
        assert_eq!(gate(&machine, feature).expect_code(0).stderr, "");
    }
    let higher = gate(&machine, "sso").expect_code(1);
    assert!(higher.stdout.contains("ENT"), "{}", higher.stdout);
}

#[test]
fn a_license_of_another_vendor_counts_for_nothing_even_with_its_keys_beside_it() {
    let machine = machine_with_license_of(Vendor::shared());
    let _ = Run::license(&machine)
        .args(["check", "cloud_sync"])
        .run()
        .expect_code(0);
    let refused = gate(&machine, "cloud_sync").expect_code(1);
    assert!(refused.stderr.contains("license.lic"), "{}", refused.stderr);
    let _ = gate(&machine, "local_execution").expect_code(0);
}

#[test]
fn a_damaged_license_leaves_the_free_features_and_is_told() {
    let machine = machine_with_license_of(&VENDOR);
    machine.write("state/license.lic", "noise");
    let free = gate(&machine, "local_execution").expect_code(0);
    assert!(free.stderr.contains("license install"), "{}", free.stderr);
    let _ = gate(&machine, "cloud_sync").expect_code(1);
}
