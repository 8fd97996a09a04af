//! Directories that are opened once, and the operations on their files.
//!
//! This module contains all functions of the crate that create, replace, rename or remove files.
//! A test of the workspace fails if another module of the crate writes to the file system.
//!
//! A path may lead to another directory in the next moment, because the owner of a directory on the
//! path can exchange its entries. Therefore, a directory is opened once, and all operations use its
//! descriptor and the name of an entry. Only reading the content of a file may follow a symbolic
//! link ([`Directory::read`]). A new entry is created only under a name that does not exist. A
//! process of root opens a directory for writing only if no other user can change the directory or
//! any directory on its path.

mod file_lock;
#[cfg(not(unix))]
mod other;
#[cfg(unix)]
mod root;
#[cfg(unix)]
mod unix;
mod unsafe_directory;

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Write};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) use self::file_lock::FileLock;
#[cfg(not(unix))]
use self::other::DirectoryPath as Handle;
#[cfg(unix)]
use self::unix::DirectoryDescriptor as Handle;
pub use self::unsafe_directory::UnsafeDirectory;
use crate::files::read_file;

/// Prefix of the names of incomplete entries, which a crash leaves behind.
pub(crate) const UNFINISHED: &str = ".unfinished-";

/// The text between the name and the number of a quarantined entry.
pub(crate) const QUARANTINED: &str = ".damaged-";

/// How many names of an incomplete entry are tried. A name may be left from an earlier process with
/// the same id.
const ATTEMPTS: u32 = 64;

/// Number of incomplete entries that this process has created. The number makes their names unique.
static UNFINISHED_ENTRIES: AtomicU64 = AtomicU64::new(0);

/// Whether a missing directory is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// The directory is created without access for other users. Missing parents get the usual
    /// permissions.
    Create,
    /// The directory and its missing parents are created so that all users can read them.
    CreateForAll,
    /// A missing directory is an error.
    Fail,
}

/// The users who can read the new files of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    Owner,
    Everyone,
}

/// An open directory whose files can be read.
#[derive(Debug)]
pub(crate) struct Directory {
    handle: Handle,
    path: PathBuf,
}

/// An open directory whose entries can be changed.
#[derive(Debug)]
pub(crate) struct WritableDirectory {
    directory: Directory,
    readers: Readers,
}

impl Directory {
    /// Opens an existing directory.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            handle: Handle::open(path)?,
            path: path.to_owned(),
        })
    }

    /// Returns whether this user may look up names in the directory.
    pub(crate) fn is_searchable(&self) -> bool {
        self.handle.is_directory(".").is_ok()
    }

    /// Checks that this user may create and remove entries. Changes nothing.
    pub(crate) fn check_access(&self) -> io::Result<()> {
        self.handle.check_access()
    }

    /// Returns the path that the directory had when it was opened, for messages.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads a regular file of at most `cap` bytes. If the file is larger, returns its first `cap`
    /// + 1 bytes, so that the caller can detect this.
    ///
    /// Follows a symbolic link, except if this is a process of root and another user can change the
    /// directory.
    ///
    /// # Errors
    ///
    /// Returns `IsADirectory` for a directory, a pipe or a device, and otherwise the error of the
    /// system.
    pub(crate) fn read(&self, name: &str, cap: usize) -> io::Result<Vec<u8>> {
        read_file(self.handle.open_file(name)?, cap)
    }

    /// Returns the names of the entries. Names that are not UTF-8 belong to no file of this program
    /// and are left out.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        let names = self.handle.names()?.into_iter();
        Ok(names.filter_map(|name| name.into_string().ok()).collect())
    }

    /// Returns whether the directory has no entries. Returns `false` if it cannot be listed.
    pub(crate) fn is_empty(&self) -> bool {
        self.handle.names().is_ok_and(|names| names.is_empty())
    }

    /// Returns whether the entry exists. A dangling symbolic link exists.
    pub(crate) fn contains(&self, name: &str) -> bool {
        let found = self.handle.is_directory(name);
        !found.is_err_and(|error| error.kind() == ErrorKind::NotFound)
    }

    /// Returns the first free name `NAME.damaged-N`, counted from 1.
    pub(crate) fn quarantine_name(&self, name: &str) -> String {
        let numbered = |number: u64| format!("{name}{QUARANTINED}{number}");
        let mut names = (1..).map(numbered);
        // There are fewer entries than numbers.
        let free = names.find(|name| !self.contains(name));
        free.unwrap_or_else(|| numbered(0))
    }

    /// Returns whether the entry is a directory that this user, or the owner of this directory, has
    /// created. A symbolic link is not a directory.
    pub(crate) fn has_own_directory(&self, name: &str) -> bool {
        let directory = self.open_directory(name);
        directory.is_ok_and(|directory| directory.handle.is_own_in(&self.handle))
    }

    /// Opens a directory in this directory. Does not follow a symbolic link.
    pub(crate) fn open_directory(&self, name: &str) -> io::Result<Self> {
        Ok(Self {
            handle: self.handle.open_directory(name)?,
            path: self.path.join(name),
        })
    }
}

