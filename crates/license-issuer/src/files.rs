//! Safe writing of files: an artifact is written next to its destination and renamed once it is
//! recorded.
//!
//! Directories may be shared with other users, who may create files and links with any name. A new
//! file is therefore always created exclusively, which follows no symbolic link, and no file is
//! written over an existing one.

mod exposure;
mod lock;
mod private_copy;

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

pub use exposure::{ExposedFile, Exposure, changeable_by_others};
#[cfg(unix)]
pub(crate) use exposure::{directory_exposure, owner_exposure};
pub use lock::{LockError, LockedFile, lock};
pub use private_copy::write_private_copy;

/// The start of the name of each staging file.
const STAGING_PREFIX: &str = ".keygen-";

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
    directory_of(path).join(format!("{STAGING_PREFIX}{id}"))
}

/// Returns whether `staging` is an absolute path that [`staging_path`] returns for `path`.
///
/// ```
/// use license_issuer::files::{is_staging_path, staging_path};
/// use std::path::Path;
///
/// let path = Path::new("/orders/acme.lic");
/// # #[cfg(unix)]
/// assert!(is_staging_path(&staging_path(path, "4711"), path));
/// assert!(!is_staging_path(Path::new("/home/ann/.profile"), path));
/// ```
pub fn is_staging_path(staging: &Path, path: &Path) -> bool {
    let is_beside = staging.is_absolute() && staging.parent() == path.parent();
    is_beside && staging != path && path.file_name().is_some() && has_staging_name(staging)
}

fn has_staging_name(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let id = name.and_then(|name| name.strip_prefix(STAGING_PREFIX));
    id.is_some_and(|id| !id.is_empty())
}

/// Writes a staging file.
///
/// # Errors
///
/// Returns the errors of [`create_staging`], and an error if the content cannot be written
/// completely.
pub fn stage(staging: &Path, content: &[u8], durability: Durability) -> io::Result<()> {
    let mut file = create_staging(staging)?;
    file.write_all(content)?;
    if durability == Durability::Synced {
        file.sync_all()?;
        sync_directory(staging);
    }
    Ok(())
}

/// Creates a staging file. If a killed process left a file with this name behind, that file is
/// removed first. A symbolic link is removed too, and never followed.
///
/// # Errors
///
/// Returns an error if the file cannot be created, or if the existing file cannot be removed. If
/// `staging` is not named like a staging file, an existing file is an error.
pub fn create_staging(staging: &Path) -> io::Result<File> {
    let create = || File::options().write(true).create_new(true).open(staging);
    match create() {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && has_staging_name(staging) => {
            fs::remove_file(staging)?;
            create()
        }
        created => created,
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
            Err(error) if error.kind() == ErrorKind::NotFound => Err(error),
            // The file system has no hard links.
            Err(_) => claim_and_rename(staging, path),
        },
    }
}

/// Creates an empty file, which only one process can do, and replaces it with the staging file.
fn claim_and_rename(staging: &Path, path: &Path) -> io::Result<()> {
    drop(File::options().write(true).create_new(true).open(path)?);
    fs::rename(staging, path).inspect_err(|_| {
        // The first error is reported.
        let _ = fs::remove_file(path);
    })
}

/// Renames the staging file that a crashed process left, and syncs the directory.
///
/// Succeeds without a change if the staging file no longer exists. If another file has the final
/// path, `collision` decides: either that file is replaced, or both files stay as they are. A file
/// of another owner always stays. A staging file with the same content as the final file is
/// deleted.
///
/// # Errors
///
/// Returns an error if the staging file is not a regular file, if the file system refuses the
/// change, or if the directory does not exist.
pub fn recover(staging: &Path, path: &Path, collision: Collision) -> io::Result<()> {
    let staged = regular_file(staging);
    let published = staged.and_then(|staged| {
        let found = fs::symlink_metadata(path);
        let may_replace =
            found.is_ok_and(|found| found.is_file() && has_same_owner(&staged, &found));
        let collision = if may_replace {
            collision
        } else {
            Collision::Refuse
        };
        match publish(staging, path, collision) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                if has_same_content(staging, path) {
                    fs::remove_file(staging)
                } else {
                    Ok(())
                }
            }
            published => published,
        }
    });
    sync_directory(path);
    accept_missing(published, staging)
}

