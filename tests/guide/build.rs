//! The build script of `docs/developer.md`. A test runs it in a package of its own.

use std::process::Command;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let date = git(&["log", "-1", "--format=%cs"])?;
    println!("cargo::rustc-env=BUILD_DATE={date}");
    // Cargo runs this script again after a commit, or after a change of the script.
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    println!("cargo::rerun-if-changed={log}");
    println!("cargo::rerun-if-changed=build.rs");
    Ok(())
}

/// Returns the output of a Git command.
fn git(arguments: &[&str]) -> Result<String, Box<dyn std::error::Error>> {
    let output = Command::new("git").args(arguments).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
