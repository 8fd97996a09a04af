//! Verifies and evaluates the license token in a file, and prints its effective tier.

use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use license_core::{Context, FeatureMatrix, TrustSet, Unverified, time};

const TRUST: &str = include_str!("../../fixtures/trust/vendor.jwk");

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args_os().nth(1).ok_or("expected a file")?;
    let text = std::fs::read_to_string(file)?;
    let trust = TrustSet::parse(TRUST)?;
    let license = Unverified::parse(&text)?.verify(&trust)?;
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let now = time::from_unix_seconds(seconds).ok_or("expected a clock before the year 10000")?;
    let decision = license.evaluate(FeatureMatrix::built_in(), &Context::at(now));
    println!("{}", decision.entitlements().tier());
    Ok(())
}
