//! Tests of staging files and lock files in directories that others can change.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::Cell;
use std::os::unix::fs::{chown, symlink};
use std::time::Duration;

use super::*;

fn directory() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let (path, precious) = (
        directory.path().join("acme.lic"),
        directory.path().join("precious"),
    );
    fs::write(&precious, "precious").unwrap();
    (directory, path, precious)
}

#[test]
fn a_staging_file_replaces_a_link_and_never_follows_it() {
    for durability in [Durability::Synced, Durability::Restorable] {
        let (_directory, path, precious) = directory();
        let staging = staging_path(&path, "4711");
        symlink(&precious, &staging).unwrap();
        stage(&staging, b"license", durability).unwrap();
        assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
        assert!(fs::symlink_metadata(&staging).unwrap().is_file());
        publish(&staging, &path, Collision::Refuse).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "license");
    }
}

#[test]
fn an_existing_file_without_a_staging_name_is_not_replaced() {
    let (_directory, _, precious) = directory();
    let refused = create_staging(&precious).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
}

#[test]
fn without_hard_links_the_target_name_is_claimed_before_the_rename() {
    let (_directory, path, precious) = directory();
    let staging = staging_path(&path, "4711");
    stage(&staging, b"license", Durability::Synced).unwrap();
    for taken in [&precious, &path] {
        if taken == &path {
            symlink("missing", taken).unwrap();
        }
        let refused = claim_and_rename(&staging, taken).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
    }
    fs::remove_file(&path).unwrap();
    claim_and_rename(&staging, &path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "license");
}

#[test]
fn a_staging_path_has_a_staging_name_and_is_beside_its_target() {
    let path = Path::new("/orders/acme.lic");
    for (staging, expected) in [
        ("/orders/.keygen-4711", true),
        ("/orders/.keygen-", false),
        ("/orders/4711", false),
        ("/orders/acme.lic", false),
        ("/orders/old/.keygen-4711", false),
        ("/.keygen-4711", false),
        (".keygen-4711", false),
    ] {
        assert_eq!(
            is_staging_path(Path::new(staging), path),
            expected,
            "{staging}"
        );
    }
    let own = Path::new("/orders/.keygen-4711");
    assert!(!is_staging_path(own, own));
}

#[test]
fn recovery_and_removal_touch_only_regular_files() {
    let (directory, path, precious) = directory();
    let staging = staging_path(&path, "4711");
    symlink(&precious, &staging).unwrap();
    assert!(recover(&staging, &path, Collision::Replace).is_err());
    assert!(discard(&staging).is_err());
    assert!(!path.exists() && precious.exists());
    fs::remove_file(&staging).unwrap();
    // A link in place of the target is not replaced.
    stage(&staging, b"license", Durability::Synced).unwrap();
    symlink(&precious, &path).unwrap();
    recover(&staging, &path, Collision::Replace).unwrap();
    assert!(staging.exists() && fs::symlink_metadata(&path).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
    drop(directory);
}

#[test]
fn recovery_does_not_replace_a_file_of_another_owner() {
    let (_directory, path, _) = directory();
    let staging = staging_path(&path, "4711");
    fs::write(&path, "theirs").unwrap();
    stage(&staging, b"license", Durability::Synced).unwrap();
    if chown(&path, Some(65534), None).is_err() {
        eprintln!("SKIPPED: only root can change the owner of a file");
        return;
    }
    recover(&staging, &path, Collision::Replace).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
    assert!(staging.exists());
}

/// Asserts that the file is locked. Returns whether the error names this process as the holder.
fn is_busy(path: &Path) -> bool {
    let error = lock(path, Duration::from_millis(5)).unwrap_err();
    error
        .to_string()
        .contains(&format!("is locked by process {} (", std::process::id()))
}

#[test]
fn a_lock_is_taken_on_the_file_that_is_at_the_path_now() {
    let (directory, _, precious) = directory();
    let path = directory.path().join("ledger.db.lock");
    let first = lock(&path, Duration::ZERO).unwrap();
    assert!(is_busy(&path));
    drop(first);
    // Another process removes the file after it was opened and before it is locked.
    let is_removed = Cell::new(false);
    let locked = lock::lock_with(&path, |file| {
        if !is_removed.replace(true) {
            fs::remove_file(&path).unwrap();
        }
        // A process that another test starts inherits the lock of `first` for a moment.
        file.lock().map_err(fs::TryLockError::Error)
    });
    let locked = locked.unwrap();
    assert!(is_at(&locked, &path));
    let error = lock(&path, Duration::ZERO).unwrap_err();
    assert!(matches!(error, LockError::Busy { holder: None, .. }));
    fs::remove_file(&path).unwrap();
    symlink(&precious, &path).unwrap();
    assert!(lock(&path, Duration::ZERO).is_err());
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(lock(&path, Duration::ZERO).is_err());
}
