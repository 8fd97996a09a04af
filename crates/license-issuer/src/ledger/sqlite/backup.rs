//! Backups of a ledger.

use std::path::Path;

use rusqlite::Connection;

use crate::errors::LedgerError;
use crate::files;
use crate::ledger::sqlite::SqliteLedger;

impl SqliteLedger {
    /// Copies a consistent snapshot of the ledger to a new file. The file gets its name only when
    /// the copy is complete.
    ///
    /// # Errors
    ///
    /// Returns an error if the file exists or cannot be written, or if the directory of an
    /// unfinished copy cannot be created or removed.
    pub fn back_up(&self, to: &Path) -> Result<(), LedgerError> {
        files::write_private_copy(to, |partial| self.copy(partial), LedgerError::Io)
    }

    fn copy(&self, partial: &Path) -> Result<(), LedgerError> {
        let name = partial.to_str().ok_or(LedgerError::NotText)?;
        self.db.execute("VACUUM INTO ?1", [name])?;
        // The copy must not deliver the pending artifacts a second time.
        Connection::open(partial)?.execute("DELETE FROM intents", [])?;
        Ok(())
    }
}
