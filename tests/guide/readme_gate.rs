//! The program of the section "Gate a feature" of the README.
#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a program prints"
)]

use std::error::Error;
use std::process::ExitCode;

use license_client::{Client, FeatureMatrix, TrustSet, with_causes};

/// The vendor's public keys, compiled in. The path is relative to this source file.
const TRUST: &str = include_str!("../../fixtures/trust/vendor.jwks");

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let client = Client::builder(TrustSet::parse(TRUST)?)
        // The built-in product CODITECT. Your own product: include_str!("../product.toml").
        .product(FeatureMatrix::built_in())
        .app_version(env!("CARGO_PKG_VERSION"))
        .build()?;
    for problem in client.problems() {
        eprintln!("{problem}\nhint: run `license doctor`");
    }
    let decision = client.decide()?;
    for warning in decision.warnings() {
        eprintln!("{}: {warning}", warning.code());
    }
    if client.allows("cloud_sync")? {
        println!("syncing");
    } else {
        let answer = decision.feature("cloud_sync", client.matrix());
        println!("{}: expected {}", answer.code, answer.evidence.expected());
    }
    Ok(())
}
