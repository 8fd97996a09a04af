//! A license server in the test, which answers with any bytes, and a machine with a license for it.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use license_client::license_core::chrono::{DateTime, TimeDelta, Utc};
use license_client::license_core::claims::{Confirmation, LeaseMode, Status};
use license_client::license_core::issue::{
    LeaseDraft, RandomError, ServerKey, SigningKey, ValidationDraft, VerifyingSigner,
};
use license_client::license_core::machine::Machine;
use license_client::testing::{self, TestMachine};
use license_client::{Client, License, LicenseId, OnlineSettings, SeatEvent};
use license_tests::programs;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};

const WIDGET: &str = include_str!("../../src/widget.toml");

/// A server whose answers the test chooses. The threads end with the test process.
pub(super) struct Fake {
    pub(super) url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

/// A request that a server has received.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Value,
    /// The body as it was sent.
    pub(super) sent: String,
}

impl Received {
    /// Returns a header field, or an empty text.
    pub(super) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(other, _)| other == name);
        found.map_or("", |(_, value)| value)
    }

    pub(super) fn text(&self, member: &str) -> &str {
        self.body[member].as_str().unwrap_or_default()
    }
}

impl Fake {
    /// Starts a server. Each connection gets one answer.
    pub(super) fn start(answer: impl Fn(&Received) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&received), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let Some(request) = read_request(&mut stream) else {
                        return;
                    };
                    log.lock().unwrap().push(request.clone());
                    // The client may have ended the connection.
                    let _ = stream.write_all(&answer(&request));
                });
            }
        });
        Self { url, received }
    }

    /// Returns the requests so far.
    pub(super) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// Returns settings with this server only, and short time limits.
    pub(super) fn settings(&self) -> OnlineSettings {
        OnlineSettings::new().server(&self.url)
    }
}

/// Reads a request. Returns `None` if the connection ends before.
pub(super) fn read_request(stream: &mut impl Read) -> Option<Received> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    let head_end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(read) => bytes.extend_from_slice(&buffer[..read]),
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    let header = |line: &str| {
        let (name, value) = line.split_once(": ")?;
        Some((name.to_ascii_lowercase(), value.to_owned()))
    };
    let headers: Vec<(String, String)> = lines.filter_map(header).collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.map_or(0, |(_, value)| value.parse().unwrap());
    while bytes.len() < head_end + 4 + length {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(read) => bytes.extend_from_slice(&buffer[..read]),
        }
    }
    let text = String::from_utf8_lossy(&bytes[head_end + 4..]).into_owned();
    let body = serde_json::from_str(&text).unwrap_or_default();
    Some(Received {
        method,
        path,
        headers,
        body,
        sent: text,
    })
}

