//! File operations that take several system calls or differ between platforms.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

/// Reads a regular file of at most `cap` bytes. If the file is larger, returns its first `cap` + 1
/// bytes, so that the caller can detect this.
///
/// # Errors
///
/// Returns `IsADirectory` for a directory, a pipe or a device, and otherwise the error of the
/// system.
pub(crate) fn read_capped(path: &Path, cap: usize) -> io::Result<Vec<u8>> {
    // The check comes first, because opening a named pipe would wait for a writer.
    let found = fs::metadata(path)?;
    if !found.is_file() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    // No supported platform has file sizes of more than 64 bits.
    let limit = u64::try_from(cap).unwrap_or(u64::MAX).saturating_add(1);
    // The buffer has room for the whole file, so that one system call reads it.
    let expected = usize::try_from(found.len()).map_or(cap, |length| length.min(cap));
    let mut bytes = Vec::with_capacity(expected.saturating_add(1));
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Creates a directory that only its owner may access.
#[cfg(unix)]
pub(crate) fn create_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().mode(0o700).create(path)
}

/// Creates a directory, which inherits the access rules of the user's profile.
#[cfg(not(unix))]
pub(crate) fn create_private(path: &Path) -> io::Result<()> {
    fs::create_dir(path)
}

/// Creates a file that only its owner may access. Fails if the path already exists, even if it is a
/// symbolic link.
pub(crate) fn create_private_file(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Sets the options to refuse a symbolic link, even if the link is created just before the file is
/// opened. With these options, opening a pipe does not wait for its other end.
#[cfg(unix)]
pub(crate) fn no_follow(options: &mut OpenOptions) -> &mut OpenOptions {
    use rustix::fs::OFlags;
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, flags)
}

/// Changes nothing, because on Windows only some users can create symbolic links.
#[cfg(not(unix))]
pub(crate) fn no_follow(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Makes the owner of the directory the owner of the file. Without this change, a user could not
/// read a file that root created in the user's directory.
#[cfg(unix)]
pub(crate) fn inherit_owner(directory: &Path, file: &File) {
    use std::os::unix::fs::{MetadataExt, fchown};
    if let (Ok(directory), Ok(own)) = (fs::metadata(directory), file.metadata())
        && directory.uid() != own.uid()
    {
        // Only root may change the owner, and only root needs to.
        let _ = fchown(file, Some(directory.uid()), Some(directory.gid()));
    }
}

/// Does nothing, because Windows has no root user.
#[cfg(not(unix))]
pub(crate) fn inherit_owner(_: &Path, _: &File) {}

/// Returns whether both values describe the same file.
#[cfg(unix)]
pub(crate) fn is_same_file(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Returns `true`, because on Windows an open file can be neither replaced nor removed.
#[cfg(not(unix))]
pub(crate) fn is_same_file(_: &Metadata, _: &Metadata) -> bool {
    true
}

/// Makes a rename or a removal in the directory survive a loss of power.
#[cfg(unix)]
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    match File::open(path)?.sync_all() {
        // Some network file systems do not support this call and do not need it.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        other => other,
    }
}

/// Does nothing, because Windows does not sync directories explicitly.
#[cfg(not(unix))]
pub(crate) fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}
