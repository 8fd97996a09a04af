//! Compiles the keys of the file that `CODITECT_TRUST_SET` names into the program, or none if the variable is not set, and says how it is
//! laid out.

#[path = "build/embedding.rs"]
mod embedding;
#[path = "build/layout.rs"]
mod layout;

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;

use embedding::{Asked, VARIABLE};

#[allow(
    clippy::print_stdout,
    reason = "this is how a build script speaks to Cargo"
)]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    let asked = Asked::new(env::var_os(VARIABLE), env::var_os("PWD"));
    if asked.depends_on_folder() {
        println!("cargo::rerun-if-env-changed=PWD");
    }
    if let Some(path) = asked.file() {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    let embedding = match asked.embedding() {
        Ok(embedding) => embedding,
        Err(refusal) => {
            // Cargo ends the build at these, and without the files below there is nothing to build.
            println!("cargo::error={refusal}");
            println!("cargo::error=hint: {}", refusal.hint());
            return Ok(());
        }
    };
    let folder = env::var_os("OUT_DIR").ok_or("Cargo names a folder for what is generated")?;
    let folder = Path::new(&folder);
    fs::write(folder.join("trust.jwks"), embedding.jwks())?;
    fs::write(
        folder.join("version.txt"),
        embedding.version(env!("CARGO_PKG_VERSION")),
    )?;
    if layout::is_wanted() {
        for variable in layout::VARIABLES {
            println!("cargo::rerun-if-env-changed={variable}");
        }
        for argument in layout::arguments(folder)? {
            println!("cargo::rustc-link-arg-bins={argument}");
        }
    }
    Ok(())
}
