//! Why no project could be found behind a path.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why it cannot be said which project a path belongs to.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProjectError {
    /// The path is empty; the current directory is `.`.
    Empty,
    /// The first part of the path that is missing.
    NotFound {
        /// What does not exist.
        path: PathBuf,
        /// The last symbolic link that was followed on the way to it.
        link: Option<PathBuf>,
    },
    /// The path goes on behind a file, or ends with a slash there.
    NotADirectory {
        /// What is no directory.
        path: PathBuf,
    },
    /// Symbolic links lead in circles, or more than 40 of them were met.
    Loop {
        /// The link that was not followed any more.
        path: PathBuf,
    },
    /// The system does not let this process look, or fails to.
    Unreadable {
        /// What could not be looked at.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The path is relative, and the current directory was removed or is out of reach.
    NoCurrentDirectory {
        /// Where it was, or `.` where the system does not tell.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl ProjectError {
    /// What it is about; empty for [`ProjectError::Empty`].
    pub fn path(&self) -> &Path {
        match self {
            Self::Empty => Path::new(""),
            Self::NotFound { path, .. }
            | Self::NotADirectory { path }
            | Self::Loop { path }
            | Self::Unreadable { path, .. }
            | Self::NoCurrentDirectory { path, .. } => path,
        }
    }

    /// Whether nobody could look because the path, or a name in it, is longer than the system takes.
    pub fn is_too_long(&self) -> bool {
        matches!(self, Self::Unreadable { source, .. } if is_too_long(source))
    }
}

/// Windows does not tell this from a name that no file can have.
pub(crate) fn is_too_long(source: &io::Error) -> bool {
    cfg!(unix) && source.kind() == io::ErrorKind::InvalidFilename
}

/// That a path can't be read, and its length where that is why.
pub(crate) fn unreadable(
    path: &Path,
    source: &io::Error,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    write!(f, "{} cannot be read", path.display())?;
    if !is_too_long(source) {
        return Ok(());
    }
    let bytes = path.as_os_str().len();
    let names = path.components().map(|name| name.as_os_str().len());
    let longest = names.max().unwrap_or_default();
    write!(
        f,
        ": its {bytes} bytes, {longest} of them in one name, are more than the system takes"
    )
}

impl fmt::Display for ProjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path().display();
        match self {
            Self::Empty => f.write_str("the path is empty"),
            Self::NotFound { link: None, .. } => write!(f, "{path} does not exist"),
            Self::NotFound {
                link: Some(link), ..
            } => write!(
                f,
                "{path}, reached through the symbolic link {}, does not exist",
                link.display()
            ),
            Self::NotADirectory { .. } => write!(f, "{path} is not a directory"),
            Self::Loop { .. } => write!(
                f,
                "symbolic links lead in circles at {path}, or are more than {}",
                super::walk::MAX_LINKS
            ),
            Self::Unreadable { path, source } => unreadable(path, source, f),
            Self::NoCurrentDirectory { .. } => {
                write!(
                    f,
                    "the current directory {path} was removed or is out of reach"
                )
            }
        }
    }
}

impl std::error::Error for ProjectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable { source, .. } | Self::NoCurrentDirectory { source, .. } => {
                Some(source)
            }
            Self::Empty
            | Self::NotFound { .. }
            | Self::NotADirectory { .. }
            | Self::Loop { .. } => None,
        }
    }
}
