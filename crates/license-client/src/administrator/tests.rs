//! Tests of the owners and permissions of the administrator's directory.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

use super::unix::{DirectoryProperties, Here, is_initial_namespace};
use super::*;

const ROOTS: DirectoryProperties = DirectoryProperties {
    user: 0,
    group: 0,
    mode: 0o755,
    is_read_only: false,
    is_in_user_space: false,
};

const ON_MACHINE: Here = Here {
    outside_user: None,
    is_container: false,
};

const IN_CONTAINER: Here = Here {
    outside_user: None,
    is_container: true,
};

fn is_accepted(directory: DirectoryProperties, here: Here) -> bool {
    directory.check(&here, false).is_ok()
}

#[test]
fn a_directory_of_another_user_is_refused() {
    assert!(is_accepted(ROOTS, ON_MACHINE));
    let other = DirectoryProperties {
        user: 1000,
        ..ROOTS
    };
    assert_eq!(
        other.check(&ON_MACHINE, true),
        Err(SystemDirFault::Owner { user: 1000 })
    );
    // A snapshot of a home directory is read-only, but a user chose its content.
    let snapshot = DirectoryProperties {
        is_read_only: true,
        ..other
    };
    assert!(!is_accepted(snapshot, ON_MACHINE));
}

#[test]
fn a_directory_that_others_can_write_to_is_refused() {
    for (mode, group, accepted) in [
        (0o775, 0, true),
        (0o775, 50, false),
        (0o757, 0, false),
        (0o1777, 0, false),
    ] {
        let directory = DirectoryProperties {
            mode,
            group,
            ..ROOTS
        };
        assert_eq!(is_accepted(directory, ON_MACHINE), accepted, "{mode:o}");
    }
    let shared = DirectoryProperties {
        mode: 0o1777,
        ..ROOTS
    };
    assert!(
        shared.check(&ON_MACHINE, true).is_ok(),
        "a directory above, such as /tmp"
    );
    // Kubernetes mounts a Secret like this.
    let secret = DirectoryProperties {
        is_read_only: true,
        ..shared
    };
    assert!(is_accepted(secret, ON_MACHINE));
}

#[test]
fn a_read_only_mount_is_accepted_in_a_container() {
    let mounted = DirectoryProperties {
        user: 1000,
        is_read_only: true,
        ..ROOTS
    };
    assert!(is_accepted(mounted, IN_CONTAINER));
    let writable = DirectoryProperties {
        is_read_only: false,
        ..mounted
    };
    assert!(!is_accepted(writable, IN_CONTAINER));
}

#[test]
fn a_file_system_in_user_space_is_refused_outside_of_containers() {
    let directory = DirectoryProperties {
        is_in_user_space: true,
        ..ROOTS
    };
    assert_eq!(
        directory.check(&ON_MACHINE, false),
        Err(SystemDirFault::UserSpace)
    );
    assert!(is_accepted(directory, IN_CONTAINER));
}

#[test]
fn in_a_user_namespace_the_users_outside_count_as_administrators() {
    let outside = DirectoryProperties {
        user: 65534,
        group: 65534,
        ..ROOTS
    };
    let inside = Here {
        outside_user: Some(65534),
        is_container: false,
    };
    assert!(is_accepted(outside, inside));
    assert!(!is_accepted(outside, ON_MACHINE));
}

#[test]
fn the_initial_user_namespace_is_recognized() {
    assert!(is_initial_namespace("         0          0 4294967295\n"));
    assert!(is_initial_namespace(""));
    assert!(!is_initial_namespace("         0       1000          1\n"));
}

/// Returns a directory that belongs to root, or `None` if this process is another user.
fn directory_of_root() -> Option<tempfile::TempDir> {
    let scratch = tempfile::tempdir().unwrap();
    if fs::metadata(scratch.path()).unwrap().uid() == 0 {
        return Some(scratch);
    }
    eprintln!("SKIPPED: this test needs root");
    None
}

#[test]
fn a_directory_above_that_belongs_to_a_user_is_refused() {
    let Some(scratch) = directory_of_root() else {
        return;
    };
    let above = scratch.path().canonicalize().unwrap().join("above");
    let path = above.join("etc");
    fs::create_dir_all(&path).unwrap();
    assert_eq!(check(&path), Ok(path.clone()));
    chown(&above, Some(12345), None).unwrap();
    let refused = check(&path).unwrap_err();
    assert_eq!(refused.directory, above);
    assert_eq!(refused.fault, SystemDirFault::Owner { user: 12345 });
}

#[test]
fn a_missing_directory_is_refused_if_another_user_could_create_it() {
    let Some(scratch) = directory_of_root() else {
        return;
    };
    let shared = scratch.path().canonicalize().unwrap().join("shared");
    fs::create_dir(&shared).unwrap();
    assert!(check(&shared.join("etc/later")).is_ok());
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o1777)).unwrap();
    let refused = check(&shared.join("etc/later")).unwrap_err();
    assert_eq!(refused.fault, SystemDirFault::Writable { mode: 0o1777 });
    symlink("/nonexistent/later", shared.join("link")).unwrap();
    let refused = check(&shared.join("link")).unwrap_err();
    assert!(matches!(refused.fault, SystemDirFault::Unreadable(_)));
}

#[test]
fn the_target_of_a_link_is_checked_and_used() {
    let Some(scratch) = directory_of_root() else {
        return;
    };
    let root = scratch.path().canonicalize().unwrap();
    fs::create_dir(root.join("etc")).unwrap();
    symlink(root.join("etc"), root.join("link")).unwrap();
    assert_eq!(check(&root.join("link")), Ok(root.join("etc")));
    chown(root.join("etc"), Some(12345), None).unwrap();
    assert!(check(&root.join("link")).is_err());
}
