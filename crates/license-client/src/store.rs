//! Reads and writes the state directory so that neither a crash nor a second process loses data.
//!
//! Readers need no lock. A writer replaces a file with a rename, so a reader sees either the old or
//! the new file. A writer takes the lock before it reads the files on which its decision depends,
//! and releases the lock after its write.

mod lock_file;
mod transaction;

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use thiserror::Error;

use crate::events;
use crate::files::{inherit_owner, read_capped, sync_directory};
use crate::state_dir::{StateDir, StateFile};

/// How long a writer waits for the lock. This is long enough for another write on a slow disk, but
/// not too long for a waiting user.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(10);

/// The text between the name and the number of a quarantined file.
const QUARANTINED: &str = ".damaged-";

/// Prefix of the names of incomplete files.
const UNFINISHED: &str = ".unfinished-";

/// Whether a damaged file is quarantined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Damaged {
    /// The file is renamed, so that it is not used.
    Quarantine,
    /// The file stays, because nothing may be changed.
    Leave,
}

/// The files of a [`StateDir`].
///
/// ```
/// use license_client::{StateDir, StateFile, Store};
///
/// # let scratch = tempfile::tempdir()?;
/// # let directory = scratch.path().join("state");
/// let store = Store::new(StateDir::at(directory));
/// assert_eq!(store.read(StateFile::License, 64 * 1024)?, None);
///
/// let lock = store.lock()?;
/// lock.write(StateFile::License, b"token")?;
/// drop(lock);
/// assert_eq!(store.read(StateFile::License, 64 * 1024)?.as_deref(), Some(&b"token"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Store {
    dir: StateDir,
}

impl Store {
    /// Creates a store for the files in `dir`. Does not access the file system.
    ///
    /// ```
    /// # let scratch = tempfile::tempdir()?;
    /// use license_client::{StateDir, Store};
    ///
    /// let store = Store::new(StateDir::at(scratch.path().join("state")));
    /// assert!(!store.dir().path().exists());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(dir: StateDir) -> Self {
        Self { dir }
    }

    /// Returns the state directory.
    ///
    /// ```
    /// use license_client::{StateDir, Store};
    ///
    /// let store = Store::new(StateDir::at("/var/lib/shop"));
    /// assert!(store.dir().path().ends_with("shop"));
    /// ```
    pub fn dir(&self) -> &StateDir {
        &self.dir
    }

    /// Reads a file of at most `cap` bytes. Returns `None` if the file does not exist.
    ///
    /// ```
    /// # let scratch = tempfile::tempdir()?;
    /// use license_client::{StateDir, StateFile, Store};
    ///
    /// let store = Store::new(StateDir::at(scratch.path()));
    /// assert_eq!(store.read(StateFile::License, 64 * 1024)?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::TooLarge`] for a file of more than `cap` bytes,
    /// [`StoreError::NotAFile`] for a directory, a pipe or a device, and
    /// [`StoreError::Unreadable`] if the file cannot be read.
    pub fn read(&self, file: StateFile, cap: usize) -> Result<Option<Vec<u8>>, StoreError> {
        if transaction::is_active(&self.dir) {
            // If a writer crashed, taking the lock restores the previous files. If a writer is
            // active, this has no effect.
            drop(self.lock_within(Duration::ZERO));
        }
        let path = self.dir.file(file);
        match read_capped(&path, cap) {
            Ok(bytes) if bytes.len() > cap => Err(StoreError::TooLarge { path, cap }),
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
                Err(StoreError::NotAFile { path })
            }
            Err(source) => Err(StoreError::Unreadable { path, source }),
        }
    }

    /// Returns the quarantined copies of these files, sorted by path.
    ///
    /// ```
    /// # let scratch = tempfile::tempdir()?;
    /// use license_client::{StateDir, StateFile, Store};
    ///
    /// let store = Store::new(StateDir::at(scratch.path()));
    /// let lock = store.lock()?;
    /// lock.write(StateFile::License, b"damaged")?;
    /// lock.quarantine(StateFile::License)?;
    /// let quarantined = store.quarantined_files(&[StateFile::License]);
    /// assert_eq!(quarantined, [scratch.path().join("license.lic.damaged-1")]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn quarantined_files(&self, files: &[StateFile]) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.dir.path())
            .into_iter()
            .flatten()
            .flatten();
        let is_quarantined = |name: &str| {
            let mut names = files.iter().map(|file| file.as_str());
            names.any(|own| {
                name.strip_prefix(own)
                    .is_some_and(|rest| rest.starts_with(QUARANTINED))
            })
        };
        let paths = entries.filter(|entry| entry.file_name().to_str().is_some_and(is_quarantined));
        let mut paths: Vec<_> = paths.map(|entry| entry.path()).collect();
        paths.sort();
        paths
    }

    /// Quarantines a damaged file and returns its new path. The file stays if another process is
    /// writing, or has replaced it in the meantime.
    pub(crate) fn quarantine(
        &self,
        file: StateFile,
        is_damaged: impl FnOnce() -> bool,
    ) -> Option<PathBuf> {
        let lock = self.lock_within(Duration::ZERO).ok()?;
        is_damaged().then(|| lock.quarantine(file).ok())?
    }

    /// Returns the incomplete files of crashed and active writers, sorted by path. The next writer
    /// removes them.
    ///
    /// ```
    /// # let scratch = tempfile::tempdir()?;
    /// use license_client::{StateDir, Store};
    ///
    /// let store = Store::new(StateDir::at(scratch.path()));
    /// assert!(store.incomplete_files().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn incomplete_files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.dir.path()).into_iter().flatten();
        let names = entries.flatten().filter(is_unfinished);
        let mut paths: Vec<_> = names.map(|entry| entry.path()).collect();
        paths.sort();
        paths
    }

    /// Waits up to ten seconds for the writer lock. Creates the state directory if it is missing.
    ///
    /// ```
    /// # let scratch = tempfile::tempdir()?;
    /// use license_client::{StateDir, StateFile, Store};
    ///
    /// let store = Store::new(StateDir::at(scratch.path()));
    /// let lock = store.lock()?;
    /// // No other process writes between this read and this write.
    /// if store.read(StateFile::License, 64 * 1024)?.is_none() {
    ///     lock.write(StateFile::License, b"token")?;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::Busy`] if another writer still has the lock. Returns
    /// [`StoreError::ReadOnly`] or [`StoreError::Unwritable`] if the directory or its lock file
    /// cannot be created.
    pub fn lock(&self) -> Result<StoreLock, StoreError> {
        self.lock_within(LOCK_TIMEOUT)
    }

    /// Waits up to `patience` for the writer lock. With a `patience` of zero, tries only once.
    /// Creates the state directory if it is missing.
    ///
    /// ```
    /// # let scratch = tempfile::tempdir()?;
    /// use license_client::{StateDir, Store, StoreError};
    /// use std::time::Duration;
    ///
    /// let store = Store::new(StateDir::at(scratch.path()));
    /// let _lock = store.lock()?;
    /// let second = store.lock_within(Duration::ZERO);
    /// assert!(matches!(second, Err(StoreError::Busy { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`Store::lock`].
    pub fn lock_within(&self, patience: Duration) -> Result<StoreLock, StoreError> {
        self.dir
            .create()
            .map_err(|source| StoreError::on_write(self.dir.path().to_owned(), source))?;
        let path = self.dir.lock_file();
        let file = lock_file::open(self.dir.path(), &path);
        let file = file.map_err(|source| StoreError::on_write(path.clone(), source))?;
        wait_for(&file, path, patience)?;
        let lock = StoreLock {
            dir: self.dir.clone(),
            file,
        };
        lock.remove_incomplete();
        lock.recover();
        Ok(lock)
    }
}

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
    file: File,
}

