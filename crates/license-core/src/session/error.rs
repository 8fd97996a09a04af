//! Reasons why no project could be found for a path.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::resolve::MAX_LINKS;

/// The reason why no project could be found for a path.
///
/// ```
/// use license_core::session::ProjectError;
/// use std::path::Path;
///
/// let error = ProjectError::NotADirectory { path: "/etc/hosts".into() };
/// assert_eq!(error.path(), Path::new("/etc/hosts"));
/// assert_eq!(error.to_string(), "/etc/hosts is not a directory");
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProjectError {
    /// The path is empty. The path of the current directory is `.`.
    #[error("expected a path, found nothing")]
    Empty,
    /// A part of the path does not exist.
    #[error("{} does not exist", describe_path(path, link.as_deref()))]
    NotFound {
        /// The first part of the path that does not exist.
        path: PathBuf,
        /// The last symbolic link that was followed before this part.
        link: Option<PathBuf>,
    },
    /// In the path, a file is followed by another name or by a slash.
    #[error("{} is not a directory", path.display())]
    NotADirectory {
        /// The file.
        path: PathBuf,
    },
    /// Symbolic links form a loop, or there are more than [`MAX_LINKS`].
    #[error(
        "symbolic links form a loop at {}, or there are more than {MAX_LINKS}",
        path.display()
    )]
    Loop {
        /// The link that was not followed.
        path: PathBuf,
    },
    /// The system cannot examine a path or does not permit this process to do so.
    #[error(transparent)]
    Unreadable(#[from] UnreadablePath),
    /// The path is relative, and the current directory was removed or is not accessible.
    #[error("the current directory {} was removed or is not accessible", path.display())]
    NoCurrentDirectory {
        /// The last known path of the current directory, or `.` if it is unknown.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl ProjectError {
    /// Returns the path that could not be resolved, which is empty for [`ProjectError::Empty`].
    ///
    /// ```
    /// use license_core::session::ProjectError;
    /// use std::path::Path;
    ///
    /// let error = ProjectError::Loop { path: "/home/ann/loop".into() };
    /// assert_eq!(error.path(), Path::new("/home/ann/loop"));
    /// ```
    pub fn path(&self) -> &Path {
        match self {
            Self::Empty => Path::new(""),
            Self::NotFound { path, .. }
            | Self::NotADirectory { path }
            | Self::Loop { path }
            | Self::Unreadable(UnreadablePath { path, .. })
            | Self::NoCurrentDirectory { path, .. } => path,
        }
    }

    /// Returns whether the path, or a name in it, is longer than the system accepts.
    ///
    /// ```
    /// use license_core::session::ProjectError;
    ///
    /// assert!(!ProjectError::Empty.is_too_long());
    /// ```
    pub fn is_too_long(&self) -> bool {
        matches!(self, Self::Unreadable(unreadable) if unreadable.is_too_long())
    }
}

/// Returns the path, with the symbolic link that led to it.
fn describe_path(path: &Path, link: Option<&Path>) -> String {
    let path = path.display();
    match link {
        Some(link) => {
            let link = link.display();
            format!("{path}, reached through the symbolic link {link},")
        }
        None => path.to_string(),
    }
}

/// A path that could not be examined. If the path is too long, the message contains its length.
///
/// ```
/// use license_core::session::UnreadablePath;
/// use std::io;
///
/// let error = UnreadablePath::new("/root/a".into(), io::ErrorKind::PermissionDenied.into());
/// assert_eq!(error.to_string(), "/root/a cannot be read");
/// ```
#[derive(Debug, Error)]
#[error("{} cannot be read{}", path.display(), length_of(path, source))]
#[non_exhaustive]
pub struct UnreadablePath {
    /// The path.
    pub path: PathBuf,
    /// The system's error.
    pub source: io::Error,
}

impl UnreadablePath {
    /// Creates the error for a path that the system could not examine.
    ///
    /// ```
    /// use license_core::session::{ProjectError, UnreadablePath};
    /// use std::io;
    /// use std::path::Path;
    ///
    /// let denied = io::ErrorKind::PermissionDenied.into();
    /// let error = ProjectError::from(UnreadablePath::new("/root/a".into(), denied));
    /// assert_eq!(error.path(), Path::new("/root/a"));
    /// ```
    pub fn new(path: PathBuf, source: io::Error) -> Self {
        Self { path, source }
    }

    /// Returns whether the path, or a name in it, is longer than the system accepts.
    ///
    /// Always returns `false` on Windows, which reports the same error for every invalid name.
    ///
    /// ```
    /// use license_core::session::UnreadablePath;
    /// use std::io;
    ///
    /// let error = UnreadablePath::new("/root/a".into(), io::ErrorKind::PermissionDenied.into());
    /// assert!(!error.is_too_long());
    /// ```
    pub fn is_too_long(&self) -> bool {
        is_too_long(&self.source)
    }
}

fn is_too_long(source: &io::Error) -> bool {
    cfg!(unix) && source.kind() == io::ErrorKind::InvalidFilename
}

fn length_of(path: &Path, source: &io::Error) -> String {
    if !is_too_long(source) {
        return String::new();
    }
    let bytes = path.as_os_str().len();
    let names = path.components().map(|name| name.as_os_str().len());
    let longest = names.fold(0, usize::max);
    format!(
        ": the path has {bytes} bytes and its longest name has {longest}; one of them is more than the system accepts"
    )
}
