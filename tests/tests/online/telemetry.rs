//! Telemetry: off until the user turns it on, and the same bytes on the screen, on the wire and in
//! the database of a real `license-server`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};

use license_client::license_core::chrono::TimeDelta;
use license_client::testing::TestMachine;
use license_client::{Client, FeatureMatrix, OnlineError, OnlineSettings};
use license_tests::server::{Administrator, Server, free_port};
use license_tests::{Run, RunOutput, Scratch, license, tools, words};
use rusqlite::Connection;
use serde_json::{Value, json};

use super::fake::{Fake, Received, json_answer};

const PATH: &str = "/api/v1/telemetry";

/// A server that keeps telemetry, and has no license.
struct Collector {
    scratch: Scratch,
    server: Server,
    authorization: String,
}

impl Collector {
    fn start() -> Self {
        let scratch = Scratch::new();
        let options = [
            "--telemetry-days",
            "400",
            "--telemetry-group",
            "1",
            "--log",
            "debug",
        ];
        let server = Server::start(&scratch, &options);
        let authorization = server.administrator().authorization;
        Self {
            scratch,
            server,
            authorization,
        }
    }

    fn administrator(&self) -> Administrator<'_> {
        self.server.as_administrator(&self.authorization)
    }

    /// Returns the sums of all days.
    fn sums(&self) -> Vec<Value> {
        let list = format!("{PATH}?from=2020-01-01&through=9999-12-31&limit=500");
        let found = self.administrator().get(&list).expect(200);
        found["items"].as_array().unwrap().clone()
    }

    /// Returns the number of events of all days.
    fn events(&self) -> u64 {
        let sums = self.sums();
        let events = sums.iter().filter(|sum| sum["kind"] == "event");
        events.map(|sum| sum["used"].as_u64().unwrap()).sum()
    }

    /// Returns the stored text of all events.
    fn stored(&self) -> Vec<String> {
        let path = self.scratch.file("data/server.db");
        let db = Connection::open(path).unwrap();
        let mut events = db
            .prepare("SELECT event FROM telemetry_events ORDER BY day")
            .unwrap();
        let texts = events.query_map([], |row| row.get(0)).unwrap();
        texts.map(Result::unwrap).collect()
    }
}

/// Returns a server that records requests and passes them on. The first answer is lost.
fn lossy(address: SocketAddr) -> Fake {
    let is_lost = AtomicBool::new(true);
    Fake::start(move |request| {
        let answer = forward(address, request);
        if is_lost.swap(false, Ordering::Relaxed) {
            Vec::new()
        } else {
            answer
        }
    })
}

