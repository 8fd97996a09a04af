//! `license`, command by command: what it says of good and bad input, with which exit code, and what it leaves on the disk.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod ask;
mod damage;
mod inspect;
mod install;
mod output;
mod program;
mod refuse;
mod verify;

use std::sync::LazyLock;

use license_tests::vendor::{Minted, changed_at};
use license_tests::{Complaint, Outcome, Run, Scratch, Vendor};
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
static ENT: LazyLock<Minted> = LazyLock::new(|| {
    minted(&[
        "--tier",
        "ent",
        "--perpetual",
        "--company",
        "ACME",
        "--seats",
        "100",
    ])
});
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

fn license(site: &Scratch, args: &[&str]) -> Outcome {
    Run::license(site).args(args).run()
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
