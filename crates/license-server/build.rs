//! Embeds the public keys in the file that `LICENSE_TRUST_SET` names, and the product file that
//! `LICENSE_PRODUCT_FILE` names, as the build of `license` does. Variables that are not set embed
//! no keys and the built-in product.

#[path = "build/embedding.rs"]
#[allow(dead_code, reason = "the program `license` embeds more")]
mod embedding;

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;

use embedding::{Embedding, EmbeddingError, EmbeddingRequest, PRODUCT_FILE, RETIRED, TRUST_SET};

#[allow(
    clippy::print_stdout,
    reason = "a build script sends its results to Cargo through standard output"
)]
fn main() -> Result<(), Box<dyn Error>> {
    for variable in [TRUST_SET, PRODUCT_FILE, RETIRED] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    let requests = [TRUST_SET, PRODUCT_FILE]
        .map(|name| EmbeddingRequest::new(name, env::var_os(name), env::var_os("PWD")));
    if requests.iter().any(EmbeddingRequest::depends_on_directory) {
        println!("cargo::rerun-if-env-changed=PWD");
    }
    for path in requests.iter().filter_map(EmbeddingRequest::file) {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    let embedding = match embedding(requests) {
        Ok(embedding) => embedding,
        Err(error) => {
            println!("cargo::error={}", error.line());
            println!("cargo::error=hint: {}", error.hint());
            return Ok(());
        }
    };
    let directory = env::var_os("OUT_DIR").ok_or("expected Cargo to set OUT_DIR")?;
    let directory = Path::new(&directory);
    fs::write(directory.join("trust.jwks"), embedding.jwks())?;
    fs::write(directory.join("product.toml"), embedding.product())?;
    Ok(())
}

/// Reads what the environment of the build requests.
fn embedding([keys, product]: [EmbeddingRequest; 2]) -> Result<Embedding, EmbeddingError> {
    embedding::refuse_retired(env::var_os(RETIRED).is_some())?;
    Embedding::new(keys.read()?, product.read()?, None)
}
