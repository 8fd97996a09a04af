//! The events of the client for subscribers of the crate `tracing`.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::fmt::{self, Write as _};
use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use license_client::testing::{self, TestMachine};
use license_client::{FeatureMatrix, StateFile};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// A subscriber that writes each event as one line.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        write!(self.0, " {}={value}", field.name()).unwrap();
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => write!(self.0, " {value:?}:").unwrap(),
            name => write!(self.0, " {name}={value:?}").unwrap(),
        }
    }
}

impl Subscriber for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        assert_eq!(metadata.target(), "license_client");
        let mut line = Line(metadata.level().to_string());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// Waits until no other test runs. `tracing` decides once for each event whether a subscriber wants
/// it. If another thread adds or removes a subscriber at this moment, the event can be lost.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the events of a program.
fn events(program: impl FnOnce()) -> Vec<String> {
    let lines = Lines::default();
    tracing::subscriber::with_default(lines.clone(), program);
    let lines = lines.0.lock().unwrap();
    lines.clone()
}

fn machine() -> TestMachine {
    TestMachine::new(FeatureMatrix::built_in())
}

#[test]
fn a_decision_is_an_event_only_if_it_changes() {
    let _turn = turn();
    let machine = machine();
    let client = machine.builder().user("ann").build().unwrap();
    let license = testing::license("PRO").user("ann").expires("2026-01-31");
    let license = license.without_check_in();
    let mut id = String::new();
    let events = events(|| {
        for _ in 0..3 {
            assert!(client.allows("local_execution").unwrap());
        }
        id = machine.install(license).id().to_string();
        for _ in 0..3 {
            assert!(client.decide().unwrap().allows("cloud_sync"));
        }
        // A decision for another user is not a change.
        let other = client.context().user("bob");
        assert!(!client.decide_in(&other).unwrap().allows("cloud_sync"));
        machine.set_clock("2026-02-01");
        let _ = client.decide().unwrap();
        machine.set_clock("2026-03-01");
        let _ = client.decide().unwrap();
    });
    let installed = format!("INFO installed: kind=license+jwt id={id} is_new=true");
    let decided = |level: &str, code: &str, tier: &str| {
        format!("{level} decision: code={code} tier={tier} license={id}")
    };
    let expected = [
        "INFO decision: code=NO_LICENSE tier=FREE".to_owned(),
        installed,
        "DEBUG read: reason=change has_license=true".to_owned(),
        decided("INFO", "VALID", "PRO"),
        "DEBUG read: reason=interval has_license=true".to_owned(),
        decided("WARN", "GRACE_RENEWAL", "PRO"),
        // The previous read has recorded the time in a file.
        "DEBUG read: reason=change has_license=true".to_owned(),
        decided("WARN", "EXPIRED", "FREE"),
    ];
    assert_eq!(events, expected);
}

#[test]
fn refusals_are_events() {
    let _turn = turn();
    let machine = machine();
    let client = machine.client();
    let events = events(|| {
        assert!(!client.allows("sso").unwrap());
        assert!(client.use_quota("commands_per_day", 10).unwrap().granted);
        assert!(!client.use_quota("commands_per_day", 2).unwrap().granted);
    });
    let expected = [
        "INFO decision: code=NO_LICENSE tier=FREE",
        "DEBUG feature refused: feature=sso code=FEATURE_NOT_INCLUDED tier=FREE",
        "DEBUG quota refused: quota=commands_per_day requested=2 used=10 limit=10",
    ];
    assert_eq!(events, expected);
}

#[test]
fn damaged_files_and_removed_files_are_events() {
    let _turn = turn();
    let machine = machine();
    machine.install(testing::license("PRO"));
    let client = machine.client();
    let write = |file: StateFile| fs::write(machine.state_dir().join(file.as_str()), "noise");
    let events = events(|| {
        write(StateFile::License).unwrap();
        write(StateFile::Cache).unwrap();
        client.reload();
        machine.install(testing::license("PRO"));
        machine.remove_license();
    });
    let is_installed = |line: &String| line.starts_with("INFO installed: kind=license+jwt id=");
    assert_eq!(events.iter().filter(|line| is_installed(line)).count(), 1);
    let others: Vec<_> = events
        .into_iter()
        .filter(|line| !is_installed(line))
        .collect();
    let expected = [
        "WARN quarantined: file=license.cache renamed_to=license.cache.damaged-1",
        "WARN quarantined: file=license.lic renamed_to=license.lic.damaged-1",
        "DEBUG read: reason=request has_license=false",
        "WARN unusable file: file=license.lic code=MALFORMED",
        "WARN unusable file: file=license.cache",
        "INFO removed: file=license.lic",
        "INFO removed: file=trust.jwks",
    ];
    assert_eq!(others, expected);
}

#[test]
fn events_contain_neither_users_nor_customers_nor_machines_nor_tokens_nor_directories() {
    let _turn = turn();
    let machine = machine();
    let client = machine.builder().user("secret-user").build().unwrap();
    let license = testing::license("PRO").user("secret-user");
    let license = license.machine(machine.id()).must_activate();
    let license = license.draft(|draft| draft.customer = "Secret Customer".to_owned());
    let mut token = String::new();
    let lines = events(|| {
        let license = machine.install(license);
        machine.activate(&license);
        machine.install(testing::validation(&license));
        assert!(client.allows("cloud_sync").unwrap());
        machine.install(testing::revocation_list().revoke(license.id()));
        assert!(!client.allows("cloud_sync").unwrap());
        let file = machine.state_dir().join(StateFile::License.as_str());
        token = fs::read_to_string(&file).unwrap();
        fs::write(&file, "noise").unwrap();
        client.reload();
        assert!(!client.allows("cloud_sync").unwrap());
    });
    assert!(lines.len() > 8, "{lines:#?}");
    let all = lines.join("\n");
    let first_line_of_token = token.lines().nth(1).unwrap();
    let id = machine.id().to_string();
    let directory = machine.state_dir();
    let parent = directory.parent().unwrap().to_str().unwrap();
    let secrets = [
        "secret-user",
        "Secret Customer",
        first_line_of_token,
        &id,
        parent,
        "mach_",
    ];
    for secret in secrets {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
}
