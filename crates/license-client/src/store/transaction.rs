//! Transactions over several files: either all files are written or no file is written, even if the
//! writer crashes.
//!
//! An undo directory contains the previous files as hard links. A hard link is enough, because a
//! file is only ever replaced and never changed in place. If the undo directory still exists when a
//! process takes the lock, the process restores all files.

use std::io;

use super::{StoreError, StoreLock};
use crate::directory::{Directory, WritableDirectory};
use crate::state_dir::StateFile;

/// Name of the undo directory when it is complete.
const UNDO: &str = ".undo";

/// A transaction, which restores the previous files unless [`StoreTransaction::commit`] is called.
#[must_use = "dropping the transaction restores the previous files"]
pub(crate) struct StoreTransaction<'l> {
    lock: &'l StoreLock,
    is_committed: bool,
}

impl StoreLock {
    /// Begins a transaction. Until it is committed, the undo directory contains the current files.
    pub(crate) fn begin(&self) -> Result<StoreTransaction<'_>, StoreError> {
        self.keep_files()?;
        Ok(StoreTransaction {
            lock: self,
            is_committed: false,
        })
    }

    fn keep_files(&self) -> Result<(), StoreError> {
        let created = self.directory.create_unfinished_directory();
        let (name, incomplete) = created.map_err(|source| self.undo_error(source))?;
        for file in StateFile::ALL {
            let file_name = file.as_str();
            let linked = self
                .directory
                .link_or_copy(file_name, &incomplete, file_name);
            match linked {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    let path = self.directory.path().join(file_name);
                    return Err(StoreError::on_write(path, source));
                }
                _ => {}
            }
        }
        let published = self.publish_undo(&name, &incomplete);
        published.map_err(|source| self.undo_error(source))
    }

    /// Renames the complete undo directory to `.undo`.
    fn publish_undo(&self, name: &str, complete: &WritableDirectory) -> io::Result<()> {
        complete.sync()?;
        if self.directory.contains(UNDO) && !is_active(&self.directory) {
            self.quarantine_entry(UNDO)?;
        }
        self.directory.rename(name, UNDO)?;
        self.directory.sync()
    }

    /// Restores the files of a transaction whose process crashed.
    pub(super) fn recover(&self) {
        if is_active(&self.directory) {
            // If this fails, the next process that takes the lock tries again.
            let _ = self.restore();
        }
    }

    fn restore(&self) -> io::Result<()> {
        let undo = self.directory.open_own_directory(UNDO)?;
        for file in StateFile::ALL {
            let name = file.as_str();
            if undo.contains(name) {
                undo.link_over(name, &self.directory)?;
            } else if let Err(error) = self.directory.remove_file(name)
                && error.kind() != io::ErrorKind::NotFound
            {
                return Err(error);
            }
        }
        self.directory.sync()?;
        self.remove_undo_directory()
    }

    /// Removes the undo directory. It is renamed first, and after the rename no process restores
    /// its files.
    fn remove_undo_directory(&self) -> io::Result<()> {
        let name = self.directory.rename_to_unfinished(UNDO)?;
        self.directory.sync()?;
        // If this fails, the next process that takes the lock tries again.
        let _ = self.directory.remove_directory(&name);
        Ok(())
    }

    fn undo_error(&self, source: io::Error) -> StoreError {
        StoreError::on_write(self.directory.path().join(UNDO), source)
    }
}

impl StoreTransaction<'_> {
    /// Ends the transaction and keeps the new files.
    pub(crate) fn commit(mut self) -> Result<(), StoreError> {
        self.is_committed = true;
        let removed = self.lock.remove_undo_directory();
        removed.map_err(|source| self.lock.undo_error(source))
    }
}

impl Drop for StoreTransaction<'_> {
    fn drop(&mut self) {
        if !self.is_committed {
            // If this fails, the next process that takes the lock tries again.
            let _ = self.lock.restore();
        }
    }
}

/// Returns whether a transaction is active, or was left unfinished by a crashed process.
///
/// An undo directory counts only if this user or the owner of the state directory has created it.
/// The files of another user must not replace the files of this user.
pub(super) fn is_active(directory: &Directory) -> bool {
    directory.has_own_directory(UNDO)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::fs;

    use super::*;
    use crate::state_dir::StateDir;
    use crate::store::Store;

    fn store() -> (tempfile::TempDir, Store) {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::new(StateDir::at(directory.path().join("state")));
        let lock = store.lock().unwrap();
        lock.write(StateFile::License, b"old").unwrap();
        lock.write(StateFile::Key, b"key").unwrap();
        drop(lock);
        (directory, store)
    }

    fn has_undo(store: &Store) -> bool {
        store.dir().path().join(UNDO).symlink_metadata().is_ok()
    }

    fn change(lock: &StoreLock) {
        lock.write(StateFile::License, b"new").unwrap();
        lock.write(StateFile::Trust, b"keys").unwrap();
        let _ = lock.remove(StateFile::Key).unwrap();
    }

    fn content(store: &Store) -> [Option<Vec<u8>>; 3] {
        [StateFile::License, StateFile::Key, StateFile::Trust]
            .map(|file| store.read(file, 100).unwrap())
    }

    fn before() -> [Option<Vec<u8>>; 3] {
        [Some(b"old".to_vec()), Some(b"key".to_vec()), None]
    }

    fn after() -> [Option<Vec<u8>>; 3] {
        [Some(b"new".to_vec()), None, Some(b"keys".to_vec())]
    }

    #[test]
    fn a_committed_transaction_keeps_the_new_files_and_leaves_no_other_file() {
        let (_directory, store) = store();
        let lock = store.lock().unwrap();
        let transaction = lock.begin().unwrap();
        change(&lock);
        transaction.commit().unwrap();
        drop(lock);
        assert_eq!(content(&store), after());
        assert!(!has_undo(&store) && store.incomplete_files().is_empty());
    }

    #[test]
    fn a_dropped_transaction_restores_the_previous_files() {
        let (_directory, store) = store();
        let lock = store.lock().unwrap();
        let transaction = lock.begin().unwrap();
        change(&lock);
        drop(transaction);
        drop(lock);
        assert_eq!(content(&store), before());
        assert!(!has_undo(&store) && store.incomplete_files().is_empty());
    }

    #[test]
    fn a_read_after_a_crash_returns_the_previous_files() {
        let (_directory, store) = store();
        let lock = store.lock().unwrap();
        let transaction = lock.begin().unwrap();
        change(&lock);
        // While the writer has the lock, no other process restores anything.
        assert_eq!(content(&store), after());
        std::mem::forget(transaction);
        drop(lock);
        assert_eq!(content(&store), before());
        assert!(!has_undo(&store));
    }

    #[test]
    fn recovery_continues_after_a_crash_while_restoring() {
        let (_directory, store) = store();
        let lock = store.lock().unwrap();
        std::mem::forget(lock.begin().unwrap());
        change(&lock);
        // The first file is already restored.
        let undo = store.dir().path().join(UNDO);
        let previous = undo.join(StateFile::License.as_str());
        fs::remove_file(store.dir().file(StateFile::License)).unwrap();
        fs::hard_link(previous, store.dir().file(StateFile::License)).unwrap();
        drop(lock);
        assert_eq!(content(&store), before());
    }
}
