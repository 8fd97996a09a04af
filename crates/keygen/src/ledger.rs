//! Short names for the ledger of the library, for commands that are not converted yet.

pub(crate) use license_issuer::errors::LedgerError;
pub(crate) use license_issuer::ledger::sqlite::LedgerLocation as Place;
pub(crate) use license_issuer::ledger::{
    Entry, EntryKind as Kind, LedgerReader, LicenseStatus as Standing, NewEntry as Record,
    RecordedActivation as Activated, RecordedLicense as LicenseRow,
};

use std::path::PathBuf;

/// Returns the default file of the ledger on this platform, such as
/// `~/.local/share/keygen/ledger.db`.
pub(crate) fn default_place() -> Option<PathBuf> {
    let directories = directories::BaseDirs::new()?;
    Some(
        directories
            .data_local_dir()
            .join("keygen")
            .join("ledger.db"),
    )
}
