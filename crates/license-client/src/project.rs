//! Which project a path belongs to: one project is one, whatever path leads to it.

mod error;
mod name;
mod walk;

use std::borrow::Cow;
use std::env;
use std::fs::{self, Metadata};
use std::io::{
    self,
    ErrorKind::{NotADirectory, NotFound},
};
use std::path::{Path, PathBuf};

use license_core::ProductCode;

use crate::home::{LOCK, StateFile};

pub use self::error::ProjectError;
pub(crate) use self::error::{is_too_long, unreadable};
use self::name::Platform;
pub use self::walk::Link;
use self::walk::Walk;

/// The project that a path belongs to.
///
/// ```
/// use license_client::{FoundBy, ProjectRoot};
/// use license_core::ProductCode;
/// use std::fs;
///
/// # let scratch = tempfile::tempdir()?;
/// # let home = fs::canonicalize(scratch.path())?;
/// let product = ProductCode::parse("CODITECT")?;
/// fs::create_dir_all(home.join("shop/.git"))?;
/// fs::create_dir_all(home.join("shop/src/cart"))?;
///
/// let root = ProjectRoot::find(&home.join("shop/src/../src/cart/"), product, None)?;
/// assert_eq!(root.path(), home.join("shop"));
/// assert_eq!(root.found_by(), FoundBy::Git);
///
/// // The product's own entry counts for more, however far above it is.
/// fs::create_dir(home.join(".coditect"))?;
/// let root = ProjectRoot::find(&home.join("shop/src"), product, None)?;
/// assert_eq!((root.path(), root.found_by()), (&*home, FoundBy::Product));
///
/// // Unless it is where the product keeps its state.
/// let state = home.join(".coditect");
/// let root = ProjectRoot::find(&home.join("shop/src"), product, Some(&state))?;
/// assert_eq!(root.path(), home.join("shop"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectRoot {
    path: PathBuf,
    product: ProductCode,
    found_by: FoundBy,
    links: Vec<Link>,
}

/// What makes a directory the root of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FoundBy {
    /// An entry named after the product, such as `.coditect`.
    Product,
    /// An entry `.git`, which is a file in worktrees and submodules.
    Git,
    /// Neither, there or above: the directory stands for itself.
    Directory,
}

impl ProjectRoot {
    /// Finds the project that `path` belongs to; a relative path starts at the current directory.
    ///
    /// Every symbolic link is resolved first, as `realpath(3)` does it: `..` behind a link is the parent of where the link
    /// leads, and up to 40 links are followed. A file belongs to the project of its directory. The root is then the nearest
    /// directory, from there upwards, with an entry `.{product}` (of any kind, also a link that leads nowhere), else the
    /// nearest with `.git`, else the directory itself.
    ///
    /// `state` is the state directory of the product, if it has one: `~/.coditect` does not make all of the user's home one
    /// project, and is passed over whichever way the home directory is spelled.
    ///
    /// # Errors
    ///
    /// [`ProjectError`] when the path leads nowhere or in circles, goes on behind a file, or when permissions hide whether
    /// there is an entry. It names the path where that happened.
    pub fn find(
        path: &Path,
        product: ProductCode,
        state: Option<&Path>,
    ) -> Result<Self, ProjectError> {
        Self::find_from(env::current_dir, path, product, state)
    }

    /// [`ProjectRoot::find`] with another current directory, which is asked for only where the path is relative.
    fn find_from(
        base: impl FnOnce() -> io::Result<PathBuf>,
        path: &Path,
        product: ProductCode,
        state: Option<&Path>,
    ) -> Result<Self, ProjectError> {
        let walk = Walk::along(base, path)?;
        let entry = entry_of(product);
        let by_product = nearest_with(walk.at(), &entry, |path, found| {
            is_state(path, found, state)
        })?;
        let found = match by_product {
            Some(root) => Some((root, FoundBy::Product)),
            None => nearest_with(walk.at(), ".git", |_, _| false)?.map(|root| (root, FoundBy::Git)),
        };
        let found = found.map(|(root, found_by)| (root.to_owned(), found_by));
        let (root, found_by, links) = match found {
            Some((root, found_by)) => (root, found_by, walk.into_links()),
            None => {
                let (itself, links) = walk.into_directory()?;
                (itself, FoundBy::Directory, links)
            }
        };
        Ok(Self {
            path: as_on_disk(root)?,
            product,
            found_by,
            links,
        })
    }

    /// The root: absolute, without symbolic links, `.` and `..`. On Windows it is a verbatim path, `\\?\C:\…`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The product whose project it is.
    pub fn product(&self) -> ProductCode {
        self.product
    }

