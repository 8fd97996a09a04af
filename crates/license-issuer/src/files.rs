//! Staging files: an artifact is written next to its destination and renamed once it is recorded.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The treatment of a file that already has the destination's name.
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("acme.lic");
/// use license_issuer::files::{Collision, Durability, publish, stage, staging_path};
///
/// std::fs::write(&path, "old")?;
/// let staging = staging_path(&path, "4711");
/// stage(&staging, b"new", Durability::Synced)?;
/// assert!(publish(&staging, &path, Collision::Refuse).is_err());
/// publish(&staging, &path, Collision::Replace)?;
/// assert_eq!(std::fs::read(&path)?, b"new");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Collision {
    /// The existing file stays.
    #[default]
    Refuse,
    /// The existing file is replaced.
    Replace,
}

/// Whether a file must survive a power failure without help from the ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// File and directory are synced.
    #[default]
    Synced,
    /// Nothing is synced, because the ledger can restore the file.
    Restorable,
}

/// Returns the path of the staging file with the given id, in the directory of `path`.
///
/// ```
/// use license_issuer::files::staging_path;
/// use std::path::Path;
///
/// let path = Path::new("/orders/acme.lic");
/// assert_eq!(staging_path(path, "4711").parent(), path.parent());
/// ```
pub fn staging_path(path: &Path, id: &str) -> PathBuf {
    directory_of(path).join(format!(".keygen-{id}"))
}

/// Writes a staging file.
///
/// # Errors
///
/// Returns an error if the file cannot be written completely. With [`Durability::Synced`], an
/// existing file is also an error.
pub fn stage(staging: &Path, content: &[u8], durability: Durability) -> io::Result<()> {
    match durability {
        Durability::Restorable => fs::write(staging, content),
        Durability::Synced => {
            let mut file = File::options().write(true).create_new(true).open(staging)?;
            file.write_all(content)?;
            file.sync_all()?;
            sync_directory(staging);
            Ok(())
        }
    }
}

/// Renames a staging file to its final path.
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("acme.lic");
/// use license_issuer::files::{Collision, Durability, publish, stage, staging_path};
///
/// let staging = staging_path(&path, "4711");
/// stage(&staging, b"content", Durability::Synced)?;
/// publish(&staging, &path, Collision::Refuse)?;
/// assert_eq!(std::fs::read(&path)?, b"content");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// Returns an error of kind [`ErrorKind::AlreadyExists`] if another file has the final path and
/// must not be replaced, and other errors if the file system refuses the change. The staging file
/// stays in both cases.
pub fn publish(staging: &Path, path: &Path, collision: Collision) -> io::Result<()> {
    match collision {
        Collision::Replace => fs::rename(staging, path),
        Collision::Refuse => match fs::hard_link(staging, path) {
            Ok(()) => fs::remove_file(staging),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
            // The file system has no hard links.
            Err(error) if error.kind() != ErrorKind::NotFound && !path.exists() => {
                fs::rename(staging, path)
            }
            refused => refused,
        },
    }
}

/// Renames the staging file that a crashed process left, and syncs the directory.
///
/// Succeeds without a change if the staging file no longer exists. If another file has the final
/// path, `collision` decides: either that file is replaced, or both files stay as they are. A
/// staging file with the same content as the final file is deleted.
///
/// # Errors
///
/// Returns an error if the file system refuses the change, or if the directory does not exist.
pub fn recover(staging: &Path, path: &Path, collision: Collision) -> io::Result<()> {
    let published = match publish(staging, path, collision) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            if has_same_content(staging, path) {
                fs::remove_file(staging)
            } else {
                Ok(())
            }
        }
        published => published,
    };
    sync_directory(path);
    accept_missing(published, staging)
}

/// Deletes a staging file. Succeeds if the file does not exist.
///
/// # Errors
///
/// Returns an error if the file cannot be deleted. A missing directory is also an error, because
/// the file may be on a disk that is disconnected.
pub fn discard(staging: &Path) -> io::Result<()> {
    accept_missing(fs::remove_file(staging), staging)
}

/// Syncs the directory of a file on Unix. Does nothing on other platforms.
pub fn sync_directory(path: &Path) {
    if cfg!(unix) {
        // If the file system cannot sync a directory, nothing more can be done.
        let _ = File::open(directory_of(path)).and_then(|directory| directory.sync_all());
    }
}

/// Returns the directory of a file.
pub fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if directory != Path::new("") => directory,
        _ => Path::new("."),
    }
}

/// Ignores the error of a missing staging file, unless its directory is missing too.
fn accept_missing(result: io::Result<()>, staging: &Path) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound && directory_of(staging).is_dir() => {
            Ok(())
        }
        result => result,
    }
}

fn has_same_content(one: &Path, other: &Path) -> bool {
    match (fs::read(one), fs::read(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}
