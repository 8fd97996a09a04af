//! Embeds the public keys in the file that `CODITECT_TRUST_SET` names. If the variable is not set,
//! embeds no keys.

#[path = "build/embedding.rs"]
mod embedding;

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;

use embedding::{EmbeddingRequest, VARIABLE};

#[allow(
    clippy::print_stdout,
    reason = "a build script sends its results to Cargo through standard output"
)]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    let request = EmbeddingRequest::new(env::var_os(VARIABLE), env::var_os("PWD"));
    if request.depends_on_directory() {
        println!("cargo::rerun-if-env-changed=PWD");
    }
    if let Some(path) = request.file() {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    let embedding = match request.read() {
        Ok(embedding) => embedding,
        Err(error) => {
            // These lines make Cargo fail the build. The program also does not compile without the
            // files below.
            println!("cargo::error={}", error.line());
            println!("cargo::error=hint: {}", error.hint());
            return Ok(());
        }
    };
    let directory = env::var_os("OUT_DIR").ok_or("expected Cargo to set OUT_DIR")?;
    let directory = Path::new(&directory);
    fs::write(directory.join("trust.jwks"), embedding.jwks())?;
    fs::write(
        directory.join("version.txt"),
        embedding.version(env!("CARGO_PKG_VERSION")),
    )?;
    Ok(())
}
