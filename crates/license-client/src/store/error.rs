//! The reason why state could not be read or written.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use license_core::state::LockHolder;
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
        /// The path that could not be written, or the nearest directory that exists if the path
        /// could not be created.
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
    /// The file system cannot lock files, such as a network file system without a lock service.
    #[error("the file system of {} does not lock files", path.display())]
    NoLocks {
        /// The lock file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Another process, or another thread of this process, has the lock.
    #[error("{} is locked by {} (waited {patience:?})", path.display(), name_of(holder.as_ref()))]
    Busy {
        /// The lock file.
        path: PathBuf,
        /// The process that has the lock, if it described itself in the lock file.
        holder: Option<LockHolder>,
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
                let path = existing(path);
                Self::ReadOnly { path, source }
            }
            _ => Self::Unwritable { path, source },
        }
    }

    pub(super) fn on_lock(path: PathBuf, source: io::Error) -> Self {
        if has_no_locks(&source) {
            Self::NoLocks { path, source }
        } else {
            Self::on_write(path, source)
        }
    }

    /// Returns whether the system is at fault: the file system is read-only, full or defective, or
    /// does not support locks. A user cannot cause these errors by changing the state directory.
    pub(crate) fn is_fault_of_system(&self) -> bool {
        match self {
            Self::ReadOnly { source, .. }
            | Self::Unwritable { source, .. }
            | Self::NoLocks { source, .. }
            | Self::Unreadable { source, .. } => is_fault_of_system(source),
            _ => false,
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
            | Self::NoLocks { path, .. }
            | Self::Busy { path, .. } => path,
        }
    }
}

/// Returns the path, or its nearest ancestor that exists.
fn existing(path: PathBuf) -> PathBuf {
    let mut ancestors = path.ancestors();
    let found = ancestors.find(|ancestor| ancestor.symlink_metadata().is_ok());
    found.map(Path::to_owned).unwrap_or(path)
}

/// Names the holder of a lock.
fn name_of(holder: Option<&LockHolder>) -> String {
    holder.map_or_else(
        || "another process or thread".to_owned(),
        LockHolder::to_string,
    )
}

/// Returns whether the error of a lock means that the file system does not lock files.
#[cfg(unix)]
fn has_no_locks(error: &io::Error) -> bool {
    let errno = rustix::io::Errno::from_io_error(error);
    error.kind() == io::ErrorKind::Unsupported || errno == Some(rustix::io::Errno::NOLCK)
}

#[cfg(not(unix))]
fn has_no_locks(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported
}

fn is_fault_of_system(error: &io::Error) -> bool {
    use io::ErrorKind::{
        HostUnreachable, NetworkDown, NetworkUnreachable, QuotaExceeded, ReadOnlyFilesystem,
        StaleNetworkFileHandle, StorageFull, TimedOut, Unsupported,
    };
    match error.kind() {
        ReadOnlyFilesystem | StorageFull | QuotaExceeded | Unsupported => true,
        // A network file system without a connection to its server.
        StaleNetworkFileHandle | TimedOut | HostUnreachable | NetworkDown | NetworkUnreachable => {
            true
        }
        _ => is_device_error(error),
    }
}

/// Returns whether the disk is defective, or a network file system provides no locks. The standard
/// library has no kind for these errors.
#[cfg(unix)]
fn is_device_error(error: &io::Error) -> bool {
    use rustix::io::Errno;

    matches!(
        Errno::from_io_error(error),
        Some(Errno::IO | Errno::NXIO | Errno::NOLCK)
    )
}

#[cfg(not(unix))]
fn is_device_error(error: &io::Error) -> bool {
    /// Windows reports a bad checksum and a failed device with these codes.
    const DEVICE_ERRORS: [i32; 2] = [23, 1117];

    error
        .raw_os_error()
        .is_some_and(|code| DEVICE_ERRORS.contains(&code))
}

#[cfg(all(test, unix))]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn only_a_fault_of_the_system_excuses_a_missing_count() {
        let of_system = |error: Errno| {
            let source = io::Error::from(error);
            StoreError::on_write(PathBuf::from("state"), source).is_fault_of_system()
        };
        for error in [
            Errno::ROFS,
            Errno::NOSPC,
            Errno::DQUOT,
            Errno::IO,
            Errno::STALE,
            Errno::NOLCK,
            Errno::OPNOTSUPP,
        ] {
            assert!(of_system(error), "{error}");
        }
        for error in [
            Errno::ACCESS,
            Errno::PERM,
            Errno::NOENT,
            Errno::NOTDIR,
            Errno::ISDIR,
            Errno::LOOP,
            Errno::MFILE,
            Errno::FBIG,
            Errno::NAMETOOLONG,
        ] {
            assert!(!of_system(error), "{error}");
        }
    }
}
