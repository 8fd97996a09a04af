//! Lock files.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::Path;

use super::{create_private, directory_of, is_at, not_a_file, open_no_follow, regular_file};

/// The maximum number of attempts to lock a file that other processes remove meanwhile.
const ATTEMPTS: u32 = 1000;

/// Waits for the lock of a file, and creates the file if it does not exist. Closing the returned
/// file releases the lock.
///
/// The lock belongs to the file that has this path, even if other processes removed or replaced an
/// earlier file meanwhile.
///
/// # Errors
///
/// Returns an error if the path is not a regular file, such as a symbolic link, or if the file
/// cannot be created, opened or locked.
pub fn lock(path: &Path) -> io::Result<File> {
    let locked = lock_with(path, |file| file.lock().map_err(TryLockError::Error));
    locked.map_err(|error| match error {
        TryLockError::Error(error) => error,
        TryLockError::WouldBlock => ErrorKind::WouldBlock.into(),
    })
}

/// Locks a file like [`lock`], but does not wait.
///
/// # Errors
///
/// Returns [`TryLockError::WouldBlock`] if another process has the lock, and otherwise the errors
/// of [`lock`].
pub fn try_lock(path: &Path) -> Result<File, TryLockError> {
    lock_with(path, File::try_lock)
}

/// Locks a file with `lock`, and repeats this if the file lost its path before it was locked.
pub(super) fn lock_with(
    path: &Path,
    lock: impl Fn(&File) -> Result<(), TryLockError>,
) -> Result<File, TryLockError> {
    for _ in 0..ATTEMPTS {
        match open(path) {
            Ok(file) => {
                lock(&file)?;
                if is_at(&file, path) {
                    return Ok(file);
                }
            }
            // The file was removed between two system calls.
            Err(error) if error.kind() == ErrorKind::NotFound && directory_of(path).is_dir() => {}
            Err(error) => return Err(TryLockError::Error(error)),
        }
    }
    let removed = io::Error::other("other processes keep removing the lock file");
    Err(TryLockError::Error(removed))
}

/// Opens the lock file, or creates it.
fn open(path: &Path) -> io::Result<File> {
    match create_private(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => open_existing(path),
        created => created,
    }
}

fn open_existing(path: &Path) -> io::Result<File> {
    // The check comes first, so that no device is opened.
    regular_file(path)?;
    let file = open_no_follow(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(not_a_file())
    }
}
