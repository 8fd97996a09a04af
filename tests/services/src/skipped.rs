//! Tests that are skipped.

use std::io::{self, Write};
use std::thread;

const REQUIRE: &str = "LICENSE_TESTS_REQUIRE_TOOLS";

/// Prints that the running test is skipped because `tool` is missing.
///
/// # Panics
///
/// Panics if `LICENSE_TESTS_REQUIRE_TOOLS` is set and not empty.
pub fn skip_without(tool: &str) {
    let reason = format!("{tool} is missing or not usable here; `.ci/run` installs the tools");
    let is_required = std::env::var_os(REQUIRE).is_some_and(|value| !value.is_empty());
    assert!(!is_required, "{reason}");
    skip(&reason);
}

/// Prints that the running test is skipped.
///
/// Writes to standard error directly, because the test runner hides what a passing test prints.
pub fn skip(reason: &str) {
    let thread = thread::current();
    let test = thread.name().unwrap_or("a test");
    let line = format!("SKIPPED: {test}: {reason}\n");
    // A single write, because other tests print at the same time. An error is ignored.
    let _ = io::stderr().write_all(line.as_bytes());
}
