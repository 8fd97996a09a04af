//! Programs at another time.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use license_test_services::skip;

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

/// A wall clock that several programs share, and that can jump while they run. Their boot-time
/// clock, their uptime and file dates stay those of the system.
#[derive(Debug)]
pub struct WallClock {
    /// The value of `LD_PRELOAD`.
    library: String,
    directory: tempfile::TempDir,
}

impl WallClock {
    /// Creates a clock with the time of the system. Returns `None` if [`faketime()`] is missing.
    ///
    /// # Panics
    ///
    /// Panics if no temporary directory can be created.
    pub fn new() -> Option<Self> {
        let scratch = Scratch::new();
        let run = faketime()?.run(&scratch).args(["-f", "+0d"]);
        let library = run.args(["printenv", "LD_PRELOAD"]).run().expect_code(0);
        let clock = Self {
            library: library.stdout.trim_end().to_owned(),
            directory: tempfile::tempdir().expect("a temporary directory can be created"),
        };
        clock.set(0);
        Some(clock)
    }

    /// Sets the clock to a number of days after the time of the system.
    ///
    /// # Panics
    ///
    /// Panics if the file with the offset cannot be written.
    pub fn set(&self, days: i64) {
        // A reader sees the old file or the new one.
        let new = self.directory.path().join("new");
        std::fs::write(&new, format!("{days:+}d")).expect("the directory can be written");
        std::fs::rename(new, self.file()).expect("the directory can be written");
    }

    /// Lets a program use the clock. A program that executes this one, such as `nsenter`, does not
    /// use it: the library would leave its shared memory behind, and `faketime` refuses to start
    /// with the process id of another one.
    pub fn run<'s>(&self, run: Run<'s>) -> Run<'s> {
        let run = run.env("FAKETIME_TIMESTAMP_FILE", self.file());
        let run = run.env("FAKETIME_NO_CACHE", "1").env("NO_FAKE_STAT", "1");
        let run = run.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        run.through(&["env", &format!("LD_PRELOAD={}", self.library)])
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("offset")
    }
}

/// Returns whether a program can be started in a time namespace, whose boot-time clock has an
/// offset. Otherwise prints that the running test is skipped.
pub fn has_time_namespaces() -> bool {
    let words = ["--time", "--boottime", "1000", "--fork", "true"].map(Path::new);
    let is_permitted = Tool::new("unshare").if_usable(&words).is_some();
    if !is_permitted {
        skip("time namespaces cannot be created, so a client with one does not run");
    }
    is_permitted
}
