//! The reason why a process of root does not write to a directory.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A directory on the path of the state directory that another user can change.
///
/// A process of root refuses to write there, because the other user could exchange the directory
/// for a symbolic link at any time. The process would then change files that only root can change.
///
/// ```
/// use license_client::StoreError;
///
/// /// Returns the user who can run the program instead of root.
/// fn user_to_use(error: &StoreError) -> Option<u32> {
///     match error {
///         StoreError::Unsafe { source, .. } => source.owner(),
///         _ => None,
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected a directory that only {expected} can change, found {}, {}", path.display(), found(defect))]
pub struct UnsafeDirectory {
    path: PathBuf,
    expected: &'static str,
    defect: Defect,
}

#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(not(unix), allow(dead_code, reason = "only Unix has a user like root"))]
enum Defect {
    Owner {
        user: u32,
    },
    Link {
        user: u32,
    },
    /// The permissions, in octal.
    Mode {
        mode: String,
    },
}

#[cfg(unix)]
impl UnsafeDirectory {
    pub(super) fn owned(path: &Path, user: u32) -> Self {
        Self::new(path, "root", Defect::Owner { user })
    }

    pub(super) fn linked(path: &Path, expected: &'static str, user: u32) -> Self {
        Self::new(path, expected, Defect::Link { user })
    }

    pub(super) fn writable(path: &Path, mode: String) -> Self {
        Self::new(path, "root", Defect::Mode { mode })
    }

    fn new(path: &Path, expected: &'static str, defect: Defect) -> Self {
        Self {
            path: path.to_owned(),
            expected,
            defect,
        }
    }
}

impl UnsafeDirectory {
    /// Returns the path of the directory or symbolic link.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the id of the user who owns the directory. Returns `None` if the owner is root, and
    /// other users may write to the directory.
    pub fn owner(&self) -> Option<u32> {
        match self.defect {
            Defect::Owner { user } | Defect::Link { user } => Some(user),
            Defect::Mode { .. } => None,
        }
    }

    /// Returns the value in an error of a directory, if the error contains one.
    pub(crate) fn in_error(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl From<UnsafeDirectory> for io::Error {
    fn from(directory: UnsafeDirectory) -> Self {
        Self::new(ErrorKind::PermissionDenied, directory)
    }
}

fn found(defect: &Defect) -> String {
    match defect {
        Defect::Owner { user } => format!("which belongs to user {user}"),
        Defect::Link { user } => format!("a symbolic link of user {user}"),
        Defect::Mode { mode } => format!("which other users can change (mode {mode})"),
    }
}
