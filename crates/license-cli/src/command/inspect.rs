//! `license inspect`.

use std::ffi::OsStr;

use license_core::{UNVERIFIED, inspect};
use license_terminal::{Exit, Failure, Terminal, outline};

use crate::failure;
use crate::subject::Given;

pub(crate) fn run(license: &OsStr, terminal: &Terminal) -> Result<Exit, Failure> {
    let given = Given::read(license)?;
    let shown = inspect(&given.text).map_err(|error| failure::not_shown(&given.name, &error))?;
    if terminal.is_json() {
        terminal.json(&shown)?;
    } else {
        terminal.data(&format!("{UNVERIFIED}\n{}", outline(&shown)))?;
    }
    Ok(Exit::Licensed)
}
