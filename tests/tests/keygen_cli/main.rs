//! `keygen`, flag by flag: what each puts into a license, how each is refused, and what never happens to a file or a secret.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says so when it is skipped"
)]

mod claims;
mod enterprise_key;
mod inspect;
mod issue;
mod keys;
mod program;
mod public_half;
mod trust;

use license_tests::vendor::payload;
use license_tests::{Complaint, Outcome, Run, Scratch, Vendor, programs};
use serde_json::{Value, json};

const PASSPHRASE: &str = "correct horse battery staple";

/// `keygen issue` with the vendor's key for a customer.
fn issued(desk: &Scratch, terms: &[&str]) -> Outcome {
    let issue = Run::keygen(desk).args(["issue", "--key", "vendor.key", "--customer", "ACME Ltd"]);
    issue.args(terms).run()
}

/// `keygen public`.
fn public(desk: &Scratch, options: &[&str]) -> Outcome {
    Run::keygen(desk).arg("public").args(options).run()
}
