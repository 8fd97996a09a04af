//! The machine that runs the tests.

use std::path::Path;

use super::*;

#[test]
fn two_looks_at_this_machine_agree() {
    let first = MachineFacts::collect(product(), None);
    assert_eq!(first, MachineFacts::collect(product(), None));
    assert_eq!(first.found().count() + first.missing().count(), 6);
    let identified = MachineFacts::identify(product(), None);
    assert_eq!(identified.machine_id(), first.machine_id());
    assert_eq!(identified.container(), first.container());
}

#[test]
fn what_is_no_file_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    assert!(ThisSystem.read(folder.path()).is_err());
    let none = ThisSystem.read(&folder.path().join("none")).unwrap_err();
    assert_eq!(none.kind(), std::io::ErrorKind::NotFound);
    if cfg!(unix) {
        assert!(ThisSystem.read(Path::new("/dev/zero")).is_err());
    }
}

#[test]
fn of_a_long_file_the_beginning_is_read_and_other_bytes_are_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long");
    std::fs::write(&path, vec![b'a'; 1024 * 1024]).unwrap();
    assert_eq!(ThisSystem.read(&path).unwrap().len(), 256 * 1024);
    std::fs::write(&path, b"a\xff\0b").unwrap();
    assert_eq!(ThisSystem.read(&path).unwrap(), "a\u{fffd}\0b");
}

#[test]
fn names_in_a_folder_are_sorted() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["b", "c", "a"] {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    assert_eq!(ThisSystem.list(folder.path()).unwrap(), ["a", "b", "c"]);
    assert!(ThisSystem.list(&folder.path().join("none")).is_err());
}

#[cfg(unix)]
mod programs {
    use std::io::ErrorKind;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::machine::system::run_within;

    #[test]
    fn a_programs_output_is_what_it_prints() {
        let output = ThisSystem.run("/bin/sh", &["-c", "echo one; echo two >&2"]);
        assert_eq!(output.unwrap(), "one\n");
        let language = ThisSystem.run("/bin/sh", &["-c", "echo $LC_ALL"]);
        assert_eq!(language.unwrap(), "C\n");
    }

    #[test]
    fn a_program_that_fails_or_is_not_there_is_an_error() {
        assert!(
            ThisSystem
                .run("/bin/sh", &["-c", "echo one; exit 3"])
                .is_err()
        );
        let none = ThisSystem.run("/no/such/program", &[]).unwrap_err();
        assert_eq!(none.kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_program_that_takes_too_long_is_ended() {
        let patience = Duration::from_millis(50);
        let start = Instant::now();
        for script in ["exec sleep 60", "exec >&-; exec sleep 60"] {
            let error = run_within(patience, "/bin/sh", &["-c", script]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut, "{script}");
        }
        assert!(start.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_program_that_prints_without_end_is_not_waited_for() {
        let patience = Duration::from_secs(5);
        let output = run_within(patience, "/bin/sh", &["-c", "exec yes"]);
        assert!(output.is_err());
    }
}
