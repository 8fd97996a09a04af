//! Tests of `license`, one module for each command or topic: output, exit codes and stored files.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod activation;
#[cfg(unix)]
mod administrator;
#[cfg(unix)]
mod all_users;
mod check_in;
mod clock;
mod damage;
mod decisions;
mod doctor;
mod embedded;
mod inspect;
mod install;
mod library;
mod machine;
mod metrics;
mod monitor;
#[cfg(target_os = "linux")]
mod other_user;
mod output;
mod program;
mod quota;
#[cfg(unix)]
mod quota_bypass;
mod refusal;
mod remove;
mod renewal;
mod replacement;
mod revocations;
mod rotation;
#[cfg(unix)]
mod screen;
mod server;
mod session;
#[cfg(unix)]
mod shared_activation;
mod state;
mod status;
mod system;
#[cfg(unix)]
mod unprivileged_user;
mod usage;
mod verify;

use std::sync::LazyLock;

use license_core::issue::RandomError;
use license_tests::vendor::{IssuedLicense, changed_at};
use license_tests::{PrintedError, Run, RunOutput, Scratch, Vendor, keygen, license, tools, words};
use serde_json::{Value, json};
#[cfg(unix)]
use unprivileged_user::UnprivilegedUser;

/// One hour after the default issue date of all artifacts.
const AT: &str = "2020-01-01T01:00:00Z";
/// A date at which [`PRO`] and [`TEAM`] have expired.
const LATER: &str = "2025-01-01T00:00:00Z";

/// A PRO license for 2020 that requires a check-in every day.
static PRO: LazyLock<IssuedLicense> =
    LazyLock::new(|| issue_license(&["--tier", "pro", "--expires", "2020-12-31"]));
/// A TEAM license for 2020 without check-ins.
static TEAM: LazyLock<IssuedLicense> =
    LazyLock::new(|| issue_license(&["--tier", "team", "--expires", "2020-12-31", "--offline"]));
/// A perpetual ENT license.
static ENT: LazyLock<IssuedLicense> =
    LazyLock::new(|| issue_license(&words("--tier ent --perpetual --company ACME --seats 100")));
/// An enterprise key with 100 seats until the end of 2030.
static ENTERPRISE_KEY: LazyLock<String> = LazyLock::new(|| Vendor::shared().enterprise_key());

fn issue_license(terms: &[&str]) -> IssuedLicense {
    Vendor::shared().issue(terms)
}

/// Returns a machine with two files: `acme.lic`, which ends with June 2026, and its renewal
/// `next.lic`. Nothing is installed.
fn machine_with_renewal() -> Scratch {
    let vendor = Vendor::shared();
    let (workstation, machine) = (vendor.workstation(), vendor.customer_machine());
    for (args, out) in [
        (
            "issue --tier team --customer ACME --offline --issued-at 2025-07-01 --expires 2026-06-30",
            "acme.lic",
        ),
        (
            "renew acme.lic --days 365 --issued-at 2026-06-01",
            "next.lic",
        ),
    ] {
        let args = [&words(args)[..], &["--key", "vendor.key", "--out", out]].concat();
        let _ = keygen(&workstation, &args).expect_code(0);
        machine.write(out, workstation.read(out));
    }
    machine
}

/// Returns a machine with the vendor's public keys and each license as a file. Nothing is
/// installed.
fn machine() -> Scratch {
    let machine = Vendor::shared().customer_machine();
    machine.write("pro.lic", &PRO.file);
    machine.write("team.lic", &TEAM.file);
    machine.write("ent.lic", &ENT.file);
    machine.write("enterprise.key", &*ENTERPRISE_KEY);
    machine
}

/// Returns the machine of [`machine()`] with this license installed.
#[track_caller]
fn machine_with(file: &str) -> Scratch {
    let machine = machine();
    let _ = license(
        &machine,
        &["install", "--trust", "trust.jwks", "--at", AT, file],
    )
    .expect_code(0);
    machine
}

/// The random source for the keys of these tests.
fn random(bytes: &mut [u8]) -> Result<(), RandomError> {
    getrandom::fill(bytes).map_err(RandomError::new)
}

/// A machine id, so that every test machine has the same identity.
const HERE: &str = "asset-0001-of-these-tests";
/// The id of another machine.
const ELSEWHERE: &str = "asset-0002-of-these-tests";

/// Runs `license` on the machine with this id.
fn on(id: &str, machine: &Scratch, args: &[&str]) -> RunOutput {
    let run = Run::license(machine).env("CODITECT_MACHINE_ID", id);
    run.args(args).run()
}

/// Returns the digest of the machine with this id.
fn digest_of(id: &str) -> String {
    let report = on(id, &Scratch::new(), &["machine", "--json"]);
    let report = report.expect_code(0).json();
    report["digest"].as_str().unwrap().to_owned()
}

/// Returns the codes of the warnings in JSON output.
fn warnings(output: &Value) -> Vec<&str> {
    let warnings = output["warnings"].as_array().unwrap();
    let codes = warnings
        .iter()
        .map(|warning| warning["code"].as_str().unwrap());
    codes.collect()
}

/// Returns the message of the STATE warning in JSON output.
#[track_caller]
fn state_warning(output: &Value) -> &str {
    let warnings = output["warnings"].as_array().unwrap();
    let is_state = |warning: &&Value| warning["code"] == "STATE";
    let found = warnings.iter().find(is_state);
    let found = found.unwrap_or_else(|| panic!("no STATE warning in {output}"));
    found["message"].as_str().unwrap()
}

/// Runs `license verify` at [`AT`] with the vendor's keys.
fn verify(machine: &Scratch, args: &[&str]) -> RunOutput {
    license(
        machine,
        &[&["verify", "--trust", "trust.jwks", "--at", AT], args].concat(),
    )
}

/// Checks that a license is valid, and returns the decision.
#[track_caller]
fn expect_valid(outcome: RunOutput) -> Value {
    let decision = outcome.expect_code(0).json();
    assert_eq!(decision["code"], "VALID");
    decision
}

/// Returns the license file with one changed character in its token.
fn tampered(issued: &IssuedLicense) -> String {
    let at = issued.file.find('.').unwrap() + 80;
    assert_ne!(&issued.file[at..=at], "\n");
    changed_at(&issued.file, at)
}
