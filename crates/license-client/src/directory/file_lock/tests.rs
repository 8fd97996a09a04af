//! Tests of locks: links, other entries, and removals of the locked file.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::*;
use crate::directory::Missing;
use crate::state_dir::StateDir;
use crate::store::Store;

const NAME: &str = ".lock";

/// Returns a store, and the path of a file outside of its directory.
fn scratch() -> (tempfile::TempDir, Store, PathBuf) {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("state");
    let other = scratch.path().join("other");
    fs::create_dir(&directory).unwrap();
    fs::write(&other, "theirs").unwrap();
    (scratch, Store::new(StateDir::at(directory)), other)
}

fn open(store: &Store) -> WritableDirectory {
    WritableDirectory::open(store.dir().path(), Missing::Fail).unwrap()
}

fn is_busy(locked: &Result<FileLock, TryLockError>) -> bool {
    matches!(locked, Err(TryLockError::WouldBlock))
}

#[cfg(unix)]
fn set_mode(store: &Store, mode: u32) {
    use std::os::unix::fs::PermissionsExt;

    let permissions = fs::Permissions::from_mode(mode);
    fs::set_permissions(store.dir().path(), permissions).unwrap();
}

#[test]
#[cfg(unix)]
fn a_directory_or_link_in_place_of_the_lock_file_is_quarantined() {
    let nowhere = Path::new("/nowhere/nologin");
    for name in ["a directory", "a link", "a dangling link"] {
        let (_scratch, store, other) = scratch();
        let lock = store.dir().lock_file();
        match name {
            "a directory" => fs::create_dir(lock).unwrap(),
            "a link" => std::os::unix::fs::symlink(&other, lock).unwrap(),
            _ => std::os::unix::fs::symlink(nowhere, lock).unwrap(),
        }
        drop(store.lock().unwrap());
        let lock = store.dir().lock_file().symlink_metadata().unwrap();
        assert!(lock.is_file(), "{name}");
        let quarantined = store.dir().path().join(".lock.damaged-1");
        assert!(quarantined.symlink_metadata().is_ok(), "{name}");
        assert_eq!(fs::read_to_string(&other).unwrap(), "theirs", "{name}");
        assert!(!nowhere.exists(), "{name}");
    }
}

#[test]
fn a_lock_of_a_removed_file_does_not_count() {
    let (_scratch, store, _) = scratch();
    let first = store.lock().unwrap();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| store.lock().unwrap());
        // The waiting thread waits for the file or for the directory by then. Both are correct.
        thread::sleep(Duration::from_millis(20));
        fs::remove_file(store.dir().lock_file()).unwrap();
        drop(first);
        let waited = waiting.join().unwrap();
        assert!(is_busy(&open(&store).try_acquire(NAME)));
        drop(waited);
    });
}

#[test]
#[cfg(unix)]
fn removing_the_lock_file_does_not_release_the_lock() {
    let (_scratch, store, _) = scratch();
    set_mode(&store, 0o700);
    let first = open(&store).try_acquire(NAME).unwrap();
    for _ in 0..2 {
        fs::remove_file(store.dir().lock_file()).unwrap();
        assert!(is_busy(&open(&store).try_acquire(NAME)));
        fs::write(store.dir().lock_file(), "").unwrap();
        assert!(is_busy(&open(&store).try_acquire(NAME)));
    }
    drop(first);
    assert!(open(&store).try_acquire(NAME).is_ok());
}

#[test]
#[cfg(unix)]
fn a_lock_of_a_directory_that_other_users_can_open_does_not_count() {
    let (_scratch, store, _) = scratch();
    let directory = fs::File::open(store.dir().path()).unwrap();
    directory.lock().unwrap();
    set_mode(&store, 0o755);
    let lock = open(&store).try_acquire(NAME).unwrap();
    assert!(is_busy(&open(&store).try_acquire(NAME)));
    drop(lock);
    set_mode(&store, 0o700);
    assert!(is_busy(&open(&store).try_acquire(NAME)));
}

#[test]
fn a_shared_lock_excludes_only_the_exclusive_lock() {
    let (_scratch, store, _) = scratch();
    let directory = open(&store);
    let created = directory.create_locked("session").unwrap().unwrap();
    assert!(directory.create_locked("session").unwrap().is_none());
    assert!(is_busy(&directory.try_acquire_shared("session")));
    drop(created);
    let _one = directory.try_acquire_shared("session").unwrap();
    let _other = directory.try_acquire_shared("session").unwrap();
    assert!(is_busy(&directory.try_acquire("session")));
}
