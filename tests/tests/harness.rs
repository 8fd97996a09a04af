//! Tests of the shared test code: programs are built, and runs are isolated from the user.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use license_tests::{Run, Scratch, programs};

#[test]
fn both_programs_are_built() {
    assert!(programs::keygen().is_file());
    assert!(programs::license().is_file());
}

#[test]
fn a_run_has_a_minimal_environment() {
    let scratch = Scratch::new();
    let outcome = Run::new("env", &scratch).run().expect_code(0);
    let mut names: Vec<_> = outcome
        .stdout
        .lines()
        .map(|line| line.split_once('=').unwrap().0)
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["CODITECT_HOME", "HOME", "PATH"]);
    assert!(outcome.stdout.contains(scratch.home().to_str().unwrap()));
}

#[test]
fn a_run_can_read_and_write_more_than_a_pipe_buffer() {
    let scratch = Scratch::new();
    let text = "0123456789abcde\n".repeat(1 << 16);
    let outcome = Run::new("cat", &scratch).stdin(text.as_str()).run();
    assert_eq!(outcome.expect_code(0).stdout, text);
}

#[test]
#[should_panic(
    expected = "expected exit code 0\n$ sh -c echo out; echo err >&2; exit 3\nended with 3"
)]
fn an_unexpected_exit_code_shows_the_output() {
    let script = "echo out; echo err >&2; exit 3";
    let scratch = Scratch::new();
    let run = Run::new("sh", &scratch).args(["-c", script]);
    run.run().expect_code(0);
}
