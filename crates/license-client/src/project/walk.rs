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

/// A symbolic link that was followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The link; its directory is resolved.
    pub path: PathBuf,
    /// What it says, which may be relative to its directory.
    pub target: PathBuf,
}

/// A path on its way to being resolved. Costs one `lstat(2)` a name and one `readlink(2)` a link.
#[derive(Debug)]
pub(super) struct Walk {
    /// Resolved so far.
    at: PathBuf,
    is_directory: bool,
    links: Vec<Link>,
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
            is_directory: true,
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

    /// The path if it is a directory, else the directory that it is in; and the links.
    pub(super) fn into_directory(mut self) -> (PathBuf, Vec<Link>) {
        if !self.is_directory {
            self.at.pop();
        }
        (self.at, self.links)
    }

    fn go(&mut self, path: &Path) -> Result<(), ProjectError> {
        let mut rest = Cow::Borrowed(path);
        let mut directory_wanted = names_a_directory(path);
        while let Some(next) = self.up_to_a_link(&rest)? {
            directory_wanted |= names_a_directory(&next);
            rest = Cow::Owned(next);
        }
        if directory_wanted && !self.is_directory {
            return Err(self.not_a_directory());
        }
        Ok(())
    }

    /// Goes on to the first link, and returns what is left with the link replaced by its target.
    fn up_to_a_link(&mut self, path: &Path) -> Result<Option<PathBuf>, ProjectError> {
        let mut names = path.components();
        while let Some(name) = names.next() {
            if let Some(target) = self.step(name)? {
                let rest = names.as_path();
                // To join nothing would add a slash, which says something else about a file.
                let ends = rest.as_os_str().is_empty();
                return Ok(Some(if ends { target } else { target.join(rest) }));
            }
        }
        Ok(None)
    }

    fn step(&mut self, name: Component<'_>) -> Result<Option<PathBuf>, ProjectError> {
        if !self.is_directory {
            return Err(self.not_a_directory());
        }
        match name {
            Component::Prefix(_) | Component::RootDir => self.at.push(name.as_os_str()),
            Component::CurDir => {}
            Component::ParentDir => {
                self.at.pop();
            }
            Component::Normal(name) => return self.enter(name),
        }
        Ok(None)
    }

    fn enter(&mut self, name: &OsStr) -> Result<Option<PathBuf>, ProjectError> {
        self.at.push(name);
        let entry = fs::symlink_metadata(&self.at).map_err(|error| self.refusal(error))?;
        if entry.is_symlink() {
            return self.follow().map(Some);
        }
        self.is_directory = entry.is_dir();
        Ok(None)
    }

    fn follow(&mut self) -> Result<PathBuf, ProjectError> {
        let path = self.at.clone();
        if self.links.len() >= MAX_LINKS {
            return Err(ProjectError::Loop { path });
        }
        let target = fs::read_link(&path).map_err(|error| self.refusal(error))?;
        self.at.pop();
        self.links.push(Link {
            path,
            target: target.clone(),
        });
        Ok(target)
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

/// The current directory for a relative path. It holds no links, says getcwd(3), so they are not looked for in it.
fn start(base: impl FnOnce() -> io::Result<PathBuf>, path: &Path) -> Result<PathBuf, ProjectError> {
    if path.is_absolute() {
        return Ok(PathBuf::new());
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

#[cfg(all(test, unix))]
impl Walk {
    /// The path, resolved to the end.
    pub(super) fn at(&self) -> &Path {
        &self.at
    }
}
