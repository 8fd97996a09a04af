//! Tests of reading, writing and locking the state directory.

use super::*;
use std::error::Error;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const CAP: usize = 64 * 1024;

/// Returns a store in a directory that does not exist yet.
fn store() -> (tempfile::TempDir, Store) {
    let scratch = tempfile::tempdir().unwrap();
    let store = Store::new(StateDir::at(scratch.path().join("state")));
    (scratch, store)
}

fn names(store: &Store) -> Vec<String> {
    let entries = fs::read_dir(store.dir().path()).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_written_file_is_read() {
    let (_scratch, store) = store();
    let lock = store.lock().unwrap();
    lock.write(StateFile::Cache, b"first").unwrap();
    lock.write(StateFile::Cache, b"").unwrap();
    assert_eq!(store.read(StateFile::Cache, CAP).unwrap().unwrap(), b"");
    assert_eq!(names(&store), [".lock", "license.cache"]);
}

#[test]
fn an_incomplete_file_is_listed_until_the_next_write() {
    let (_scratch, store) = store();
    assert!(store.incomplete_files().is_empty());
    drop(store.lock().unwrap());
    let left = store.dir().path().join(".unfinished-x");
    fs::write(&left, "").unwrap();
    assert_eq!(store.incomplete_files(), [left]);
    drop(store.lock().unwrap());
    assert!(store.incomplete_files().is_empty());
}

#[test]
fn try_writing_shows_whether_the_directory_is_writable_and_leaves_no_file() {
    let (_scratch, store) = store();
    assert!(store.dir().try_writing().is_err());
    assert!(!store.dir().path().exists());
    drop(store.lock().unwrap());
    assert!(store.dir().try_writing().is_ok());
    assert_eq!(names(&store), [".lock"]);
}

#[test]
fn a_missing_file_is_none_and_reading_creates_nothing() {
    let (_scratch, store) = store();
    assert!(store.read(StateFile::License, CAP).unwrap().is_none());
    assert!(!store.dir().path().exists());
}

#[test]
fn a_file_at_the_size_limit_is_read_and_a_larger_one_is_rejected() {
    let (_scratch, store) = store();
    let lock = store.lock().unwrap();
    lock.write(StateFile::License, b"12345").unwrap();
    assert!(store.read(StateFile::License, 5).unwrap().is_some());
    let error = store.read(StateFile::License, 4).unwrap_err();
    assert!(matches!(&error, StoreError::TooLarge { cap: 4, .. }));
    assert_eq!(error.path(), store.dir().file(StateFile::License));
}

#[test]
fn the_error_for_a_directory_instead_of_a_file_names_its_path() {
    let (_scratch, store) = store();
    let lock = store.lock().unwrap();
    let path = store.dir().file(StateFile::License);
    fs::create_dir(&path).unwrap();
    let error = store.read(StateFile::License, CAP).unwrap_err();
    assert!(matches!(&error, StoreError::NotAFile { .. }));
    assert_eq!(error.path(), path);
    assert!(lock.write(StateFile::License, b"token").is_err());
    assert_eq!(names(&store), [".lock", "license.lic"]);
}

#[test]
fn a_file_instead_of_the_directory_is_an_error_with_its_cause() {
    let (_scratch, store) = store();
    fs::write(store.dir().path(), "").unwrap();
    let unreadable = store.read(StateFile::License, CAP).unwrap_err();
    assert!(matches!(&unreadable, StoreError::Unreadable { .. }));
    let unwritable = store.lock().unwrap_err();
    assert!(matches!(&unwritable, StoreError::Unwritable { .. }));
    assert!(unreadable.source().is_some() && unwritable.source().is_some());
}

#[test]
fn removing_returns_whether_the_file_existed() {
    let (_scratch, store) = store();
    let lock = store.lock().unwrap();
    lock.write(StateFile::Key, b"key").unwrap();
    assert!(lock.remove(StateFile::Key).unwrap());
    assert!(!lock.remove(StateFile::Key).unwrap());
    assert!(store.read(StateFile::Key, CAP).unwrap().is_none());
}

#[test]
fn a_quarantined_file_is_never_overwritten() {
    let (_scratch, store) = store();
    let lock = store.lock().unwrap();
    for number in 1..=3 {
        let content = format!("damage {number}");
        lock.write(StateFile::Cache, content.as_bytes()).unwrap();
        let quarantined = lock.quarantine(StateFile::Cache).unwrap();
        assert!(quarantined.ends_with(format!("license.cache.damaged-{number}")));
        assert_eq!(fs::read_to_string(quarantined).unwrap(), content);
    }
    assert!(store.read(StateFile::Cache, CAP).unwrap().is_none());
    assert_eq!(names(&store).len(), 4);
    let missing = lock.quarantine(StateFile::Cache).unwrap_err();
    assert!(matches!(missing, StoreError::Unwritable { .. }));
}

#[test]
fn a_second_writer_waits_and_then_reports_the_lock_file() {
    let (_scratch, store) = store();
    let first = store.lock().unwrap();
    let patience = Duration::from_millis(30);
    let error = store.lock_within(patience).unwrap_err();
    assert_eq!(error.path(), store.dir().lock_file());
    let StoreError::Busy {
        holder: Some(holder),
        patience: waited,
        ..
    } = &error
    else {
        panic!("{error:?}");
    };
    assert_eq!(
        (*waited, holder.process()),
        (patience, std::process::id()),
        "{error}"
    );
    let named = format!("is locked by process {} (", holder.process());
    assert!(error.to_string().contains(&named), "{error}");
    drop(first);
    assert_eq!(fs::read(store.dir().lock_file()).unwrap(), b"");
    drop(store.lock_within(Duration::ZERO).unwrap());
}

#[test]
fn a_waiting_writer_gets_the_lock_once_it_is_free() {
    let (_scratch, store) = store();
    let first = store.lock().unwrap();
    thread::scope(|scope| {
        let second = scope.spawn(|| store.lock().map(drop));
        thread::sleep(Duration::from_millis(50));
        assert!(!second.is_finished());
        drop(first);
        second.join().unwrap().unwrap();
    });
}

#[test]
fn the_file_of_a_killed_writer_is_never_read_and_is_removed() {
    let (_scratch, store) = store();
    store
        .lock()
        .unwrap()
        .write(StateFile::License, b"whole")
        .unwrap();
    let left = store.dir().path().join(format!("{UNFINISHED}a1b2c3"));
    fs::write(&left, "ha").unwrap();
    assert_eq!(
        store.read(StateFile::License, CAP).unwrap().unwrap(),
        b"whole"
    );
    store
        .lock()
        .unwrap()
        .write(StateFile::License, b"newer")
        .unwrap();
    assert_eq!(names(&store), [".lock", "license.lic"]);
}

#[test]
fn concurrent_writers_and_readers_never_see_a_partial_file() {
    const WRITERS: u8 = 8;
    const WRITES: usize = 100;
    let (_scratch, store) = store();
    let (store, done) = (&store, &AtomicBool::new(false));
    thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| scope.spawn(move || read_until(store, done)))
            .collect();
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| scope.spawn(move || write_often(store, writer, WRITES)))
            .collect();
        let written = writers.into_iter().all(|writer| writer.join().is_ok());
        done.store(true, Ordering::Relaxed);
        assert!(written, "a writer failed");
        for reader in readers {
            assert!(reader.join().unwrap() > 0, "a reader read nothing");
        }
    });
    assert_eq!(names(store), [".lock", "license.cache"]);
}

