//! The locked file of a session.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use license_core::session::SessionId;

use crate::files::{create_private, create_private_file, inherit_owner, is_same_file, no_follow};

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
    file: File,
    path: PathBuf,
}

impl SessionLock {
    /// Creates a file for one session and locks it exclusively. A process that lists sessions uses
    /// a shared lock.
    pub(super) fn acquire(directory: &Path, id: SessionId) -> io::Result<Self> {
        match create_private(directory) {
            Ok(()) => {
                // If root created the directory, the user becomes its owner. A symbolic link that
                // has replaced the directory in the meantime is not followed.
                if let (Some(state), Ok(created)) = (directory.parent(), open_no_follow(directory))
                    && created.metadata().is_ok_and(|created| created.is_dir())
                {
                    inherit_owner(state, &created);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        for _ in 0..ATTEMPTS {
            let number = OPENED.fetch_add(1, Ordering::Relaxed);
            let path = directory.join(format!("{id}.{}-{number}", std::process::id()));
            let file = match create_private_file(&path) {
                // An earlier process with the same process id left this file.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                file => file?,
            };
            // A process that lists sessions may have removed the file before it was locked.
            if file.try_lock().is_ok() && is_still_at(&file, &path) {
                inherit_owner(directory, &file);
                return Ok(Self { file, path });
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl Drop for SessionLock {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
        let _ = self.file.unlock();
    }
}

pub(super) fn open_no_follow(path: &Path) -> io::Result<File> {
    no_follow(File::options().read(true)).open(path)
}

/// Returns whether the path still leads to the opened file.
fn is_still_at(file: &File, path: &Path) -> bool {
    let (opened, at_path) = (file.metadata(), fs::symlink_metadata(path));
    matches!((opened, at_path), (Ok(opened), Ok(at_path)) if is_same_file(&opened, &at_path))
}

/// Returns whether a process has locked the file. Removes a file that is not locked, and ignores a
/// symbolic link.
pub(super) fn is_locked(path: &Path) -> bool {
    let Ok(file) = open_no_follow(path) else {
        return false;
    };
    // The lock is shared, so that two processes that list sessions do not mistake each other for a
    // session.
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => true,
        Ok(()) => {
            let _ = fs::remove_file(path);
            false
        }
        // If the file system does not support locks, no session is known to be open.
        Err(TryLockError::Error(_)) => false,
    }
}
