//! Checks whether a feature may be used: `gate FEATURE` exits with 0 if the feature may be used,
//! and otherwise with 1.
//!
//! Each use counts as one of the commands per day that the tier allows.
//!
//!     cargo run -p license-client --example gate -- cloud_sync

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program prints"
)]

use std::error::Error;
use std::process::ExitCode;

use license_client::license_core::time::rfc3339;
use license_client::{Client, FeatureMatrix, TrustSet};

/// The vendor's public keys. Because they are compiled in, no file on the machine can add a key.
///
/// Your program includes the `trust.jwks` that `keygen trust` wrote.
const TRUST: &str = include_str!("../fixtures/trust/vendor.jwks");

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let feature = std::env::args().nth(1);
    let feature = feature.as_deref().unwrap_or("local_execution");
    // Your program passes its own product file: `.product(include_str!("product.toml"))`.
    let client = Client::builder(TrustSet::parse(TRUST)?)
        .product(FeatureMatrix::built_in())
        .app_version(env!("CARGO_PKG_VERSION"))
        .build()?;
    for problem in client.problems() {
        eprintln!("{problem}\nhint: run `license doctor`");
    }
    let decision = client.decide()?;
    for warning in decision.warnings() {
        eprintln!("{warning}");
    }
    if !client.allows(feature)? {
        let answer = decision.feature(feature, client.matrix());
        let (expected, actual) = (answer.evidence.expected(), answer.evidence.actual());
        println!(
            "{feature}: {}: expected {expected}, found {actual}",
            answer.code
        );
        return Ok(ExitCode::FAILURE);
    }
    let used = client.use_quota("commands_per_day", 1)?;
    if !used.granted {
        let (limit, again) = (used.limit, used.refills_at);
        println!(
            "{feature}: all {limit} commands of today are used; more are available from {}",
            rfc3339(again)
        );
        return Ok(ExitCode::FAILURE);
    }
    println!("{feature}: allowed");
    Ok(ExitCode::SUCCESS)
}