/// Deletes a staging file. Succeeds if the file does not exist.
///
/// # Errors
///
/// Returns an error if the path is not a regular file or cannot be deleted. A missing directory is
/// also an error, because the file may be on a disk that is disconnected.
pub fn discard(staging: &Path) -> io::Result<()> {
    let found = regular_file(staging);
    accept_missing(found.and_then(|_| fs::remove_file(staging)), staging)
}

/// Syncs the directory of a file on Unix. Does nothing on other platforms.
pub fn sync_directory(path: &Path) {
    if cfg!(unix) {
        // If the file system cannot sync a directory, nothing more can be done.
        let _ = File::open(directory_of(path)).and_then(|directory| directory.sync_all());
    }
}

/// Returns the path with a suffix after its file name.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(suffix);
    name.into()
}

/// Returns the directory of a file.
pub fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if directory != Path::new("") => directory,
        _ => Path::new("."),
    }
}

/// Creates a file that only its owner can access. The owner is that of the directory if the process
/// may choose it. Otherwise a user could not use a file that root created in the user's directory.
///
/// # Errors
///
/// Returns an error if the file cannot be created, or if anything has this path, such as a symbolic
/// link.
pub fn create_private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    inherit_owner(directory_of(path), &file);
    Ok(file)
}

#[cfg(unix)]
fn inherit_owner(directory: &Path, file: &File) {
    use std::os::unix::fs::{MetadataExt, fchown};
    if let (Ok(directory), Ok(own)) = (fs::metadata(directory), file.metadata())
        && directory.uid() != own.uid()
    {
        // Only root may change the owner, and only root needs to.
        let _ = fchown(file, Some(directory.uid()), Some(directory.gid()));
    }
}

#[cfg(not(unix))]
fn inherit_owner(_: &Path, _: &File) {}

/// Returns whether an open file still has this path. Returns `true` on platforms other than Unix,
/// which do not remove open files.
pub(crate) fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(file), Ok(found)) => is_same_file(&file, &found),
        _ => false,
    }
}

#[cfg(unix)]
fn is_same_file(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn is_same_file(_: &Metadata, _: &Metadata) -> bool {
    true
}

#[cfg(unix)]
fn has_same_owner(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    one.uid() == other.uid()
}

#[cfg(not(unix))]
fn has_same_owner(_: &Metadata, _: &Metadata) -> bool {
    true
}

/// Opens an existing file to read and write. A symbolic link is an error, even if the link is
/// created just before the file is opened. Opening a pipe does not wait for its other end.
fn open_no_follow(path: &Path) -> io::Result<File> {
    no_follow(File::options().read(true).write(true)).open(path)
}

#[cfg(unix)]
fn no_follow(options: &mut OpenOptions) -> &mut OpenOptions {
    use rustix::fs::OFlags;
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, flags)
}

/// Changes nothing, because on Windows only some users can create symbolic links.
#[cfg(not(unix))]
fn no_follow(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Returns the metadata of a regular file. A symbolic link is not a regular file.
fn regular_file(path: &Path) -> io::Result<Metadata> {
    let found = fs::symlink_metadata(path)?;
    if found.is_file() {
        Ok(found)
    } else {
        Err(not_a_file())
    }
}

fn not_a_file() -> io::Error {
    io::Error::other("expected a regular file, found a link, a directory or a device")
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
    let (Ok(one_found), Ok(other_found)) = (regular_file(one), regular_file(other)) else {
        return false;
    };
    one_found.len() == other_found.len()
        && match (fs::read(one), fs::read(other)) {
            (Ok(one), Ok(other)) => one == other,
            _ => false,
        }
}

#[cfg(test)]
mod tests;
