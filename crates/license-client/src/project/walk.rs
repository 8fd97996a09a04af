//! Resolves a path name by name, and keeps the symbolic links that it met.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{self, Component, Path, PathBuf};

use super::error::ProjectError;
use super::name::Platform;

/// As many as Linux follows in one path (`MAXSYMLINKS`); macOS gives up after 32 and Windows after 63.
pub(super) const MAX_LINKS: usize = 40;

/// Few paths are longer, so that the names of one are put together in one place.
const USUAL_LENGTH: usize = 256;

/// A symbolic link that was followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The link; its directory is resolved.
    pub path: PathBuf,
    /// What it says, which may be relative to its directory.
    pub target: PathBuf,
}

/// A path on its way to being resolved. As with `realpath(3)` each name costs one `readlink(2)`, which most often tells that it is no link.
#[derive(Debug)]
pub(super) struct Walk {
    /// Resolved so far.
    at: PathBuf,
    is_directory: IsDirectory,
    links: Vec<Link>,
}

/// Whether what a walk has come to is a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IsDirectory {
    Yes,
    No,
    /// It is no link, and has not been looked at: the next name tells, if there is one.
    Unknown,
}

impl Walk {
    /// Resolves `path`, from `base` if it is relative.
    pub(super) fn along(
        base: impl FnOnce() -> io::Result<PathBuf>,
        path: &Path,
    ) -> Result<Self, ProjectError> {
        if path.as_os_str().is_empty() {
            return Err(ProjectError::Empty);
        }
        let mut walk = Self {
            at: start(base, path)?,
            is_directory: IsDirectory::Yes,
            links: Vec::new(),
        };
        if Platform::HERE == Platform::Windows {
            // There `..` goes before links, and the current directory may hold some.
            let whole = path::absolute(walk.at.join(path));
            let whole = whole.map_err(|source| unreadable(path, source))?;
            walk.at.clear();
            walk.go(&whole)?;
        } else {
            walk.go(path)?;
        }
        Ok(walk)
    }

    /// The path, resolved to the end: a directory or a file.
    pub(super) fn at(&self) -> &Path {
        &self.at
    }

    /// The links that were followed.
    pub(super) fn into_links(self) -> Vec<Link> {
        self.links
    }

    /// The path if it is a directory, else the directory that it is in; and the links.
    pub(super) fn into_directory(mut self) -> Result<(PathBuf, Vec<Link>), ProjectError> {
        if !self.is_directory()? {
            self.at.pop();
        }
        Ok((self.at, self.links))
    }

    fn go(&mut self, path: &Path) -> Result<(), ProjectError> {
        let mut rest = Cow::Borrowed(path);
        let mut directory_wanted = names_a_directory(path);
        while let Some(next) = self.up_to_a_link(&rest)? {
            directory_wanted |= names_a_directory(&next);
            rest = Cow::Owned(next);
        }
        if directory_wanted {
            self.must_be_directory()?;
        }
        Ok(())
    }

    /// Goes on to the first link, and returns what is left with the link replaced by its target.
    fn up_to_a_link(&mut self, path: &Path) -> Result<Option<PathBuf>, ProjectError> {
        let mut names = path.components();
        while let Some(name) = names.next() {
            if self.step(name)?
                && let Some(Link { target, .. }) = self.links.last()
            {
                let rest = names.as_path();
                // To join nothing would add a slash, which says something else about a file.
                let ends = rest.as_os_str().is_empty();
                return Ok(Some(match ends {
                    true => target.to_owned(),
                    false => target.join(rest),
                }));
            }
        }
        Ok(None)
    }

    /// Goes on by one name, and returns whether it is that of a link, which is then the last of those followed.
    fn step(&mut self, name: Component<'_>) -> Result<bool, ProjectError> {
        match name {
            Component::Prefix(_) | Component::RootDir => self.at.push(name.as_os_str()),
            Component::CurDir => self.must_be_directory()?,
            Component::ParentDir => {
                self.must_be_directory()?;
                self.at.pop();
            }
            Component::Normal(name) => return self.enter(name),
        }
        Ok(false)
    }

    fn enter(&mut self, name: &OsStr) -> Result<bool, ProjectError> {
        if self.is_directory == IsDirectory::No {
            return Err(self.not_a_directory());
        }
        self.at.push(name);
        if Platform::HERE == Platform::Unix {
            match fs::read_link(&self.at) {
                Ok(target) => return self.follow(target),
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                    self.is_directory = IsDirectory::Unknown;
                    return Ok(false);
                }
                // Looked at below, which says what is wrong.
                Err(_) => {}
            }
        }
        let entry = self.look()?;
        if entry.is_symlink() {
            let target = fs::read_link(&self.at).map_err(|error| self.refusal(error))?;
            return self.follow(target);
        }
        self.is_directory = IsDirectory::of(&entry);
        Ok(false)
    }

    fn look(&mut self) -> Result<fs::Metadata, ProjectError> {
        fs::symlink_metadata(&self.at).map_err(|error| {
            if error.kind() == io::ErrorKind::NotADirectory {
                self.at.pop();
                return self.not_a_directory();
            }
            self.refusal(error)
        })
    }

    fn is_directory(&mut self) -> Result<bool, ProjectError> {
        if self.is_directory == IsDirectory::Unknown {
            self.is_directory = IsDirectory::of(&self.look()?);
        }
        Ok(self.is_directory == IsDirectory::Yes)
    }

    fn must_be_directory(&mut self) -> Result<(), ProjectError> {
        match self.is_directory()? {
            true => Ok(()),
            false => Err(self.not_a_directory()),
        }
    }

    fn follow(&mut self, target: PathBuf) -> Result<bool, ProjectError> {
        let path = self.at.clone();
        if self.links.len() >= MAX_LINKS {
            return Err(ProjectError::Loop { path });
        }
        self.at.pop();
        // The directory that the link is in.
        self.is_directory = IsDirectory::Yes;
        self.links.push(Link { path, target });
        Ok(true)
    }

    fn refusal(&self, error: io::Error) -> ProjectError {
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

impl IsDirectory {
    fn of(entry: &fs::Metadata) -> Self {
        match entry.is_dir() {
            true => Self::Yes,
            false => Self::No,
        }
    }
}

/// The current directory for a relative path. It holds no links, says getcwd(3), so they are not looked for in it.
fn start(base: impl FnOnce() -> io::Result<PathBuf>, path: &Path) -> Result<PathBuf, ProjectError> {
    if path.is_absolute() {
        return Ok(PathBuf::with_capacity(USUAL_LENGTH));
    }
    base().map_err(|source| ProjectError::NoCurrentDirectory {
        path: last_known_directory(),
        source,
    })
}

/// Linux remembers where a removed current directory was.
fn last_known_directory() -> PathBuf {
    let known = fs::read_link("/proc/self/cwd").unwrap_or_else(|_| PathBuf::from("."));
    let removed = known
        .to_str()
        .and_then(|text| text.strip_suffix(" (deleted)"));
    removed.map(PathBuf::from).unwrap_or(known)
}

/// A slash or `/.` at the end, which [`Path::components`] leaves out.
fn names_a_directory(path: &Path) -> bool {
    let is_separator =
        |byte: Option<&u8>| byte.is_some_and(|&byte| path::is_separator(byte.into()));
    match path.as_os_str().as_encoded_bytes() {
        [before @ .., b'.'] => is_separator(before.last()),
        bytes => is_separator(bytes.last()),
    }
}

fn unreadable(path: &Path, source: io::Error) -> ProjectError {
    ProjectError::Unreadable {
        path: path.to_owned(),
        source,
    }
}