/// Returns an answer with a body, and its length.
pub(super) fn answer(status: &str, media_type: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

pub(super) fn json_answer(status: &str, body: &Value) -> Vec<u8> {
    answer(status, "application/json", &body.to_string())
}

pub(super) fn problem(status: &str, code: &str) -> Vec<u8> {
    let number: u16 = status[..3].parse().unwrap();
    let body = json!({
        "type": "about:blank", "title": "x", "status": number, "code": code,
        "detail": "the detail of the server", "hint": "the hint of the server",
    });
    answer(status, "application/problem+json", &body.to_string())
}

/// A machine with a license that certifies the key of a server in the test.
pub(super) struct Licensed {
    pub(super) machine: TestMachine,
    pub(super) license: License,
    pub(super) key: Arc<Key>,
}

/// The key of a server with the license that certifies it.
pub(super) struct Key {
    key: ServerKey,
    license: License,
}

fn server_key(name: &str) -> ServerKey {
    let pem = programs::workspace().join(format!("fixtures/keys/{name}.pem"));
    let der = PrivatePkcs8KeyDer::from_pem_slice(&fs::read(pem).unwrap()).unwrap();
    let random = |bytes: &mut [u8]| getrandom::fill(bytes).map_err(RandomError::new);
    let key = SigningKey::from_pkcs8(der.secret_pkcs8_der(), None, random).unwrap();
    let signer = VerifyingSigner::new(Box::new(key));
    ServerKey::new(signer, &testing::trust()).unwrap()
}

impl Licensed {
    /// Creates a machine whose license needs a check-in every 7 days, with a grace period of 14
    /// days.
    pub(super) fn new() -> Self {
        Self::with(|license| license.check_in(TimeDelta::days(7), TimeDelta::days(14)))
    }

    /// Creates a machine whose license needs no check-in.
    pub(super) fn offline() -> Self {
        Self::with(testing::TestLicense::without_check_in)
    }

    fn with(change: impl FnOnce(testing::TestLicense) -> testing::TestLicense) -> Self {
        let machine = TestMachine::new(WIDGET);
        let key = server_key("server");
        let confirmation = Confirmation::try_from(key.public().to_jwk()).unwrap();
        let license = testing::license("SHOP");
        let license = license.draft(move |draft| draft.confirmation = Some(confirmation));
        let license = machine.install(change(license)).into_inner();
        let key = Arc::new(Key {
            key,
            license: license.clone(),
        });
        Self {
            machine,
            license,
            key,
        }
    }

    /// Builds a client that uses a server.
    pub(super) fn client(&self, settings: OnlineSettings) -> Client {
        self.machine.builder().online(settings).build().unwrap()
    }

    /// Returns a server that judges the license valid at the current time of the machine.
    pub(super) fn valid_server(&self) -> Fake {
        let (key, now) = (Arc::clone(&self.key), self.machine.now());
        Fake::start(move |request| key.judge(request, now, Status::Active))
    }
}

/// Returns another number at each call.
fn next_id() -> u8 {
    static LAST: AtomicU8 = AtomicU8::new(1);
    LAST.fetch_add(1, Ordering::Relaxed)
}

fn id(number: u8) -> LicenseId {
    LicenseId::from_random(license_client::now(), &[number; 10])
}

impl Key {
    /// Answers a validation with a signed status.
    pub(super) fn judge(&self, request: &Received, now: DateTime<Utc>, status: Status) -> Vec<u8> {
        let (machine, nonce) = (request.text("machine_id"), request.text("nonce"));
        let token = self.validation(machine, nonce, now, status);
        json_answer("200 OK", &judgment(status == Status::Active, Some(&token)))
    }

    pub(super) fn validation(
        &self,
        machine: &str,
        nonce: &str,
        now: DateTime<Utc>,
        status: Status,
    ) -> String {
        let issuer = "licenses.acme.example".to_owned();
        let mut draft = ValidationDraft::for_license(&self.license, issuer, id(1), now);
        draft.machine = Some(machine.to_owned());
        draft.nonce = Some(nonce.to_owned());
        draft.status = status;
        draft.sign_as_server(&self.key).unwrap()
    }

    /// Signs a lease that answers a request, after a change.
    pub(super) fn lease(
        &self,
        request: &Received,
        now: DateTime<Utc>,
        lifetime: Duration,
        change: impl FnOnce(&mut LeaseDraft<'_>),
    ) -> String {
        let lifetime = TimeDelta::from_std(lifetime).unwrap();
        let mut draft = LeaseDraft {
            license: &self.license,
            issuer: "licenses.acme.example".to_owned(),
            id: id(next_id()),
            issued_at: now,
            expires_at: now + lifetime,
            session: request.text("session").parse().unwrap(),
            machine: Machine::parse(request.text("machine_id")).unwrap(),
            pool: "pool".to_owned(),
            seq: 7,
            mode: LeaseMode::Floating,
            renew_after: TimeDelta::seconds(1),
            commitment: request.text("commitment").parse().unwrap(),
            nonce: request.text("nonce").parse().unwrap(),
        };
        change(&mut draft);
        draft.sign(&self.key).unwrap()
    }
}

/// Returns the answer of a server about the license.
pub(super) fn judgment(is_valid: bool, token: Option<&str>) -> Value {
    json!({
        "valid": is_valid, "code": if is_valid { "VALID" } else { "EXPIRED" },
        "license": "x", "tier": "SHOP", "expires_at": null, "features": ["edit"],
        "quotas": {"prints_per_day": 50}, "validation": token,
        "expected": "a license in effect", "actual": "one that has ended",
        "a_member_of_a_newer_server": true,
    })
}

/// Calls a function until it returns a value. No test asserts how long that takes.
#[track_caller]
pub(super) fn wait_for<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    for _ in 0..1200 {
        if let Some(found) = found() {
            return found;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("waited a minute for {what}");
}

/// Waits for an event of a seat. A slow machine can make a seat late and recover it in between.
#[track_caller]
pub(super) fn event(
    events: &Receiver<SeatEvent>,
    is_expected: impl Fn(&SeatEvent) -> bool,
) -> SeatEvent {
    loop {
        let event = events.recv_timeout(Duration::from_secs(60)).unwrap();
        if is_expected(&event) {
            return event;
        }
    }
}
