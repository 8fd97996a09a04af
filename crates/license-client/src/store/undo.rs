//! Several files written as one: all of them, or none, whatever moment the writer dies at.
//!
//! What is there before is kept in a folder beside the files, by hard links, since a file is replaced and never rewritten. While that folder
//! has its name, whoever locks next puts everything back.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{StoreError, StoreLock, UNFINISHED};
use crate::files::{create_private, sync_directory};
use crate::paths::{StateDir, StateFile};

/// What was there, whole.
const UNDO: &str = ".undo";
/// The same before it is whole, and after it is no more needed. Swept like other unfinished files.
const PASSING: &str = "undo";

/// Files as they were, which come back unless [`Undo::commit`] is called.
#[must_use = "dropped, it puts everything back"]
pub(crate) struct Undo<'l> {
    lock: &'l StoreLock,
    is_done: bool,
}

impl StoreLock {
    /// Keeps everything that is there, until it is committed.
    pub(crate) fn begin(&self) -> Result<Undo<'_>, StoreError> {
        let folder = undo_folder(&self.dir);
        self.keep_all(&folder)
            .map_err(|source| StoreError::on_write(folder, source))?;
        Ok(Undo {
            lock: self,
            is_done: false,
        })
    }

    fn keep_all(&self, folder: &Path) -> io::Result<()> {
        let passing = passing(&self.dir);
        let _ = fs::remove_dir_all(&passing);
        create_private(&passing)?;
        for file in StateFile::ALL {
            match copy(&self.dir.file(*file), &passing.join(file.name())) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        sync_directory(&passing)?;
        fs::rename(&passing, folder)?;
        sync_directory(self.dir.path())
    }

    /// Puts back what somebody who died had begun to replace.
    pub(super) fn recover(&self) {
        if undo_folder(&self.dir).is_dir() {
            // What can't be put back now is by whoever locks next.
            let _ = self.put_back();
        }
    }

    fn put_back(&self) -> io::Result<()> {
        let folder = undo_folder(&self.dir);
        for file in StateFile::ALL {
            let (kept, path) = (folder.join(file.name()), self.dir.file(*file));
            if kept.symlink_metadata().is_ok() {
                let unfinished = self.dir.path().join(format!("{UNFINISHED}{}", file.name()));
                let _ = fs::remove_file(&unfinished);
                copy(&kept, &unfinished)?;
                fs::rename(&unfinished, &path)?;
                // To rename one link of a file to another of its links does nothing (rename(2)).
                let _ = fs::remove_file(&unfinished);
            } else if let Err(error) = fs::remove_file(&path)
                && error.kind() != io::ErrorKind::NotFound
            {
                return Err(error);
            }
        }
        sync_directory(self.dir.path())?;
        self.forget_kept()
    }

    /// From the first rename on nothing is put back any more.
    fn forget_kept(&self) -> io::Result<()> {
        let passing = passing(&self.dir);
        let _ = fs::remove_dir_all(&passing);
        fs::rename(undo_folder(&self.dir), &passing)?;
        sync_directory(self.dir.path())?;
        let _ = fs::remove_dir_all(&passing);
        Ok(())
    }
}

impl Undo<'_> {
    /// Lets everything that was written stand.
    pub(crate) fn commit(mut self) -> Result<(), StoreError> {
        self.is_done = true;
        let folder = undo_folder(&self.lock.dir);
        self.lock
            .forget_kept()
            .map_err(|source| StoreError::on_write(folder, source))
    }
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            // What can't be put back now is by whoever locks next.
            let _ = self.lock.put_back();
        }
    }
}

/// Whether somebody died, or is at work, while several files were written.
pub(super) fn is_begun(dir: &StateDir) -> bool {
    undo_folder(dir).is_dir()
}

fn undo_folder(dir: &StateDir) -> PathBuf {
    dir.path().join(UNDO)
}

fn passing(dir: &StateDir) -> PathBuf {
    dir.path().join(format!("{UNFINISHED}{PASSING}"))
}

/// By a hard link, or where there are none by its content.
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
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(StateDir::at(folder.path().join("state")));
        let lock = store.lock().unwrap();
        lock.write(StateFile::License, b"old").unwrap();
        lock.write(StateFile::Key, b"key").unwrap();
        drop(lock);
        (folder, store)
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
    fn what_is_committed_stands_and_nothing_is_left_over() {
        let (_folder, store) = store();
        let lock = store.lock().unwrap();
        let undo = lock.begin().unwrap();
        change(&lock);
        undo.commit().unwrap();
        drop(lock);
        assert_eq!(content(&store), after());
        assert!(!is_begun(store.dir()) && store.unfinished().is_empty());
    }

    #[test]
    fn what_is_given_up_is_as_it_was() {
        let (_folder, store) = store();
        let lock = store.lock().unwrap();
        let undo = lock.begin().unwrap();
        change(&lock);
        drop(undo);
        drop(lock);
        assert_eq!(content(&store), before());
        assert!(!is_begun(store.dir()) && store.unfinished().is_empty());
    }

    #[test]
    fn who_reads_after_somebody_died_reads_what_was_before() {
        let (_folder, store) = store();
        let lock = store.lock().unwrap();
        let undo = lock.begin().unwrap();
        change(&lock);
        // Nobody else puts anything back while the writer lives.
        assert_eq!(content(&store), after());
        std::mem::forget(undo);
        drop(lock);
        assert_eq!(content(&store), before());
        assert!(!is_begun(store.dir()));
    }

    #[test]
    fn who_dies_while_putting_back_has_it_put_back_again() {
        let (_folder, store) = store();
        let lock = store.lock().unwrap();
        std::mem::forget(lock.begin().unwrap());
        change(&lock);
        // The first of the files is back already.
        let kept = undo_folder(store.dir()).join(StateFile::License.name());
        fs::remove_file(store.dir().file(StateFile::License)).unwrap();
        fs::hard_link(kept, store.dir().file(StateFile::License)).unwrap();
        drop(lock);
        assert_eq!(content(&store), before());
    }
}
