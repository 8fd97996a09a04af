//! The reason why state could not be read or written.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

use crate::directory::UnsafeDirectory;

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
    /// This process runs as root, and another user can change the state directory or a directory on
    /// its path. The caller can only continue without saving state.
    #[error("refusing to write to {}", path.display())]
    Unsafe {
        /// The path that was not written.
        path: PathBuf,
        /// The directory that another user can change.
        source: UnsafeDirectory,
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
    pub(super) fn on_write(path: PathBuf, source: io::Error) -> Self {
        if let Some(directory) = UnsafeDirectory::in_error(&source) {
            let source = directory.clone();
            return Self::Unsafe { path, source };
        }
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
            | Self::Unsafe { path, .. }
            | Self::Unwritable { path, .. }
            | Self::Unreadable { path, .. }
            | Self::NotAFile { path }
            | Self::TooLarge { path, .. }
            | Self::Busy { path, .. } => path,
        }
    }
}
