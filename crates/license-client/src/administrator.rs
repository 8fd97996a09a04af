//! Checks that only an administrator can change the directory with the files for all users.
//!
//! Any user can name another directory in `{PRODUCT}_SYSTEM_DIR`. Activations in this directory
//! count although the state of the machine does not know them, so a directory that a user can
//! change must not take its place.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::state_dir::shown_path;

/// The reason why the administrator's directory is not used: someone else could change it.
///
/// ```
/// use license_client::Paths;
///
/// let paths = Paths::for_current_user("CODITECT");
/// for refused in paths.refused_system() {
///     eprintln!("the licenses for all users are not used: {refused}");
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{}: expected a directory that only an administrator can change, found {}",
    shown_path(path),
    describe(directory, fault)
)]
#[non_exhaustive]
pub struct SystemDirError {
    /// The administrator's directory.
    pub path: PathBuf,
    /// The directory with the problem: `path`, or a directory above it.
    pub directory: PathBuf,
    /// The problem.
    pub fault: SystemDirFault,
}

/// The reason why a directory does not belong to an administrator.
///
/// ```
/// use license_client::SystemDirFault;
///
/// /// Returns the command that corrects a directory.
/// fn correct(fault: &SystemDirFault) -> Option<&'static str> {
///     match fault {
///         SystemDirFault::Owner { .. } => Some("chown root"),
///         SystemDirFault::Writable { .. } => Some("chmod go-w"),
///         _ => None,
///     }
/// }
/// # assert_eq!(correct(&SystemDirFault::Owner { user: 1000 }), Some("chown root"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SystemDirFault {
    /// The directory belongs to another user.
    Owner {
        /// The id of the user.
        user: u32,
    },
    /// Users other than the owner can write to the directory.
    Writable {
        /// The permissions of the directory.
        mode: u32,
    },
    /// A program in user space provides the file system, and can claim any owner.
    UserSpace,
    /// The path is relative, so it names another directory for each working directory.
    Relative,
    /// The directory cannot be examined.
    Unreadable(io::ErrorKind),
}

fn describe(directory: &Path, fault: &SystemDirFault) -> String {
    let directory = directory.display();
    match fault {
        SystemDirFault::Owner { user } => format!("that {directory} belongs to user {user}"),
        SystemDirFault::Writable { mode } => {
            format!("that other users can write to {directory} (mode {mode:04o})")
        }
        SystemDirFault::Relative => "a relative path".to_owned(),
        SystemDirFault::UserSpace => {
            format!("that {directory} is on a file system in user space (FUSE)")
        }
        SystemDirFault::Unreadable(kind) => format!("that {directory} cannot be read: {kind}"),
    }
}

/// Returns the path of the directory without symbolic links, if only an administrator can change
/// the directory and each directory above it.
///
/// If the directory does not exist, only an administrator must be able to create it.
pub(crate) fn check(path: &Path) -> Result<PathBuf, SystemDirError> {
    let fault = |directory: &Path, fault| SystemDirError {
        path: path.to_owned(),
        directory: directory.to_owned(),
        fault,
    };
    if !path.is_absolute() {
        return Err(fault(path, SystemDirFault::Relative));
    }
    let (existing, missing) = existing_part(path)?;
    for directory in existing.ancestors() {
        // A sticky directory protects the entries that exist.
        let is_protected = directory != existing;
        check_directory(directory, is_protected).map_err(|found| fault(directory, found))?;
    }
    Ok(if missing.as_os_str().is_empty() {
        existing
    } else {
        existing.join(missing)
    })
}

/// Splits the path into the part that exists, without symbolic links, and the rest.
fn existing_part(path: &Path) -> Result<(PathBuf, PathBuf), SystemDirError> {
    for ancestor in path.ancestors() {
        match ancestor.canonicalize() {
            Ok(existing) => {
                let missing = path.strip_prefix(ancestor).unwrap_or(Path::new(""));
                return Ok((existing, missing.to_owned()));
            }
            // A dangling symbolic link exists, and its target could be created later.
            Err(error)
                if error.kind() == io::ErrorKind::NotFound
                    && ancestor.symlink_metadata().is_err() => {}
            Err(error) => {
                return Err(SystemDirError {
                    path: path.to_owned(),
                    directory: ancestor.to_owned(),
                    fault: SystemDirFault::Unreadable(error.kind()),
                });
            }
        }
    }
    Ok((path.to_owned(), PathBuf::new()))
}

#[cfg(unix)]
use unix::check_directory;

/// Returns whether this process may install licenses for all users.
#[cfg(unix)]
pub(crate) fn is_administrator() -> bool {
    rustix::process::geteuid().is_root()
}

