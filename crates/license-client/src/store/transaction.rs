//! Transactions over several files: either all files are written or no file is written, even if the
//! writer crashes.
//!
//! An undo directory contains the previous files as hard links. A hard link is enough, because a
//! file is only ever replaced and never changed in place. If the undo directory still exists when a
//! process takes the lock, the process restores all files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{StoreError, StoreLock, UNFINISHED};
use crate::files::{create_private, sync_directory};
use crate::state_dir::{StateDir, StateFile};

/// Name of the undo directory when it is complete.
const UNDO: &str = ".undo";
/// Suffix of the name of an undo directory that is incomplete or no longer needed. The prefix is
/// [`UNFINISHED`], so that the directory is removed like other unfinished files.
const INCOMPLETE_UNDO: &str = "undo";

/// A transaction, which restores the previous files unless [`StoreTransaction::commit`] is called.
#[must_use = "dropping the transaction restores the previous files"]
pub(crate) struct StoreTransaction<'l> {
    lock: &'l StoreLock,
    is_committed: bool,
}

impl StoreLock {
    /// Begins a transaction. Until it is committed, the undo directory contains the current files.
    pub(crate) fn begin(&self) -> Result<StoreTransaction<'_>, StoreError> {
        let undo = undo_directory(&self.dir);
        self.keep_files(&undo)
            .map_err(|source| StoreError::on_write(undo, source))?;
        Ok(StoreTransaction {
            lock: self,
            is_committed: false,
        })
    }

    fn keep_files(&self, undo: &Path) -> io::Result<()> {
        let incomplete = incomplete(&self.dir);
        let _ = fs::remove_dir_all(&incomplete);
        create_private(&incomplete)?;
        for file in StateFile::ALL {
            match copy(&self.dir.file(*file), &incomplete.join(file.as_str())) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        sync_directory(&incomplete)?;
        fs::rename(&incomplete, undo)?;
        sync_directory(self.dir.path())
    }

    /// Restores the files of a transaction whose process crashed.
    pub(super) fn recover(&self) {
        if undo_directory(&self.dir).is_dir() {
            // If this fails, the next process that takes the lock tries again.
            let _ = self.restore();
        }
    }

    fn restore(&self) -> io::Result<()> {
        let undo = undo_directory(&self.dir);
        for file in StateFile::ALL {
            let (previous, path) = (undo.join(file.as_str()), self.dir.file(*file));
            if previous.symlink_metadata().is_ok() {
                let unfinished = self
                    .dir
                    .path()
                    .join(format!("{UNFINISHED}{}", file.as_str()));
                let _ = fs::remove_file(&unfinished);
                copy(&previous, &unfinished)?;
                fs::rename(&unfinished, &path)?;
                // Renaming a hard link to another hard link of the same file does nothing
                // (rename(2)), so the link may still exist.
                let _ = fs::remove_file(&unfinished);
            } else if let Err(error) = fs::remove_file(&path)
                && error.kind() != io::ErrorKind::NotFound
            {
                return Err(error);
            }
        }
        sync_directory(self.dir.path())?;
        self.remove_undo_directory()
    }

    /// Removes the undo directory. It is renamed first, and after the rename no process restores
    /// its files.
    fn remove_undo_directory(&self) -> io::Result<()> {
        let incomplete = incomplete(&self.dir);
        let _ = fs::remove_dir_all(&incomplete);
        fs::rename(undo_directory(&self.dir), &incomplete)?;
        sync_directory(self.dir.path())?;
        let _ = fs::remove_dir_all(&incomplete);
        Ok(())
    }
}

impl StoreTransaction<'_> {
    /// Ends the transaction and keeps the new files.
    pub(crate) fn commit(mut self) -> Result<(), StoreError> {
        self.is_committed = true;
        let undo = undo_directory(&self.lock.dir);
        self.lock
            .remove_undo_directory()
            .map_err(|source| StoreError::on_write(undo, source))
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
pub(super) fn is_active(dir: &StateDir) -> bool {
    undo_directory(dir).is_dir()
}

fn undo_directory(dir: &StateDir) -> PathBuf {
    dir.path().join(UNDO)
}

fn incomplete(dir: &StateDir) -> PathBuf {
    dir.path().join(format!("{UNFINISHED}{INCOMPLETE_UNDO}"))
}

/// Creates a hard link, or a copy if the file system does not support hard links.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => fs::copy(from, to).map(drop),
        linked => linked,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
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
        assert!(!is_active(store.dir()) && store.incomplete_files().is_empty());
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
        assert!(!is_active(store.dir()) && store.incomplete_files().is_empty());
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
        assert!(!is_active(store.dir()));
    }

    #[test]
    fn a_crash_while_restoring_is_recovered() {
        let (_directory, store) = store();
        let lock = store.lock().unwrap();
        std::mem::forget(lock.begin().unwrap());
        change(&lock);
        // The first file is already restored.
        let previous = undo_directory(store.dir()).join(StateFile::License.as_str());
        fs::remove_file(store.dir().file(StateFile::License)).unwrap();
        fs::hard_link(previous, store.dir().file(StateFile::License)).unwrap();
        drop(lock);
        assert_eq!(content(&store), before());
    }
}
