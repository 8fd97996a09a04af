//! Frozen control groups, with which container runtimes pause a container.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use license_test_services::skip;

/// A control group (version 2) whose processes can be frozen. Dropping the value thaws them, and
/// removes the group if its processes have ended.
#[derive(Debug)]
pub struct Freezer {
    directory: PathBuf,
}

impl Freezer {
    /// Creates a group. Returns `None`, and prints that the running test does without it, if this
    /// process may not create one, or if the system cannot freeze it.
    pub fn new() -> Option<Self> {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed);
        let name = format!("license-tests-{}-{number}", std::process::id());
        let roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(Path::new);
        let mut version_2 = roots
            .into_iter()
            .filter(|root| root.join("cgroup.procs").exists());
        let directory = version_2.next().map(|root| root.join(name));
        let created = directory.filter(|directory| fs::create_dir(directory).is_ok());
        let created = created.map(|directory| Self { directory });
        let usable = created.filter(|group| group.directory.join("cgroup.freeze").exists());
        if usable.is_none() {
            skip("control groups cannot be frozen, so SIGSTOP is used instead");
        }
        usable
    }

    /// Moves a process to the group.
    ///
    /// # Panics
    ///
    /// Panics if the process cannot be moved.
    pub fn add(&self, process: u32) {
        let path = self.directory.join("cgroup.procs");
        fs::write(path, process.to_string()).expect("a process can be moved to the group");
    }

    /// Freezes the processes, and waits until they no longer run.
    ///
    /// # Panics
    ///
    /// Panics if the processes still run after a minute.
    pub fn freeze(&self) {
        self.set("1");
        let is_frozen = || {
            let events = fs::read_to_string(self.directory.join("cgroup.events"));
            events.is_ok_and(|events| events.lines().any(|line| line == "frozen 1"))
        };
        let is_frozen_soon = (0..6000).any(|_| {
            is_frozen() || {
                thread::sleep(Duration::from_millis(10));
                false
            }
        });
        assert!(is_frozen_soon, "the processes still run after a minute");
    }

    /// Lets the processes continue.
    pub fn thaw(&self) {
        self.set("0");
    }

    fn set(&self, value: &str) {
        let path = self.directory.join("cgroup.freeze");
        fs::write(path, value).expect("an owner may freeze the group");
    }
}

impl Drop for Freezer {
    fn drop(&mut self) {
        let _ = fs::write(self.directory.join("cgroup.freeze"), "0");
        let _ = fs::remove_dir(&self.directory);
    }
}
