//! Tests of the location of the state directory.

use super::*;

/// Creates the directory.
fn create(dir: &StateDir) -> io::Result<()> {
    dir.open(Missing::Create).map(drop)
}

fn nothing_set(_: &str) -> Option<OsString> {
    None
}

#[test]
fn the_directory_is_named_after_the_product() {
    let home = std::env::temp_dir();
    let dir = StateDir::resolve("ACME9", nothing_set, Some(&home)).unwrap();
    assert_eq!(dir.path(), home.join(".acme9"));
    assert_eq!(dir.file(StateFile::Key), home.join(".acme9/license.key"));
}

#[test]
fn the_variable_takes_precedence_over_the_home_directory() {
    let chosen = std::env::temp_dir().join("elsewhere");
    let environment = |name: &str| (name == "ACME9_HOME").then(|| chosen.clone().into_os_string());
    let dir = StateDir::resolve("ACME9", environment, None).unwrap();
    assert_eq!(dir.path(), chosen);
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let home = std::env::temp_dir();
    let dir = StateDir::resolve("ACME9", |_| Some(OsString::new()), Some(&home)).unwrap();
    assert_eq!(dir.path(), home.join(".acme9"));
}

#[test]
fn the_error_for_a_relative_path_names_the_variable() {
    let error = StateDir::resolve("ACME9", |_| Some("state".into()), None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "ACME9_HOME: expected an absolute path, found \"state\""
    );
}

#[test]
fn without_a_home_directory_the_error_names_the_variable_to_set() {
    for home in [None, Some(Path::new(""))] {
        let error = StateDir::resolve("ACME9", nothing_set, home).unwrap_err();
        let variable = "ACME9_HOME".to_owned();
        assert_eq!(error, StateDirError::NoHome { variable });
        assert!(error.is_fault_of_system());
    }
}

#[test]
fn the_error_for_a_relative_home_directory_names_its_variable() {
    let home = Some(Path::new("relative"));
    let error = StateDir::resolve("ACME9", nothing_set, home).unwrap_err();
    assert_eq!(
        error.to_string(),
        "HOME: expected an absolute path, found \"relative\""
    );
    assert!(!error.is_fault_of_system());
}

#[test]
fn a_relative_path_does_not_hide_the_default_directory_of_the_administrator() {
    let default = StateDir::for_system("ACME9", nothing_set);
    for value in ["", "relative/path"] {
        let environment = |name: &str| {
            let is_set = name == "ACME9_SYSTEM_DIR";
            is_set.then(|| value.into())
        };
        assert_eq!(StateDir::for_system("ACME9", environment), default);
    }
    let absolute = std::env::temp_dir();
    let environment = |name: &str| {
        let is_set = name == "ACME9_SYSTEM_DIR";
        is_set.then(|| absolute.clone().into_os_string())
    };
    let chosen = StateDir::for_system("ACME9", environment).unwrap();
    assert_eq!(chosen.path(), absolute);
}

#[test]
fn a_directory_that_is_not_known_contains_nothing_and_is_not_created() {
    use crate::store::{Store, StoreError};
    let store = Store::new(StateDir::unknown());
    assert!(matches!(store.read(StateFile::License, 100), Ok(None)));
    let error = store.lock().unwrap_err();
    assert!(!matches!(error, StoreError::Busy { .. }), "{error}");
    assert!(store.incomplete_files().is_empty());
}

#[test]
fn a_product_code_cannot_leave_the_home_directory() {
    let home = std::env::temp_dir();
    for product in ["", "..", "A/B", "/etc", "A B", "É"] {
        let error = StateDir::resolve(product, nothing_set, Some(&home)).unwrap_err();
        assert_eq!(error, StateDirError::NotAProductCode, "{product:?}");
    }
}

