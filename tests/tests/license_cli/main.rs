//! `license`, command by command: what it says of good and bad input, with which exit code, and what it leaves on the disk.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod activation;
mod ask;
mod check_in;
mod clock;
mod damage;
mod doctor;
mod embedded;
mod inspect;
mod install;
mod machine;
#[cfg(unix)]
mod nobody;
mod output;
mod program;
mod quota;
mod refuse;
mod remove;
mod renewal;
mod revocations;
mod rotation;
mod session;
mod state;
mod system;
mod usage;
mod verify;

use std::sync::LazyLock;

use license_core::issue::RandomError;
use license_tests::vendor::{Minted, changed_at};
use license_tests::{Complaint, Outcome, Run, Scratch, Vendor, keygen, license, words};
#[cfg(unix)]
use nobody::Nobody;
use serde_json::{Value, json};

/// An hour after everything was issued.
const AT: &str = "2020-01-01T01:00:00Z";
/// Years after everything but perpetual licenses has ended.
const LATER: &str = "2025-01-01T00:00:00Z";

/// PRO for the year 2020, which must check in every day.
static PRO: LazyLock<Minted> =
    LazyLock::new(|| minted(&["--tier", "pro", "--expires", "2020-12-31"]));
/// TEAM for the year 2020, which need not.
static TEAM: LazyLock<Minted> =
    LazyLock::new(|| minted(&["--tier", "team", "--expires", "2020-12-31", "--offline"]));
/// ENT for ever.
static ENT: LazyLock<Minted> =
    LazyLock::new(|| minted(&words("--tier ent --perpetual --company ACME --seats 100")));
/// 100 seats until the end of 2030.
static ENTERPRISE_KEY: LazyLock<String> = LazyLock::new(|| Vendor::shared().enterprise_key());

fn minted(terms: &[&str]) -> Minted {
    Vendor::shared().issue(terms)
}

/// A machine with the vendor's public keys and every license as a file; nothing is installed.
fn site() -> Scratch {
    let site = Vendor::shared().site();
    site.write("pro.lic", &PRO.file);
    site.write("team.lic", &TEAM.file);
    site.write("ent.lic", &ENT.file);
    site.write("enterprise.key", &*ENTERPRISE_KEY);
    site
}

/// The same with one of them installed.
#[track_caller]
fn site_with(file: &str) -> Scratch {
    let site = site();
    let _ = license(
        &site,
        &["install", "--trust", "trust.jwks", "--at", AT, file],
    )
    .expect_code(0);
    site
}

/// The random source of keys that these tests sign with.
fn random(bytes: &mut [u8]) -> Result<(), RandomError> {
    getrandom::fill(bytes).map_err(RandomError::new)
}

/// An id that makes any machine a certain one.
const HERE: &str = "asset-0001-of-these-tests";
/// The same of another.
const ELSEWHERE: &str = "asset-0002-of-these-tests";

/// `license` on the machine of this id.
fn on(machine: &str, site: &Scratch, args: &[&str]) -> Outcome {
    let run = Run::license(site).env("CODITECT_MACHINE_ID", machine);
    run.args(args).run()
}

/// The digest that names the machine of this id.
fn digest_of(machine: &str) -> String {
    let told = on(machine, &Scratch::new(), &["machine", "--json"]);
    let told = told.expect_code(0).json();
    told["digest"].as_str().unwrap().to_owned()
}

/// The codes of the warnings in an answer.
fn warnings(answer: &Value) -> Vec<&str> {
    let warnings = answer["warnings"].as_array().unwrap();
    let codes = warnings
        .iter()
        .map(|warning| warning["code"].as_str().unwrap());
    codes.collect()
}

/// What a person is told of what this machine remembers.
#[track_caller]
fn state_warning(answer: &Value) -> &str {
    let warnings = answer["warnings"].as_array().unwrap();
    let is_of_state = |warning: &&Value| warning["code"] == "STATE";
    let found = warnings.iter().find(is_of_state);
    let found = found.unwrap_or_else(|| panic!("no STATE warning in {answer}"));
    found["message"].as_str().unwrap()
}

/// `license verify` at [`AT`] with the vendor's keys.
fn verify(site: &Scratch, args: &[&str]) -> Outcome {
    license(
        site,
        &[&["verify", "--trust", "trust.jwks", "--at", AT], args].concat(),
    )
}

/// Verified to be a license that holds.
#[track_caller]
fn expect_valid(outcome: Outcome) -> Value {
    let decision = outcome.expect_code(0).json();
    assert_eq!(decision["code"], "VALID");
    decision
}

/// The license with one character of its token changed.
fn tampered(minted: &Minted) -> String {
    let at = minted.file.find('.').unwrap() + 80;
    assert_ne!(&minted.file[at..=at], "\n");
    changed_at(&minted.file, at)
}
