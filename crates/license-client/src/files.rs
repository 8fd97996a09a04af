//! File operations that take several system calls.

use std::fs::{self, File};
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
    if !fs::metadata(path)?.is_file() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    read_file(File::open(path)?, cap)
}

/// Reads an open file, like [`read_capped`].
pub(crate) fn read_file(file: File, cap: usize) -> io::Result<Vec<u8>> {
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    // No supported platform has file sizes of more than 64 bits.
    let limit = u64::try_from(cap).unwrap_or(u64::MAX).saturating_add(1);
    // The buffer has room for the whole file, so that one system call reads it.
    let expected = usize::try_from(found.len()).map_or(cap, |length| length.min(cap));
    let mut bytes = Vec::with_capacity(expected.saturating_add(1));
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}