    /// What makes it the root.
    pub fn found_by(&self) -> FoundBy {
        self.found_by
    }

    /// [`ProjectRoot::found_by`] in a word: the product in lower case such as `coditect`, `git`, or `directory`.
    pub fn found_by_name(&self) -> String {
        match self.found_by {
            FoundBy::Product => self.product.as_str().to_ascii_lowercase(),
            FoundBy::Git => "git".to_owned(),
            FoundBy::Directory => "directory".to_owned(),
        }
    }

    /// The symbolic links that were followed, in order; one that was met twice is listed twice.
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// The bytes that stand for the root in a session id: the same for every path to it on this machine.
    ///
    /// | platform | bytes |
    /// |---|---|
    /// | Windows | lower case, `\` between names and none at the end; `\\?\C:\` begins with `c:\` and `\\?\UNC\` with `\\` |
    /// | macOS | the names as the volume stores them, `/Users/…` also where they are found below `/System/Volumes/Data` |
    /// | others | the path, byte for byte |
    ///
    /// On macOS neither case nor Unicode form is folded: a volume that takes two spellings for one name stores one of them,
    /// and that one is asked for; a volume that tells them apart holds two projects.
    pub fn name_bytes(&self) -> Cow<'_, [u8]> {
        Platform::HERE.name(self.path.as_os_str().as_encoded_bytes())
    }

    /// The product's entry in the root, which is there if the root was [found by](FoundBy::Product) it.
    pub(crate) fn product_entry(&self) -> PathBuf {
        self.path.join(entry_of(self.product))
    }
}

fn entry_of(product: ProductCode) -> String {
    format!(".{}", product.as_str().to_ascii_lowercase())
}

/// The nearest of `place` and those above it that has the entry, unless the entry is to be passed over. A file has none.
fn nearest_with<'a>(
    place: &'a Path,
    entry: &str,
    passed_over: impl Fn(&Path, &Metadata) -> bool,
) -> Result<Option<&'a Path>, ProjectError> {
    let length = place.as_os_str().len() + entry.len() + 1;
    let mut candidate = PathBuf::with_capacity(length);
    candidate.push(place);
    for ancestor in place.ancestors() {
        candidate.push(entry);
        if entry_at(&candidate)?.is_some_and(|found| !passed_over(&candidate, &found)) {
            return Ok(Some(ancestor));
        }
        candidate.pop();
        candidate.pop();
    }
    Ok(None)
}

/// The entry, be it a link that leads nowhere. Not to know is an error: it decides who shares a seat.
fn entry_at(path: &Path) -> Result<Option<Metadata>, ProjectError> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.kind(), NotFound | NotADirectory) => Ok(None),
        Err(source) => Err(ProjectError::Unreadable {
            path: path.to_owned(),
            source,
        }),
    }
}

/// By its place, which holds while its disk is away, or by what both lead to.
fn is_state(entry: &Path, found: &Metadata, state: Option<&Path>) -> bool {
    let real = |path: &Path| fs::canonicalize(path).ok();
    let place = |state: &Path| Some(real(state.parent()?)?.join(state.file_name()?));
    let is_same = |state: &Path| {
        place(state).is_some_and(|place| place == entry)
            || real(state).is_some_and(|state| Some(state) == real(entry))
    };
    state.is_some_and(|state| !is_another(found, state) && is_same(state)) || holds_state(entry)
}

/// Whether it is known at once that an entry is not what this path leads to: two files of two numbers have no name in common.
#[cfg(unix)]
fn is_another(entry: &Metadata, state: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let number = |file: &Metadata| (file.dev(), file.ino());
    if entry.is_symlink() {
        return false;
    }
    match fs::metadata(state) {
        Ok(state) => number(&state) != number(entry),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

#[cfg(not(unix))]
fn is_another(_: &Metadata, _: &Path) -> bool {
    false
}

/// Whether somebody's state is kept there, such as from before another place was named for it.
fn holds_state(entry: &Path) -> bool {
    let is_there = |name: &str| fs::symlink_metadata(entry.join(name)).is_ok();
    is_there(LOCK) && StateFile::ALL.iter().any(|file| is_there(file.name()))
}

/// Where file systems take other spellings of a name too, the one that is stored: `realpath(3)` on macOS and
/// `GetFinalPathNameByHandle` on Windows give it.
fn as_on_disk(root: PathBuf) -> Result<PathBuf, ProjectError> {
    if Platform::HERE == Platform::Unix {
        return Ok(root);
    }
    fs::canonicalize(&root).map_err(|source| ProjectError::Unreadable { path: root, source })
}

// Trees of symbolic links: Windows lets only some users make them.
#[cfg(test)]
#[cfg(unix)]
mod tests;
