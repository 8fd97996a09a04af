//! Locked files. All file locks of the crate are taken here.
//!
//! A lock belongs to the opened file and not to its name. If a user removed the file, the next
//! process would lock another file. Two rules prevent that two processes hold the lock of one name:
//!
//! - A lock counts only if the locked file still has its name afterwards.
//! - The directory is locked before the file, because no change of the entries affects this lock.
//!
//! The holder of an exclusive lock describes itself in the locked file, so that a waiting process
//! can name the holder.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use license_core::state::LockHolder;

use super::{Directory, WritableDirectory, regular};
use crate::clock::now;
use crate::events;

/// How often a file is opened again that another process removes or replaces at the same time.
const ATTEMPTS: u32 = 16;

/// The maximum length of the description of a holder, in bytes.
const HOLDER_CAP: usize = 256;

/// The lock of a file. It is released when the value is dropped or when the process ends.
#[derive(Debug)]
pub(crate) struct FileLock {
    file: Locked,
    /// Whether the file contains the description of the holder.
    is_described: bool,
    /// The lock of the directory, which lasts as long as the lock of the file.
    _directory: Option<Locked>,
}

/// A locked file or directory.
#[derive(Debug)]
struct Locked(File);

impl Directory {
    /// Takes the shared lock of an existing file, and does not wait. Does not follow a symbolic
    /// link.
    ///
    /// # Errors
    ///
    /// Returns [`TryLockError::WouldBlock`] if another process or thread has the exclusive lock,
    /// and otherwise the error of the system.
    pub(crate) fn try_acquire_shared(&self, name: &str) -> Result<FileLock, TryLockError> {
        let file = self.handle.open_own_file(name).and_then(regular);
        let file = file.map_err(TryLockError::Error)?;
        let lock = FileLock::new(file, File::try_lock_shared)?;
        if self.is_locked_at(&lock, name) {
            Ok(lock)
        } else {
            Err(TryLockError::Error(ErrorKind::NotFound.into()))
        }
    }

    /// Returns the holder of the exclusive lock of a file, as the holder describes itself.
    pub(crate) fn lock_holder(&self, name: &str) -> Option<LockHolder> {
        let text = self.read(name, HOLDER_CAP).ok()?;
        LockHolder::parse(std::str::from_utf8(&text).ok()?)
    }

    /// Returns whether the name still belongs to the locked file.
    fn is_locked_at(&self, lock: &FileLock, name: &str) -> bool {
        self.handle.is_at(&lock.file.0, name)
    }
}

impl WritableDirectory {
    /// Takes the lock of a file, and does not wait. Creates the file if it is missing. Quarantines
    /// another entry with this name, such as a directory or a symbolic link.
    ///
    /// Also locks the directory if possible, so that only one file of a directory can be locked.
    ///
    /// # Errors
    ///
    /// Returns [`TryLockError::WouldBlock`] if another process or thread has the lock, or keeps
    /// removing the file. Otherwise, returns the error of the system.
    pub(crate) fn try_acquire(&self, name: &str) -> Result<FileLock, TryLockError> {
        let directory = self.handle.try_lock()?.map(Locked);
        for _ in 0..ATTEMPTS {
            let opened = self.open_or_create(name);
            let Some(file) = opened.map_err(TryLockError::Error)? else {
                continue;
            };
            let mut lock = FileLock::new(file, File::try_lock)?;
            if self.is_locked_at(&lock, name) {
                lock.describe();
                lock._directory = directory;
                return Ok(lock);
            }
        }
        Err(TryLockError::WouldBlock)
    }

    /// Creates a file and takes its lock. Returns `None` if the name exists, or if another process
    /// removes the file before it is locked.
    pub(crate) fn create_locked(&self, name: &str) -> io::Result<Option<FileLock>> {
        let file = match self.create_file(name) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(None),
            file => file?,
        };
        match FileLock::new(file, File::try_lock) {
            Ok(lock) => Ok(self.is_locked_at(&lock, name).then_some(lock)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => {
                let _ = self.remove_file(name);
                Err(error)
            }
        }
    }

    /// Checks that [`try_acquire`](Self::try_acquire) can open the file, or create or quarantine
    /// it. Takes no lock and changes nothing.
    pub(crate) fn check_lock_file(&self, name: &str) -> io::Result<()> {
        match self.handle.open_writable_file(name).and_then(regular) {
            Err(error)
                if ![ErrorKind::NotFound, ErrorKind::IsADirectory].contains(&error.kind()) =>
            {
                Err(error)
            }
            _ => Ok(()),
        }
    }

    /// Opens a file, or creates it. Returns `None` if the entry was removed or quarantined.
    fn open_or_create(&self, name: &str) -> io::Result<Option<File>> {
        match self.create_file(name) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            created => return created.map(Some),
        }
        match self.handle.open_writable_file(name).and_then(regular) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == ErrorKind::IsADirectory => {
                self.quarantine_other(name)?;
                Ok(None)
            }
            opened => opened.map(Some),
        }
    }

    /// Renames an entry that is not a regular file, as damaged.
    fn quarantine_other(&self, name: &str) -> io::Result<()> {
        let quarantined = self.quarantine_name(name);
        match self.rename(name, &quarantined) {
            // Another process has renamed the entry.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            renamed => {
                renamed?;
                events::quarantined(name, &self.path().join(quarantined));
                Ok(())
            }
        }
    }
}

impl FileLock {
    fn new(
        file: File,
        lock: impl FnOnce(&File) -> Result<(), TryLockError>,
    ) -> Result<Self, TryLockError> {
        lock(&file)?;
        Ok(Self {
            file: Locked(file),
            is_described: false,
            _directory: None,
        })
    }

    /// Writes the description of this process into the file. The lock works without it, for example
    /// if the disk is full.
    fn describe(&mut self) {
        let holder = LockHolder::new(std::process::id(), &program_name(), now());
        let mut file = &self.file.0;
        self.is_described = true;
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{holder}"));
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        if self.is_described {
            let _ = self.file.0.set_len(0);
        }
    }
}

/// Returns the name of the program that this process runs.
fn program_name() -> String {
    let program = std::env::args_os().next().unwrap_or_default();
    let name = Path::new(&program).file_stem().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

impl Drop for Locked {
    fn drop(&mut self) {
        // Closing the file might not release the lock: a child process that another thread is
        // starting may have a copy of the descriptor.
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests;
