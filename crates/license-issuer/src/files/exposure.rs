//! Files and directories that other users can access.

use std::fmt;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::directory_of;

/// A file or directory that other users can access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExposedFile {
    /// The path.
    pub path: PathBuf,
    /// The reason.
    pub exposure: Exposure,
}

/// The reason why other users can access a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposure {
    /// The mode allows others to read or write the file.
    FileMode(u32),
    /// The mode allows others to replace the files in the directory.
    DirectoryMode(u32),
    /// The user with this id owns the file, and is neither this user nor root.
    Owner(u32),
}

impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FileMode(mode) | Self::DirectoryMode(mode) => write!(f, "mode {mode:03o}"),
            Self::Owner(owner) => write!(f, "user {owner} as the owner"),
        }
    }
}

/// Returns why a user other than this one and root can change the content of a file, or `None` if
/// no other user can.
///
/// Examines the owner and the mode of the file and of its directory, after symbolic links are
/// resolved. In a sticky directory, other users cannot replace the file. A group with the id of the
/// owner counts as the owner, because many systems give each user a group of their own. Access
/// rules on platforms other than Unix are not examined.
///
/// ```
/// use license_issuer::files::changeable_by_others;
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("keygen.toml");
/// std::fs::write(&path, "")?;
/// # #[cfg(unix)]
/// # std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
/// assert_eq!(changeable_by_others(&path)?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// Returns an error if the file or its directory cannot be examined.
pub fn changeable_by_others(path: &Path) -> io::Result<Option<ExposedFile>> {
    let path = path.canonicalize()?;
    let found = fs::metadata(&path)?;
    let directory = directory_of(&path);
    let above = fs::metadata(directory)?;
    let file = owner_exposure(&found).or_else(|| open_mode(&found).map(Exposure::FileMode));
    let exposed = |path: &Path, exposure| ExposedFile {
        path: path.to_owned(),
        exposure,
    };
    Ok(file.map(|exposure| exposed(&path, exposure)).or_else(|| {
        let mode = open_mode(&above).filter(|_| directory_exposure(&above).is_some());
        let exposure = owner_exposure(&above).or_else(|| mode.map(Exposure::DirectoryMode));
        exposure.map(|exposure| exposed(directory, exposure))
    }))
}

/// Returns the exposure of a file that belongs to a user other than this one and root.
#[cfg(unix)]
pub(crate) fn owner_exposure(found: &Metadata) -> Option<Exposure> {
    use std::os::unix::fs::MetadataExt;
    let owner = found.uid();
    let own = rustix::process::geteuid().as_raw();
    (owner != own && owner != 0).then_some(Exposure::Owner(owner))
}

/// Returns the exposure of a directory whose entries other users can replace. In a sticky
/// directory, they cannot.
#[cfg(unix)]
pub(crate) fn directory_exposure(found: &Metadata) -> Option<Exposure> {
    use std::os::unix::fs::MetadataExt;
    const OTHERS_WRITE: u32 = 0o022;
    const STICKY: u32 = 0o1000;
    let mode = found.mode();
    let is_open = mode & OTHERS_WRITE != 0 && mode & STICKY == 0;
    is_open.then_some(Exposure::DirectoryMode(mode & 0o777))
}

/// Returns the mode of a file or directory that its group or everyone can write.
#[cfg(unix)]
fn open_mode(found: &Metadata) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    let mode = found.mode() & 0o777;
    let is_own_group = found.gid() == found.uid();
    let is_open = mode & 0o002 != 0 || (mode & 0o020 != 0 && !is_own_group);
    is_open.then_some(mode)
}

#[cfg(not(unix))]
fn owner_exposure(_: &Metadata) -> Option<Exposure> {
    None
}

#[cfg(not(unix))]
fn directory_exposure(_: &Metadata) -> Option<Exposure> {
    None
}

#[cfg(not(unix))]
fn open_mode(_: &Metadata) -> Option<u32> {
    None
}
