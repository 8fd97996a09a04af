//! A file system in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};

use super::super::{FileId, FileKind, FileSystem, FileSystemEntry, MAX_LINKS, NameRules};

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Directory,
    File,
    Link(PathBuf),
}

/// Directories, files and symbolic links, indexed by their resolved paths.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    rules: NameRules,
    nodes: BTreeMap<PathBuf, Node>,
    /// Directories without search permission.
    locked: BTreeSet<PathBuf>,
    current: Option<PathBuf>,
}

/// The resolved path with the followed links in order, or the kind of an error with the path where
/// the error happened.
pub(super) type Resolved = Result<(PathBuf, Vec<PathBuf>), (ErrorKind, PathBuf)>;

/// Replacement for `FilesystemLoop`, which is not stable.
pub(super) const LOOP: ErrorKind = ErrorKind::Other;

impl Memory {
    pub(super) fn new(rules: NameRules) -> Self {
        Self {
            rules,
            nodes: BTreeMap::from([(PathBuf::from("/"), Node::Directory)]),
            locked: BTreeSet::new(),
            current: None,
        }
    }

    /// Creates a file system with these directories and their parents.
    pub(super) fn with(directories: &[&str]) -> Self {
        let mut memory = Self::new(NameRules::Unix);
        for directory in directories {
            memory.directory(directory);
        }
        memory
    }

    pub(super) fn under(self, rules: NameRules) -> Self {
        Self { rules, ..self }
    }

    pub(super) fn directory(&mut self, path: impl AsRef<Path>) -> &mut Self {
        let path = Path::new("/").join(path);
        let mut ancestors: Vec<_> = path.ancestors().collect();
        ancestors.reverse();
        for ancestor in ancestors {
            let _ = self.insert(ancestor, Node::Directory);
        }
        self
    }

    pub(super) fn file(&mut self, path: impl AsRef<Path>) -> &mut Self {
        let _ = self.insert(path.as_ref(), Node::File);
        self
    }

    pub(super) fn link(&mut self, path: impl AsRef<Path>, target: impl AsRef<Path>) -> &mut Self {
        let _ = self.insert(path.as_ref(), Node::Link(target.as_ref().to_owned()));
        self
    }

    /// Removes the permission to search a directory.
    pub(super) fn lock(&mut self, path: &str) -> &mut Self {
        let _ = self.locked.insert(Path::new("/").join(path));
        self
    }

    pub(super) fn at(&mut self, current: &str) -> &Self {
        self.current = Some(Path::new("/").join(current));
        self
    }

    /// Adds an entry if its resolved parent is a directory without an entry of this name.
    fn insert(&mut self, path: &Path, node: Node) -> Option<()> {
        let path = Path::new("/").join(path);
        let (parent, _) = self.resolve(path.parent()?).ok()?;
        let path = parent.join(path.file_name()?);
        let is_free =
            self.key(&path).is_none() && self.nodes.get(&parent) == Some(&Node::Directory);
        is_free.then(|| drop(self.nodes.insert(path, node)))
    }

    /// Returns the stored spelling of a resolved path.
    fn key(&self, path: &Path) -> Option<&PathBuf> {
        let folded = |path: &Path| path.to_string_lossy().to_lowercase();
        match self.rules {
            NameRules::Windows => {
                let name = folded(path);
                self.nodes.keys().find(|stored| folded(stored) == name)
            }
            NameRules::Unix | NameRules::MacOs => Some(self.nodes.get_key_value(path)?.0),
        }
    }

    fn node(&self, path: &Path) -> Option<&Node> {
        self.nodes.get(self.key(path)?)
    }