/// Returns content whose letter and length identify the writer, so that mixed content of several
/// writers is detected.
fn content(writer: u8) -> Vec<u8> {
    vec![b'a' + writer; 1000 * (1 + usize::from(writer))]
}

fn write_often(store: &Store, writer: u8, times: usize) {
    for _ in 0..times {
        let lock = store.lock_within(Duration::from_secs(120)).unwrap();
        lock.write(StateFile::Cache, &content(writer)).unwrap();
    }
}

fn read_until(store: &Store, done: &AtomicBool) -> usize {
    let mut seen = 0;
    while !done.load(Ordering::Relaxed) {
        let Some(bytes) = store.read(StateFile::Cache, CAP).unwrap() else {
            continue;
        };
        assert_eq!(bytes, content(bytes[0] - b'a'));
        seen += 1;
    }
    seen
}

#[test]
fn counts_are_not_lost_between_writers_that_read_under_the_lock() {
    let (_scratch, store) = store();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..25).for_each(|_| add_one(&store)));
        }
    });
    assert_eq!(store.read(StateFile::Cache, CAP).unwrap().unwrap(), b"100");
}

fn add_one(store: &Store) {
    let lock = store.lock_within(Duration::from_secs(120)).unwrap();
    let count = store.read(StateFile::Cache, CAP).unwrap();
    let count = count.map_or(0, |text| String::from_utf8(text).unwrap().parse().unwrap());
    let next: u32 = count + 1;
    lock.write(StateFile::Cache, next.to_string().as_bytes())
        .unwrap();
}

