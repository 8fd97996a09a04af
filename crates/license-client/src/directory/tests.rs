//! Tests of the operations on open directories.

#![cfg(unix)]

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};

use super::*;

/// The id of another user.
const OTHER: u32 = 12345;

fn open(path: &Path) -> WritableDirectory {
    WritableDirectory::open(path, Missing::Fail).unwrap()
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Returns a directory of root with the directory `home` of another user. Returns `None` and prints
/// a line if the test does not run as root.
fn home_of_another_user() -> Option<(tempfile::TempDir, PathBuf)> {
    let scratch = tempfile::tempdir().unwrap();
    let home = scratch.path().join("home");
    fs::create_dir(&home).unwrap();
    if chown(&home, Some(OTHER), Some(OTHER)).is_err() {
        let skipped = "skipped: a test with a second user needs root";
        let _ = writeln!(io::stderr(), "{skipped}");
        return None;
    }
    Some((scratch, home))
}

fn refusal(opened: io::Result<WritableDirectory>) -> UnsafeDirectory {
    let error = opened.and_then(|directory| directory.check()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    UnsafeDirectory::in_error(&error).unwrap().clone()
}

#[test]
fn root_creates_nothing_below_a_directory_of_another_user() {
    let Some((_scratch, home)) = home_of_another_user() else {
        return;
    };
    for path in [home.join(".acme"), home.join("a/b"), home.join("../home/c")] {
        let refused = refusal(WritableDirectory::open(&path, Missing::Create));
        assert_eq!((refused.path(), refused.owner()), (&*home, Some(OTHER)));
    }
    assert_eq!(fs::read_dir(&home).unwrap().count(), 0);
}

#[test]
fn root_does_not_use_its_own_directory_through_a_path_of_another_user() {
    let Some((scratch, home)) = home_of_another_user() else {
        return;
    };
    let own = scratch.path().join("own");
    fs::create_dir(&own).unwrap();
    symlink(&own, home.join(".acme")).unwrap();
    fs::create_dir(home.join("real")).unwrap();
    chown(home.join("real"), Some(0), Some(0)).unwrap();
    for path in [home.join(".acme"), home.join("real")] {
        let refused = refusal(WritableDirectory::open(&path, Missing::Create));
        assert_eq!(refused.path(), home);
    }
    let link = scratch.path().join("link");
    symlink(&own, &link).unwrap();
    assert!(WritableDirectory::open(&link, Missing::Fail).is_ok());
    lchown(&link, Some(OTHER), None).unwrap();
    let refused = refusal(WritableDirectory::open(&link, Missing::Fail));
    assert_eq!((refused.path(), refused.owner()), (&*link, Some(OTHER)));
}

#[test]
fn root_does_not_use_a_directory_to_which_others_may_write() {
    let Some((scratch, _)) = home_of_another_user() else {
        return;
    };
    let open = scratch.path().join("open");
    fs::create_dir_all(open.join("state")).unwrap();
    for (mode, parent_is_refused) in [(0o777, true), (0o1777, false), (0o755, false)] {
        set_mode(&open, mode);
        let opened = WritableDirectory::open(&open.join("state"), Missing::Fail);
        assert_eq!(opened.is_err(), parent_is_refused, "{mode:o}");
        let itself = WritableDirectory::open(&open, Missing::Fail);
        let itself = itself.and_then(|directory| directory.check());
        assert_eq!(itself.is_err(), mode != 0o755, "{mode:o}");
    }
}

#[test]
fn relative_links_and_parents_are_resolved_for_root_too() {
    let scratch = tempfile::tempdir().unwrap();
    fs::create_dir_all(scratch.path().join("a/b")).unwrap();
    symlink("a/../a/b", scratch.path().join("link")).unwrap();
    symlink("loop", scratch.path().join("loop")).unwrap();
    let path = scratch.path().join("link/../b/new/state");
    let directory = WritableDirectory::open(&path, Missing::Create).unwrap();
    drop(directory.create_file("file").unwrap());
    let created = scratch.path().join("a/b/new/state");
    assert!(created.join("file").exists());
    assert_eq!(fs::metadata(created).unwrap().mode() & 0o777, 0o700);
    for name in ["loop", "missing"] {
        let opened = WritableDirectory::open(&scratch.path().join(name), Missing::Fail);
        assert!(opened.is_err(), "{name}");
    }
}

#[test]
fn root_reads_no_file_behind_a_link_in_a_directory_of_another_user() {
    let scratch = tempfile::tempdir().unwrap();
    let secret = scratch.path().join("secret");
    fs::write(&secret, "secret").unwrap();
    let Some((_home, home)) = home_of_another_user() else {
        return;
    };
    symlink(&secret, home.join("license.lic")).unwrap();
    fs::write(home.join("file"), "text").unwrap();
    let read = |name| Directory::open(&home).unwrap().read(name, 100);
    assert!(read("license.lic").is_err());
    assert_eq!(read("file").unwrap(), b"text");
    chown(&home, Some(0), None).unwrap();
    assert_eq!(read("license.lic").unwrap(), b"secret");
}

#[test]
fn no_operation_follows_a_link_or_overwrites_a_file_by_copying() {
    let scratch = tempfile::tempdir().unwrap();
    let (path, other) = (scratch.path().join("state"), scratch.path().join("other"));
    fs::create_dir(&path).unwrap();
    fs::write(&other, "theirs").unwrap();
    let directory = open(&path);
    symlink(&other, path.join("link")).unwrap();
    fs::write(path.join("file"), "ours").unwrap();
    assert!(directory.create_file("link").is_err());
    assert!(directory.try_acquire_shared("link").is_err());
    let copied = directory.link_or_copy("file", &directory, "link");
    assert_eq!(copied.unwrap_err().kind(), ErrorKind::AlreadyExists);
    let copied = directory.copy("file", &directory, "link");
    assert_eq!(copied.unwrap_err().kind(), ErrorKind::AlreadyExists);
    directory.replace("link", b"new", true).unwrap();
    assert_eq!(fs::read(path.join("link")).unwrap(), b"new");
    assert_eq!(fs::read(other).unwrap(), b"theirs");
}

#[test]
fn a_link_is_not_a_directory_to_change() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("state");
    fs::create_dir_all(scratch.path().join("other/deep")).unwrap();
    fs::create_dir(&path).unwrap();
    symlink("../other", path.join("link")).unwrap();
    let directory = open(&path);
    assert!(!directory.has_own_directory("link"));
    for opened in [
        directory.open_writable_directory("link").map(drop),
        directory.open_or_create_directory("link").map(drop),
        directory.open_directory("link").map(drop),
        directory.remove_directory("link"),
    ] {
        assert_eq!(opened.unwrap_err().kind(), ErrorKind::NotADirectory);
    }
    assert!(scratch.path().join("other/deep").exists());
}

#[test]
fn a_directory_of_a_stranger_is_not_an_own_directory() {
    let Some((scratch, _)) = home_of_another_user() else {
        return;
    };
    let directory = open(scratch.path());
    assert!(!directory.has_own_directory("home"));
    fs::create_dir(scratch.path().join("own")).unwrap();
    assert!(directory.has_own_directory("own"));
}

#[test]
fn names_in_a_directory_that_cannot_be_listed_can_be_read() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("state");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("file"), "text").unwrap();
    set_mode(&path, 0o100);
    let read = Directory::open(&path).unwrap().read("file", 100);
    set_mode(&path, 0o700);
    // Systems without `O_PATH` need permission to list the names.
    assert!(read.is_ok() || !cfg!(target_os = "linux"));
}

#[test]
fn all_users_can_read_a_shared_directory_and_its_files() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("new/shared");
    let mode = |name: &str| fs::metadata(path.join(name)).unwrap().mode() & 0o777;
    let directory = WritableDirectory::open(&path, Missing::CreateForAll).unwrap();
    let directory = directory.readable_by(Readers::Everyone);
    directory.replace("file", b"license", true).unwrap();
    assert_eq!(mode("file"), 0o644);
    directory.copy("file", &directory, "copy").unwrap();
    assert_eq!(mode("copy"), 0o644);
    if fs::metadata(scratch.path()).unwrap().uid() == 0 {
        assert_eq!((mode("."), mode("..")), (0o755, 0o755));
    }
    let private = open(&path);
    private.replace("private", b"state", true).unwrap();
    private.copy("private", &directory, "private-copy").unwrap();
    assert_eq!((mode("private"), mode("private-copy")), (0o600, 0o600));
}