impl StoreLock {
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

fn is_unfinished(entry: &fs::DirEntry) -> bool {
    let name = entry.file_name();
    name.as_encoded_bytes().starts_with(UNFINISHED.as_bytes())
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

/// The reason why state could not be read or written.
///
/// ```
/// # let scratch = tempfile::tempdir()?;
/// use license_client::{StateDir, StateFile, Store, StoreError};
///
/// let store = Store::new(StateDir::at(scratch.path()));
/// store.lock()?.write(StateFile::License, b"a long license")?;
/// match store.read(StateFile::License, 4) {
///     Err(StoreError::TooLarge { cap, .. }) => assert_eq!(cap, 4),
///     other => return Err(format!("{other:?}").into()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The state directory, or a file in the directory, may not be written. The caller can only
    /// continue without saving state.
    #[error("{} is read-only", path.display())]
    ReadOnly {
        /// The path that could not be written.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Writing failed for another reason, such as a full disk.
    #[error("{} cannot be written", path.display())]
    Unwritable {
        /// The path that could not be written.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The file exists but cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The path that could not be read.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The path of a file is a directory, a pipe or a device.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The file is larger than the limit that the caller passed.
    #[error("{}: expected at most {cap} bytes, found more", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The maximum size in bytes.
        cap: usize,
    },
    /// Another process, or another thread of this process, has the lock.
    #[error("{} is locked by another process or thread (waited {patience:?})", path.display())]
    Busy {
        /// The lock file.
        path: PathBuf,
        /// How long this process waited.
        patience: Duration,
    },
}

impl StoreError {
    fn on_write(path: PathBuf, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                Self::ReadOnly { path, source }
            }
            _ => Self::Unwritable { path, source },
        }
    }

    /// Returns the path of the file or directory with the problem.
    ///
    /// ```
    /// # let scratch = tempfile::tempdir()?;
    /// use license_client::{StateDir, StateFile, Store};
    ///
    /// let store = Store::new(StateDir::at(scratch.path()));
    /// store.lock()?.write(StateFile::License, b"a long license")?;
    /// let error = store.read(StateFile::License, 4).err().ok_or("expected an error")?;
    /// assert!(error.path().ends_with("license.lic"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn path(&self) -> &Path {
        match self {
            Self::ReadOnly { path, .. }
            | Self::Unwritable { path, .. }
            | Self::Unreadable { path, .. }
            | Self::NotAFile { path }
            | Self::TooLarge { path, .. }
            | Self::Busy { path, .. } => path,
        }
    }
}

#[cfg(test)]
mod tests;
