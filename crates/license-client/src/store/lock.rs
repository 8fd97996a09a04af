//! The writer lock, and the changes that its holder makes to the files.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::{QUARANTINED, Store, StoreError, UNFINISHED, is_unfinished, lock_file};
use crate::events;
use crate::files::{inherit_owner, sync_directory};
use crate::state_dir::{StateDir, StateFile};

const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(10);

/// The writer lock. It is released when the value is dropped or when the process ends.
///
/// ```
/// # let scratch = tempfile::tempdir()?;
/// use license_client::{StateDir, StateFile, Store};
///
/// let store = Store::new(StateDir::at(scratch.path()));
/// let lock = store.lock()?;
/// lock.write(StateFile::License, b"token")?;
/// drop(lock);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "the lock is released as soon as it is dropped"]
pub struct StoreLock {
    pub(super) dir: StateDir,
    file: File,
}

impl StoreLock {
    /// Waits up to `patience` for the lock. Then removes incomplete files, and restores the files
    /// of a transaction whose process crashed.
    pub(super) fn acquire(dir: &StateDir, patience: Duration) -> Result<Self, StoreError> {
        dir.create()
            .map_err(|source| StoreError::on_write(dir.path().to_owned(), source))?;
        let path = dir.lock_file();
        let file = lock_file::open(dir.path(), &path);
        let file = file.map_err(|source| StoreError::on_write(path.clone(), source))?;
        wait_for(&file, path, patience)?;
        let lock = Self {
            dir: dir.clone(),
            file,
        };
        lock.remove_incomplete();
        lock.recover();
        Ok(lock)
    }

    /// Replaces a file. When the method returns, the new content survives a loss of power. Before
    /// that, a loss of power leaves either the old or the new content.
    ///
    /// ```
    /// # let scratch = tempfile::tempdir()?;
    /// use license_client::{StateDir, StateFile, Store};
    ///
    /// let store = Store::new(StateDir::at(scratch.path()));
    /// store.lock()?.write(StateFile::License, b"token")?;
    /// assert_eq!(store.read(StateFile::License, 1024)?.as_deref(), Some(&b"token"[..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::ReadOnly`] if this user may not write to the directory, and
    /// [`StoreError::Unwritable`] if the write fails for another reason, such as a full disk.
    pub fn write(&self, file: StateFile, bytes: &[u8]) -> Result<(), StoreError> {
        self.replace(file, bytes, true)
    }

    /// Replaces a file without syncing it. The new content survives the end of the process, but not
    /// a loss of power. This is many times faster.
    ///
    /// ```
    /// # let scratch = tempfile::tempdir()?;
    /// use license_client::{StateDir, StateFile, Store};
    ///
    /// let store = Store::new(StateDir::at(scratch.path()));
    /// store.lock()?.write_unsynced(StateFile::Cache, b"a copy of other data")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`StoreLock::write`].
    pub fn write_unsynced(&self, file: StateFile, bytes: &[u8]) -> Result<(), StoreError> {
        self.replace(file, bytes, false)
    }

