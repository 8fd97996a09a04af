//! The locked file of a session.

use std::fs::TryLockError;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use license_core::session::SessionId;

use crate::directory::{Directory, FileLock, WritableDirectory};

/// How often the file of a session is created again, if another process removes the file before it
/// is locked.
const ATTEMPTS: u32 = 16;

/// Number of sessions that this process has opened. The number makes the names of the session files
/// unique.
static OPENED: AtomicU64 = AtomicU64::new(0);

/// The locked file of a session. Each session has its own file, even if several sessions are open
/// on one project.
#[derive(Debug)]
pub(super) struct SessionLock {
    directory: WritableDirectory,
    name: String,
    /// Released after the file is removed.
    _file: FileLock,
}

impl SessionLock {
    /// Creates a file for one session and locks it exclusively. A process that lists sessions uses
    /// a shared lock, and may remove the file before it is locked.
    pub(super) fn acquire(directory: WritableDirectory, id: SessionId) -> io::Result<Self> {
        for _ in 0..ATTEMPTS {
            let number = OPENED.fetch_add(1, Ordering::Relaxed);
            // An earlier process with the same process id may have left a file with this name.
            let name = format!("{id}.{}-{number}", std::process::id());
            if let Some(file) = directory.create_locked(&name)? {
                return Ok(Self {
                    directory,
                    name,
                    _file: file,
                });
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl Drop for SessionLock {
    fn drop(&mut self) {
        let _ = self.directory.remove_file(&self.name);
    }
}

/// Returns whether a process has locked the file. Calls `remove` for a file that is not locked, and
/// ignores a symbolic link.
pub(super) fn is_locked(directory: &Directory, name: &str, remove: impl Fn(&str)) -> bool {
    // The lock is shared, so that two processes that list sessions do not mistake each other for a
    // session.
    match directory.try_acquire_shared(name) {
        Err(TryLockError::WouldBlock) => true,
        Ok(_lock) => {
            remove(name);
            false
        }
        // If the file system does not support locks, no session is known to be open.
        Err(TryLockError::Error(_)) => false,
    }
}
