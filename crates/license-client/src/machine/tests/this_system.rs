//! The machine that runs the tests.

use std::path::Path;

use super::*;

#[test]
fn collecting_twice_returns_the_same_components() {
    let first = MachineFacts::collect(product(), None);
    assert_eq!(first, MachineFacts::collect(product(), None));
    assert_eq!(first.found().count() + first.missing().count(), 6);
    let identified = MachineFacts::identify(product(), None);
    assert_eq!(identified.machine_id(), first.machine_id());
    assert_eq!(identified.container(), first.container());
}

/// A program can set the modification time only. A file that was touched by mistake, came from a
/// backup or was built with `SOURCE_DATE_EPOCH` is not newer than it is.
#[test]
#[cfg(unix)]
fn the_last_write_is_the_earlier_of_modification_and_change() {
    use license_core::time;
    use std::time::{Duration, UNIX_EPOCH};
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let file = std::fs::File::create(&path).unwrap();
    let written = LocalSystem.last_write(&path).unwrap();
    for (seconds, is_earlier) in [(4_100_000_000, false), (0, true)] {
        file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds))
            .unwrap();
        let found = LocalSystem.last_write(&path).unwrap();
        if is_earlier {
            assert_eq!(found, time::MIN);
        } else {
            let seconds = (found - written).num_seconds();
            assert!((0..600).contains(&seconds), "{seconds}");
        }
    }
    file.set_modified(UNIX_EPOCH - Duration::from_secs(9))
        .unwrap();
    assert_eq!(LocalSystem.last_write(&path).unwrap(), time::MIN);
    assert!(
        LocalSystem
            .last_write(&directory.path().join("none"))
            .is_err()
    );
}

#[test]
fn only_regular_files_are_opened() {
    let directory = tempfile::tempdir().unwrap();
    assert!(LocalSystem.read(directory.path()).is_err());
    let none = LocalSystem
        .read(&directory.path().join("none"))
        .unwrap_err();
    assert_eq!(none.kind(), std::io::ErrorKind::NotFound);
    if cfg!(unix) {
        assert!(LocalSystem.read(Path::new("/dev/zero")).is_err());
    }
}

#[test]
fn a_long_file_is_truncated_and_invalid_utf8_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("long");
    std::fs::write(&path, vec![b'a'; 1024 * 1024]).unwrap();
    assert_eq!(LocalSystem.read(&path).unwrap().len(), 256 * 1024);
    std::fs::write(&path, b"a\xff\0b").unwrap();
    assert_eq!(LocalSystem.read(&path).unwrap(), "a\u{fffd}\0b");
}

#[test]
fn names_in_a_directory_are_sorted() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["b", "c", "a"] {
        std::fs::write(directory.path().join(name), "").unwrap();
    }
    assert_eq!(LocalSystem.list(directory.path()).unwrap(), ["a", "b", "c"]);
    assert!(LocalSystem.list(&directory.path().join("none")).is_err());
}

#[cfg(unix)]
mod programs {
    use std::io::ErrorKind;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::machine::system::run_within;

    #[test]
    fn the_output_of_a_program_is_its_standard_output() {
        let output = LocalSystem.run("/bin/sh", &["-c", "echo one; echo two >&2"]);
        assert_eq!(output.unwrap(), "one\n");
        let language = LocalSystem.run("/bin/sh", &["-c", "echo $LC_ALL"]);
        assert_eq!(language.unwrap(), "C\n");
    }

    #[test]
    fn a_program_that_fails_or_does_not_exist_is_an_error() {
        assert!(
            LocalSystem
                .run("/bin/sh", &["-c", "echo one; exit 3"])
                .is_err()
        );
        let none = LocalSystem.run("/no/such/program", &[]).unwrap_err();
        assert_eq!(none.kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_program_is_killed_after_a_timeout() {
        let timeout = Duration::from_millis(50);
        let start = Instant::now();
        for script in ["exec sleep 60", "exec >&-; exec sleep 60"] {
            let error = run_within(timeout, "/bin/sh", &["-c", script]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut, "{script}");
        }
        assert!(start.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn endless_output_is_an_error() {
        let timeout = Duration::from_secs(5);
        let output = run_within(timeout, "/bin/sh", &["-c", "exec yes"]);
        assert!(output.is_err());
    }
}
