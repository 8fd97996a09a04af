//! The settings, the ledger and the terminal that a command uses.

use std::path::Path;

use license_cli_support::{Terminal, show_path};
use license_issuer::ledger::sqlite::LedgerLocation;

use crate::settings::Settings;

/// The settings, the ledger location and the terminal of a command.
#[derive(Clone, Copy)]
pub(crate) struct AppContext<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) location: &'a LedgerLocation,
    pub(crate) terminal: &'a Terminal,
    /// Whether an option, a variable or the settings file names the ledger.
    pub(crate) is_ledger_named: bool,
}

impl<'a> AppContext<'a> {
    /// Returns the path of the named ledger if it does not exist. The name may be misspelled.
    pub(crate) fn missing_ledger(&self) -> Option<&'a Path> {
        match self.location {
            LedgerLocation::File(path) if self.is_ledger_named && !path.exists() => Some(path),
            _ => None,
        }
    }

    /// Prints a note if the command would create a named ledger without `--dry-run`.
    pub(crate) fn note_missing_ledger(&self) {
        if let Some(path) = self.missing_ledger() {
            let note = format!("the command would create ledger {}", show_path(path));
            self.terminal.note(&note);
        }
    }
}
