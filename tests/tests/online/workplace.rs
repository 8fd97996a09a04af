//! A machine with the program `license`, a license of the site and the URL of its server.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command};

use license_tests::server::{Administrator, Server};
use license_tests::{Run, RunOutput, Scratch, programs, words};
use serde_json::{Value, json};

use super::fake::wait_for;
use super::site::{Site, pool};

/// A machine of an employee.
pub(super) struct Workplace {
    pub(super) machine: Scratch,
}

impl Workplace {
    /// Installs the license of a site, and names its server.
    pub(super) fn new(site: &Site, server: &Server) -> Self {
        let workplace = Self::without_server(site);
        let set = ["config", "set", "server-url", server.url()];
        workplace.license(&set).expect_code(0);
        workplace
    }

    /// Installs the license of a site.
    pub(super) fn without_server(site: &Site) -> Self {
        let machine = Scratch::new();
        for file in ["acme.lic", "trust.jwks"] {
            machine.write(file, site.scratch.read(file));
        }
        let workplace = Self { machine };
        let install = words("install --trust trust.jwks acme.lic");
        // A license that requires a floating seat is installed, although no seat is held.
        let installed = workplace.license(&install).expect_code(0);
        let license = workplace.machine.file("state/license.lic");
        assert!(license.exists(), "{installed:?}");
        workplace
    }

    /// Runs `license` to its end.
    pub(super) fn license(&self, args: &[&str]) -> RunOutput {
        Run::license(&self.machine).args(args).run()
    }

    /// Creates the directory of a project.
    pub(super) fn project(&self, name: &str) -> PathBuf {
        let path = self.machine.file(name);
        fs::create_dir_all(path.join(".git")).unwrap();
        path
    }

    /// Starts `license run` for a project. The shell script is the command, and the standard error
    /// goes to the file `NAME.log`.
    pub(super) fn start(&self, project: &str, options: &str, script: &str) -> Holder {
        let log = format!("{project}.log");
        let path = self.project(project);
        let run = Run::license(&self.machine).arg("run").arg("--project");
        let mut run = run.arg(path);
        if !options.is_empty() {
            run = run.args(words(options));
        }
        let run = run.args(["--", "sh", "-c", script]);
        // The tests can have been started as a job of a shell script, which ignores SIGINT.
        #[cfg(target_os = "linux")]
        let run = run.through(&["env", "--default-signal=HUP,INT,QUIT,TERM"]);
        let file = File::create(self.machine.file(&log)).unwrap();
        Holder {
            child: run.start_with_stderr(file.into()),
        }
    }

    /// Returns the messages of a holder so far.
    pub(super) fn log(&self, project: &str) -> String {
        self.machine.read(&format!("{project}.log"))
    }
}

/// A running `license run`. Dropping the value kills it.
pub(super) struct Holder {
    pub(super) child: Child,
}

impl Holder {
    /// Sends a signal to `license run` only.
    pub(super) fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Waits for its end, and returns its exit code.
    pub(super) fn code(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // The process has ended already in most tests.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(super) fn signal(process: u32, name: &str) {
    let (name, process) = (format!("-{name}"), process.to_string());
    let sent = Command::new("kill").args([name, process]).status();
    assert!(sent.unwrap().success());
}

/// Waits until the pool has these numbers of held seats and of waiting sessions.
#[track_caller]
pub(super) fn wait_for_pool(administrator: &Administrator<'_>, held: u64, waiting: u64) {
    let what = format!("{held} held seats and {waiting} waiting sessions");
    wait_for(&what, || {
        let pool = pool(administrator);
        (pool["held"] == held && pool["waiting"] == waiting).then_some(())
    });
}

/// Sets the shortest lifetime of leases that a server permits.
pub(super) fn shorten_leases(administrator: &Administrator<'_>) {
    let id = pool_id(administrator);
    let policy = json!({"lifetime_seconds": 10, "renew_seconds": 2});
    let path = format!("/api/v1/pools/{id}/policy");
    administrator.send("PUT", &path, &policy).expect(200);
}

/// Ends the only lease of the pool at once.
pub(super) fn end_lease(administrator: &Administrator<'_>) {
    let id = pool_id(administrator);
    let leases = administrator.get(&format!("/api/v1/pools/{id}/leases"));
    let session: Value = leases.expect(200)["items"][0]["session"].clone();
    let session = session.as_str().unwrap();
    let body = json!({"mode": "hard", "reason": "laptop lost"});
    let path = format!("/api/v1/pools/{id}/leases/{session}/end");
    administrator.post(&path, &body).expect(200);
}

fn pool_id(administrator: &Administrator<'_>) -> String {
    pool(administrator)["pool"].as_str().unwrap().to_owned()
}

/// Sends the receipt with the command of the guide.
pub(super) fn send_receipt(server: &Server, workplace: &Workplace) -> Value {
    let guide = fs::read_to_string(programs::workspace().join("docs/server.md")).unwrap();
    let mut lines = guide.lines();
    let command = lines.find(|line| line.starts_with("    curl") && line.contains("receipt"));
    let sent = Command::new("sh")
        .args(["-c", command.unwrap()])
        .current_dir(workplace.machine.file("one"))
        .env("SERVER", server.url())
        .output()
        .unwrap();
    serde_json::from_slice(&sent.stdout).unwrap_or_else(|error| panic!("{error}: {sent:?}"))
}
