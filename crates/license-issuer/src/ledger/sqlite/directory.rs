//! The directory of a ledger.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::errors::LedgerError;

/// Creates the directory of a ledger, if it does not exist.
pub(super) fn create(ledger: &Path) -> Result<(), LedgerError> {
    check(ledger)?;
    let directory = ledger.parent().filter(|name| !name.as_os_str().is_empty());
    directory
        .map_or(Ok(()), fs::create_dir_all)
        .map_err(LedgerError::Io)
}

/// Checks that the directory of a ledger exists or can be created.
pub(super) fn check(ledger: &Path) -> Result<(), LedgerError> {
    let absolute = std::path::absolute(ledger).map_err(LedgerError::Io)?;
    let existing = absolute.ancestors().skip(1).find(|name| name.exists());
    match existing {
        Some(name) if !name.is_dir() => Err(LedgerError::Io(ErrorKind::NotADirectory.into())),
        Some(name) if Some(name) != absolute.parent() => refuse_foreign(name),
        _ => Ok(()),
    }
}

/// Refuses as root to create a directory below one of another user.
///
/// The new directory would belong to root, so that the user could not use it. The user could also
/// replace a directory with a link meanwhile.
#[cfg(unix)]
fn refuse_foreign(directory: &Path) -> Result<(), LedgerError> {
    use std::os::unix::fs::MetadataExt;
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let directory = directory.canonicalize().map_err(LedgerError::Io)?;
    for name in directory.ancestors() {
        let owner = fs::metadata(name).map_err(LedgerError::Io)?.uid();
        if owner != 0 {
            let path = name.to_owned();
            return Err(LedgerError::ForeignDirectory { path, owner });
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_foreign(_: &Path) -> Result<(), LedgerError> {
    Ok(())
}
