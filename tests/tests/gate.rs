//! The example programs behave as documented. One checks a feature. The other is a service that
//! detects a new license without a restart.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use license_client::{LicenseManager, Session};
use license_tests::{Run, RunOutput, Scratch, Vendor, programs};

static GATE: LazyLock<PathBuf> = LazyLock::new(|| programs::example("gate"));

fn gate(machine: &Scratch, feature: &str) -> RunOutput {
    Run::new(&*GATE, machine).arg(feature).run()
}

/// Returns a machine with a perpetual PRO license of this vendor.
fn machine_with_license_of(vendor: &Vendor) -> Scratch {
    let machine = vendor.customer_machine();
    let issued = vendor.issue(&["--tier", "pro", "--perpetual", "--offline"]);
    machine.write("pro.lic", issued.file);
    let install = ["install", "--trust", "trust.jwks", "pro.lic"];
    let _ = Run::license(&machine).args(install).run().expect_code(0);
    machine
}

#[test]
fn without_a_license_free_features_work_and_others_are_refused_with_a_reason() {
    let machine = Scratch::new();
    let free = gate(&machine, "local_execution").expect_code(0);
    assert_eq!(free.stdout, "local_execution: allowed\n");
    let paid = gate(&machine, "cloud_sync").expect_code(1);
    assert!(paid.stdout.contains("PRO"), "{}", paid.stdout);
    assert_eq!(free.stderr + &paid.stderr, "");
}

#[test]
fn with_a_license_only_the_features_of_its_tier_work() {
    let machine = machine_with_license_of(Vendor::of_fixtures());
    for feature in ["local_execution", "cloud_sync"] {
        assert_eq!(gate(&machine, feature).expect_code(0).stderr, "");
    }
    let higher = gate(&machine, "sso").expect_code(1);
    assert!(higher.stdout.contains("ENT"), "{}", higher.stdout);
}

#[test]
fn a_license_of_another_vendor_is_rejected_even_if_the_keys_of_that_vendor_are_installed() {
    let machine = machine_with_license_of(Vendor::shared());
    let _ = Run::license(&machine)
        .args(["check", "cloud_sync"])
        .run()
        .expect_code(0);
    let refused = gate(&machine, "cloud_sync").expect_code(1);
    assert!(refused.stderr.contains("license.lic"), "{}", refused.stderr);
    let _ = gate(&machine, "local_execution").expect_code(0);
}

#[test]
fn a_damaged_license_is_reported_and_leaves_the_free_features() {
    let machine = machine_with_license_of(Vendor::of_fixtures());
    machine.write("state/license.lic", "noise");
    let free = gate(&machine, "local_execution").expect_code(0);
    assert!(free.stderr.contains("does not verify"), "{}", free.stderr);
    assert!(free.stderr.contains("license doctor"), "{}", free.stderr);
    let _ = gate(&machine, "cloud_sync").expect_code(1);
}

#[test]
fn ten_commands_a_day_are_free_and_the_eleventh_is_refused_until_the_next_day() {
    let machine = Scratch::new();
    for _ in 0..10 {
        let _ = gate(&machine, "local_execution").expect_code(0);
    }
    let refused = gate(&machine, "local_execution").expect_code(1);
    assert!(
        refused.stdout.contains("more are available from"),
        "{}",
        refused.stdout
    );
}

/// A running service that answers one line at a time.
struct Service {
    child: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Service {
    fn start(machine: &Scratch) -> Self {
        let mut child = Command::new(&*SERVICE)
            .env_clear()
            .env("HOME", machine.home())
            .env("CODITECT_HOME", machine.state())
            .current_dir(machine.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            requests: child.stdin.take(),
            answers: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    fn ask(&mut self, feature: &str) -> String {
        writeln!(self.requests.as_mut().unwrap(), "{feature}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        answer.trim_end().to_owned()
    }

    /// Closes the input. Returns whether the service exits successfully.
    fn end(mut self) -> bool {
        self.requests = None;
        self.child.wait().unwrap().success()
    }

    /// Repeats the request until the answer is `expected`, for at most a minute. The service should
    /// need a second, but the machine may be slow.
    fn ask_until(&mut self, feature: &str, expected: &str) {
        for _ in 0..600 {
            if self.ask(feature) == expected {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
        panic!(
            "expected {expected} within a minute, found {}",
            self.ask(feature)
        );
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

static SERVICE: LazyLock<PathBuf> = LazyLock::new(|| programs::example("service"));

#[test]
fn a_service_detects_an_installed_and_a_removed_license_while_it_runs() {
    let machine = Vendor::of_fixtures().customer_machine();
    let issued = Vendor::of_fixtures().issue(&["--tier", "pro", "--perpetual", "--offline"]);
    machine.write("pro.lic", issued.file);
    let license = |args: &[&str]| {
        let _ = Run::license(&machine).args(args).run().expect_code(0);
    };
    let mut service = Service::start(&machine);
    assert_eq!(service.ask("cloud_sync"), "no FEATURE_NOT_INCLUDED");
    license(&["install", "--trust", "trust.jwks", "pro.lic"]);
    service.ask_until("cloud_sync", "yes VALID");
    license(&["remove"]);
    service.ask_until("cloud_sync", "no FEATURE_NOT_INCLUDED");
    license(&["install", "--trust", "trust.jwks", "pro.lic"]);
    service.ask_until("cloud_sync", "yes VALID");
}

#[test]
fn a_session_ends_with_its_process_even_if_the_process_is_killed() {
    let machine = Vendor::of_fixtures().customer_machine();
    let open = || {
        let product = license_core::ProductCode::parse("CODITECT").unwrap();
        let state = license_client::StateDir::at(machine.state());
        Session::list_open(&LicenseManager::at(product, state))
            .unwrap()
            .len()
    };
    let mut one = Service::start(&machine);
    let mut two = Service::start(&machine);
    let _ = (one.ask("sso"), two.ask("sso"));
    assert_eq!(open(), 1, "one project is one seat");
    drop(one);
    assert_eq!(open(), 1, "the other service still has the session open");
    // The file of a killed service remains, but its lock is released.
    drop(two);
    assert_eq!(open(), 0);
    let files = || {
        let entries = fs::read_dir(machine.state().join("sessions"));
        entries.unwrap().count()
    };
    let mut three = Service::start(&machine);
    let _ = three.ask("sso");
    assert_eq!(open(), 1);
    assert!(three.end());
    assert_eq!(files(), 0);
    // If no process lists the open sessions, the next session removes the file of a killed service.
    for _ in 0..3 {
        let mut killed = Service::start(&machine);
        let _ = killed.ask("sso");
        assert_eq!(files(), 1, "the file of the previous service is removed");
    }
}
