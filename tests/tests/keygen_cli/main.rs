//! Tests of `keygen`: the claims that options set, refusals, and the safety of files and secrets.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking, and prints when it is skipped"
)]

mod activation;
mod batch;
mod bulk_renewal;
mod check_in;
mod claims;
mod core_dump;
mod damage;
mod diff;
mod dry_run;
mod enterprise_key;
mod guide;
mod inspect;
mod issue;
mod keys;
mod kinds;
mod node_lock;
mod output_file;
mod product;
mod product_constants;
mod program;
mod public_key;
mod renewal;
mod revocations;
mod rotation;
mod server_key;
mod settings;
mod trust;
mod widget;

use license_tests::vendor::payload;
use license_tests::{
    PrintedError, Run, RunOutput, Scratch, Vendor, WIDGET, keygen, programs, vendor, words,
};
use serde_json::{Value, json};

const PASSPHRASE: &str = "correct horse battery staple";

/// The fingerprint of a machine.
const FINGERPRINT: &str = "fp1:id=60cc22a081bb116368e42320,mac=00112233445566778899aabb";
/// The digest of the machine with [`FINGERPRINT`].
const DIGEST: &str = "mach_1a33b8bd3586714ab297967241f41a11";

/// Runs `keygen issue` with the vendor's key for a customer.
fn issued(workstation: &Scratch, terms: &[&str]) -> RunOutput {
    let issue =
        Run::keygen(workstation).args(["issue", "--key", "vendor.key", "--customer", "ACME Ltd"]);
    issue.args(terms).run()
}

/// Runs `keygen public`.
fn public(workstation: &Scratch, options: &[&str]) -> RunOutput {
    Run::keygen(workstation).arg("public").args(options).run()
}
