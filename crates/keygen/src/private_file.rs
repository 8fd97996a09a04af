//! Files that only their owner should be able to read.

use std::fs::Metadata;
use std::path::Path;

/// Whether somebody else than the owner may use the file. Pipes and devices are not asked.
#[cfg(unix)]
pub(crate) fn is_exposed(found: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    found.is_file() && found.permissions().mode() & 0o077 != 0
}

/// Whether somebody else than the owner may use the file; elsewhere than on Unix nobody can tell so simply.
#[cfg(not(unix))]
pub(crate) fn is_exposed(_: &Metadata) -> bool {
    false
}

/// Whoever opened a descriptor has answered for what is behind it.
pub(crate) fn is_descriptor(path: &Path) -> bool {
    path == Path::new("/dev/stdin")
        || path.starts_with("/dev/fd")
        || path.starts_with("/proc/self/fd")
}

/// `-` is standard input.
pub(crate) fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}