#[cfg(unix)]
mod permissions {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    fn directory(path: PathBuf, mode: u32) -> PathBuf {
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn a_new_directory_is_private_and_its_parents_have_the_usual_permissions() {
        let scratch = tempfile::tempdir().unwrap();
        let ordinary = scratch.path().join("ordinary");
        fs::create_dir(&ordinary).unwrap();
        let parent = scratch.path().join("new/parent");
        create(&StateDir::at(parent.join("state"))).unwrap();
        assert_eq!(mode(&parent.join("state")), 0o700);
        assert_eq!(mode(&parent), mode(&ordinary));
    }

    #[test]
    fn the_default_directory_is_closed_to_other_users() {
        let scratch = tempfile::tempdir().unwrap();
        let path = directory(scratch.path().join(".acme9"), 0o755);
        fs::write(path.join("license.lic"), "token").unwrap();
        let dir = StateDir::resolve("ACME9", nothing_set, Some(scratch.path())).unwrap();
        create(&dir).unwrap();
        assert_eq!(mode(&path), 0o700);
    }

    #[test]
    fn an_empty_chosen_directory_is_closed_to_other_users() {
        let scratch = tempfile::tempdir().unwrap();
        let path = directory(scratch.path().join("empty"), 0o755);
        create(&StateDir::at(&path)).unwrap();
        assert_eq!(mode(&path), 0o700);
    }

    #[test]
    fn a_chosen_directory_with_other_files_or_with_a_sticky_bit_keeps_its_permissions() {
        let scratch = tempfile::tempdir().unwrap();
        let program = directory(scratch.path().join("program"), 0o755);
        fs::write(program.join("program"), "").unwrap();
        let sticky = directory(scratch.path().join("sticky"), 0o1777);
        create(&StateDir::at(&program)).unwrap();
        // Every user can create files in this world-writable directory, so root does not use it.
        let created = create(&StateDir::at(&sticky));
        assert_eq!(created.is_ok(), fs::metadata(&sticky).unwrap().uid() != 0);
        assert_eq!((mode(&program), mode(&sticky)), (0o755, 0o1777));
    }

    #[test]
    fn the_permissions_of_another_users_directory_behind_a_symlink_are_unchanged() {
        let scratch = tempfile::tempdir().unwrap();
        let given_away = directory(scratch.path().join("given-away"), 0o755);
        let foreign = match chown(&given_away, Some(12345), None) {
            Ok(()) => given_away, // only root can change the owner
            Err(_) => PathBuf::from("/usr"),
        };
        let before = mode(&foreign);
        symlink(&foreign, scratch.path().join(".acme9")).unwrap();
        let dir = StateDir::resolve("ACME9", nothing_set, Some(scratch.path())).unwrap();
        // Root refuses to use the directory.
        let _ = create(&dir);
        assert_eq!(mode(&foreign), before);
    }

    #[test]
    fn root_does_not_follow_a_symlink_of_another_user() {
        let scratch = tempfile::tempdir().unwrap();
        let (ours, theirs) = (scratch.path().join("ours"), scratch.path().join("theirs"));
        let (ours, theirs) = (directory(ours, 0o755), directory(theirs, 0o755));
        let link = scratch.path().join(".acme9");
        let dir = StateDir::resolve("ACME9", nothing_set, Some(scratch.path())).unwrap();
        let link_to = |target: &Path| {
            let _ = fs::remove_file(&link);
            symlink(target, &link).unwrap();
        };
        link_to(&ours);
        create(&dir).unwrap();
        assert_eq!(mode(&ours), 0o700, "the user's own link is followed");
        link_to(&theirs);
        if lchown(&link, Some(12345), None).is_err() {
            return; // only root can change the owner of a link, and only root needs this check
        }
        let error = create(&dir).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(mode(&theirs), 0o755);
        assert!(dir.obstacle().is_some());
        chown(&theirs, Some(12345), None).unwrap();
        assert!(
            create(&dir).is_err(),
            "root must not use the directory of another user"
        );
    }

    #[test]
    fn a_file_instead_of_the_directory_is_an_error() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("state");
        fs::write(&path, "").unwrap();
        let error = create(&StateDir::at(&path)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
    }
}
