//! The locked file of a session.

use std::fs::{File, TryLockError};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use license_core::session::SessionId;

use crate::directory::{Directory, WritableDirectory};

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
    file: File,
}

impl SessionLock {
    /// Creates a file for one session and locks it exclusively. A process that lists sessions uses
    /// a shared lock.
    pub(super) fn acquire(directory: WritableDirectory, id: SessionId) -> io::Result<Self> {
        for _ in 0..ATTEMPTS {
            let number = OPENED.fetch_add(1, Ordering::Relaxed);
            let name = format!("{id}.{}-{number}", std::process::id());
            let file = match directory.create_file(&name) {
                // An earlier process with the same process id left this file.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                file => file?,
            };
            // A process that lists sessions may have removed the file before it was locked.
            if file.try_lock().is_ok() && directory.is_at(&file, &name) {
                return Ok(Self {
                    directory,
                    name,
                    file,
                });
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl Drop for SessionLock {
    fn drop(&mut self) {
        let _ = self.directory.remove_file(&self.name);
        let _ = self.file.unlock();
    }
}

/// Returns whether a process has locked the file. Calls `remove` for a file that is not locked, and
/// ignores a symbolic link.
pub(super) fn is_locked(directory: &Directory, name: &str, remove: impl Fn(&str)) -> bool {
    let Ok(file) = directory.open_file(name) else {
        return false;
    };
    // The lock is shared, so that two processes that list sessions do not mistake each other for a
    // session.
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => true,
        Ok(()) => {
            remove(name);
            false
        }
        // If the file system does not support locks, no session is known to be open.
        Err(TryLockError::Error(_)) => false,
    }
}