    /// Resolves a path with a second, simple implementation, as a reference.
    pub(super) fn resolve(&self, path: &Path) -> Resolved {
        let (mut at, mut links) = (PathBuf::from("/"), Vec::new());
        let mut left = names(path);
        while let Some(name) = left.pop() {
            if self.node(&at) != Some(&Node::Directory) {
                return Err((ErrorKind::NotADirectory, at));
            }
            match name.to_str() {
                Some(".") => continue,
                Some("..") => {
                    at.pop();
                    continue;
                }
                _ => {}
            }
            let is_locked = self.locked.contains(&at);
            at.push(name);
            match self.node(&at) {
                _ if is_locked => return Err((ErrorKind::PermissionDenied, at)),
                None => return Err((ErrorKind::NotFound, at)),
                Some(Node::Link(_)) if links.len() == MAX_LINKS => return Err((LOOP, at)),
                Some(Node::Link(target)) => {
                    left.extend(names(target));
                    links.push(at.clone());
                    if target.is_absolute() {
                        at = PathBuf::from("/");
                    } else {
                        at.pop();
                    }
                }
                Some(Node::Directory | Node::File) => {}
            }
        }
        Ok((at, links))
    }

    fn entry_of(&self, path: &Path) -> io::Result<FileSystemEntry> {
        let (Some(node), Some(key)) = (self.node(path), self.key(path)) else {
            return Err(ErrorKind::NotFound.into());
        };
        let position = self.nodes.keys().position(|other| other == key);
        let kind = match node {
            Node::Directory => FileKind::Directory,
            Node::File => FileKind::File,
            Node::Link(_) => FileKind::Link,
        };
        let inode = u64::try_from(position.unwrap()).unwrap();
        let id = (self.rules != NameRules::Windows).then_some(FileId { device: 1, inode });
        Ok(FileSystemEntry { kind, id })
    }

    /// Returns the path with its parent resolved.
    fn parent_resolved(&self, path: &Path) -> io::Result<PathBuf> {
        let Some((parent, name)) = path.parent().zip(path.file_name()) else {
            return Ok(path.to_owned());
        };
        let (parent, _) = self.resolve(parent).map_err(|(kind, _)| kind)?;
        if self.locked.contains(&parent) {
            return Err(ErrorKind::PermissionDenied.into());
        }
        if self.node(&parent) != Some(&Node::Directory) {
            return Err(ErrorKind::NotADirectory.into());
        }
        Ok(parent.join(name))
    }
}

/// Returns the names of a path in reverse order. A slash at the end of the path adds a name `.`.
fn names(path: &Path) -> Vec<OsString> {
    let is_name = |name: &Component<'_>| *name != Component::RootDir;
    let names = path.components().filter(is_name);
    let mut names: Vec<_> = names.map(|name| name.as_os_str().to_owned()).collect();
    let bytes = path.as_os_str().as_encoded_bytes();
    if bytes.ends_with(b"/") || bytes.ends_with(b"/.") {
        names.push(".".into());
    }
    names.reverse();
    names
}

impl FileSystem for Memory {
    fn name_rules(&self) -> NameRules {
        self.rules
    }

    fn current_dir(&self) -> io::Result<PathBuf> {
        self.current.clone().ok_or(ErrorKind::NotFound.into())
    }

    fn entry(&self, path: &Path) -> io::Result<FileSystemEntry> {
        self.entry_of(&self.parent_resolved(path)?)
    }

    fn target(&self, path: &Path) -> io::Result<FileSystemEntry> {
        let (path, _) = self.resolve(path).map_err(|(kind, _)| kind)?;
        self.entry_of(&path)
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        match self.node(&self.parent_resolved(path)?) {
            Some(Node::Link(target)) => Ok(target.clone()),
            Some(_) => Err(ErrorKind::InvalidInput.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    fn stored_path(&self, path: &Path) -> io::Result<PathBuf> {
        let path = path.strip_prefix("/System/Volumes/Data").unwrap_or(path);
        let (mut stored, path) = (PathBuf::from("/"), Path::new("/").join(path));
        for name in path.components().skip(1) {
            let key = self.key(&stored.join(name)).ok_or(ErrorKind::NotFound)?;
            stored = key.clone();
        }
        Ok(stored)
    }

    fn absolute(&self, path: &Path) -> io::Result<PathBuf> {
        let mut absolute = PathBuf::from("/");
        for name in path.components() {
            match name {
                Component::ParentDir => drop(absolute.pop()),
                Component::Normal(name) => absolute.push(name),
                Component::Prefix(_) | Component::RootDir | Component::CurDir => {}
            }
        }
        if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
            absolute.push("");
        }
        Ok(absolute)
    }
}
