//! Finds the project that contains a path on this machine.

use std::env;
use std::fs::{self, Metadata};
use std::io;
use std::path::{self, Path, PathBuf};

use license_core::ProductCode;
use license_core::session::{
    FileId, FileKind, FileSystem, FileSystemEntry, NameRules, ProductState, ProjectError,
    ProjectRoot,
};

use crate::state_dir::{LOCK, StateFile};

/// The file system of this machine.
///
/// ```
/// # let scratch = tempfile::tempdir()?;
/// # let path = scratch.path();
/// use license_client::license_core::session::ProductState;
/// use license_client::{LocalFileSystem, ProductCode, ProjectRoot};
///
/// // `find_project` is shorter, and knows the files of the state directory.
/// let product = ProductCode::parse("CODITECT")?;
/// let state = ProductState { directory: None, lock_file: ".lock", files: &[] };
/// let root = ProjectRoot::find(&LocalFileSystem, path, product, &state)?;
/// println!("{}", root.path().display());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalFileSystem;

/// Finds the project that contains `path` on this machine, in the same way as
/// [`ProjectRoot::find`].
///
/// `state` is the state directory of the product, if there is one. The state directory does not
/// mark a project. Therefore `~/.coditect` does not make the user's home directory a project,
/// regardless of the path that leads to the directory.
///
/// ```
/// use license_client::{RootReason, find_project};
/// use license_core::ProductCode;
/// use std::fs;
///
/// # let scratch = tempfile::tempdir()?;
/// # let home = fs::canonicalize(scratch.path())?;
/// let product = ProductCode::parse("CODITECT")?;
/// fs::create_dir_all(home.join("shop/.git"))?;
/// fs::create_dir_all(home.join("shop/src/cart"))?;
///
/// let root = find_project(&home.join("shop/src/../src/cart/"), product, None)?;
/// assert_eq!(root.path(), home.join("shop"));
/// assert_eq!(root.reason(), RootReason::Git);
///
/// // The product's own entry has precedence, even in a parent directory.
/// fs::create_dir(home.join(".coditect"))?;
/// let root = find_project(&home.join("shop/src"), product, None)?;
/// assert_eq!((root.path(), root.reason()), (&*home, RootReason::Product));
///
/// // The state directory of the product is ignored.
/// let state = home.join(".coditect");
/// let root = find_project(&home.join("shop/src"), product, Some(&state))?;
/// assert_eq!(root.path(), home.join("shop"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// Same as [`ProjectRoot::find`].
pub fn find_project(
    path: &Path,
    product: ProductCode,
    state: Option<&Path>,
) -> Result<ProjectRoot, ProjectError> {
    find_project_in(&LocalFileSystem, path, product, state)
}

fn find_project_in(
    files: &dyn FileSystem,
    path: &Path,
    product: ProductCode,
    state: Option<&Path>,
) -> Result<ProjectRoot, ProjectError> {
    let names: Vec<&str> = StateFile::ALL.iter().map(|file| file.as_str()).collect();
    let state = ProductState {
        directory: state,
        lock_file: LOCK,
        files: &names,
    };
    ProjectRoot::find(files, path, product, &state)
}

impl FileSystem for LocalFileSystem {
    fn name_rules(&self) -> NameRules {
        NameRules::NATIVE
    }

    fn current_dir(&self) -> io::Result<PathBuf> {
        env::current_dir()
    }

    /// On Linux, the kernel reports the path of a current directory that has been removed.
    fn removed_current_dir(&self) -> PathBuf {
        let Ok(known) = fs::read_link("/proc/self/cwd") else {
            return PathBuf::from(".");
        };
        let text = known.to_str();
        match text.and_then(|text| text.strip_suffix(" (deleted)")) {
            Some(path) => PathBuf::from(path),
            None => known,
        }
    }

    fn entry(&self, path: &Path) -> io::Result<FileSystemEntry> {
        fs::symlink_metadata(path).map(entry_of)
    }

    fn target(&self, path: &Path) -> io::Result<FileSystemEntry> {
        fs::metadata(path).map(entry_of)
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        fs::read_link(path)
    }

    /// `realpath(3)` on macOS and `GetFinalPathNameByHandle` on Windows return the stored spelling.
    fn stored_path(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }

    fn absolute(&self, path: &Path) -> io::Result<PathBuf> {
        path::absolute(path)
    }
}

fn entry_of(metadata: Metadata) -> FileSystemEntry {
    let kind = if metadata.is_symlink() {
        FileKind::Link
    } else if metadata.is_dir() {
        FileKind::Directory
    } else {
        FileKind::File
    };
    FileSystemEntry {
        kind,
        id: id_of(&metadata),
    }
}

#[cfg(unix)]
fn id_of(metadata: &Metadata) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt;
    Some(FileId {
        device: metadata.dev(),
        inode: metadata.ino(),
    })
}

#[cfg(not(unix))]
fn id_of(_: &Metadata) -> Option<FileId> {
    None
}

// The tests create symbolic links. On Windows, only some users can create them.
#[cfg(test)]
#[cfg(unix)]
mod tests;
