//! Directories as file descriptors.

use std::ffi::{OsStr, OsString};
use std::fs::{DirBuilder, File, Metadata, Permissions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::unsafe_directory::UnsafeDirectory;
use super::{Missing, not_a_file, root};

/// Access for the owner of a new file.
const PRIVATE_FILE: Mode = Mode::RUSR.union(Mode::WUSR);

/// Flags that open a directory for changes, and a symbolic link not at all.
pub(super) const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Flags that open a directory to look up names in it. This needs no permission to list names.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) const LOOKUP: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) const LOOKUP: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

/// Flags for a file. With `NONBLOCK`, opening a pipe does not wait for its other end.
const FILE: OFlags = OFlags::NONBLOCK.union(OFlags::CLOEXEC);

/// An open directory.
#[derive(Debug)]
pub(super) struct DirectoryDescriptor(File);

impl DirectoryDescriptor {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let directory = rustix::fs::openat(CWD, path, LOOKUP, Mode::empty())?;
        Ok(Self(directory.into()))
    }

    /// Opens a directory for changes. Root opens it step by step, because another user may be able
    /// to change a directory on the path.
    pub(super) fn open_writable(path: &Path, missing: Missing) -> io::Result<Self> {
        let directory = if geteuid().is_root() {
            root::open(path, missing)?
        } else {
            open_as_user(path, missing)?
        };
        Ok(Self(directory.into()))
    }

    pub(super) fn open_directory(&self, name: &str) -> io::Result<Self> {
        self.open_directory_with(name, LOOKUP.union(OFlags::NOFOLLOW))
    }

    pub(super) fn open_writable_directory(&self, name: &str) -> io::Result<Self> {
        self.open_directory_with(name, DIRECTORY)
    }

    pub(super) fn create_directory(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(&self.0, name, Mode::RWXU)?)
    }

    /// Opens a file for reading. Follows a symbolic link, unless this is a process of root and
    /// another user can change the directory.
    pub(super) fn open_file(&self, name: &str) -> io::Result<File> {
        let is_safe = !geteuid().is_root() || self.check(Path::new("")).is_ok();
        if is_safe {
            self.open_with(name, OFlags::RDONLY)
        } else {
            self.open_own_file(name)
        }
    }

    pub(super) fn open_own_file(&self, name: &str) -> io::Result<File> {
        self.open_with(name, OFlags::RDONLY.union(OFlags::NOFOLLOW))
    }

    pub(super) fn open_writable_file(&self, name: &str) -> io::Result<File> {
        self.open_with(name, OFlags::RDWR.union(OFlags::NOFOLLOW))
    }

    pub(super) fn create_file(&self, name: &str) -> io::Result<File> {
        let new = OFlags::RDWR
            .union(OFlags::CREATE)
            .union(OFlags::EXCL)
            .union(OFlags::NOFOLLOW);
        let file = rustix::fs::openat(&self.0, name, new.union(FILE), PRIVATE_FILE)?;
        Ok(file.into())
    }

    pub(super) fn rename(&self, name: &str, to: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, name, &self.0, to)?)
    }

    /// Creates a hard link. A link to a symbolic link is a symbolic link.
    pub(super) fn link(&self, name: &str, to: &Self, to_name: &str) -> io::Result<()> {
        let flags = AtFlags::empty();
        Ok(rustix::fs::linkat(&self.0, name, &to.0, to_name, flags)?)
    }

    pub(super) fn remove_file(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::empty())?)
    }

    pub(super) fn remove_directory(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR)?)
    }

    pub(super) fn is_directory(&self, name: &str) -> io::Result<bool> {
        let found = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(FileType::from_raw_mode(found.st_mode).is_dir())
    }

    /// Checks that this user may create and remove entries.
    pub(super) fn check_access(&self) -> io::Result<()> {
        let access = Access::WRITE_OK.union(Access::EXEC_OK);
        Ok(rustix::fs::accessat(
            &self.0,
            ".",
            access,
            AtFlags::empty(),
        )?)
    }

    /// Returns whether this user or the owner of `parent` owns the directory.
    pub(super) fn is_own_in(&self, parent: &Self) -> bool {
        let owner = |directory: &Self| directory.0.metadata().ok().map(|found| found.uid());
        let found = owner(self);
        found.is_some() && (found == Some(geteuid().as_raw()) || found == owner(parent))
    }

    pub(super) fn is_at(&self, file: &File, name: &str) -> bool {
        let at_name = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW);
        let opened = rustix::fs::fstat(file);
        matches!(
            (at_name, opened),
            (Ok(one), Ok(other)) if (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
        )
    }

    pub(super) fn names(&self) -> io::Result<Vec<OsString>> {
        let directory = rustix::fs::openat(&self.0, ".", DIRECTORY, Mode::empty())?;
        let mut names = Vec::new();
        for entry in Dir::new(directory)? {
            match entry?.file_name().to_bytes() {
                b"." | b".." => {}
                name => names.push(OsStr::from_bytes(name).to_owned()),
            }
        }
        Ok(names)
    }

    /// Locks the directory itself. Returns a second handle of the locked directory, or `None` if
    /// the directory cannot be locked.
    ///
    /// A directory that other users can open is not locked, because they could keep the lock. Some
    /// network file systems lock no directories.
    pub(super) fn try_lock(&self) -> Result<Option<File>, TryLockError> {
        let others = Mode::RWXG.union(Mode::RWXO);
        let found = rustix::fs::fstat(&self.0);
        let found = found.map_err(|error| TryLockError::Error(error.into()))?;
        if Mode::from_raw_mode(found.st_mode).intersects(others) {
            return Ok(None);
        }
        match self.0.try_lock() {
            Ok(()) => self.0.try_clone().map(Some).map_err(TryLockError::Error),
            Err(TryLockError::WouldBlock) => Err(TryLockError::WouldBlock),
            Err(TryLockError::Error(_)) => Ok(None),
        }
    }

    /// Lets all users read a file, whatever the umask is.
    pub(super) fn share(file: &File) -> io::Result<()> {
        file.set_permissions(Permissions::from_mode(0o644))
    }

    /// Lets the users read a copy who can read its source.
    pub(super) fn copy_access(source: &File, copy: &File) -> io::Result<()> {
        let mode = source.metadata()?.mode() & 0o044;
        copy.set_permissions(Permissions::from_mode(0o600 | mode))
    }

    pub(super) fn restrict_access(&self, has_only_state: impl FnOnce(&Metadata) -> bool) {
        let Ok(found) = self.0.metadata() else {
            return;
        };
        let is_open_to_others = found.mode() & 0o077 != 0;
        let is_own = found.uid() == geteuid().as_raw();
        if is_open_to_others && is_own && has_only_state(&found) {
            // File systems without permissions refuse this call. The state is stored nevertheless.
            let _ = self.0.set_permissions(Permissions::from_mode(0o700));
        }
    }

    /// Checks that only root can change the directory, if this is a process of root.
    pub(super) fn check(&self, path: &Path) -> io::Result<()> {
        if geteuid().is_root() {
            root::check(&self.0, path, root::Sticky::Refuse)?;
        }
        Ok(())
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        match self.0.sync_all() {
            // Some network file systems do not support this call and do not need it.
            Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
            other => other,
        }
    }

    fn open_directory_with(&self, name: &str, flags: OFlags) -> io::Result<Self> {
        match rustix::fs::openat(&self.0, name, flags, Mode::empty()) {
            Err(Errno::LOOP | Errno::MLINK) => Err(ErrorKind::NotADirectory.into()),
            opened => Ok(Self(opened?.into())),
        }
    }

    fn open_with(&self, name: &str, flags: OFlags) -> io::Result<File> {
        match rustix::fs::openat(&self.0, name, flags.union(FILE), Mode::empty()) {
            Ok(file) => Ok(file.into()),
            // A symbolic link, or a socket or device that cannot be opened.
            Err(Errno::LOOP | Errno::MLINK | Errno::NXIO) => Err(not_a_file()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Opens a directory for a user other than root.
fn open_as_user(path: &Path, missing: Missing) -> io::Result<OwnedFd> {
    match rustix::fs::openat(CWD, path, DIRECTORY, Mode::empty()) {
        Err(Errno::NOENT) if missing != Missing::Fail => {
            create_as_user(path)?;
            open_as_user(path, Missing::Fail)
        }
        Err(error @ (Errno::LOOP | Errno::MLINK | Errno::NOTDIR)) => {
            open_linked(path).unwrap_or_else(|| Err(error.into()))
        }
        opened => Ok(opened?),
    }
}

/// Opens the directory behind a symbolic link. Returns `None` if the path is not a symbolic link.
///
/// Follows a link of another user only to a directory of that user. Otherwise, the other user would
/// choose among the directories of this user.
fn open_linked(path: &Path) -> Option<io::Result<OwnedFd>> {
    let link = path.symlink_metadata().ok().filter(Metadata::is_symlink)?;
    let flags = DIRECTORY.difference(OFlags::NOFOLLOW);
    let open = || -> io::Result<OwnedFd> {
        let directory = File::from(rustix::fs::openat(CWD, path, flags, Mode::empty())?);
        let accepted = [0, geteuid().as_raw(), directory.metadata()?.uid()];
        if accepted.contains(&link.uid()) {
            Ok(directory.into())
        } else {
            Err(UnsafeDirectory::linked(path, "this user", link.uid()).into())
        }
    };
    Some(open())
}

fn create_as_user(path: &Path) -> io::Result<()> {
    let create = || DirBuilder::new().mode(0o700).create(path);
    let created = match (create(), path.parent()) {
        (Err(error), Some(parent)) if error.kind() == ErrorKind::NotFound => {
            DirBuilder::new().recursive(true).create(parent)?;
            create()
        }
        (created, _) => created,
    };
    match created {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}
