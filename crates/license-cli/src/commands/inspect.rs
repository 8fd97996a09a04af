//! `license inspect`.

use std::ffi::OsStr;

use license_cli_support::{Exit, Failure, Terminal};
use license_core::inspect::{UNVERIFIED, inspect};

use crate::context::LicenseInput;
use crate::embedded::command;
use crate::output::failure;

/// Prints the content of the input without verifying it.
///
/// # Errors
///
/// Returns the failure that ends the program.
pub(crate) fn run(license: &OsStr, terminal: &Terminal) -> Result<Exit, Failure> {
    let input = LicenseInput::read(license)?;
    let shown = inspect(&input.text).map_err(|error| failure::inspection(&input.name, &error))?;
    if terminal.is_json() {
        terminal.json(&shown)?;
    } else {
        let heading = format!("{UNVERIFIED}; check it with {}", command!("verify"));
        terminal.outline(&heading, &shown)?;
    }
    Ok(Exit::Success)
}
