//! The program of the section "Verify a file at a date" of `docs/developer.md`.
#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a program prints"
)]

use license_core::evaluate::Outcome;
use license_core::{
    Context, FeatureMatrix, TrustSet, VerifiedLicenses, Version, time, with_causes,
};

const TRUST: &str = include_str!("../../fixtures/trust/vendor.jwks");
const PRODUCT: &str = include_str!("../../crates/license-client/fixtures/guide/product.toml");

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (trust, matrix) = (TrustSet::parse(TRUST)?, FeatureMatrix::parse(PRODUCT)?);
    let text = std::fs::read_to_string("acme.lic")?;
    let licenses = match VerifiedLicenses::verify(&text, &trust, &matrix) {
        Ok(licenses) => licenses,
        // The file proves nothing: it is damaged, or another vendor signed it.
        Err(error) => {
            eprintln!("{}: {}", error.code(), with_causes(&error));
            std::process::exit(3);
        }
    };
    // A date means its first second in UTC. `Context::try_from(SystemTime::now())?` is the present.
    let context = Context::at(time::parse_instant("2027-03-01")?)
        .user("ann")
        .app_version(Version::new(2, 4, 0))
        .build_date(time::parse_instant("2027-02-01")?);
    let decision = licenses.evaluate(&matrix, &context);
    if decision.outcome() == Outcome::Denied {
        let evidence = decision.evidence();
        let (expected, actual) = (evidence.expected(), evidence.actual());
        println!("{}: expected {expected}, found {actual}", decision.code());
    }
    for (feature, _) in matrix.features() {
        println!("{feature}: {}", decision.allows(feature));
    }
    Ok(())
}
