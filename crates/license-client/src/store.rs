//! Reads and writes the state directory so that neither a crash nor a second process loses data.
//!
//! Readers need no lock. A writer replaces a file with a rename, so a reader sees either the old or
//! the new file. A writer takes the lock before it reads the files on which its decision depends,
//! and releases the lock after its write.

mod error;
mod lock;
mod lock_file;
mod transaction;

use std::fs::TryLockError;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use license_core::state::LockHolder;

pub use self::error::StoreError;
pub use self::lock::StoreLock;
use crate::directory::{Directory, QUARANTINED, UNFINISHED};
use crate::state_dir::{LOCK, StateDir, StateFile};

/// How long a writer waits for the lock. This is long enough for another write on a slow disk, but
/// not too long for a waiting user.
pub(crate) const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

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
    /// [`StoreError::Unreadable`] if the file cannot be read. That error names the directory if no
    /// file in it can be read.
    pub fn read(&self, file: StateFile, cap: usize) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.dir.file(file);
        // A problem that every file has is one of the directory.
        let unreadable = |source| StoreError::Unreadable {
            path: self.dir.path().to_owned(),
            source,
        };
        let directory = match Directory::open(self.dir.path()) {
            Ok(directory) => directory,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        };
        if transaction::is_active(&directory) {
            // If a writer crashed, taking the lock restores the previous files. If a writer is
            // active, this has no effect.
            drop(self.lock_within(Duration::ZERO));
        }
        match directory.read(file.as_str(), cap) {
            Ok(bytes) if bytes.len() > cap => Err(StoreError::TooLarge { path, cap }),
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
                Err(StoreError::NotAFile { path })
            }
            Err(error) if !directory.is_searchable() => Err(unreadable(error)),
            Err(source) => Err(StoreError::Unreadable { path, source }),
        }
    }

    /// Checks that this user may write the files, or create the directory. Changes nothing, so it
    /// does not detect a full disk.
    pub(crate) fn check_access(&self) -> Result<(), StoreError> {
        let (path, lock) = (self.dir.path(), self.dir.lock_file());
        let opened = self.dir.open_for_check();
        let opened = opened.map_err(|source| StoreError::on_write(path.to_owned(), source))?;
        let Some(directory) = opened else {
            return Ok(());
        };
        let locked = directory.check_lock_file(LOCK);
        locked.map_err(|source| StoreError::on_lock(lock, source))
    }

    /// Reads a file with another name, such as a quarantined file. Returns `None` if the file
    /// cannot be read or has more than `cap` bytes.
    pub(crate) fn read_copy(&self, name: &str, cap: usize) -> Option<Vec<u8>> {
        let directory = Directory::open(self.dir.path()).ok()?;
        let bytes = directory.read(name, cap).ok()?;
        (bytes.len() <= cap).then_some(bytes)
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
        let of_files = |name: &str| files.iter().any(|file| is_quarantined(name, file.as_str()));
        self.paths_of(of_files)
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
        self.paths_of(|name| name.starts_with(UNFINISHED))
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
    /// [`StoreError::Unsafe`] if this process runs as root and another user can change the
    /// directory or its path. Returns [`StoreError::ReadOnly`] or [`StoreError::Unwritable`] if the
    /// directory or its lock file cannot be created.
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
        StoreLock::acquire(&self.dir, patience)
    }

    /// Returns the process that holds the writer lock now, if it described itself in the lock file.
    /// Does not wait, and changes nothing.
    ///
    /// ```
    /// # let scratch = tempfile::tempdir()?;
    /// use license_client::{StateDir, Store};
    ///
    /// let store = Store::new(StateDir::at(scratch.path()));
    /// let lock = store.lock()?;
    /// let holder = store.lock_holder().ok_or("the lock is free")?;
    /// assert_eq!(holder.process(), std::process::id());
    /// drop(lock);
    /// assert_eq!(store.lock_holder(), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lock_holder(&self) -> Option<LockHolder> {
        let directory = Directory::open(self.dir.path()).ok()?;
        match directory.try_acquire_shared(LOCK) {
            Err(TryLockError::WouldBlock) => directory.lock_holder(LOCK),
            _ => None,
        }
    }

    /// Returns the files, links and directories that stood in place of the lock file and were
    /// quarantined, sorted by path.
    pub fn quarantined_locks(&self) -> Vec<PathBuf> {
        self.paths_of(|name| is_quarantined(name, LOCK))
    }

    /// Returns the files that a user may have meant as a license or keys, although no file with
    /// such a name is read, sorted by path. Returns no files if the directory contains a license.
    ///
    /// ```
    /// # let scratch = tempfile::tempdir()?;
    /// use license_client::{StateDir, Store};
    ///
    /// let store = Store::new(StateDir::at(scratch.path()));
    /// std::fs::write(scratch.path().join("acme.lic"), "")?;
    /// assert_eq!(store.misnamed_files(), [scratch.path().join("acme.lic")]);
    /// std::fs::write(scratch.path().join("license.lic"), "")?;
    /// assert!(store.misnamed_files().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn misnamed_files(&self) -> Vec<PathBuf> {
        let licenses = [StateFile::License, StateFile::Key];
        if licenses.iter().any(|file| self.dir.file(*file).exists()) {
            return Vec::new();
        }
        self.unread_files()
    }

    /// Returns the files that a user may have meant as a license, keys or a revocation list,
    /// although no file with such a name is read, sorted by path. Unlike
    /// [`misnamed_files`](Self::misnamed_files), returns them even if there is a license.
    ///
    /// ```
    /// # let scratch = tempfile::tempdir()?;
    /// use license_client::{StateDir, Store};
    ///
    /// let store = Store::new(StateDir::at(scratch.path()));
    /// std::fs::write(scratch.path().join("license.lic"), "")?;
    /// std::fs::write(scratch.path().join("vendor.jwks"), "")?;
    /// assert_eq!(store.unread_files(), [scratch.path().join("vendor.jwks")]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn unread_files(&self) -> Vec<PathBuf> {
        let mut paths = self.paths_of(is_misnamed);
        paths.retain(|path| path.is_file());
        paths
    }

    /// Returns the paths of the entries whose names are selected, sorted. Returns no paths if the
    /// directory cannot be listed.
    fn paths_of(&self, is_selected: impl Fn(&str) -> bool) -> Vec<PathBuf> {
        let names = Directory::open(self.dir.path()).and_then(|directory| directory.names());
        let names = names.into_iter().flatten().filter(|name| is_selected(name));
        let mut paths: Vec<_> = names.map(|name| self.dir.path().join(name)).collect();
        paths.sort();
        paths
    }
}

