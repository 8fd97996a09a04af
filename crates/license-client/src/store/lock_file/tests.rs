//! Tests of the lock file: links, other entries, and removals while a process waits.

use std::fs;

use super::*;
use crate::state_dir::StateDir;
use crate::store::Store;

/// Returns a store, and the path of a file outside of its directory.
fn scratch() -> (tempfile::TempDir, Store, PathBuf) {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("state");
    let other = scratch.path().join("other");
    fs::create_dir(&directory).unwrap();
    fs::write(&other, "theirs").unwrap();
    (scratch, Store::new(StateDir::at(directory)), other)
}

#[test]
#[cfg(unix)]
fn a_directory_or_link_in_place_of_the_lock_file_is_quarantined() {
    let link = |target: &Path, path: &Path| std::os::unix::fs::symlink(target, path).unwrap();
    let nowhere = Path::new("/nowhere/nologin");
    type Replacement<'r> = &'r dyn Fn(&Path, &Path);
    let replacements: [(&str, Replacement<'_>); 3] = [
        ("a directory", &|_, lock| fs::create_dir(lock).unwrap()),
        ("a link", &|other, lock| link(other, lock)),
        ("a dangling link", &|_, lock| link(nowhere, lock)),
    ];
    for (name, replace) in replacements {
        let (_scratch, store, other) = scratch();
        replace(&other, &store.dir().lock_file());
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
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| store.lock().unwrap());
        // The waiting thread has opened the file by then, or opens the new one. Both are correct.
        thread::sleep(Duration::from_millis(20));
        fs::remove_file(store.dir().lock_file()).unwrap();
        let second = store.lock().unwrap();
        drop(first);
        thread::sleep(Duration::from_millis(50));
        assert!(!waiting.is_finished(), "two writers have the lock");
        drop(second);
        drop(waiting.join().unwrap());
    });
}
