//! Applications that hold seats: processes of `tests/programs/seat_holder.rs`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use license_tests::{Run, Scratch, programs, words};
use serde_json::Value;

use super::super::site::Site;

/// A machine with the license of a site.
pub(in super::super) struct Machine {
    pub(in super::super) scratch: Scratch,
}

impl Machine {
    pub(in super::super) fn new(site: &Site) -> Self {
        let scratch = Scratch::new();
        scratch.write("acme.lic", &site.license.file);
        scratch.write("trust.jwks", site.scratch.read("trust.jwks"));
        let install = Run::license(&scratch).args(words("install --trust trust.jwks acme.lic"));
        install.run().expect_code(0);
        Self { scratch }
    }

    /// Creates the directory of a project.
    pub(in super::super) fn project(&self, name: &str) -> PathBuf {
        let path = self.scratch.file(name);
        fs::create_dir_all(path.join(".git")).unwrap();
        path
    }

    /// Returns a run of an application that holds a seat of a project.
    pub(super) fn application(&self, project: &str, url: &str) -> Run<'_> {
        static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
        let program = PROGRAM.get_or_init(|| programs::example("seat-holder"));
        let path = self.project(project);
        let run = Run::new(program, &self.scratch).env("CODITECT_LICENSE_SERVER", url);
        let log = self.scratch.file(&format!("{project}.log"));
        run.arg(self.scratch.file("trust.jwks")).arg(log).arg(path)
    }

    /// Starts an application, whose run can have been changed.
    pub(super) fn start(&self, project: &str, run: Run<'_>) -> Holder {
        let errors = self.scratch.file(&format!("{project}.errors"));
        let child = run.start_with_stderr(File::create(&errors).unwrap().into());
        Holder {
            child,
            log: self.scratch.file(&format!("{project}.log")),
            errors,
        }
    }
}

/// A running application. Dropping the value kills it.
pub(super) struct Holder {
    child: Child,
    log: PathBuf,
    errors: PathBuf,
}

impl Holder {
    /// Returns the id of the process.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the objects of the log so far.
    pub(super) fn entries(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        // The last line can be incomplete.
        let lines = text.split_inclusive('\n');
        let lines = lines.filter(|line| line.ends_with('\n'));
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Returns the entries of an event.
    pub(super) fn all(&self, event: &str) -> Vec<Value> {
        let entries = self.entries().into_iter();
        entries.filter(|entry| entry["event"] == event).collect()
    }

    /// Waits for the first entry of an event. Fails if the application ends before.
    #[track_caller]
    pub(super) fn wait_for(&mut self, event: &str) -> Value {
        self.wait_for_more(event, 0)
    }

    /// Waits for an entry of an event after the first `count` ones.
    #[track_caller]
    pub(super) fn wait_for_more(&mut self, event: &str, count: usize) -> Value {
        for _ in 0..2400 {
            let has_ended = self.child.try_wait().unwrap();
            if let Some(entry) = self.all(event).into_iter().nth(count) {
                return entry;
            }
            assert!(has_ended.is_none(), "{has_ended:?} {}", self.description());
            thread::sleep(Duration::from_millis(25));
        }
        panic!("waited a minute for {event:?} {}", self.description());
    }

    /// Lets the application fork once.
    pub(super) fn fork(&self) {
        fs::write(self.log.with_extension("fork"), "").unwrap();
    }

    /// Ends the application, which releases its seat. Fails if the application has panicked.
    #[track_caller]
    pub(super) fn end(mut self) {
        fs::write(self.log.with_extension("end"), "").unwrap();
        let status = self.child.wait().unwrap();
        let errors = fs::read_to_string(&self.errors).unwrap();
        assert!(
            status.success() && errors.is_empty(),
            "{status} {}",
            self.description()
        );
    }

    fn description(&self) -> String {
        let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
        let path = self.log.display();
        format!("{path}\n{}\n{}", read(&self.log), read(&self.errors))
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // The process has ended already in most tests.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process, or with a negative id to a process group. The process may have
/// ended.
pub(in super::super) fn signal(process: i64, name: &str) {
    let (name, process) = (format!("-{name}"), process.to_string());
    let sent = Command::new("kill").args([&name, "--", &process]).output();
    sent.unwrap();
}
