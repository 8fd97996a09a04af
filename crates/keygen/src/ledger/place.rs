//! Where the ledger is.

use std::path::PathBuf;

/// What the command line says of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// There is to be none.
    None,
    /// In this file.
    File(PathBuf),
    /// Nothing was said, and this platform has no place for it.
    Unknown,
}

/// The place by the platform's conventions, such as `~/.local/share/keygen/ledger.db`.
pub(crate) fn default_place() -> Option<PathBuf> {
    let folders = directories::BaseDirs::new()?;
    Some(folders.data_local_dir().join("keygen").join("ledger.db"))
}
