//! The file that writers lock. The file is created if it does not exist, and is never a symbolic
//! link.
//!
//! The owner of the directory could replace the file with a link. A process that runs as root must
//! not create the target of such a link, or change its owner.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::files::{create_private_file, inherit_owner, is_same_file, no_follow};

/// Maximum number of attempts to open the file. Another process may remove the file meanwhile.
const ATTEMPTS: u32 = 16;

/// Opens the lock file in the directory, or creates it. A new file gets the owner of the directory.
/// An existing file keeps its owner.
pub(super) fn open(directory: &Path, path: &Path) -> io::Result<File> {
    for _ in 0..ATTEMPTS {
        let file = match create(directory, path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => open_existing(path),
            created => created,
        };
        match file {
            Err(error) if error.kind() == ErrorKind::NotFound && directory.is_dir() => {}
            opened => return opened,
        }
    }
    Err(ErrorKind::NotFound.into())
}

/// Creates the file. Never follows a link, not even a dangling one.
fn create(directory: &Path, path: &Path) -> io::Result<File> {
    let file = create_private_file(path)?;
    inherit_owner(directory, &file);
    Ok(file)
}

/// Opens the existing file.
///
/// Checks before opening that the path is a regular file, so that no device is opened. Checks after
/// opening that the file was not replaced. A link that is created in between is not followed.
fn open_existing(path: &Path) -> io::Result<File> {
    let is_file = |metadata: &Metadata| metadata.file_type().is_file();
    let not_a_file = || io::Error::other("it is not a regular file");
    if !is_file(&fs::symlink_metadata(path)?) {
        return Err(not_a_file());
    }
    let file = open_no_follow(path)?;
    let at_path = fs::symlink_metadata(path)?;
    if is_file(&at_path) && is_same_file(&at_path, &file.metadata()?) {
        Ok(file)
    } else {
        Err(not_a_file())
    }
}

fn open_no_follow(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    no_follow(options.read(true).write(true)).open(path)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::os::unix::fs::{MetadataExt, chown, symlink};
    use std::path::PathBuf;

    use super::*;
    use crate::state_dir::{StateDir, StateFile};
    use crate::store::{Store, StoreError};

    /// Returns a store, and the path of a file outside of its directory.
    fn scratch() -> (tempfile::TempDir, Store, PathBuf) {
        let scratch = tempfile::tempdir().unwrap();
        let directory = scratch.path().join("state");
        let other = scratch.path().join("other");
        fs::create_dir(&directory).unwrap();
        fs::write(&other, "theirs").unwrap();
        (scratch, Store::new(StateDir::at(directory)), other)
    }

    /// Changes the owner of the directory to another user. Returns `false` if the test does not run
    /// as root.
    fn change_owner(store: &Store) -> bool {
        chown(store.dir().path(), Some(12345), Some(12345)).is_ok()
    }

    #[test]
    fn a_link_to_a_file_is_refused_and_the_file_is_unchanged() {
        let (_scratch, store, other) = scratch();
        let before = fs::metadata(&other).unwrap();
        symlink(&other, store.dir().lock_file()).unwrap();
        let _ = change_owner(&store);
        let error = store.lock().unwrap_err();
        assert!(matches!(&error, StoreError::Unwritable { .. }), "{error:?}");
        let after = fs::metadata(&other).unwrap();
        assert_eq!((after.uid(), after.mode()), (before.uid(), before.mode()));
    }

    #[test]
    fn a_dangling_link_is_refused_and_its_target_is_not_created() {
        let (scratch, store, _) = scratch();
        let nowhere = scratch.path().join("nologin");
        symlink(&nowhere, store.dir().lock_file()).unwrap();
        assert!(store.lock().is_err());
        assert!(!nowhere.exists());
    }

    #[test]
    fn a_hard_link_to_another_file_does_not_change_its_owner() {
        let (_scratch, store, other) = scratch();
        fs::hard_link(&other, store.dir().lock_file()).unwrap();
        let before = fs::metadata(&other).unwrap().uid();
        let _ = change_owner(&store);
        drop(store.lock().unwrap());
        assert_eq!(fs::metadata(&other).unwrap().uid(), before);
    }

    #[test]
    fn a_link_that_appears_before_opening_is_not_followed() {
        let (_scratch, store, other) = scratch();
        symlink(&other, store.dir().lock_file()).unwrap();
        assert!(open_no_follow(&store.dir().lock_file()).is_err());
        assert!(open_no_follow(&other).is_ok());
    }

    #[test]
    fn an_existing_file_keeps_its_owner() {
        let (_scratch, store, _) = scratch();
        let path = store.dir().lock_file();
        fs::write(&path, "").unwrap();
        let before = fs::metadata(&path).unwrap().uid();
        let _ = change_owner(&store);
        drop(store.lock().unwrap());
        assert_eq!(fs::metadata(&path).unwrap().uid(), before);
    }

    #[test]
    fn a_new_file_gets_the_owner_of_the_directory() {
        let (_scratch, store, _) = scratch();
        let owner = if change_owner(&store) {
            12345
        } else {
            fs::metadata(store.dir().path()).unwrap().uid()
        };
        let lock = store.lock().unwrap();
        lock.write(StateFile::License, b"token").unwrap();
        for path in [
            store.dir().lock_file(),
            store.dir().file(StateFile::License),
        ] {
            assert_eq!(fs::metadata(path).unwrap().uid(), owner);
        }
    }

    #[test]
    fn a_directory_instead_of_the_lock_file_is_refused() {
        let (_scratch, store, _) = scratch();
        fs::create_dir(store.dir().lock_file()).unwrap();
        let error = store.lock().unwrap_err();
        assert!(matches!(&error, StoreError::Unwritable { .. }), "{error:?}");
    }
}
