//! Programs at another time.

use std::path::Path;
use std::sync::OnceLock;

use super::{Tool, or_skip};
use crate::{Run, Scratch, programs};

/// Finds `faketime`, which runs a program at another time.
pub fn faketime() -> Option<&'static Tool> {
    static FAKETIME: OnceLock<Option<Tool>> = OnceLock::new();
    let find = || Tool::new("faketime").if_usable(&["-f", "+1d", "true"].map(Path::new));
    or_skip("faketime", FAKETIME.get_or_init(find))
}

/// Creates a run of `license` under [`faketime()`] at this time, such as `-3d` or
/// `@2050-06-01 12:00:00`.
///
/// Uptime and file dates stay those of the system.
pub fn license_at_time<'s>(faketime: &Tool, scratch: &'s Scratch, time: &str) -> Run<'s> {
    at_time(faketime, scratch, time).arg(programs::license())
}

/// Creates a run of `keygen` under [`faketime()`] at this time.
pub fn keygen_at_time<'s>(faketime: &Tool, scratch: &'s Scratch, time: &str) -> Run<'s> {
    at_time(faketime, scratch, time).arg(programs::keygen())
}

fn at_time<'s>(faketime: &Tool, scratch: &'s Scratch, time: &str) -> Run<'s> {
    let run = faketime.run(scratch).args(["-f", time]);
    let run = run.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    run.env("NO_FAKE_STAT", "1")
}

/// Finds the library of [`faketime()`], for a process whose time changes while it runs. The value
/// is that of `LD_PRELOAD`.
pub fn libfaketime() -> Option<String> {
    let scratch = Scratch::new();
    let run = faketime()?.run(&scratch).args(["-f", "+0d"]);
    let library = run.args(["printenv", "LD_PRELOAD"]).run().expect_code(0);
    Some(library.stdout.trim_end().to_owned())
}
