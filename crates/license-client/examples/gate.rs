//! A program that gates a feature: `gate FEATURE` ends with 0 if it may be used here and now, else with 1. Each use counts as one of
//! the commands that the tier allows a day.
//!
//!     cargo run -p license-client --example gate -- cloud_sync

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is a program, and no library"
)]

use std::error::Error;
use std::process::ExitCode;

use license_client::Client;
use license_core::TrustSet;

/// The vendor's public keys, compiled in: with them inside, no file on the machine can add another. A program of yours
/// includes the `trust.jwks` that `keygen trust` wrote.
const TRUST: &str = include_str!("../../../fixtures/trust/vendor.jwks");

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let feature = std::env::args().nth(1);
    let feature = feature.as_deref().unwrap_or("local_execution");
    let client = Client::open(&TrustSet::parse(TRUST)?);
    for problem in client.problems() {
        eprintln!("{problem}; install the license again with `license install`");
    }
    let decision = client.decide();
    for warning in decision.warnings() {
        eprintln!("{}", warning.message);
    }
    if !decision.allows(feature) {
        let answer = decision.feature(feature, client.matrix());
        let (expected, actual) = (answer.evidence.expected(), answer.evidence.actual());
        println!(
            "{feature}: {}: needs {expected}, found {actual}",
            answer.code
        );
        return Ok(ExitCode::FAILURE);
    }
    let used = client.use_quota("commands_per_day", 1)?;
    if !used.granted {
        let (limit, again) = (used.limit, used.refills_at);
        println!("{feature}: all {limit} commands of today are used; more from {again} on");
        return Ok(ExitCode::FAILURE);
    }
    println!("{feature}: go ahead");
    Ok(ExitCode::SUCCESS)
}
