//! Root of the project that a path belongs to.

use std::borrow::Cow;
use std::io::ErrorKind::{NotADirectory, NotFound};
use std::path::{Path, PathBuf};

use super::error::ProjectError;
use super::file_system::{FileKind, FileSystem, FileSystemEntry, NameRules};
use super::resolve::{FollowedLink, Resolution, unreadable};
use crate::encoding::value::named_value;
use crate::ids::ProductCode;

/// Root of the project that a path belongs to.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let root = fixture::files::root()?;
/// println!("{} because of {:?}", root.path().display(), root.reason());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ProjectRoot {
    path: PathBuf,
    product: ProductCode,
    found_by: RootReason,
    links: Vec<FollowedLink>,
    name_rules: NameRules,
}

/// The reason why a directory is the root of a project.
///
/// ```
/// use license_core::session::RootReason;
///
/// let reason: RootReason = "git".parse()?;
/// assert_eq!(reason, RootReason::Git);
/// # Ok::<(), license_core::encoding::ValueError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RootReason {
    /// The directory has an entry named after the product, such as `.coditect`.
    Product,
    /// The directory has an entry `.git`, which is a file in worktrees and submodules.
    Git,
    /// Neither the directory nor its ancestors have such an entry. The directory is a project of
    /// its own.
    Directory,
}

impl RootReason {
    /// Returns the name of the reason. [`ProjectRoot::reason_name`] returns the name of the product
    /// in place of `product`.
    ///
    /// ```
    /// use license_core::session::RootReason;
    ///
    /// assert_eq!(RootReason::Git.as_str(), "git");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Product => "product",
            Self::Git => "git",
            Self::Directory => "directory",
        }
    }
}

named_value!(
    RootReason,
    "reason",
    "`product`, `git` or `directory`",
    [Product, Git, Directory]
);

/// State of a product, which must not be mistaken for the entry of a project.
///
/// For example, the state directory `~/.coditect` does not make the home directory a project.
///
/// ```
/// use license_core::session::ProductState;
/// use std::path::Path;
///
/// let state = ProductState {
///     directory: Some(Path::new("/home/ann/.coditect")),
///     lock_file: ".lock",
///     files: &["license.lic"],
/// };
/// # let _ = state;
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct ProductState<'a> {
    /// The state directory of the user, which need not exist.
    pub directory: Option<&'a Path>,
    /// The name of the lock file in a state directory.
    pub lock_file: &'a str,
    /// The names of the other files in a state directory. Every directory with the lock file and
    /// one of these files counts as a state directory, even if it is no longer used.
    pub files: &'a [&'a str],
}

impl ProjectRoot {
    /// Finds the project that `path` belongs to. A relative path starts at the current directory.
    /// Blocks while `files` reads the file system.
    ///
    /// Symbolic links are resolved first, as `realpath(3)` does: `..` after a link is the parent of
    /// the link's target, and up to 40 links are followed. A file belongs to the project of its
    /// directory.
    ///
    /// The root is the first of:
    ///
    /// 1. The nearest directory, from the path upward, with an entry `.{product}` of any kind, even
    ///    a dangling link. An entry that is the `state` of the product, or leads to it, is ignored.
    /// 2. The nearest directory, from the path upward, with an entry `.git`.
    /// 3. The directory itself.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let files = fixture::files::Files;
    /// use license_core::ProductCode;
    /// use license_core::session::{ProductState, ProjectRoot};
    /// use std::path::Path;
    ///
    /// // The directories in `files` are `/p`, `/p/.git` and `/p/src`.
    /// let product = ProductCode::parse("CODITECT")?;
    /// let state = ProductState { directory: None, lock_file: ".lock", files: &[] };
    /// let root = ProjectRoot::find(&files, Path::new("/p/src"), product, &state)?;
    /// assert_eq!(root.path(), Path::new("/p"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`ProjectError`] if the path does not exist, contains a loop of links or continues
    /// after a file, or if permissions hide whether an entry exists. The error contains the path of
    /// the affected entry.
    pub fn find(
        files: &dyn FileSystem,
        path: &Path,
        product: ProductCode,
        state: &ProductState<'_>,
    ) -> Result<Self, ProjectError> {
        let resolution = Resolution::new(files, path)?;
        let entry = entry_of(product);
        let is_state = |path: &Path, entry: FileSystemEntry| state.is_at(files, path, entry);
        let found = match nearest_with(files, resolution.path(), &entry, is_state)? {
            Some(root) => Some((root.to_owned(), RootReason::Product)),
            None => nearest_with(files, resolution.path(), ".git", |_, _| false)?
                .map(|root| (root.to_owned(), RootReason::Git)),
        };
        let (root, found_by, links) = match found {
            Some((root, found_by)) => (root, found_by, resolution.into_links()),
            None => {
                let (directory, links) = resolution.into_directory()?;
                (directory, RootReason::Directory, links)
            }
        };
        Ok(Self {
            path: as_stored(files, root)?,
            product,
            found_by,
            links,
            name_rules: files.name_rules(),
        })
    }

