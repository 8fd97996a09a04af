//! Verifies the license token in a file, and prints its tier.

use std::error::Error;

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;

// The components of `fixtures/trust/vendor.jwk`.
const N: &str = "syD9jMPwC7aB7VIemPe86vKsM83O25FSdWMne1VXT8cbmTqEekOYq3bc4Tyq0mY1WuJccKEjXei5WuMM9cXy62uMm_4gZwPP17IrO6M9fMa-gfF-O58txL28ZiV1KnnD1iJNt6ovKT-sj3SpCRNrFGMXTf3YDNvh1D8cNc2nREbPaf-zIBbP0DXv6xW1WcwYQvuwBl8ZJbolXSfqOAt6qkvAaUjW15zlGqLMWAzG3HMG4sbY8S05dXKGqLT1xR1Zo3sJZqPBg-B0MDpIQHyMc74Bm1iCxKnPeMK5PD3UKC5WijxsCibx2V8Jkso_C6NIBKzOLB0ciLsjVzLXzr-L3w";
const E: &str = "AQAB";

#[derive(Deserialize)]
struct Claims {
    tier: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args_os().nth(1).ok_or("expected a file")?;
    let text = std::fs::read_to_string(file)?;
    let key = DecodingKey::from_rsa_components(N, E)?;
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&["CODITECT"]);
    validation.set_issuer(&["CODITECT"]);
    let token = decode::<Claims>(text.trim(), &key, &validation)?;
    println!("{}", token.claims.tier);
    Ok(())
}
