//! Waiting for the lock of writers.

use std::fs::TryLockError;
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::StoreError;
use crate::directory::{FileLock, WritableDirectory};
use crate::state_dir::LOCK;

const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(10);

/// Waits up to `patience` for the lock. `path` is the path of the file, for errors.
///
/// Polls the lock, because a blocking lock cannot time out. Adds up the pauses instead of reading a
/// clock, so that setting or stopping the clock does not change the duration of the wait.
pub(super) fn acquire(
    directory: &WritableDirectory,
    path: &Path,
    patience: Duration,
) -> Result<FileLock, StoreError> {
    let (mut left, mut pause) = (patience, FIRST_PAUSE);
    loop {
        let path = || path.to_owned();
        match directory.try_acquire(LOCK) {
            Ok(lock) => return Ok(lock),
            Err(TryLockError::Error(source)) => return Err(StoreError::on_lock(path(), source)),
            Err(TryLockError::WouldBlock) if left.is_zero() => {
                return Err(StoreError::Busy {
                    path: path(),
                    holder: directory.lock_holder(LOCK),
                    patience,
                });
            }
            Err(TryLockError::WouldBlock) => thread::sleep(pause.min(left)),
        }
        left = left.saturating_sub(pause);
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
}