    /// Returns the root as an absolute path without symbolic links, `.` and `..`. On Windows, the
    /// result is a verbatim path, `\\?\C:\…`.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let root = fixture::files::root()?;
    /// assert_eq!(root.path(), std::path::Path::new("/p"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the product.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let root = fixture::files::root()?;
    /// assert_eq!(root.product().as_str(), "CODITECT");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn product(&self) -> ProductCode {
        self.product
    }

    /// Returns the reason why this directory is the root.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let root = fixture::files::root()?;
    /// use license_core::session::RootReason;
    ///
    /// assert_eq!(root.reason(), RootReason::Git);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reason(&self) -> RootReason {
        self.found_by
    }

    /// Returns [`ProjectRoot::reason`] as one word: the product in lower case (such as
    /// `coditect`), `git` or `directory`.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let root = fixture::files::root()?;
    /// assert_eq!(root.reason_name(), "git");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reason_name(&self) -> String {
        match self.found_by {
            RootReason::Product => self.product.as_str().to_ascii_lowercase(),
            RootReason::Git => "git".to_owned(),
            RootReason::Directory => "directory".to_owned(),
        }
    }

    /// Returns the symbolic links that were followed, in order. A link that was followed twice is
    /// listed twice.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let root = fixture::files::root()?;
    /// assert!(root.links().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn links(&self) -> &[FollowedLink] {
        &self.links
    }

    /// Returns the bytes that represent the root in a session id. The bytes are the same for every
    /// path to the root on this machine.
    ///
    /// | platform | bytes |
    /// |---|---|
    /// | Windows | lower case, no `\` at the end, `\\?\C:\` as `c:\`, and `\\?\UNC\` as `\\` |
    /// | macOS | the names as the volume stores them; the prefix `/System/Volumes/Data` is removed |
    /// | others | the bytes of the path |
    ///
    /// On macOS neither case nor Unicode form is folded. A volume that accepts several spellings of
    /// a name stores one spelling, which the bytes contain. On a volume that distinguishes
    /// spellings, two spellings are two projects.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let root = fixture::files::root()?;
    /// use license_core::session::SessionId;
    ///
    /// println!("{}", SessionId::new(None, None, "ann", &root.name_bytes()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn name_bytes(&self) -> Cow<'_, [u8]> {
        self.name_rules
            .name(self.path.as_os_str().as_encoded_bytes())
    }

    /// Returns the path of the product's entry in the root. The entry exists if it is the
    /// [reason](RootReason::Product) for this root.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let root = fixture::files::root()?;
    /// assert!(root.product_entry().ends_with(".coditect"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn product_entry(&self) -> PathBuf {
        self.path.join(entry_of(self.product))
    }
}

fn entry_of(product: ProductCode) -> String {
    format!(".{}", product.as_str().to_ascii_lowercase())
}

/// Returns `path` or its nearest ancestor that has an entry `name` that is not ignored. A file has
/// no entries.
fn nearest_with<'a>(
    files: &dyn FileSystem,
    path: &'a Path,
    name: &str,
    is_ignored: impl Fn(&Path, FileSystemEntry) -> bool,
) -> Result<Option<&'a Path>, ProjectError> {
    let length = path.as_os_str().len() + name.len() + 1;
    let mut candidate = PathBuf::with_capacity(length);
    candidate.push(path);
    for ancestor in path.ancestors() {
        candidate.push(name);
        let entry = entry_at(files, &candidate)?;
        if entry.is_some_and(|entry| !is_ignored(&candidate, entry)) {
            return Ok(Some(ancestor));
        }
        candidate.pop();
        candidate.pop();
    }
    Ok(None)
}

/// Returns the entry, even if it is a dangling link. An entry that cannot be examined is an error,
/// because another root gives the project another session id, which counts as a second seat.
fn entry_at(files: &dyn FileSystem, path: &Path) -> Result<Option<FileSystemEntry>, ProjectError> {
    match files.entry(path) {
        Ok(entry) => Ok(Some(entry)),
        Err(error) if matches!(error.kind(), NotFound | NotADirectory) => Ok(None),
        Err(source) => Err(unreadable(path, source)),
    }
}

impl ProductState<'_> {
    /// Returns whether the entry at `path` is this state rather than the entry of a project.
    fn is_at(&self, files: &dyn FileSystem, path: &Path, entry: FileSystemEntry) -> bool {
        let is_directory = self.directory.is_some_and(|directory| {
            !is_another_file(files, entry, directory) && is_same_place(files, path, directory)
        });
        is_directory || self.is_in(files, path)
    }

    /// Returns whether the directory contains the files of a state directory.
    fn is_in(&self, files: &dyn FileSystem, directory: &Path) -> bool {
        let exists = |name: &str| files.entry(&directory.join(name)).is_ok();
        exists(self.lock_file) && self.files.iter().any(|name| exists(name))
    }
}

/// Returns whether the state directory is at `entry`, or both lead to the same directory. The first
/// comparison does not follow the last component of `state`, so it also works if that is a link to
/// a disk that is not mounted.
fn is_same_place(files: &dyn FileSystem, entry: &Path, state: &Path) -> bool {
    let resolved = |path: &Path| {
        let path = Resolution::new(files, path).ok()?.path().to_owned();
        as_stored(files, path).ok()
    };
    let place = || Some(resolved(state.parent()?)?.join(state.file_name()?));
    place().is_some_and(|place| place == entry)
        || resolved(state).is_some_and(|state| Some(state) == resolved(entry))
}

/// Returns whether `entry` cannot be the state directory: the ids of the files differ, or the state
/// directory does not exist. Returns false for a link.
fn is_another_file(files: &dyn FileSystem, entry: FileSystemEntry, state: &Path) -> bool {
    let (Some(id), false) = (entry.id, entry.kind == FileKind::Link) else {
        return false;
    };
    match files.target(state) {
        Ok(state) => state.id.is_some_and(|state| state != id),
        Err(error) => error.kind() == NotFound,
    }
}

/// Returns the path with its names spelled as the volume stores them.
fn as_stored(files: &dyn FileSystem, root: PathBuf) -> Result<PathBuf, ProjectError> {
    if files.name_rules() == NameRules::Unix {
        return Ok(root);
    }
    files
        .stored_path(&root)
        .map_err(|source| unreadable(&root, source))
}
