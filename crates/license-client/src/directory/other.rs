//! Directories as paths, for systems without file descriptors of directories.
//!
//! On Windows, only some users can create symbolic links, and there is no user like root.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::Missing;

/// A directory that existed when it was opened.
#[derive(Debug)]
pub(super) struct DirectoryPath(PathBuf);

impl DirectoryPath {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if fs::metadata(path)?.is_dir() {
            Ok(Self(path.to_owned()))
        } else {
            Err(io::ErrorKind::NotADirectory.into())
        }
    }

    pub(super) fn open_writable(path: &Path, missing: Missing) -> io::Result<Self> {
        match Self::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && missing != Missing::Fail => {
                fs::create_dir_all(path)?;
                Self::open(path)
            }
            opened => opened,
        }
    }

    pub(super) fn open_directory(&self, name: &str) -> io::Result<Self> {
        if self.is_directory(name)? {
            Ok(Self(self.0.join(name)))
        } else {
            Err(io::ErrorKind::NotADirectory.into())
        }
    }

    pub(super) fn open_writable_directory(&self, name: &str) -> io::Result<Self> {
        self.open_directory(name)
    }

    pub(super) fn create_directory(&self, name: &str) -> io::Result<()> {
        fs::create_dir(self.0.join(name))
    }

    pub(super) fn open_file(&self, name: &str) -> io::Result<File> {
        let path = self.0.join(name);
        if !fs::metadata(&path)?.is_file() {
            return Err(super::not_a_file());
        }
        File::open(path)
    }

    pub(super) fn open_own_file(&self, name: &str) -> io::Result<File> {
        File::options().read(true).open(self.0.join(name))
    }

    pub(super) fn open_writable_file(&self, name: &str) -> io::Result<File> {
        let mut options = File::options();
        options.read(true).write(true).open(self.0.join(name))
    }

    pub(super) fn create_file(&self, name: &str) -> io::Result<File> {
        let mut options = File::options();
        let options = options.read(true).write(true).create_new(true);
        options.open(self.0.join(name))
    }

    pub(super) fn rename(&self, name: &str, to: &str) -> io::Result<()> {
        fs::rename(self.0.join(name), self.0.join(to))
    }

    pub(super) fn link(&self, name: &str, to: &Self, to_name: &str) -> io::Result<()> {
        fs::hard_link(self.0.join(name), to.0.join(to_name))
    }

    pub(super) fn remove_file(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.0.join(name))
    }

    pub(super) fn remove_directory(&self, name: &str) -> io::Result<()> {
        fs::remove_dir(self.0.join(name))
    }

    pub(super) fn is_directory(&self, name: &str) -> io::Result<bool> {
        Ok(fs::symlink_metadata(self.0.join(name))?.is_dir())
    }

    /// Accepts every directory. Only a write shows whether the access rules of Windows allow it.
    pub(super) fn check_access(&self) -> io::Result<()> {
        Ok(())
    }

    /// Returns `true`, because a directory inherits the access rules of its parent.
    pub(super) fn is_own_in(&self, _: &Self) -> bool {
        true
    }

    /// Returns `true`, because on Windows an open file can be neither replaced nor removed.
    pub(super) fn is_at(&self, _: &File, _: &str) -> bool {
        true
    }

    pub(super) fn names(&self) -> io::Result<Vec<OsString>> {
        let entries = fs::read_dir(&self.0)?;
        Ok(entries.flatten().map(|entry| entry.file_name()).collect())
    }

    /// Returns `None`, because a path cannot be locked.
    pub(super) fn try_lock(&self) -> Result<Option<File>, TryLockError> {
        Ok(None)
    }

    /// Changes nothing, because a file inherits the access rules of its directory.
    pub(super) fn share(_: &File) -> io::Result<()> {
        Ok(())
    }

    /// Changes nothing, because a file inherits the access rules of its directory.
    pub(super) fn copy_access(_: &File, _: &File) -> io::Result<()> {
        Ok(())
    }

    /// Changes nothing, because a directory inherits the access rules of the user's profile.
    pub(super) fn restrict_access(&self, _: impl FnOnce(&Metadata) -> bool) {}

    /// Accepts every directory.
    pub(super) fn check(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    /// Does nothing, because Windows does not sync directories explicitly.
    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
