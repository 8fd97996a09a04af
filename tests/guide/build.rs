//! The build script of `docs/developer.md`. A test runs it in a package of its own.

use std::process::Command;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut git = Command::new("git");
    let output = git.args(["log", "-1", "--format=%cs"]).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let date = String::from_utf8(output.stdout)?;
    println!("cargo::rustc-env=BUILD_DATE={}", date.trim());
    Ok(())
}