    /// Removes a file. Returns whether it existed.
    ///
    /// ```
    /// # let scratch = tempfile::tempdir()?;
    /// use license_client::{StateDir, StateFile, Store};
    ///
    /// let lock = Store::new(StateDir::at(scratch.path())).lock()?;
    /// lock.write(StateFile::License, b"token")?;
    /// assert!(lock.remove(StateFile::License)?);
    /// assert!(!lock.remove(StateFile::License)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::ReadOnly`] if this user may not write to the directory, and
    /// [`StoreError::Unwritable`] if the file cannot be removed for another reason.
    pub fn remove(&self, file: StateFile) -> Result<bool, StoreError> {
        let path = self.dir.file(file);
        match fs::remove_file(&path).and_then(|()| sync_directory(self.dir.path())) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(StoreError::on_write(path, source)),
        }
    }

    /// Quarantines a file under a chosen name: renames it within the directory and returns the new
    /// path. Replaces an existing file of that name.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::ReadOnly`] or [`StoreError::Unwritable`], for example if the file does
    /// not exist.
    pub(crate) fn rename(&self, file: StateFile, name: &str) -> Result<PathBuf, StoreError> {
        let (path, to) = (self.dir.file(file), self.dir.path().join(name));
        match fs::rename(&path, &to) {
            Ok(()) => {
                events::quarantined(file.as_str(), &to);
                Ok(to)
            }
            Err(source) => Err(StoreError::on_write(path, source)),
        }
    }

    /// Removes the quarantined copies of these files.
    pub(crate) fn clear_quarantine(&self, files: &[StateFile]) {
        for path in Store::new(self.dir.clone()).quarantined_files(files) {
            // A file that cannot be removed is reported again, which does no harm.
            let _ = fs::remove_file(path);
        }
    }

    /// Quarantines a damaged file: renames it to the first free `NAME.damaged-N`, counted from 1,
    /// and returns the new path.
    ///
    /// ```
    /// # let scratch = tempfile::tempdir()?;
    /// use license_client::{StateDir, StateFile, Store};
    ///
    /// let lock = Store::new(StateDir::at(scratch.path())).lock()?;
    /// lock.write(StateFile::License, b"damaged")?;
    /// let path = lock.quarantine(StateFile::License)?;
    /// assert!(path.ends_with("license.lic.damaged-1"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::ReadOnly`] or [`StoreError::Unwritable`], for example if the file does
    /// not exist.
    pub fn quarantine(&self, file: StateFile) -> Result<PathBuf, StoreError> {
        let path = self.dir.file(file);
        let moved = self.rename_to_quarantine(&path, file.as_str());
        let moved = moved.map_err(|source| StoreError::on_write(path, source))?;
        events::quarantined(file.as_str(), &moved);
        Ok(moved)
    }

    /// Returns the error for a file whose new content could not be created.
    pub(crate) fn unwritable(&self, file: StateFile, source: io::Error) -> StoreError {
        let path = self.dir.file(file);
        StoreError::Unwritable { path, source }
    }

    fn replace(&self, file: StateFile, bytes: &[u8], is_synced: bool) -> Result<(), StoreError> {
        let path = self.dir.file(file);
        self.try_replace(&path, bytes, is_synced)
            .map_err(|source| StoreError::on_write(path, source))
    }

    fn try_replace(&self, path: &Path, bytes: &[u8], is_synced: bool) -> io::Result<()> {
        // The file is in the same directory, because a rename works only within a file system.
        // tempfile creates files with mode 0600.
        let mut unfinished = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .tempfile_in(self.dir.path())?;
        unfinished.write_all(bytes)?;
        inherit_owner(self.dir.path(), unfinished.as_file());
        if is_synced {
            unfinished.as_file().sync_all()?;
        }
        unfinished.persist(path)?;
        if is_synced {
            sync_directory(self.dir.path())?;
        }
        Ok(())
    }

    fn rename_to_quarantine(&self, path: &Path, name: &str) -> io::Result<PathBuf> {
        let quarantined = (1_u64..)
            .map(|number| self.dir.path().join(format!("{name}{QUARANTINED}{number}")))
            .find(|candidate| is_free(candidate))
            .ok_or(io::ErrorKind::AlreadyExists)?;
        fs::rename(path, &quarantined)?;
        sync_directory(self.dir.path())?;
        Ok(quarantined)
    }

    /// Removes the files of crashed writers. The lock guarantees that there is no active writer.
    fn remove_incomplete(&self) {
        let entries = fs::read_dir(self.dir.path()).into_iter().flatten();
        for entry in entries.flatten().filter(is_unfinished) {
            // If a file cannot be removed, it only occupies space.
            let _ = if entry.path().is_dir() {
                fs::remove_dir_all(entry.path())
            } else {
                fs::remove_file(entry.path())
            };
        }
    }
}

impl Drop for StoreLock {
    fn drop(&mut self) {
        // Closing the file might not release the lock: a child process that another thread is
        // starting may have a copy of the descriptor.
        let _ = self.file.unlock();
    }
}

/// Polls the lock, because a blocking lock cannot time out. Adds up the pauses instead of reading a
/// clock, so that setting or stopping the clock does not change the duration of the wait.
fn wait_for(file: &File, path: PathBuf, patience: Duration) -> Result<(), StoreError> {
    let (mut left, mut pause) = (patience, FIRST_PAUSE);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(source)) => return Err(StoreError::on_write(path, source)),
            Err(TryLockError::WouldBlock) if left.is_zero() => {
                return Err(StoreError::Busy { path, patience });
            }
            Err(TryLockError::WouldBlock) => thread::sleep(pause.min(left)),
        }
        left = left.saturating_sub(pause);
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
}

/// Returns whether nothing exists at the path. A dangling symbolic link counts as existing.
fn is_free(path: &Path) -> bool {
    fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}
