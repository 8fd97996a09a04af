//! Tests of the files of open sessions.

use std::fs;

use super::*;

#[cfg(unix)]
#[test]
fn an_account_has_a_name() {
    let users = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n";
    assert_eq!(account(users, 1000), Some("ann"));
    assert_eq!(account(users, 1001), None);
    assert_eq!(account(":x:7:7", 7), None);
}

#[test]
fn only_session_files_are_removed() {
    let directory = tempfile::tempdir().unwrap();
    let id = "sess_00112233445566778899aabbccddeeff";
    let unlocked = format!("{id}.4711-0");
    let others = [
        "passwd",
        "sess_0011.4711-0",
        &format!("{id}.4711"),
        &format!("{id}.conf-d"),
        id,
    ];
    for name in others.iter().chain([&unlocked.as_str()]) {
        fs::write(directory.path().join(name), "").unwrap();
    }
    let open = |path| WritableDirectory::open(path, Missing::Fail).unwrap();
    let sessions = open(directory.path());
    assert_eq!(list_and_remove(&sessions).unwrap(), [""; 0]);
    assert!(
        !directory.path().join(&unlocked).exists(),
        "{unlocked} must be removed"
    );
    for name in others {
        assert!(directory.path().join(name).exists(), "{name}");
    }
    let lock = SessionLock::acquire(open(directory.path()), open_id()).unwrap();
    assert_eq!(list_and_remove(&sessions).unwrap(), [open_id().to_string()]);
    drop(lock);
    assert_eq!(list_and_remove(&sessions).unwrap(), [""; 0]);
}

/// Returns the manager of an empty state directory, and the path of an unlocked session file in
/// another directory.
#[cfg(unix)]
fn with_other_directory() -> (tempfile::TempDir, LicenseManager, std::path::PathBuf) {
    let scratch = tempfile::tempdir().unwrap();
    let (state, other) = (scratch.path().join("state"), scratch.path().join("other"));
    for directory in [&state, &other] {
        fs::create_dir(directory).unwrap();
    }
    let session_file = other.join("sess_00112233445566778899aabbccddeeff.4711-0");
    fs::write(&session_file, "content").unwrap();
    let product = license_core::FeatureMatrix::built_in().product();
    let manager = LicenseManager::at(product, crate::state_dir::StateDir::at(state));
    (scratch, manager, session_file)
}

#[test]
#[cfg(unix)]
fn sessions_behind_a_symbolic_link_are_neither_listed_nor_removed() {
    let (scratch, manager, session_file) = with_other_directory();
    let sessions = scratch.path().join("state").join(DIRECTORY);
    std::os::unix::fs::symlink(scratch.path().join("other"), sessions).unwrap();
    assert_eq!(Session::list_open(&manager).unwrap(), [""; 0]);
    assert!(session_file.exists());
    let session = Session::open(&manager, None, None, scratch.path()).unwrap();
    assert!(!session.is_counted());
    assert_eq!(
        fs::read_dir(scratch.path().join("other")).unwrap().count(),
        1
    );
}

#[test]
#[cfg(unix)]
fn a_symbolic_link_is_not_a_session_even_if_its_target_is_locked() {
    let (scratch, manager, session_file) = with_other_directory();
    let sessions = scratch.path().join("state").join(DIRECTORY);
    fs::create_dir(&sessions).unwrap();
    let directory = Directory::open(&sessions).unwrap();
    let name = session_file.file_name().unwrap().to_str().unwrap();
    let link = sessions.join(name);
    std::os::unix::fs::symlink(&session_file, &link).unwrap();
    let locked = fs::File::open(&session_file).unwrap();
    locked.lock().unwrap();
    assert!(
        !is_locked(&directory, name, |_| panic!("the link must stay")),
        "a link is ignored even if it replaced the file after a check"
    );
    assert_eq!(Session::list_open(&manager).unwrap(), [""; 0]);
    drop(locked);
    assert!(!is_locked(&directory, name, |_| panic!(
        "the link must stay"
    )));
    assert!(session_file.exists() && link.is_symlink());
    assert_eq!(fs::read(&session_file).unwrap(), b"content");
}

fn open_id() -> SessionId {
    SessionId::new(None, None, "ann", b"/p")
}
