//! Backups of a ledger.
//!
//! The directory of a backup may be shared with other users, who may create files and links with
//! any name. The copy is therefore written in a new directory that only its owner can enter. SQLite
//! opens the copy several times by its name, and a journal in the same directory.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::errors::LedgerError;
use crate::files::{self, Collision};
use crate::ledger::sqlite::{SqliteLedger, with_suffix};

impl SqliteLedger {
    /// Copies a consistent snapshot of the ledger to a new file. The file gets its name only when
    /// the copy is complete.
    ///
    /// # Errors
    ///
    /// Returns an error if the file exists or cannot be written, or if the directory of an
    /// unfinished copy cannot be created or removed.
    pub fn back_up(&self, to: &Path) -> Result<(), LedgerError> {
        let to = std::path::absolute(to).map_err(LedgerError::Io)?;
        let partial = PartialCopy::create(&to).map_err(LedgerError::Io)?;
        let copied = self.copy(&partial.file(), &to);
        let removed = partial.remove().map_err(LedgerError::Io);
        files::sync_directory(&to);
        copied.and(removed)
    }

    fn copy(&self, partial: &Path, to: &Path) -> Result<(), LedgerError> {
        let file = files::create_private(partial).map_err(LedgerError::Io)?;
        let name = partial.to_str().ok_or(LedgerError::NotText)?;
        self.db.execute("VACUUM INTO ?1", [name])?;
        // The copy must not deliver the pending artifacts a second time.
        Connection::open(partial)?.execute("DELETE FROM intents", [])?;
        file.sync_all().map_err(LedgerError::Io)?;
        files::publish(partial, to, Collision::Refuse).map_err(LedgerError::Io)?;
        // SQLite opened the copy by its name.
        if files::is_at(&file, to) {
            Ok(())
        } else {
            let replaced = io::Error::other("another process replaced the copy");
            Err(LedgerError::Io(replaced))
        }
    }
}

/// The directory of an unfinished copy, in the directory of the destination.
struct PartialCopy {
    directory: PathBuf,
}

impl PartialCopy {
    /// Creates the directory. If a killed process left a directory with this name, it is removed
    /// first, and so is a file with this name, which earlier versions of the program wrote.
    fn create(to: &Path) -> io::Result<Self> {
        let partial = Self {
            directory: with_suffix(to, ".partial"),
        };
        match fs::symlink_metadata(&partial.directory) {
            Ok(found) if found.is_dir() => partial.remove()?,
            Ok(_) => fs::remove_file(&partial.directory)?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        // An existing directory is an error here.
        builder.create(&partial.directory)?;
        Ok(partial)
    }

    /// Returns the path of the unfinished copy.
    fn file(&self) -> PathBuf {
        self.directory.join(".keygen-copy")
    }

    /// Removes the directory with the files of an unfinished copy, but no other file.
    fn remove(&self) -> io::Result<()> {
        for file in [self.file(), with_suffix(&self.file(), "-journal")] {
            match fs::remove_file(file) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::remove_dir(&self.directory)
    }
}
