//! Verifies and evaluates the license token in a file, and prints its effective tier.

use std::error::Error;
use std::time::SystemTime;

use license_core::{Context, FeatureMatrix, TrustSet, Unverified};

const TRUST: &str = include_str!("../../fixtures/trust/vendor.jwk");

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args_os().nth(1).ok_or("expected a file")?;
    let text = std::fs::read_to_string(file)?;
    let trust = TrustSet::parse(TRUST)?;
    let license = Unverified::parse(&text)?.verify(&trust)?;
    let context = Context::try_from(SystemTime::now())?;
    let decision = license.evaluate(FeatureMatrix::built_in(), &context);
    println!("{}", decision.entitlements().tier());
    Ok(())
}