/// Returns `true`. The write fails if this user is not an administrator.
#[cfg(not(unix))]
pub(crate) fn is_administrator() -> bool {
    true
}

#[cfg(unix)]
mod unix {
    use std::fs;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    use super::SystemDirFault;

    const ROOT: u32 = 0;
    const ROOT_GROUP: u32 = 0;
    const WRITABLE_BY_GROUP: u32 = 0o020;
    const WRITABLE_BY_OTHERS: u32 = 0o002;
    const STICKY: u32 = 0o1000;

    /// The properties of this process that determine who is an administrator.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub(super) struct Here {
        /// In a user namespace, the id of all users outside of it. The administrator of the machine
        /// is one of them.
        pub(super) outside_user: Option<u32>,
        /// Whether the root directory of this process is the image of a container.
        pub(super) is_container: bool,
    }

    /// A directory, as the system reports it.
    #[derive(Debug, Clone, Copy)]
    pub(super) struct DirectoryProperties {
        pub(super) user: u32,
        pub(super) group: u32,
        pub(super) mode: u32,
        pub(super) is_read_only: bool,
        pub(super) is_in_user_space: bool,
    }

    fn here() -> Here {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let is_initial = is_initial_namespace(&read("/proc/self/uid_map"));
        let outside = read("/proc/sys/kernel/overflowuid").trim().parse().ok();
        Here {
            outside_user: outside.filter(|_| !is_initial),
            is_container: crate::machine::has_layered_root(),
        }
    }

    /// Returns whether a process with this `/proc/self/uid_map` is in the initial user namespace,
    /// which contains all users under their own ids. Without the file there are no namespaces.
    pub(super) fn is_initial_namespace(map: &str) -> bool {
        let fields = map.split_ascii_whitespace();
        map.trim().is_empty() || fields.eq(["0", "0", "4294967295"])
    }

    pub(super) fn check_directory(path: &Path, is_protected: bool) -> Result<(), SystemDirFault> {
        let found = fs::metadata(path);
        let found = found.map_err(|error| SystemDirFault::Unreadable(error.kind()))?;
        let directory = DirectoryProperties {
            user: found.uid(),
            group: found.gid(),
            mode: found.mode() & 0o7777,
            is_read_only: is_read_only(path),
            is_in_user_space: is_in_user_space(path),
        };
        // On most machines, no exception is needed.
        let checked = directory.check(&Here::default(), is_protected);
        checked.or_else(|_| directory.check(&here(), is_protected))
    }

    impl DirectoryProperties {
        /// Checks that only an administrator can change the directory. `is_protected` is whether
        /// the sticky bit is enough, because only one existing entry of the directory counts.
        ///
        /// The user who starts a container is its administrator. No process inside can change a
        /// mount that is read-only.
        pub(super) fn check(self, here: &Here, is_protected: bool) -> Result<(), SystemDirFault> {
            let is_isolated = here.is_container || here.outside_user.is_some();
            if self.is_in_user_space && !is_isolated {
                return Err(SystemDirFault::UserSpace);
            }
            if self.is_read_only && here.is_container {
                return Ok(());
            }
            if self.user != ROOT && here.outside_user != Some(self.user) {
                return Err(SystemDirFault::Owner { user: self.user });
            }
            let is_group_root = self.group == ROOT_GROUP;
            let others = self.mode & WRITABLE_BY_OTHERS != 0;
            let group = self.mode & WRITABLE_BY_GROUP != 0 && !is_group_root;
            let is_sticky = self.mode & STICKY != 0 && is_protected;
            if (others || group) && !is_sticky && !self.is_read_only {
                return Err(SystemDirFault::Writable { mode: self.mode });
            }
            Ok(())
        }
    }

    fn is_read_only(path: &Path) -> bool {
        let flags = rustix::fs::StatVfsMountFlags::RDONLY;
        rustix::fs::statvfs(path).is_ok_and(|found| found.f_flag.contains(flags))
    }

    #[cfg(target_os = "linux")]
    fn is_in_user_space(path: &Path) -> bool {
        /// `FUSE_SUPER_MAGIC` of statfs(2).
        const FUSE: rustix::fs::FsWord = 0x6573_5546;
        rustix::fs::statfs(path).is_ok_and(|found| found.f_type == FUSE)
    }

    /// Returns `false`, because only Linux lets every user mount such file systems.
    #[cfg(not(target_os = "linux"))]
    fn is_in_user_space(_: &Path) -> bool {
        false
    }
}

/// Accepts every directory. The access rules of Windows cannot be read without unsafe code, and the
/// rules of `%ProgramData%` are those that its administrator set.
#[cfg(not(unix))]
fn check_directory(_: &Path, _: bool) -> Result<(), SystemDirFault> {
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
