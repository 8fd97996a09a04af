//! The settings, the ledger and the terminal that a command uses.

use license_cli_support::Terminal;
use license_issuer::ledger::sqlite::LedgerLocation;

use crate::settings::Settings;

/// The settings, the ledger location and the terminal of a command.
#[derive(Clone, Copy)]
pub(crate) struct AppContext<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) location: &'a LedgerLocation,
    pub(crate) terminal: &'a Terminal,
}
