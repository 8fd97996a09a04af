//! The program of the section "Gate a feature" of the README.
#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a program prints"
)]

use license_client::{Client, FeatureMatrix, TrustSet};

/// The vendor's public keys, compiled in. The path is relative to this source file.
const TRUST: &str = include_str!("../../fixtures/trust/vendor.jwks");

fn main() -> Result<(), Box<dyn std::error::Error>> {
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