impl WritableDirectory {
    /// Opens a directory for changes.
    ///
    /// # Errors
    ///
    /// Returns an error that contains [`UnsafeDirectory`] if another user could redirect the
    /// changes, and otherwise the error of the system.
    pub(crate) fn open(path: &Path, missing: Missing) -> io::Result<Self> {
        let handle = Handle::open_writable(path, missing)?;
        Ok(Self::new(handle, path.to_owned()))
    }

    fn new(handle: Handle, path: PathBuf) -> Self {
        Self {
            directory: Directory { handle, path },
            readers: Readers::Owner,
        }
    }

    /// Sets who can read the files that [`replace`](Self::replace) writes.
    pub(crate) fn readable_by(self, readers: Readers) -> Self {
        Self { readers, ..self }
    }

    /// Gives a new file the permissions for its readers.
    fn share(&self, file: &File) -> io::Result<()> {
        match self.readers {
            Readers::Owner => Ok(()),
            Readers::Everyone => Handle::share(file),
        }
    }

    /// Removes the access of other users, if the directory belongs to this user and
    /// `has_only_state` returns `true`.
    pub(crate) fn restrict_access(&self, has_only_state: impl FnOnce(&Metadata) -> bool) {
        self.handle.restrict_access(has_only_state);
    }

    /// Checks that no other user can change the directory itself, if this is a process of root.
    pub(crate) fn check(&self) -> io::Result<()> {
        self.handle.check(&self.path)
    }

    /// Creates a file that only its owner may access. Fails if the name exists, even as a symbolic
    /// link.
    pub(crate) fn create_file(&self, name: &str) -> io::Result<File> {
        self.handle.create_file(name)
    }

    /// Creates a file and removes it again. Returns the metadata of the file.
    pub(crate) fn try_writing(&self) -> io::Result<Metadata> {
        /// About the size of a license file. An empty file can be created on a full disk.
        const SIZE: usize = 8 * 1024;

        let (name, mut file) = self.create_unfinished(|name| self.create_file(name))?;
        let written = file.write_all(&[0; SIZE]).and_then(|()| file.flush());
        let metadata = file.metadata();
        drop(file);
        self.remove_file(&name)?;
        written.and(metadata)
    }

    /// Replaces a file. With `is_synced`, the new content survives a loss of power when the method
    /// returns.
    pub(crate) fn replace(&self, name: &str, bytes: &[u8], is_synced: bool) -> io::Result<()> {
        // The new file is in the same directory, because a rename works only within a file system.
        let (unfinished, mut file) = self.create_unfinished(|name| self.create_file(name))?;
        let written = self.share(&file).and_then(|()| file.write_all(bytes));
        let written = written.and_then(|()| if is_synced { file.sync_all() } else { Ok(()) });
        // Windows does not rename an open file.
        drop(file);
        let replaced = written.and_then(|()| self.handle.rename(&unfinished, name));
        if replaced.is_err() {
            let _ = self.handle.remove_file(&unfinished);
        }
        replaced?;
        if is_synced { self.sync() } else { Ok(()) }
    }

    /// Renames an entry. Replaces an existing file of the new name.
    pub(crate) fn rename(&self, name: &str, to: &str) -> io::Result<()> {
        self.handle.rename(name, to)
    }

    /// Renames an entry to the name of an incomplete entry, and returns that name.
    pub(crate) fn rename_to_unfinished(&self, name: &str) -> io::Result<String> {
        let rename = |unfinished: &str| {
            if self.contains(unfinished) {
                Err(ErrorKind::AlreadyExists.into())
            } else {
                self.rename(name, unfinished)
            }
        };
        let (unfinished, ()) = self.create_unfinished(rename)?;
        Ok(unfinished)
    }

