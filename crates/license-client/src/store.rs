//! Reading and writing the state directory so that a crash or a second process loses nothing.
//!
//! Readers need no lock: a file is replaced by a rename, so they see the old one or the new one, whole. Writers hold the
//! lock from the read that they decide by until their write.

mod lock_file;
mod undo;

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use thiserror::Error;

use crate::files::{keep_owner, read_capped, sync_directory};
use crate::paths::{StateDir, StateFile};

/// Long enough for a slow disk to finish somebody's write, short enough that a person still waits for the error.
const PATIENCE: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(10);

/// Follows the name of a file that was put aside, before a number.
const ASIDE: &str = ".damaged-";

/// Begins the name of every file that is not finished.
const UNFINISHED: &str = ".unfinished-";

/// What happens to a damaged file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Damaged {
    /// It is renamed, so that nothing takes it for a whole one.
    Quarantine,
    /// It stays, because nothing may change.
    Leave,
}

/// The files of a [`StateDir`].
///
/// ```
/// use license_client::{StateDir, StateFile, Store};
///
/// # let scratch = tempfile::tempdir()?;
/// # let folder = scratch.path().join("state");
/// let store = Store::new(StateDir::at(folder));
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
    /// The store in `dir`. Touches nothing yet.
    pub fn new(dir: StateDir) -> Self {
        Self { dir }
    }

    /// Where it is.
    pub fn dir(&self) -> &StateDir {
        &self.dir
    }

    /// Reads a file of at most `cap` bytes; `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError::TooLarge`], [`StoreError::NotAFile`], or [`StoreError::Unreadable`].
    pub fn read(&self, file: StateFile, cap: usize) -> Result<Option<Vec<u8>>, StoreError> {
        if undo::is_begun(&self.dir) {
            // Where somebody has died over it, to lock puts back what was before; where somebody is at it, this changes nothing.
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

    /// The damaged files that were put aside under these names, in the order of their paths.
    pub fn set_aside(&self, files: &[StateFile]) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.dir.path())
            .into_iter()
            .flatten()
            .flatten();
        let is_such = |name: &str| {
            let mut names = files.iter().map(|file| file.name());
            names.any(|own| {
                name.strip_prefix(own)
                    .is_some_and(|rest| rest.starts_with(ASIDE))
            })
        };
        let paths = entries.filter(|entry| entry.file_name().to_str().is_some_and(is_such));
        let mut paths: Vec<_> = paths.map(|entry| entry.path()).collect();
        paths.sort();
        paths
    }

    /// Renames a damaged file as [`StoreLock::set_aside`] does, and returns its new path. A file
    /// stays if another process is writing, or has replaced it in the meantime.
    pub(crate) fn quarantine(
        &self,
        file: StateFile,
        is_damaged: impl FnOnce() -> bool,
    ) -> Option<PathBuf> {
        let lock = self.lock_within(Duration::ZERO).ok()?;
        is_damaged().then(|| lock.set_aside(file).ok())?
    }

    /// What killed writers left, and what somebody is writing now, in the order of their paths. Whoever writes next clears it.
    pub fn unfinished(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.dir.path()).into_iter().flatten();
        let names = entries.flatten().filter(is_unfinished);
        let mut paths: Vec<_> = names.map(|entry| entry.path()).collect();
        paths.sort();
        paths
    }

    /// Waits up to 10 seconds to be the only writer, in this process or another.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`] when another one still writes, [`StoreError::ReadOnly`] or [`StoreError::Unwritable`] when the
    /// folder or its lock cannot be made.
    pub fn lock(&self) -> Result<StoreLock, StoreError> {
        self.lock_within(PATIENCE)
    }

    /// [`Store::lock`] with another patience; zero tries once.
    ///
    /// # Errors
    ///
    /// As [`Store::lock`].
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
        lock.sweep();
        lock.recover();
        Ok(lock)
    }
}

/// The right to write, until it is dropped or the process ends.
#[derive(Debug)]
#[must_use = "the lock is released as soon as it is dropped"]
pub struct StoreLock {
    dir: StateDir,
    file: File,
}

impl StoreLock {
    /// Replaces a file. Once this returns, `bytes` survive a loss of power; until then the old content does.
    ///
    /// # Errors
    ///
    /// [`StoreError::ReadOnly`] or [`StoreError::Unwritable`].
    pub fn write(&self, file: StateFile, bytes: &[u8]) -> Result<(), StoreError> {
        self.replace(file, bytes, true)
    }

