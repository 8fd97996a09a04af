//! The file that writers lock. The file is created if it does not exist, and is never a symbolic
//! link.
//!
//! A lock belongs to the file and not to its name. If the file is removed or replaced while a
//! process waits for the lock, the process locks the new file.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::StoreError;
use crate::directory::WritableDirectory;
use crate::state_dir::LOCK;

/// Maximum number of attempts to open and lock the file. Another process may remove the file
/// meanwhile.
const ATTEMPTS: u32 = 16;

const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(10);

/// Waits up to `patience` for the lock. `path` is the path of the file, for errors.
pub(super) fn acquire(
    directory: &WritableDirectory,
    path: &Path,
    patience: Duration,
) -> Result<File, StoreError> {
    let failed = |source| StoreError::on_write(path.to_owned(), source);
    for _ in 0..ATTEMPTS {
        let file = open(directory).map_err(failed)?;
        wait_for(&file, path.to_owned(), patience)?;
        // If the file was removed before it was locked, another process may hold the lock of a new
        // file.
        if directory.is_at(&file, LOCK) {
            return Ok(file);
        }
    }
    Err(failed(ErrorKind::NotFound.into()))
}

/// Opens the lock file, or creates it. Quarantines an entry that is not a regular file.
fn open(directory: &WritableDirectory) -> io::Result<File> {
    for _ in 0..ATTEMPTS {
        match directory.create_file(LOCK) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            created => return created,
        }
        match directory.open_writable_file(LOCK) {
            // The file was removed in the meantime.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) if error.kind() == ErrorKind::IsADirectory => {
                directory.quarantine_other(LOCK)?;
                // Another process may be renaming the entry.
                thread::sleep(FIRST_PAUSE);
            }
            opened => return opened,
        }
    }
    Err(ErrorKind::NotFound.into())
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

#[cfg(test)]
mod tests;