    /// Removes a file or a symbolic link.
    pub(crate) fn remove_file(&self, name: &str) -> io::Result<()> {
        self.handle.remove_file(name)
    }

    /// Removes a directory and the files in it. Does not remove a directory in that directory.
    pub(crate) fn remove_directory(&self, name: &str) -> io::Result<()> {
        let directory = self.open_writable_directory(name)?;
        for file in directory.names()? {
            directory.remove_file(&file)?;
        }
        self.handle.remove_directory(name)
    }

    /// Opens a directory in this directory for changes. Does not follow a symbolic link.
    pub(crate) fn open_writable_directory(&self, name: &str) -> io::Result<Self> {
        let path = self.path.join(name);
        let handle = self.handle.open_writable_directory(name)?;
        handle.check(&path)?;
        Ok(Self::new(handle, path))
    }

    /// Opens a directory in this directory for changes, if this user or the owner of this directory
    /// has created it.
    pub(crate) fn open_own_directory(&self, name: &str) -> io::Result<Self> {
        let directory = self.open_writable_directory(name)?;
        if directory.handle.is_own_in(&self.handle) {
            Ok(directory)
        } else {
            Err(ErrorKind::PermissionDenied.into())
        }
    }

    /// Opens a directory in this directory for changes. Creates the directory if it is missing.
    pub(crate) fn open_or_create_directory(&self, name: &str) -> io::Result<Self> {
        match self.handle.create_directory(name) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        self.open_writable_directory(name)
    }

    /// Creates a directory with the name of an incomplete entry, and returns the name.
    pub(crate) fn create_unfinished_directory(&self) -> io::Result<(String, Self)> {
        let (name, ()) = self.create_unfinished(|name| self.handle.create_directory(name))?;
        let directory = self.open_writable_directory(&name)?;
        Ok((name, directory))
    }

    /// Gives a file a second name in another directory, or copies the file if the file system does
    /// not support hard links. Fails if the new name exists.
    pub(crate) fn link_or_copy(&self, name: &str, to: &Self, to_name: &str) -> io::Result<()> {
        match self.handle.link(name, &to.handle, to_name) {
            Err(error)
                if ![ErrorKind::NotFound, ErrorKind::AlreadyExists].contains(&error.kind()) =>
            {
                self.copy(name, to, to_name)
            }
            linked => linked,
        }
    }

    /// Gives a file of this directory a second name in `to`, in place of an existing file.
    pub(crate) fn link_over(&self, name: &str, to: &Self) -> io::Result<()> {
        let link = |unfinished: &str| self.link_or_copy(name, to, unfinished);
        let (unfinished, ()) = to.create_unfinished(link)?;
        to.rename(&unfinished, name)?;
        // Renaming a hard link to another hard link of the same file does nothing (rename(2)), so
        // the link may still exist.
        let _ = to.remove_file(&unfinished);
        Ok(())
    }

    /// Makes renames and removals in the directory survive a loss of power.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.handle.sync()
    }

    /// Copies the content of a file to a new file. Removes an incomplete copy.
    fn copy(&self, name: &str, to: &Self, to_name: &str) -> io::Result<()> {
        let mut source = regular(self.handle.open_file(name)?)?;
        let mut copy = to.create_file(to_name)?;
        let copied = Handle::copy_access(&source, &copy);
        let copied = copied.and_then(|()| io::copy(&mut source, &mut copy));
        let copied = copied.and_then(|_| copy.sync_all());
        if copied.is_err() {
            let _ = to.remove_file(to_name);
        }
        copied
    }

    /// Calls `create` with names of incomplete entries until one of the names is free.
    fn create_unfinished<T>(
        &self,
        create: impl Fn(&str) -> io::Result<T>,
    ) -> io::Result<(String, T)> {
        let process = process::id();
        for _ in 0..ATTEMPTS {
            let number = UNFINISHED_ENTRIES.fetch_add(1, Ordering::Relaxed);
            let name = format!("{UNFINISHED}{process}-{number}");
            match create(&name) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                created => return Ok((name, created?)),
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }
}

impl Deref for WritableDirectory {
    type Target = Directory;

    fn deref(&self) -> &Directory {
        &self.directory
    }
}

/// Returns the file if it is a regular file.
fn regular(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(not_a_file())
    }
}

/// The error for a directory, a pipe or a device in place of a file.
fn not_a_file() -> io::Error {
    ErrorKind::IsADirectory.into()
}

#[cfg(test)]
mod tests;