    /// The same for what may be lost with the power, but not by the end of a process: many times as fast.
    ///
    /// # Errors
    ///
    /// As [`StoreLock::write`].
    pub fn write_unsynced(&self, file: StateFile, bytes: &[u8]) -> Result<(), StoreError> {
        self.replace(file, bytes, false)
    }

    /// Removes a file, and tells whether there was one.
    ///
    /// # Errors
    ///
    /// [`StoreError::ReadOnly`] or [`StoreError::Unwritable`].
    pub fn remove(&self, file: StateFile) -> Result<bool, StoreError> {
        let path = self.dir.file(file);
        match fs::remove_file(&path).and_then(|()| sync_directory(self.dir.path())) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(StoreError::on_write(path, source)),
        }
    }

    /// Renames a file to this name in the same folder, in place of what is there, and returns its new path.
    ///
    /// # Errors
    ///
    /// [`StoreError::ReadOnly`] or [`StoreError::Unwritable`], also when there is no such file.
    pub(crate) fn rename(&self, file: StateFile, name: &str) -> Result<PathBuf, StoreError> {
        let (path, to) = (self.dir.file(file), self.dir.path().join(name));
        match fs::rename(&path, &to) {
            Ok(()) => Ok(to),
            Err(source) => Err(StoreError::on_write(path, source)),
        }
    }

    /// Removes what was put aside of these files.
    pub(crate) fn clear_aside(&self, files: &[StateFile]) {
        for path in Store::new(self.dir.clone()).set_aside(files) {
            // What can't be removed is only told once more.
            let _ = fs::remove_file(path);
        }
    }

    /// Renames a damaged file to the first free `NAME.damaged-N`, counted from 1, and returns its new path.
    ///
    /// # Errors
    ///
    /// [`StoreError::ReadOnly`] or [`StoreError::Unwritable`], also when there is no such file.
    pub fn set_aside(&self, file: StateFile) -> Result<PathBuf, StoreError> {
        let path = self.dir.file(file);
        self.rename_aside(&path, file.name())
            .map_err(|source| StoreError::on_write(path, source))
    }

    /// The error of what could not be made ready for writing.
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
        // In the same folder, for a rename works within one file system only; 0600 as tempfile makes them.
        let mut unfinished = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .tempfile_in(self.dir.path())?;
        unfinished.write_all(bytes)?;
        keep_owner(self.dir.path(), unfinished.as_file());
        if is_synced {
            unfinished.as_file().sync_all()?;
        }
        unfinished.persist(path)?;
        if is_synced {
            sync_directory(self.dir.path())?;
        }
        Ok(())
    }

    fn rename_aside(&self, path: &Path, name: &str) -> io::Result<PathBuf> {
        let aside = (1_u64..)
            .map(|number| self.dir.path().join(format!("{name}{ASIDE}{number}")))
            .find(|candidate| is_free(candidate))
            .ok_or(io::ErrorKind::AlreadyExists)?;
        fs::rename(path, &aside)?;
        sync_directory(self.dir.path())?;
        Ok(aside)
    }

    /// Clears what killed writers left: whoever holds the lock knows that nobody is writing.
    fn sweep(&self) {
        let entries = fs::read_dir(self.dir.path()).into_iter().flatten();
        for entry in entries.flatten().filter(is_unfinished) {
            // What cannot be removed only takes up room.
            let _ = match entry.path().is_dir() {
                true => fs::remove_dir_all(entry.path()),
                false => fs::remove_file(entry.path()),
            };
        }
    }
}

impl Drop for StoreLock {
    fn drop(&mut self) {
        // Closing would do, except while a child that another thread is starting still holds a copy of the descriptor.
        let _ = self.file.unlock();
    }
}

fn is_unfinished(entry: &fs::DirEntry) -> bool {
    let name = entry.file_name();
    name.as_encoded_bytes().starts_with(UNFINISHED.as_bytes())
}

/// Tries again and again, for a lock that waits by itself cannot be given up. The pauses are what is counted, so that a
/// clock which jumps changes nothing.
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

/// Nothing there, not even a symlink that leads nowhere.
fn is_free(path: &Path) -> bool {
    fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// The reason why state could not be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The state directory or a file in it may not be written, so the caller can only continue
    /// without keeping state.
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
    /// The file exists and cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The path that could not be read.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A directory, a pipe or a device is in the place of a file.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// Its path.
        path: PathBuf,
    },
    /// The file is larger than any that this program writes.
    #[error("{} is larger than {cap} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most bytes that it may have.
        cap: usize,
    },
    /// Another process, or another thread of this one, held the lock all the time.
    #[error("another process has held {} for {patience:?}", path.display())]
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

    /// Returns the path that the error is about.
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