/// Returns whether the name is that of a quarantined copy of the file.
fn is_quarantined(name: &str, file: &str) -> bool {
    let rest = name.strip_prefix(file);
    rest.is_some_and(|rest| rest.starts_with(QUARANTINED))
}

/// Returns whether a file with this name may be meant as a license or keys, and is not read. The
/// name of a file that this program writes starts with that of a state file.
fn is_misnamed(name: &str) -> bool {
    const EXTENSIONS: [&str; 5] = [".lic", ".license", ".key", ".jwk", ".jwks"];
    const STEMS: [&str; 2] = ["license", "trust"];
    const OF_OTHER_MACHINE: &str = ".machine-";
    let lower = name.to_ascii_lowercase();
    let is_meant = STEMS.iter().any(|stem| lower.starts_with(stem))
        || EXTENSIONS
            .iter()
            .any(|extension| lower.ends_with(extension));
    let is_written = |file: &StateFile| {
        let rest = name.strip_prefix(file.as_str());
        rest.is_some_and(|rest| {
            rest.is_empty() || rest.starts_with(QUARANTINED) || rest.starts_with(OF_OTHER_MACHINE)
        })
    };
    is_meant && !name.starts_with('.') && !StateFile::ALL.iter().any(is_written)
}

#[cfg(test)]
mod tests;
