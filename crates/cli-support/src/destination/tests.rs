//! Tests of writing files: existing files, concurrent writers and secrets.

use super::*;
use std::sync::Barrier;
use tempfile::TempDir;

const REFUSE: Overwrite = Overwrite::Refuse;
const FORCE: Overwrite = Overwrite::Force;
const EVERYONE: Audience = Audience::Everyone;

fn destination() -> (TempDir, PathBuf, Destination) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out");
    let destination = Destination::File(path.clone());
    (directory, path, destination)
}

fn names(directory: &TempDir) -> Vec<OsString> {
    let entries = fs::read_dir(directory.path()).unwrap();
    entries.map(|entry| entry.unwrap().file_name()).collect()
}

#[test]
fn an_existing_file_stays_unless_the_overwrite_is_forced() {
    let (directory, path, destination) = destination();
    destination.write(b"first", REFUSE, EVERYONE).unwrap();
    let failure = destination.write(b"second", REFUSE, EVERYONE).unwrap_err();
    assert_eq!((failure.exit(), failure.code()), (Exit::Usage, "EXISTS"));
    assert_eq!(
        failure.advice(),
        Some("choose another name, or add --force to replace the file")
    );
    assert_eq!(fs::read(&path).unwrap(), b"first");
    destination.write(b"third", FORCE, EVERYONE).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"third");
    assert_eq!(names(&directory), ["out"], "no temporary file is left");
}

fn race(write: impl Fn(&Path, &[u8]) -> bool + Sync) {
    let (directory, path, _) = destination();
    let barrier = Barrier::new(20);
    let winners: Vec<u8> = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..20u8)
            .map(|racer| {
                let (barrier, write, path) = (&barrier, &write, &path);
                scope.spawn(move || {
                    barrier.wait();
                    write(path, &[racer; 5000]).then_some(racer)
                })
            })
            .collect();
        racers
            .into_iter()
            .filter_map(|racer| racer.join().unwrap())
            .collect()
    });
    assert_eq!(winners.len(), 1, "{winners:?}");
    assert_eq!(fs::read(&path).unwrap(), [winners[0]; 5000]);
    assert_eq!(names(&directory), ["out"]);
}

#[test]
fn exactly_one_of_twenty_concurrent_writers_creates_the_file() {
    for _ in 0..10 {
        race(|path, bytes| {
            let result = Destination::File(path.into()).write(bytes, REFUSE, EVERYONE);
            result
                .map_err(|failure| assert_eq!(failure.code(), "EXISTS"))
                .is_ok()
        });
    }
}

#[test]
fn exactly_one_of_twenty_writers_that_passed_the_early_check_creates_the_file() {
    race(|path, bytes| {
        let complete = write_temporary(directory_of(path), bytes, EVERYONE).unwrap();
        place_new(complete, path).is_ok()
    });
}

#[test]
fn exactly_one_of_twenty_writers_creates_the_file_without_hard_links() {
    race(|path, bytes| {
        let complete = write_temporary(directory_of(path), bytes, EVERYONE).unwrap();
        claim_and_replace(complete, path).is_ok()
    });
}

#[test]
fn a_failed_write_leaves_no_file() {
    let (directory, path, _) = destination();
    fs::create_dir(&path).unwrap();
    let failure = Destination::File(path)
        .write(b"x", FORCE, EVERYONE)
        .unwrap_err();
    assert_eq!(failure.exit(), Exit::System);
    assert_eq!(names(&directory), ["out"]);
    let missing = Destination::File(directory.path().join("none/out"));
    let failure = missing.write(b"x", REFUSE, EVERYONE).unwrap_err();
    assert_eq!((failure.exit(), failure.code()), (Exit::System, "IO"));
}

#[cfg(unix)]
#[test]
fn a_secret_that_replaces_a_public_file_is_readable_only_by_its_owner() {
    use std::os::unix::fs::PermissionsExt;
    let (_directory, path, destination) = destination();
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    destination.write(b"public", REFUSE, EVERYONE).unwrap();
    assert_eq!(mode() & 0o600, 0o600);
    destination
        .write(b"secret", FORCE, Audience::OwnerOnly)
        .unwrap();
    assert_eq!(mode(), 0o600);
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_is_neither_followed_nor_replaced() {
    let (directory, path, destination) = destination();
    let target = directory.path().join("target");
    fs::write(&target, b"precious").unwrap();
    std::os::unix::fs::symlink(&target, &path).unwrap();
    let refused = destination.write(b"x", REFUSE, EVERYONE).unwrap_err();
    assert_eq!(refused.code(), "EXISTS");
    let forced = destination.write(b"x", FORCE, EVERYONE).unwrap_err();
    assert_eq!(forced.exit(), Exit::Usage);
    assert_eq!(fs::read(&target).unwrap(), b"precious");
    assert!(path.is_symlink());
}

#[cfg(unix)]
#[test]
fn a_dangling_symbolic_link_is_not_followed() {
    let (directory, path, destination) = destination();
    let target = directory.path().join("target");
    std::os::unix::fs::symlink(&target, &path).unwrap();
    assert!(destination.write(b"x", REFUSE, EVERYONE).is_err());
    assert!(!target.exists());
}

#[cfg(unix)]
#[test]
fn a_device_is_written_and_never_replaced() {
    use std::os::unix::fs::FileTypeExt;
    let null = Destination::File("/dev/null".into());
    null.write(b"x", FORCE, Audience::OwnerOnly).unwrap();
    let kind = fs::metadata("/dev/null").unwrap().file_type();
    assert!(kind.is_char_device());
}

#[test]
fn a_secret_is_refused_only_on_a_terminal() {
    let failure = refuse_terminal(true, Audience::OwnerOnly).unwrap_err();
    assert_eq!(
        failure.message(),
        "refusing to write a secret to a terminal"
    );
    assert_eq!(failure.exit(), Exit::Usage);
    refuse_terminal(false, Audience::OwnerOnly).unwrap();
    refuse_terminal(true, EVERYONE).unwrap();
}
