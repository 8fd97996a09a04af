//! Opens a directory for a process of root.
//!
//! The path is resolved one name at a time. Each name is looked up in an open directory that only
//! root can change, so that no other user can exchange what was checked.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::Missing;
use super::unix::{DIRECTORY, LOOKUP};
use super::unsafe_directory::UnsafeDirectory;

/// Maximum number of symbolic links in a path, as in Linux.
const MAX_LINKS: u32 = 40;

/// Flags for a directory on the path. A symbolic link is not followed.
const STEP: OFlags = LOOKUP.union(OFlags::NOFOLLOW);

/// The permissions of a new parent. The usual permissions, but never write access for others.
const PARENT: Mode = Mode::RWXU
    .union(Mode::RGRP)
    .union(Mode::XGRP)
    .union(Mode::ROTH)
    .union(Mode::XOTH);

/// Whether a sticky directory that everyone may write to is accepted.
///
/// In such a directory, only root can rename or remove the entries of root, but everyone can create
/// entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sticky {
    /// Accepted on the path to a directory.
    Accept,
    /// Refused for the directory itself.
    Refuse,
}

/// A path that is being resolved.
struct Walk {
    directory: OwnedFd,
    /// The path of the directory, without symbolic links.
    path: PathBuf,
    /// The names that are not resolved yet, last first.
    rest: Vec<OsString>,
    links: u32,
}

/// Opens a directory for changes. The caller still checks the directory itself.
pub(super) fn open(path: &Path, missing: Missing) -> io::Result<OwnedFd> {
    let mut walk = Walk::new(&std::path::absolute(path)?)?;
    while let Some(name) = walk.rest.pop() {
        walk.enter(name, missing)?;
    }
    let directory = rustix::fs::openat(&walk.directory, ".", DIRECTORY, Mode::empty())?;
    Ok(directory)
}

/// Checks that only root can change an open directory.
pub(super) fn check(directory: impl AsFd, path: &Path, sticky: Sticky) -> io::Result<()> {
    let found = rustix::fs::fstat(directory)?;
    if !is_administrator(found.st_uid) {
        return Err(UnsafeDirectory::owned(path, found.st_uid).into());
    }
    let mode = Mode::from_raw_mode(found.st_mode);
    let is_open_to_group = mode.contains(Mode::WGRP) && found.st_gid != 0;
    let is_open = is_open_to_group || mode.contains(Mode::WOTH);
    let is_accepted = sticky == Sticky::Accept && mode.contains(Mode::SVTX);
    if is_open && !is_accepted {
        let mode = format!("{:04o}", mode.as_raw_mode());
        return Err(UnsafeDirectory::writable(path, mode).into());
    }
    Ok(())
}

impl Walk {
    fn new(path: &Path) -> io::Result<Self> {
        let mut walk = Self {
            directory: open_top()?,
            path: PathBuf::from("/"),
            rest: Vec::new(),
            links: 0,
        };
        walk.push(path);
        Ok(walk)
    }

    /// Adds the names of a path in front of the names that are not resolved yet.
    fn push(&mut self, path: &Path) {
        let names = path
            .components()
            .rev()
            .filter_map(|component| match component {
                Component::Normal(name) => Some(name.to_owned()),
                Component::ParentDir => Some("..".into()),
                _ => None,
            });
        self.rest.extend(names);
    }

    /// Opens the directory with this name, follows the symbolic link, or creates the directory.
    fn enter(&mut self, name: OsString, missing: Missing) -> io::Result<()> {
        check(&self.directory, &self.path, Sticky::Accept)?;
        match rustix::fs::openat(&self.directory, &name, STEP, Mode::empty()) {
            Ok(directory) => {
                self.directory = directory;
                if name == ".." {
                    self.path.pop();
                } else {
                    self.path.push(name);
                }
                Ok(())
            }
            Err(Errno::NOENT) if missing != Missing::Fail => self.create(name, missing),
            Err(error @ (Errno::LOOP | Errno::MLINK | Errno::NOTDIR)) => self.follow(&name, error),
            Err(error) => Err(error.into()),
        }
    }

