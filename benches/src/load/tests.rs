use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::put;
use license_core::issue::KeyBits;
use license_tests::server::Server;

use super::*;
use crate::vendor::SampleVendor;

fn generator(address: SocketAddr, callers: Vec<Box<dyn Caller>>) -> Generator {
    Generator::connect(address, callers)
}

/// Returns the value of a metric of the server.
fn metric(server: &Server, name: &str) -> String {
    let address = server.start["metrics"].as_str().unwrap();
    let text = server.get(&format!("http://{address}/metrics")).body;
    let mut values = text.lines().filter_map(|line| line.strip_prefix(name));
    values.next().unwrap_or("none").trim().to_owned()
}

#[test]
fn a_load_sends_each_request_once_and_counts_unexpected_responses() {
    let site = LoadSite::new(&SampleVendor::new(KeyBits::B2048), 3, 20);
    let server = site.start();
    let address = server.address();
    let validate = |machine| -> Box<dyn Caller> {
        Box::new(ValidateCaller::fresh(&site.credentials, machine))
    };
    let mut fresh = generator(address, (0..3).map(validate).collect());
    let schedule = Schedule {
        rate: 2000.0,
        requests: 25,
    };
    let report = fresh.send_on_schedule(schedule);
    assert_eq!((report.requests, report.errors), (25, 0));
    assert_eq!(report.latencies.len(), 25);
    assert_eq!(fresh.saturate(10).errors, 0);
    let mut repeated = generator(
        address,
        vec![Box::new(ValidateCaller::repeated(&site.credentials, 0))],
    );
    assert_eq!(repeated.saturate(5).errors, 0);
    let valid = metric(&server, r#"license_validations_total{code="VALID"}"#);
    assert_eq!(valid, "40");

    let mut missing = generator(address, vec![Box::new(EmptyCaller::new("/missing", 200))]);
    let report = missing.saturate(7);
    assert_eq!((report.errors, report.latencies.len()), (7, 7));

    let seats = SeatCaller::new(&site.credentials, 1000);
    assert_eq!(
        generator(address, vec![Box::new(seats)])
            .saturate(20)
            .errors,
        0
    );
    let leases = Leases::default();
    let session =
        |_| -> Box<dyn Caller> { Box::new(SessionCaller::new(&site.credentials, &leases)) };
    let mut sessions = generator(address, (0..2).map(session).collect());
    assert_eq!(sessions.saturate(5).errors, 0);
    assert_eq!(leases.all().len(), 5);
    let heartbeat = HeartbeatCaller::new(&site.credentials, &leases, 0);
    let mut heartbeats = generator(address, vec![Box::new(heartbeat)]);
    assert_eq!(heartbeats.saturate(20).errors, 0);
    let granted = metric(&server, r#"license_seat_acquires_total{result="granted"}"#);
    assert_eq!(granted, "15");

    server.kill();
    assert_eq!(heartbeats.saturate(3).errors, 3, "the server has ended");
}

/// A responder with Relay's public interface and some licenses.
type Relay = Arc<Mutex<BTreeSet<String>>>;

const RELAY_LICENSES: usize = 1;

async fn claim(State(relay): State<Relay>, Path(node): Path<String>) -> StatusCode {
    let mut nodes = relay.lock().unwrap();
    if nodes.contains(&node) {
        StatusCode::ACCEPTED
    } else if nodes.len() >= RELAY_LICENSES {
        StatusCode::GONE
    } else {
        nodes.insert(node);
        StatusCode::CREATED
    }
}

async fn release(State(relay): State<Relay>, Path(node): Path<String>) -> StatusCode {
    if relay.lock().unwrap().remove(&node) {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::NOT_FOUND
    }
}

#[test]
fn a_relay_is_measured_through_its_public_interface() {
    let runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = { runtime }.enable_all().worker_threads(1).build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
    let listener = listener.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new()
        .route("/v1/nodes/{fingerprint}", put(claim).delete(release))
        .with_state(Relay::default());
    runtime.spawn(axum::serve(listener, router).into_future());
    let node = |number| generator(address, vec![Box::new(RelayCaller::new(number))]);
    let (mut one, mut other) = (node(1), node(2));
    assert_eq!(one.saturate(10).errors, 0);
    assert_eq!(one.saturate(1).errors, 0, "claims the only license");
    assert_eq!(other.saturate(1).errors, 1, "no license is left");
    assert_eq!(one.saturate(1).errors, 0, "releases it");
    assert_eq!(other.saturate(2).errors, 0);
}

/// Answers the requests of one connection with these bytes, the first one after a pause.
fn responder(response: &'static [&'static str], pause: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        let mut wait = pause;
        while stream.read(&mut request).is_ok_and(|length| length > 0) {
            thread::sleep(std::mem::take(&mut wait));
            for part in response {
                stream.write_all(part.as_bytes()).unwrap();
            }
        }
    });
    address
}

/// Expects the text of a response.
struct Expect(&'static str);

impl Caller for Expect {
    fn request(&mut self) -> &[u8] {
        b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"
    }

    fn accept(&mut self, status: u16, body: &[u8]) -> bool {
        status == 200 && body == self.0.as_bytes()
    }
}

#[test]
fn responses_with_a_length_and_in_chunks_are_received() {
    const LENGTH: &[&str] = &["HTTP/1.1 200 OK\r\ncontent-", "length: 5\r\n\r\nhel", "lo"];
    const CHUNKS: &[&str] = &[
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "2\r\nhe\r\n3\r",
        "\nllo\r\n0\r\n",
        "\r\n",
    ];
    const UNTIL_END: &[&str] = &["HTTP/1.0 200 OK\r\n\r\nhello"];
    for response in [LENGTH, CHUNKS] {
        let address = responder(response, Duration::ZERO);
        let mut generator = generator(address, vec![Box::new(Expect("hello"))]);
        assert_eq!(generator.saturate(4).errors, 0);
    }
    let address = responder(UNTIL_END, Duration::ZERO);
    let mut generator = generator(address, vec![Box::new(Expect("hello"))]);
    assert_eq!(generator.saturate(1).errors, 1);
}

#[test]
fn a_stall_counts_for_each_request_that_it_delays() {
    let stall = Duration::from_millis(60);
    let response = &["HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"];
    let callers = || -> Vec<Box<dyn Caller>> { vec![Box::new(Expect(""))] };
    let schedule = Schedule {
        rate: 1000.0,
        requests: 20,
    };
    let mut scheduled = generator(responder(response, stall), callers());
    let report = scheduled.send_on_schedule(schedule);
    // The last request was due 19 ms after the first one, and waited for the stall like the others.
    assert!(report.latencies.min() >= 40_000_000, "{report:?}");
    // A closed loop sends the others later, so the stall counts once.
    let mut closed = generator(responder(response, stall), callers());
    let report = closed.saturate(20);
    assert!(report.latencies.max() >= 59_000_000, "{report:?}");
    assert!(report.latencies.len() == 20 && report.errors == 0);
}
