//! Resolution of a path, with a list of the symbolic links on the way.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::io;
use std::path::{self, Component, Path, PathBuf};

use serde::{Serialize, Serializer};

use super::error::{ProjectError, UnreadablePath};
use super::file_system::{FileKind, FileSystem, FileSystemEntry, NameRules};

/// Maximum number of symbolic links that are followed in one path.
///
/// This is the limit of Linux (`MAXSYMLINKS`). macOS follows 32 links and Windows 63.
pub const MAX_LINKS: usize = 40;

/// Capacity of a resolved path. Few paths are longer, so most are built without reallocation.
const USUAL_LENGTH: usize = 256;

/// A symbolic link that was followed.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let root = fixture::files::root()?;
/// for link in root.links() {
///     println!("{} leads to {}", link.path.display(), link.target.display());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct FollowedLink {
    /// The path of the link. Its directory is resolved.
    pub path: PathBuf,
    /// The text of the link, which may be relative to its directory.
    pub target: PathBuf,
}

#[derive(Serialize)]
struct LinkMembers<'a> {
    path: Cow<'a, str>,
    target: Cow<'a, str>,
}

/// Writes `{path, target}`. Bytes that are not Unicode are replaced with U+FFFD.
impl Serialize for FollowedLink {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members = LinkMembers {
            path: self.path.to_string_lossy(),
            target: self.target.to_string_lossy(),
        };
        members.serialize(serializer)
    }
}

/// A path that is resolved step by step.
///
/// As in `realpath(3)`, each name costs one readlink(2), which usually reports that the name is not
/// a link.
pub(super) struct Resolution<'f> {
    files: &'f dyn FileSystem,
    /// The path resolved so far.
    at: PathBuf,
    is_directory: IsDirectory,
    links: Vec<FollowedLink>,
}

/// Whether the path resolved so far is a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IsDirectory {
    Yes,
    No,
    /// The path is not a link, and was not examined further. Resolving the next name decides.
    Unknown,
}

impl<'f> Resolution<'f> {
    /// Resolves `path`. A relative path starts at the current directory.
    pub(super) fn new(files: &'f dyn FileSystem, path: &Path) -> Result<Self, ProjectError> {
        if path.as_os_str().is_empty() {
            return Err(ProjectError::Empty);
        }
        let mut resolution = Self {
            files,
            at: start(files, path)?,
            is_directory: IsDirectory::Yes,
            links: Vec::new(),
        };
        if files.name_rules() == NameRules::Windows {
            // Windows resolves `..` before links, and the current directory may contain links.
            let whole = files.absolute(&resolution.at.join(path));
            let whole = whole.map_err(|source| unreadable(path, source))?;
            resolution.at.clear();
            resolution.follow_path(&whole)?;
        } else {
            resolution.follow_path(path)?;
        }
        Ok(resolution)
    }

    /// Returns the resolved path, which is a directory or a file.
    pub(super) fn path(&self) -> &Path {
        &self.at
    }

    /// Returns the links that were followed.
    pub(super) fn into_links(self) -> Vec<FollowedLink> {
        self.links
    }

    /// Returns the path if it is a directory, or else its parent directory, and the links.
    pub(super) fn into_directory(mut self) -> Result<(PathBuf, Vec<FollowedLink>), ProjectError> {
        if !self.is_directory()? {
            self.at.pop();
        }
        Ok((self.at, self.links))
    }

    fn follow_path(&mut self, path: &Path) -> Result<(), ProjectError> {
        let mut rest = Cow::Borrowed(path);
        let mut must_be_directory = names_a_directory(path);
        while let Some(next) = self.follow_to_link(&rest)? {
            must_be_directory |= names_a_directory(&next);
            rest = Cow::Owned(next);
        }
        if must_be_directory {
            self.require_directory()?;
        }
        Ok(())
    }

    /// Follows the path to its first link. Returns the rest of the path with the link replaced by
    /// its target, or `None` if there was no link.
    fn follow_to_link(&mut self, path: &Path) -> Result<Option<PathBuf>, ProjectError> {
        let mut names = path.components();
        while let Some(name) = names.next() {
            if self.step(name)?
                && let Some(FollowedLink { target, .. }) = self.links.last()
            {
                let rest = names.as_path();
                if rest.as_os_str().is_empty() {
                    // Joining an empty path would add a slash, which a file must not have.
                    return Ok(Some(target.clone()));
                }
                return Ok(Some(target.join(rest)));
            }
        }
        Ok(None)
    }