fn forward(address: SocketAddr, request: &Received) -> Vec<u8> {
    let (method, path, body) = (&request.method, &request.path, &request.sent);
    let secret = request.header("x-deletion-secret");
    let length = body.len();
    let mut stream = TcpStream::connect(address).unwrap();
    let text = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: application/json\r\nx-deletion-secret: {secret}\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

fn telemetry(machine: &Scratch, action: &str) -> RunOutput {
    license(machine, &[&["telemetry"], &words(action)[..]].concat())
}

fn set_server(machine: &Scratch, url: &str) {
    license(machine, &["config", "set", "server-url", url]).expect_code(0);
}

/// Returns a machine whose clock is some days behind, without a license.
fn machine(days: i64) -> TestMachine {
    let machine = TestMachine::new(FeatureMatrix::built_in());
    machine.set_clock(license_client::now() - TimeDelta::days(days));
    machine
}

fn client(machine: &TestMachine, url: &str) -> Client {
    let builder = machine.builder().app_version("2.4.0");
    builder
        .online(OnlineSettings::new().server(url))
        .build()
        .unwrap()
}

/// Turns telemetry on, and returns the body that the user sees.
fn turn_on(client: &Client) -> String {
    let telemetry = client.telemetry();
    let proposal = telemetry.propose().unwrap();
    let body = proposal.body().to_owned();
    telemetry.turn_on(proposal).unwrap();
    body
}

#[test]
fn while_telemetry_is_off_nothing_is_stored_or_sent() {
    let server = Fake::start(|_| json_answer("200 OK", &json!({})));
    let machine = machine(0);
    let client = client(&machine, &server.url);
    for _ in 0..3 {
        assert!(client.use_quota("commands_per_day", 1).unwrap().granted);
        client.refresh_online();
        machine.advance(TimeDelta::days(1));
    }
    assert_eq!(client.telemetry().queued().unwrap(), [""; 0]);
    assert!(matches!(
        client.telemetry().send(),
        Err(OnlineError::TelemetryOff)
    ));
    assert_eq!(client.telemetry().delete().unwrap(), 0);
    assert!(server.received().is_empty());
    assert!(!machine.state_dir().join("telemetry.json").exists());

    let machine = Scratch::new();
    set_server(&machine, &server.url);
    let shown = telemetry(&machine, "status").expect_code(0);
    assert!(shown.stdout.contains("off"), "{shown:?}");
    assert_eq!(telemetry(&machine, "show").expect_code(0).stdout, "");
    let error = telemetry(&machine, "send").expect_failure(2);
    assert_eq!(error.code, "TELEMETRY_OFF", "{error:?}");
    assert!(error.hint.contains("telemetry on"), "{error:?}");
    // Without a terminal, no user can agree.
    let error = telemetry(&machine, "on").expect_failure(2);
    assert!(error.message.contains("--yes"), "{error:?}");
    assert!(server.received().is_empty());
    assert!(!machine.file("state/telemetry.json").exists());
}

#[test]
fn on_a_terminal_only_the_answer_yes_turns_telemetry_on() {
    let Some(terminal) = tools::terminal() else {
        return;
    };
    let machine = Scratch::new();
    set_server(&machine, "http://127.0.0.1:9");
    for (answer, code, is_on) in [("\n", 1, false), ("y\n", 1, false), ("yes\n", 0, true)] {
        let run = tools::on_terminal(terminal, &machine, 200, "\"$LICENSE\" telemetry on");
        let asked = run.stdin(answer).run().expect_code(code);
        assert!(asked.stdout.contains("\"installation\": \""), "{asked:?}");
        assert!(asked.stdout.contains("http://127.0.0.1:9;"), "{asked:?}");
        let status = telemetry(&machine, "status --json").expect_code(0).json();
        assert_eq!(status["is_on"], is_on, "{answer:?}");
    }
}

#[test]
fn the_shown_bytes_are_sent_and_stored_and_a_lost_answer_stores_nothing_twice() {
    let collector = Collector::start();
    let proxy = lossy(collector.server.address());
    let machine = Scratch::new();
    set_server(&machine, &proxy.url);
    let shown = telemetry(&machine, "on --yes").expect_code(0).stdout;
    assert_eq!(machine.mode("state/telemetry.json"), 0o600);
    assert_eq!(telemetry(&machine, "show").expect_code(0).stdout, shown);
    telemetry(&machine, "send").expect_failure(4);
    assert_eq!(collector.events(), 1, "the server has the event");
    assert_eq!(telemetry(&machine, "show").expect_code(0).stdout, shown);
    let sent = telemetry(&machine, "send --json").expect_code(0).json();
    assert_eq!(sent["sent"], 1);
    assert_eq!(collector.events(), 1);
    assert_eq!(telemetry(&machine, "show").expect_code(0).stdout, "");
    let requests = proxy.received();
    assert_eq!(requests.len(), 2);
    for request in requests {
        assert_eq!(request.sent, shown.trim_end());
        assert_eq!(request.header("authorization"), "");
    }
    let body: Value = serde_json::from_str(&shown).unwrap();
    let stored = collector.stored();
    assert!(shown.contains(&stored[0]), "{stored:?}");
    assert_eq!(
        serde_json::from_str::<Value>(&stored[0]).unwrap(),
        body["events"][0]
    );
    // Neither the log nor the database relates the event to an address.
    let log = collector.scratch.read("server.log");
    let mut lines = log.lines().filter(|line| line.contains(PATH));
    let line = lines.find(|line| line.contains("POST")).unwrap();
    assert!(!line.contains("127.0.0.1"), "{line}");
}

#[test]
fn days_without_a_server_wait_and_contain_only_names_of_the_product() {
    let machine = machine(4);
    let offline = client(&machine, &format!("http://127.0.0.1:{}", free_port()));
    assert!(offline.use_quota("commands_per_day", 5).unwrap().granted);
    turn_on(&offline);
    machine.advance(TimeDelta::days(1));
    assert!(offline.use_quota("commands_per_day", 2).unwrap().granted);
    assert!(!offline.allows("sso").unwrap());
    assert!(offline.allows("secret_project_of_ann").is_err());
    offline.refresh_online();
    machine.advance(TimeDelta::days(1));
    // Nothing is counted on this day.
    offline.refresh_online();
    machine.advance(TimeDelta::days(1));
    offline.refresh_online();
    let status = offline.telemetry().status().unwrap();
    // No server can have an event of a request that was never sent.
    assert_eq!((status.queued, status.servers.len()), (3, 0));
    drop(offline);

    let collector = Collector::start();
    let online = client(&machine, collector.server.url());
    machine.advance(TimeDelta::days(1));
    let shown = online.telemetry().queued().unwrap().concat();
    assert!(
        !shown.contains("ann") && !shown.contains("others"),
        "{shown}"
    );
    assert_eq!(online.telemetry().send().unwrap(), 4);
    assert_eq!(online.telemetry().status().unwrap().queued, 0);
    let events: Vec<Value> = collector
        .stored()
        .iter()
        .map(|event| serde_json::from_str(event).unwrap())
        .collect();
    let counts = |event: &Value| {
        let used = event["quotas"]["commands_per_day"]["used"].clone();
        (used, event["refused_features"].clone())
    };
    // The counts from before the user agreed are not sent.
    assert_eq!(counts(&events[0]), (Value::Null, json!({})));
    assert_eq!(counts(&events[1]), (2.into(), json!({"sso": 1})));
    assert_eq!(counts(&events[2]), (Value::Null, json!({})));
    for event in &events {
        assert_eq!(
            (&event["version"], &event["tier"]),
            (&"2.4.0".into(), &"FREE".into())
        );
    }
    // A second attempt of the day sends nothing new.
    assert_eq!(online.telemetry().send().unwrap(), 0);
    assert_eq!(collector.events(), 4);
}

#[test]
fn telemetry_is_sent_once_a_day_and_only_by_a_refresh() {
    let server =
        Fake::start(|_| json_answer("200 OK", &json!({"stored": 1, "known": 0, "ignored": 0})));
    let machine = machine(0);
    let first = client(&machine, &server.url);
    turn_on(&first);
    drop(client(&machine, &server.url));
    assert!(
        server.received().is_empty(),
        "the start of a program sends nothing"
    );
    first.refresh_online();
    first.refresh_online();
    assert_eq!(server.received().len(), 1);
    // The program runs on the second day, so the third day has an event of it.
    machine.advance(TimeDelta::days(1));
    drop(client(&machine, &server.url));
    machine.advance(TimeDelta::days(1));
    first.refresh_online();
    first.refresh_online();
    assert_eq!(server.received().len(), 2);
}

#[test]
fn a_user_deletes_telemetry_at_both_ends_even_after_turning_it_off() {
    let collector = Collector::start();
    let machine = machine(0);
    let other = client(&machine, collector.server.url());
    turn_on(&other);
    other.telemetry().send().unwrap();
    let body = {
        let machine = Scratch::new();
        set_server(&machine, collector.server.url());
        let body = telemetry(&machine, "on --yes").expect_code(0).stdout;
        let backup = machine.read("state/telemetry.json");
        telemetry(&machine, "send").expect_code(0);
        let off = telemetry(&machine, "off").expect_code(0);
        assert!(off.stderr.contains("telemetry delete"), "{off:?}");
        assert_eq!(collector.events(), 2);

        let id = serde_json::from_str::<Value>(&body).unwrap()["installation"].clone();
        let path = format!("{PATH}/{}", id.as_str().unwrap());
        let wrong = "0".repeat(64);
        for headers in [&[][..], &[("x-deletion-secret", wrong.as_str())]] {
            let refused = collector.server.send("DELETE", &path, headers, "");
            refused.expect_problem(401, "UNAUTHORIZED");
        }
        assert_eq!(collector.events(), 2);

        let deleted = telemetry(&machine, "delete --json").expect_code(0).json();
        assert_eq!(deleted["servers"], 1);
        assert!(!machine.file("state/telemetry.json").exists());
        // A backup of the file turns telemetry on again, until the server refuses it.
        machine.write("state/telemetry.json", backup);
        let error = telemetry(&machine, "send").expect_failure(1);
        assert_eq!(error.code, "TELEMETRY_DELETED", "{error:?}");
        assert!(!machine.file("state/telemetry.json").exists());
        body
    };
    assert_eq!(collector.events(), 1, "the other installation stays");
    let late = collector.server.send("POST", PATH, &[], body.trim_end());
    late.expect_problem(409, "TELEMETRY_DELETED");
    assert_eq!(collector.events(), 1);
}

#[test]
fn a_deletion_that_a_server_has_not_confirmed_is_repeated() {
    let collector = Collector::start();
    let address = collector.server.address().to_string();
    let machine = machine(0);
    let client = client(&machine, collector.server.url());
    turn_on(&client);
    client.telemetry().send().unwrap();
    let Collector {
        scratch,
        server,
        authorization,
    } = collector;
    server.stop();
    let error = client.telemetry().delete().unwrap_err();
    assert!(error.is_unreachable(), "{error}");
    let status = client.telemetry().status().unwrap();
    assert_eq!(
        (status.is_on, status.queued, status.deletions),
        (false, 0, 1)
    );
    // A new installation does not forget the old one.
    turn_on(&client);
    let options = [
        "--telemetry-days",
        "400",
        "--telemetry-group",
        "1",
        "--listen",
        &address,
    ];
    let server = Server::start(&scratch, &options);
    let collector = Collector {
        scratch,
        server,
        authorization,
    };
    assert_eq!(collector.events(), 1);
    assert_eq!(client.telemetry().delete().unwrap(), 1);
    assert_eq!(collector.events(), 0);
    assert!(!machine.state_dir().join("telemetry.json").exists());
}

#[test]
fn a_setting_forbids_telemetry_and_a_server_refuses_it_by_default() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch, &[]);
    let machine = Scratch::new();
    set_server(&machine, server.url());
    telemetry(&machine, "on --yes").expect_code(0);
    let error = telemetry(&machine, "send").expect_failure(1);
    assert_eq!(error.code, "NO_TELEMETRY", "{error:?}");
    let forbidden = |action: &str| {
        let run = Run::license(&machine).arg("telemetry").args(words(action));
        run.env("CODITECT_LICENSE_SERVER_FORBID_TELEMETRY", "true")
            .run()
    };
    // The file of the user cannot permit it.
    license(&machine, &words("config set forbid-telemetry false")).expect_code(0);
    let refused = |action: &str| {
        let error = forbidden(action).expect_failure(1);
        assert_eq!(error.code, "TELEMETRY_FORBIDDEN", "{error:?}");
    };
    refused("send");
    telemetry(&machine, "off").expect_code(0);
    refused("on --yes");
    telemetry(&machine, "on --yes").expect_code(0);
    let status = forbidden("status --json").expect_code(0).json();
    let origin = "CODITECT_LICENSE_SERVER_FORBID_TELEMETRY";
    assert_eq!(status["forbidden_by"], origin);
    // The queue can still be shown and deleted.
    assert_ne!(forbidden("show").expect_code(0).stdout, "");
    forbidden("off").expect_code(0);
    assert_eq!(forbidden("show").expect_code(0).stdout, "");
}
