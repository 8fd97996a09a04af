//! Embeds the public keys in the file that `LICENSE_TRUST_SET` names, the product file that
//! `LICENSE_PRODUCT_FILE` names, and the program's name in `LICENSE_PROGRAM`. Variables that are
//! not set embed no keys, the built-in product, and the name `license`.

#[path = "build/embedding.rs"]
mod embedding;

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;

use embedding::{
    Embedding, EmbeddingError, EmbeddingRequest, PRODUCT_FILE, PROGRAM, RETIRED, TRUST_SET,
};

#[allow(
    clippy::print_stdout,
    reason = "a build script sends its results to Cargo through standard output"
)]
fn main() -> Result<(), Box<dyn Error>> {
    // Cargo runs the script again whenever it has compiled the script again.
    for variable in [TRUST_SET, PRODUCT_FILE, PROGRAM, RETIRED] {
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
            // These lines make Cargo fail the build. The program also does not compile without the
            // files and values below.
            println!("cargo::error={}", error.line());
            println!("cargo::error=hint: {}", error.hint());
            return Ok(());
        }
    };
    let directory = env::var_os("OUT_DIR").ok_or("expected Cargo to set OUT_DIR")?;
    let directory = Path::new(&directory);
    fs::write(directory.join("trust.jwks"), embedding.jwks())?;
    fs::write(directory.join("product.toml"), embedding.product())?;
    fs::write(
        directory.join("version.txt"),
        embedding.version(env!("CARGO_PKG_VERSION")),
    )?;
    let code = embedding.product_code();
    for (name, value) in [
        ("BUILD_PROGRAM", embedding.program()),
        ("BUILD_PRODUCT_CODE", &code),
        ("BUILD_DIRECTORY", &code.to_ascii_lowercase()),
        ("BUILD_FEATURE", embedding.sample_feature()),
        ("BUILD_QUOTA", embedding.sample_quota()),
    ] {
        println!("cargo::rustc-env={name}={value}");
    }
    Ok(())
}

/// Reads what the environment of the build requests.
fn embedding([keys, product]: [EmbeddingRequest; 2]) -> Result<Embedding, EmbeddingError> {
    embedding::refuse_retired(env::var_os(RETIRED).is_some())?;
    let program = env::var_os(PROGRAM);
    let program = program.as_ref().map(|name| name.to_string_lossy());
    Embedding::new(keys.read()?, product.read()?, program.as_deref())
}
