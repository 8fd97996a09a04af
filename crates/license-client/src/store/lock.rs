//! The writer lock, and the changes that its holder makes to the files.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::{StoreError, is_quarantined, lock_file};
use crate::directory::{FileLock, Missing, UNFINISHED, WritableDirectory};
use crate::events;
use crate::state_dir::{StateDir, StateFile};

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
    dir: StateDir,
    /// The directory, which was opened before its lock file. All changes use this descriptor.
    pub(super) directory: WritableDirectory,
    _file: FileLock,
}

impl StoreLock {
    /// Waits up to `patience` for the lock. Then removes incomplete files, and restores the files
    /// of a transaction whose process crashed.
    pub(super) fn acquire(dir: &StateDir, patience: Duration) -> Result<Self, StoreError> {
        let opened = dir.open(Missing::Create);
        let directory =
            opened.map_err(|source| StoreError::on_write(dir.path().to_owned(), source))?;
        let file = lock_file::acquire(&directory, &dir.lock_file(), patience)?;
        let lock = Self {
            dir: dir.clone(),
            directory,
            _file: file,
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
        let removed = self.directory.remove_file(file.as_str());
        match removed.and_then(|()| self.directory.sync()) {
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
        match self.directory.rename(file.as_str(), name) {
            Ok(()) => {
                events::quarantined(file.as_str(), &to);
                Ok(to)
            }
            Err(source) => Err(StoreError::on_write(path, source)),
        }
    }

    /// Removes the quarantined copies of these files.
    pub(crate) fn clear_quarantine(&self, files: &[StateFile]) {
        let of_files = |name: &String| files.iter().any(|file| is_quarantined(name, file.as_str()));
        for name in self.names().filter(of_files) {
            // A file that cannot be removed is reported again, which does no harm.
            let _ = self.directory.remove_file(&name);
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
        let moved = self.quarantine_entry(file.as_str());
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
        let replaced = self.directory.replace(file.as_str(), bytes, is_synced);
        replaced.map_err(|source| StoreError::on_write(path, source))
    }

    /// Renames an entry to the first free `NAME.damaged-N`, and returns the new path.
    pub(super) fn quarantine_entry(&self, name: &str) -> io::Result<PathBuf> {
        let quarantined = self.directory.quarantine_name(name);
        self.directory.rename(name, &quarantined)?;
        self.directory.sync()?;
        Ok(self.dir.path().join(quarantined))
    }

    /// Removes the files of crashed writers. The lock guarantees that there is no active writer.
    fn remove_incomplete(&self) {
        for name in self.names().filter(|name| name.starts_with(UNFINISHED)) {
            // If an entry cannot be removed, it only occupies space.
            if self.directory.remove_file(&name).is_err() {
                let _ = self.directory.remove_directory(&name);
            }
        }
    }

    fn names(&self) -> impl Iterator<Item = String> {
        self.directory.names().into_iter().flatten()
    }
}
