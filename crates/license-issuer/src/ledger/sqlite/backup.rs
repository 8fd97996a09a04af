//! Backups of a ledger.

use std::fs::{self, File};
use std::path::Path;

use rusqlite::Connection;

use crate::errors::LedgerError;
use crate::files;
use crate::ledger::sqlite::{SqliteLedger, create_private, with_suffix};

impl SqliteLedger {
    /// Copies a consistent snapshot of the ledger to a new file. The file gets its name only when
    /// the copy is complete.
    ///
    /// # Errors
    ///
    /// Returns an error if the file exists or cannot be written.
    pub fn back_up(&self, to: &Path) -> Result<(), LedgerError> {
        let to = std::path::absolute(to).map_err(LedgerError::Io)?;
        let partial = with_suffix(&to, ".partial");
        let copied = self.copy(&partial).and_then(|()| {
            let named = match fs::hard_link(&partial, &to) {
                // The file system has no hard links.
                Err(_) if !to.exists() => fs::rename(&partial, &to),
                linked => linked,
            };
            named.map_err(LedgerError::Io)
        });
        // The copy has its final name now, or it is incomplete.
        let _ = fs::remove_file(&partial);
        files::sync_directory(&to);
        copied
    }

    fn copy(&self, to: &Path) -> Result<(), LedgerError> {
        // A backup that was killed leaves this file behind.
        let _ = fs::remove_file(to);
        create_private(to)?;
        let name = to.to_str().ok_or(LedgerError::NotText)?;
        self.db.execute("VACUUM INTO ?1", [name])?;
        // The copy must not deliver the pending artifacts a second time.
        Connection::open(to)?.execute("DELETE FROM intents", [])?;
        let copy = File::open(to).and_then(|copy| copy.sync_all());
        copy.map_err(LedgerError::Io)
    }
}