#[test]
fn missing_permission_is_distinguished_from_other_failures() {
    for (kind, read_only) in [
        (io::ErrorKind::ReadOnlyFilesystem, true),
        (io::ErrorKind::PermissionDenied, true),
        (io::ErrorKind::StorageFull, false),
    ] {
        let error = StoreError::on_write("state".into(), kind.into());
        assert_eq!(matches!(error, StoreError::ReadOnly { .. }), read_only);
    }
}

#[test]
fn a_file_that_does_not_exist_is_not_called_read_only() {
    let (scratch, store) = store();
    let refused = |path: PathBuf| {
        let error = StoreError::on_write(path, io::ErrorKind::ReadOnlyFilesystem.into());
        error.to_string()
    };
    let is_read_only = |path: &std::path::Path| format!("{} is read-only", path.display());
    assert_eq!(
        refused(store.dir().lock_file()),
        is_read_only(scratch.path())
    );
    drop(store.lock().unwrap());
    let file = store.dir().file(StateFile::License);
    assert_eq!(refused(file), is_read_only(store.dir().path()));
    let lock = store.dir().lock_file();
    assert_eq!(refused(lock.clone()), is_read_only(&lock));
}

#[cfg(unix)]
mod on_unix {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    use std::path::Path;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn files_are_private_even_if_the_previous_file_was_not_private() {
        let (_scratch, store) = store();
        let lock = store.lock().unwrap();
        let path = store.dir().file(StateFile::License);
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        lock.write(StateFile::License, b"new").unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(&store.dir().lock_file()), 0o600);
        assert_eq!(mode(store.dir().path()), 0o700);
    }

    #[test]
    fn a_directory_behind_a_symlink_is_used() {
        let (scratch, store) = store();
        let real = scratch.path().join("real");
        fs::create_dir(&real).unwrap();
        symlink(&real, store.dir().path()).unwrap();
        store
            .lock()
            .unwrap()
            .write(StateFile::License, b"token")
            .unwrap();
        assert_eq!(fs::read(real.join("license.lic")).unwrap(), b"token");
        assert!(store.dir().path().is_symlink());
    }

    #[test]
    fn a_named_pipe_does_not_hang_the_reader() {
        let (_scratch, store) = store();
        drop(store.lock().unwrap());
        let path = store.dir().file(StateFile::Trust);
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        let error = store.read(StateFile::Trust, CAP).unwrap_err();
        assert!(matches!(error, StoreError::NotAFile { .. }));
    }

    #[test]
    fn a_directory_without_write_permission_is_read_only() {
        let (_scratch, store) = store();
        drop(store.lock().unwrap());
        fs::remove_file(store.dir().lock_file()).unwrap();
        fs::set_permissions(store.dir().path(), fs::Permissions::from_mode(0o500)).unwrap();
        match store.lock() {
            Err(error) => {
                assert!(matches!(error, StoreError::ReadOnly { .. }), "{error:?}");
                assert_eq!(error.path(), store.dir().path());
            }
            Ok(_) => assert!(store.dir().lock_file().exists(), "root may write anywhere"),
        }
    }
}
