//! Lock files.
//!
//! The holder of a lock describes itself in the lock file, so that a waiting process can name the
//! holder.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use license_core::state::LockHolder;

use super::{create_private, directory_of, is_at, not_a_file, open_no_follow, regular_file};
use crate::clock::{Clock, SystemClock};

/// The maximum number of attempts to lock a file that other processes remove meanwhile.
const ATTEMPTS: u32 = 1000;

/// The maximum length of the description of a holder, in bytes.
const HOLDER_CAP: u64 = 256;

/// The reason why a file cannot be locked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another process has the lock.
    #[error(
        "{} is locked by {}{}", path.display(), name_of(holder.as_ref()), waited(*patience)
    )]
    Busy {
        /// The lock file.
        path: PathBuf,
        /// The process that has the lock, if it described itself in the lock file.
        holder: Option<LockHolder>,
        /// How long this process waited.
        patience: Duration,
    },
    /// The file system cannot lock files, such as a network file system without a lock service.
    #[error("the file system of {} does not lock files", path.display())]
    NoLocks {
        /// The lock file.
        path: PathBuf,
        /// The error of the file system.
        source: io::Error,
    },
    /// The lock file is not a regular file, or cannot be created, opened or locked.
    #[error("cannot lock {}", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// The error of the file system.
        source: io::Error,
    },
}

/// A locked file. Dropping it releases the lock.
#[derive(Debug)]
#[must_use = "the lock is released as soon as it is dropped"]
pub struct LockedFile(File);

impl LockedFile {
    /// Writes the description of this process into the file. The lock works without it, for example
    /// if the disk is full.
    fn describe(&mut self) {
        let program = std::env::args_os().next().unwrap_or_default();
        let name = Path::new(&program).file_stem().unwrap_or_default();
        let now = SystemClock.now();
        let holder = LockHolder::new(std::process::id(), &name.to_string_lossy(), now);
        let file = &mut self.0;
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{holder}"));
    }
}

impl Drop for LockedFile {
    fn drop(&mut self) {
        let _ = self.0.set_len(0);
        // Closing the file might not release the lock: a child process may have a copy of the
        // descriptor.
        let _ = self.0.unlock();
    }
}

/// Waits up to `patience` for the lock of a file, and creates the file if it does not exist. With a
/// `patience` of zero, tries only once.
///
/// The lock belongs to the file that has this path, even if other processes removed or replaced an
/// earlier file meanwhile.
///
/// # Errors
///
/// Returns [`LockError::Busy`] if another process still has the lock. Returns other errors if the
/// path is not a regular file, such as a symbolic link, or if the file cannot be created, opened or
/// locked.
pub fn lock(path: &Path, patience: Duration) -> Result<LockedFile, LockError> {
    match lock_with(path, |file| wait(file, patience)) {
        Ok(file) => {
            let mut locked = LockedFile(file);
            locked.describe();
            Ok(locked)
        }
        Err(TryLockError::WouldBlock) => Err(LockError::Busy {
            path: path.to_owned(),
            holder: holder(path),
            patience,
        }),
        Err(TryLockError::Error(source)) => Err(LockError::new(path, source)),
    }
}

/// Waits up to `patience` for the lock.
///
/// Another thread waits in the system's queue, because a process that only polled would rarely find
/// the lock of a busy ledger free. If the thread gets the lock too late, it closes its handle of
/// the file, which releases the lock.
fn wait(file: &File, patience: Duration) -> Result<(), TryLockError> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) if !patience.is_zero() => {}
        tried => return tried,
    }
    let waiting = file.try_clone().map_err(TryLockError::Error)?;
    let (sender, receiver) = mpsc::sync_channel(1);
    let wait = move || {
        let locked = waiting.lock();
        drop(waiting);
        let _ = sender.send(locked);
    };
    let spawned = thread::Builder::new().spawn(wait);
    spawned.map_err(TryLockError::Error)?;
    match receiver.recv_timeout(patience) {
        Ok(locked) => locked.map_err(TryLockError::Error),
        Err(_) => Err(TryLockError::WouldBlock),
    }
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

impl LockError {
    fn new(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        if has_no_locks(&source) {
            Self::NoLocks { path, source }
        } else {
            Self::Io { path, source }
        }
    }
}

/// Returns whether the error of a lock means that the file system does not lock files.
#[cfg(unix)]
fn has_no_locks(error: &io::Error) -> bool {
    let errno = rustix::io::Errno::from_io_error(error);
    error.kind() == ErrorKind::Unsupported || errno == Some(rustix::io::Errno::NOLCK)
}

#[cfg(not(unix))]
fn has_no_locks(error: &io::Error) -> bool {
    error.kind() == ErrorKind::Unsupported
}

/// Returns the holder of the lock, as the holder describes itself in the lock file.
fn holder(path: &Path) -> Option<LockHolder> {
    let mut text = String::new();
    let file = open_existing(path).ok()?;
    file.take(HOLDER_CAP).read_to_string(&mut text).ok()?;
    LockHolder::parse(&text)
}

/// Names the holder of a lock.
fn name_of(holder: Option<&LockHolder>) -> String {
    holder.map_or_else(|| "another process".to_owned(), LockHolder::to_string)
}

/// Describes how long a process waited, if it did.
fn waited(patience: Duration) -> String {
    if patience.is_zero() {
        String::new()
    } else {
        format!(" (waited {patience:?})")
    }
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