    /// Follows one name. If the name is a link, appends it to `links` and returns `true`.
    fn step(&mut self, name: Component<'_>) -> Result<bool, ProjectError> {
        match name {
            Component::Prefix(_) | Component::RootDir => self.at.push(name.as_os_str()),
            Component::CurDir => self.require_directory()?,
            Component::ParentDir => {
                self.require_directory()?;
                self.at.pop();
            }
            Component::Normal(name) => return self.step_into(name),
        }
        Ok(false)
    }

    fn step_into(&mut self, name: &OsStr) -> Result<bool, ProjectError> {
        if self.is_directory == IsDirectory::No {
            return Err(self.not_a_directory());
        }
        self.at.push(name);
        if self.files.name_rules() == NameRules::Unix {
            match self.files.read_link(&self.at) {
                Ok(target) => return self.follow_link(target),
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                    self.is_directory = IsDirectory::Unknown;
                    return Ok(false);
                }
                // `examine` below reports the error.
                Err(_) => {}
            }
        }
        let entry = self.examine()?;
        if entry.kind == FileKind::Link {
            let target = self.files.read_link(&self.at);
            let target = target.map_err(|error| self.error(error))?;
            return self.follow_link(target);
        }
        self.is_directory = entry.into();
        Ok(false)
    }

    fn examine(&mut self) -> Result<FileSystemEntry, ProjectError> {
        self.files.entry(&self.at).map_err(|error| {
            if error.kind() == io::ErrorKind::NotADirectory {
                self.at.pop();
                return self.not_a_directory();
            }
            self.error(error)
        })
    }

    fn is_directory(&mut self) -> Result<bool, ProjectError> {
        if self.is_directory == IsDirectory::Unknown {
            self.is_directory = self.examine()?.into();
        }
        Ok(self.is_directory == IsDirectory::Yes)
    }

    fn require_directory(&mut self) -> Result<(), ProjectError> {
        if self.is_directory()? {
            Ok(())
        } else {
            Err(self.not_a_directory())
        }
    }

    fn follow_link(&mut self, target: PathBuf) -> Result<bool, ProjectError> {
        let path = self.at.clone();
        if self.links.len() >= MAX_LINKS {
            return Err(ProjectError::Loop { path });
        }
        self.at.pop();
        // The resolved path is now the directory of the link.
        self.is_directory = IsDirectory::Yes;
        self.links.push(FollowedLink { path, target });
        Ok(true)
    }

    fn error(&self, error: io::Error) -> ProjectError {
        if error.kind() == io::ErrorKind::NotFound {
            return ProjectError::NotFound {
                path: self.at.clone(),
                link: self.links.last().map(|link| link.path.clone()),
            };
        }
        unreadable(&self.at, error)
    }

    fn not_a_directory(&self) -> ProjectError {
        ProjectError::NotADirectory {
            path: self.at.clone(),
        }
    }
}

impl From<FileSystemEntry> for IsDirectory {
    fn from(entry: FileSystemEntry) -> Self {
        if entry.kind == FileKind::Directory {
            Self::Yes
        } else {
            Self::No
        }
    }
}

/// Returns the directory that a relative path starts from.
///
/// The current directory contains no links, because getcwd(3) returns a resolved path.
fn start(files: &dyn FileSystem, path: &Path) -> Result<PathBuf, ProjectError> {
    if path.is_absolute() {
        return Ok(PathBuf::with_capacity(USUAL_LENGTH));
    }
    files
        .current_dir()
        .map_err(|source| ProjectError::NoCurrentDirectory {
            path: files.removed_current_dir(),
            source,
        })
}

/// Returns whether the path ends with a slash or `/.`, which [`Path::components`] omits.
fn names_a_directory(path: &Path) -> bool {
    let is_separator =
        |byte: Option<&u8>| byte.is_some_and(|&byte| path::is_separator(byte.into()));
    match path.as_os_str().as_encoded_bytes() {
        [before @ .., b'.'] => is_separator(before.last()),
        bytes => is_separator(bytes.last()),
    }
}

pub(super) fn unreadable(path: &Path, source: io::Error) -> ProjectError {
    UnreadablePath::new(path.to_owned(), source).into()
}