    fn create(&mut self, name: OsString, missing: Missing) -> io::Result<()> {
        let is_parent = !self.rest.is_empty();
        let is_shared = missing == Missing::CreateForAll;
        let mode = if is_parent || is_shared {
            PARENT
        } else {
            Mode::RWXU
        };
        match rustix::fs::mkdirat(&self.directory, &name, mode) {
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
            // The umask of root may exclude other users. Nobody else can exchange the entry.
            Ok(()) if is_shared => {
                rustix::fs::chmodat(&self.directory, &name, mode, AtFlags::empty())?;
            }
            Ok(()) => {}
        }
        self.enter(name, Missing::Fail)
    }

    /// Replaces a symbolic link by its target. Returns `error` if the name is not a link.
    fn follow(&mut self, name: &OsString, error: Errno) -> io::Result<()> {
        let link: Stat = rustix::fs::statat(&self.directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
        if !FileType::from_raw_mode(link.st_mode).is_symlink() {
            return Err(error.into());
        }
        // A link of root cannot be exchanged, not even in a sticky directory.
        if !is_administrator(link.st_uid) {
            let path = self.path.join(name);
            return Err(UnsafeDirectory::linked(&path, "root", link.st_uid).into());
        }
        self.links = self.links.saturating_add(1);
        if self.links > MAX_LINKS {
            return Err(Errno::LOOP.into());
        }
        let target = rustix::fs::readlinkat(&self.directory, name, Vec::new())?;
        let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
        if target.is_absolute() {
            self.directory = open_top()?;
            self.path = PathBuf::from("/");
        }
        self.push(&target);
        Ok(())
    }
}

fn open_top() -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat(CWD, "/", LOOKUP, Mode::empty())?)
}

/// Returns whether a user is root, or an administrator outside of this user namespace.
fn is_administrator(user: u32) -> bool {
    user == 0 || is_unmapped(user)
}

/// Returns whether a user id is the id of all users outside of this user namespace, as
/// user_namespaces(7) describes.
///
/// In a container without privileges, the directories of the host belong to this id. On the host,
/// the process is an ordinary user, who cannot change the files of root.
fn is_unmapped(user: u32) -> bool {
    let overflow = read_number("/proc/sys/kernel/overflowuid").unwrap_or(65534);
    let maps = || fs::read_to_string("/proc/self/uid_map").ok();
    user == overflow && maps().is_some_and(|maps| !is_mapped(&maps, user))
}

/// Returns whether one of the lines `INSIDE OUTSIDE COUNT` contains the user id.
fn is_mapped(maps: &str, user: u32) -> bool {
    maps.lines().any(|line| {
        let mut numbers = line.split_whitespace().map(str::parse::<u32>);
        let (Some(Ok(first)), Some(Ok(_)), Some(Ok(count))) =
            (numbers.next(), numbers.next(), numbers.next())
        else {
            return true;
        };
        user.checked_sub(first).is_some_and(|offset| offset < count)
    })
}

fn read_number(path: &str) -> Option<u32> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::is_mapped;

    #[test]
    fn a_user_id_is_mapped_if_a_line_contains_it() {
        let all = "         0          0 4294967295\n";
        assert!(is_mapped(all, 0) && is_mapped(all, 65534));
        let one = "0 1000 1\n";
        assert!(is_mapped(one, 0) && !is_mapped(one, 65534));
        let container = "0 1000 1\n1 100000 65536\n";
        assert!(is_mapped(container, 65534) && is_mapped(container, 65536));
        assert!(!is_mapped(container, 65537));
        assert!(
            is_mapped("not a map", 65534),
            "an unknown format proves nothing"
        );
    }
}
