//! The location of the ledger.

use std::path::PathBuf;

/// The location of the ledger that a command line or configuration selects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerLocation {
    /// Nothing is recorded.
    None,
    /// The ledger is in this file.
    File(PathBuf),
    /// No file is selected, and the platform has no default.
    Unknown,
}
