//! The file that writers lock: it is made if there is none, and is never a link.
//!
//! Whoever owns the folder may put a link in the file's place, and root may come by: what root makes or gives away then would be a file
//! of root's own.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::files::{create_private_file, is_same_file, keep_owner, never_followed};

/// How often it is looked for again after somebody has removed it.
const ATTEMPTS: u32 = 16;

/// Opens the file in the folder, and gives what root makes to whom the folder belongs to. What was there stays whose it is.
pub(super) fn open(folder: &Path, path: &Path) -> io::Result<File> {
    for _ in 0..ATTEMPTS {
        let file = match made(folder, path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => found(path),
            made => made,
        };
        match file {
            Err(error) if error.kind() == ErrorKind::NotFound && folder.is_dir() => {}
            opened => return opened,
        }
    }
    Err(ErrorKind::NotFound.into())
}

/// Never follows a link, also not one that leads nowhere yet.
fn made(folder: &Path, path: &Path) -> io::Result<File> {
    let file = create_private_file(path)?;
    keep_owner(folder, &file);
    Ok(file)
}

/// Before it is opened it is a file, so that no device is touched; and the same is there after that, so that nobody has put another in its
/// place. A link that comes between is not followed.
fn found(path: &Path) -> io::Result<File> {
    let is_file = |metadata: &Metadata| metadata.file_type().is_file();
    let no_file = || io::Error::other("it is not a regular file");
    if !is_file(&fs::symlink_metadata(path)?) {
        return Err(no_file());
    }
    let file = opened(path)?;
    let there = fs::symlink_metadata(path)?;
    match is_file(&there) && is_same_file(&there, &file.metadata()?) {
        true => Ok(file),
        false => Err(no_file()),
    }
}

fn opened(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    never_followed(options.read(true).write(true)).open(path)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::os::unix::fs::{MetadataExt, chown, symlink};
    use std::path::PathBuf;

    use super::*;
    use crate::paths::{StateDir, StateFile};
    use crate::store::{Store, StoreError};

    /// A state directory, and beside it a file that is none of its own.
    fn scratch() -> (tempfile::TempDir, Store, PathBuf) {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("state");
        let other = scratch.path().join("other");
        fs::create_dir(&folder).unwrap();
        fs::write(&other, "theirs").unwrap();
        (scratch, Store::new(StateDir::at(folder)), other)
    }

    /// Who owns the folder then is somebody else than the one who works in it, where root runs this.
    fn given_away(store: &Store) -> bool {
        chown(store.dir().path(), Some(12345), Some(12345)).is_ok()
    }

    #[test]
    fn a_link_to_a_file_is_refused_and_the_file_left_as_it_is() {
        let (_scratch, store, other) = scratch();
        let before = fs::metadata(&other).unwrap();
        symlink(&other, store.dir().lock_file()).unwrap();
        let _ = given_away(&store);
        let error = store.lock().unwrap_err();
        assert!(matches!(&error, StoreError::Unwritable { .. }), "{error:?}");
        let after = fs::metadata(&other).unwrap();
        assert_eq!((after.uid(), after.mode()), (before.uid(), before.mode()));
    }

    #[test]
    fn a_link_that_leads_nowhere_makes_nothing_there() {
        let (scratch, store, _) = scratch();
        let nowhere = scratch.path().join("nologin");
        symlink(&nowhere, store.dir().lock_file()).unwrap();
        assert!(store.lock().is_err());
        assert!(!nowhere.exists());
    }

    #[test]
    fn a_file_that_has_another_name_stays_its_owners() {
        let (_scratch, store, other) = scratch();
        fs::hard_link(&other, store.dir().lock_file()).unwrap();
        let before = fs::metadata(&other).unwrap().uid();
        let _ = given_away(&store);
        drop(store.lock().unwrap());
        assert_eq!(fs::metadata(&other).unwrap().uid(), before);
    }

    #[test]
    fn a_link_that_is_put_there_before_it_is_opened_is_not_followed() {
        let (_scratch, store, other) = scratch();
        symlink(&other, store.dir().lock_file()).unwrap();
        assert!(opened(&store.dir().lock_file()).is_err());
        assert!(opened(&other).is_ok());
    }

    #[test]
    fn a_file_that_is_found_stays_its_owners() {
        let (_scratch, store, _) = scratch();
        let path = store.dir().lock_file();
        fs::write(&path, "").unwrap();
        let before = fs::metadata(&path).unwrap().uid();
        let _ = given_away(&store);
        drop(store.lock().unwrap());
        assert_eq!(fs::metadata(&path).unwrap().uid(), before);
    }

    #[test]
    fn what_is_made_belongs_to_whom_the_folder_belongs_to() {
        let (_scratch, store, _) = scratch();
        let owner = match given_away(&store) {
            true => 12345,
            false => fs::metadata(store.dir().path()).unwrap().uid(),
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
    fn a_folder_in_its_place_is_refused() {
        let (_scratch, store, _) = scratch();
        fs::create_dir(store.dir().lock_file()).unwrap();
        let error = store.lock().unwrap_err();
        assert!(matches!(&error, StoreError::Unwritable { .. }), "{error:?}");
    }
}
