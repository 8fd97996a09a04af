//! Builds the programs that the demo runs.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The profile of the programs.
const PROFILE: &str = "demo";

/// The programs of the first act, without signing keys in tokens and clouds, and without a network.
pub(crate) const PROGRAMS: &[&str] = &[
    "--package",
    "license-keygen",
    "--package",
    "license-cli",
    "--no-default-features",
];

/// The programs of both acts.
pub(crate) const WITH_SERVER: &[&str] = &[
    "--package",
    "license-keygen",
    "--package",
    "license-cli",
    "--package",
    "license-server",
    "--no-default-features",
    "--features",
    "license-cli/online",
];

/// Builds the programs with Cargo, which shows its progress. Returns their directory, or `None` if
/// the build fails.
pub(crate) fn programs(selection: &[&str]) -> Option<PathBuf> {
    println!("Building programs. The first time, this takes a few minutes.");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .arg("build")
        .args(selection)
        .args(["--profile", PROFILE])
        .arg("--manifest-path")
        .arg(workspace().join("Cargo.toml"))
        // A build of a vendor embeds its keys.
        .env_remove("CODITECT_TRUST_SET")
        .status()
        .expect("cargo can be started");
    // Cargo writes the programs of each profile to a directory of its own.
    let own = std::env::current_exe().expect("a process knows its own path");
    let profiles = own.ancestors().nth(2).filter(|_| built.success())?;
    Some(profiles.join(PROFILE))
}

/// Returns the root directory of the workspace.
pub(crate) fn workspace() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = package.ancestors().nth(2);
    workspace
        .expect("the package is in the workspace")
        .to_owned()
}
