//! Sequences of requests to a license server.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use license_core::encoding::hex;
use license_core::requests::ActivationSecret;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::site::Credentials;

/// The requests of one connection.
pub trait Caller: Send {
    /// Returns the next request, as it is sent.
    fn request(&mut self) -> &[u8];

    /// Takes the response to the last request. Returns whether it is the expected one.
    fn accept(&mut self, status: u16, body: &[u8]) -> bool;
}

/// A request whose text is written again each time.
#[derive(Debug, Default)]
pub(super) struct RequestText(String);

impl RequestText {
    /// Writes a request. An empty body sends none.
    pub(super) fn write(&mut self, method: &str, path: &str, license: &str, body: &str) -> &[u8] {
        self.0.clear();
        let head = write!(self.0, "{method} {path} HTTP/1.1\r\nhost: localhost\r\n");
        head.expect("writing to a string cannot fail");
        if !license.is_empty() {
            self.add(&format_args!("authorization: License {license}\r\n"));
        }
        if body.is_empty() {
            self.add(&"content-length: 0\r\n\r\n");
        } else {
            let length = body.len();
            self.add(&"content-type: application/json\r\n");
            self.add(&format_args!("content-length: {length}\r\n\r\n{body}"));
        }
        self.0.as_bytes()
    }

    fn add(&mut self, text: &dyn std::fmt::Display) {
        write!(self.0, "{text}").expect("writing to a string cannot fail");
    }
}

/// Sends the same request without a body, and expects a status.
pub struct EmptyCaller {
    request: Vec<u8>,
    status: u16,
}

impl EmptyCaller {
    /// Creates a caller that posts to a path.
    pub fn new(path: &str, status: u16) -> Self {
        let mut text = RequestText::default();
        Self {
            request: text.write("POST", path, "", "").to_vec(),
            status,
        }
    }
}

impl Caller for EmptyCaller {
    fn request(&mut self) -> &[u8] {
        &self.request
    }

    fn accept(&mut self, status: u16, _: &[u8]) -> bool {
        status == self.status
    }
}

/// Sends two requests without a body in turn.
pub struct AlternatingCaller {
    next: EmptyCaller,
    after_next: EmptyCaller,
}

impl AlternatingCaller {
    /// Creates a caller that sends the requests of `first` and `second` in turn.
    pub fn new(first: EmptyCaller, second: EmptyCaller) -> Self {
        Self {
            next: first,
            after_next: second,
        }
    }
}

impl Caller for AlternatingCaller {
    fn request(&mut self) -> &[u8] {
        self.next.request()
    }

    fn accept(&mut self, status: u16, body: &[u8]) -> bool {
        let is_expected = self.next.accept(status, body);
        std::mem::swap(&mut self.next, &mut self.after_next);
        is_expected
    }
}

/// Validates licenses.
pub struct ValidateCaller {
    credentials: Credentials,
    machine: u32,
    /// The number of the request.
    number: u32,
    order: LicenseOrder,
    text: RequestText,
}

/// The order in which licenses are validated.
#[derive(Clone, Copy)]
enum LicenseOrder {
    /// One license again and again, so that the last token is good enough.
    Repeated,
    /// One license after the other, in no order.
    Scattered,
    /// One license after the other, with those of other callers in between.
    Each { callers: u32 },
}

impl ValidateCaller {
    /// Creates a caller that validates one license after the other, in no order. Each request has
    /// a nonce, so that the server must sign.
    pub fn fresh(credentials: &Credentials, machine: u32) -> Self {
        Self::new(credentials, machine, LicenseOrder::Scattered)
    }

    /// Creates one of several callers, which together validate each license once. Each request has
    /// a nonce.
    pub fn each(credentials: &Credentials, machine: u32, callers: u32) -> Self {
        Self::new(credentials, machine, LicenseOrder::Each { callers })
    }

    /// Creates a caller that validates one license of one machine again and again.
    pub fn repeated(credentials: &Credentials, machine: u32) -> Self {
        Self::new(credentials, machine, LicenseOrder::Repeated)
    }

    fn new(credentials: &Credentials, machine: u32, order: LicenseOrder) -> Self {
        Self {
            credentials: credentials.clone(),
            machine,
            number: 0,
            order,
            text: RequestText::default(),
        }
    }
}

impl Caller for ValidateCaller {
    fn request(&mut self) -> &[u8] {
        let (machine, number) = (self.machine, self.number);
        self.number = number.wrapping_add(1);
        let license = match self.order {
            LicenseOrder::Repeated => machine,
            LicenseOrder::Scattered => scattered(machine, number),
            LicenseOrder::Each { callers } => number.wrapping_mul(callers).wrapping_add(machine),
        };
        let nonce = match self.order {
            LicenseOrder::Repeated => String::new(),
            _ => format!(r#","nonce":"{machine}-{number}""#),
        };
        let key = self.credentials.key(license);
        let body = format!(r#"{{"license_key":"{key}","machine_id":"machine-{machine}"{nonce}}}"#);
        self.text
            .write("POST", "/api/v1/licenses/validate", "", &body)
    }

    fn accept(&mut self, status: u16, body: &[u8]) -> bool {
        status == 200 && body.starts_with(br#"{"valid":true"#)
    }
}

/// Returns a number that looks random, the same in each run.
fn scattered(caller: u32, number: u32) -> u32 {
    let mixed = (u64::from(caller) << 32 | u64::from(number)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let [a, b, c, d, ..] = (mixed ^ mixed >> 29)
        .wrapping_mul(0xBF58_476D_1CE4_E5B9)
        .to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

/// A session with its lease.
#[derive(Clone, Copy, Debug)]
pub struct Lease {
    session: u32,
    seq: u64,
}

/// The leases of sessions, which several callers share.
#[derive(Clone, Debug, Default)]
pub struct Leases {
    held: Arc<Mutex<Vec<Lease>>>,
    next: Arc<AtomicU32>,
}

impl Leases {
    /// Returns all leases.
    pub fn all(&self) -> Arc<[Lease]> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_slice().into()
    }
}

/// The members of a response about a seat that the callers use.
#[derive(Deserialize)]
struct Seat {
    seq: u64,
    #[serde(default)]
    lease: Option<IgnoredAny>,
}

/// Writes the requests of a session.
struct SessionText {
    text: RequestText,
    /// The commitment for the secret of all sessions.
    commitment: String,
}

/// The secret of all sessions.
const SECRET: [u8; 32] = [7; 32];

impl SessionText {
    fn new() -> Self {
        let secret = ActivationSecret::from_random(SECRET);
        Self {
            text: RequestText::default(),
            commitment: secret.commitment().to_string(),
        }
    }

    fn acquire(&mut self, license: &str, session: u32) -> &[u8] {
        let commitment = &self.commitment;
        let body = format!(
            r#"{{"session":"sess_{session:032x}","instance":"inst_{session:032x}","machine_id":"machine-{session}","user":"user-{session}","nonce":"{session:032x}","commitment":"{commitment}"}}"#
        );
        self.text.write("POST", "/api/v1/seats", license, &body)
    }

    fn release(&mut self, license: &str, Lease { session, seq }: Lease) -> &[u8] {
        let secret = hex::encode(&SECRET);
        let body =
            format!(r#"{{"instance":"inst_{session:032x}","seq":{seq},"secret":"{secret}"}}"#);
        let path = format!("/api/v1/seats/sess_{session:032x}/release");
        self.text.write("POST", &path, license, &body)
    }

    fn heartbeat(&mut self, license: &str, Lease { session, seq }: Lease) -> &[u8] {
        let body = format!(
            r#"{{"instance":"inst_{session:032x}","seq":{seq},"nonce":"{session:032x}","machine_id":"machine-{session}"}}"#
        );
        let path = format!("/api/v1/seats/sess_{session:032x}/heartbeat");
        self.text.write("POST", &path, license, &body)
    }
}

/// Acquires a seat for a session and releases it, in turn. Each pair uses another license if there
/// are several.
pub struct SeatCaller {
    credentials: Credentials,
    session: u32,
    /// The number of the pair of requests.
    number: u32,
    held: Option<Lease>,
    text: SessionText,
}

impl SeatCaller {
    /// Creates a caller. Each one needs its own session.
    pub fn new(credentials: &Credentials, session: u32) -> Self {
        Self {
            credentials: credentials.clone(),
            session,
            number: 0,
            held: None,
            text: SessionText::new(),
        }
    }
}

impl Caller for SeatCaller {
    fn request(&mut self) -> &[u8] {
        let license = self.credentials.key(scattered(self.session, self.number));
        match self.held {
            None => self.text.acquire(license, self.session),
            Some(lease) => self.text.release(license, lease),
        }
    }

    fn accept(&mut self, status: u16, body: &[u8]) -> bool {
        if self.held.take().is_some() {
            self.number = self.number.wrapping_add(1);
            return status == 200;
        }
        let seat = serde_json::from_slice::<Seat>(body);
        self.held = seat.ok().map(|Seat { seq, .. }| Lease {
            session: self.session,
            seq,
        });
        status == 201 && self.held.is_some()
    }
}

/// Acquires a seat for one new session after the other, and keeps them.
pub struct SessionCaller {
    license: String,
    leases: Leases,
    session: u32,
    text: SessionText,
}

impl SessionCaller {
    /// Creates a caller. Callers with the same `leases` share the numbers of the sessions.
    pub fn new(credentials: &Credentials, leases: &Leases) -> Self {
        Self {
            license: credentials.key(0).to_owned(),
            leases: leases.clone(),
            session: 0,
            text: SessionText::new(),
        }
    }
}

impl Caller for SessionCaller {
    fn request(&mut self) -> &[u8] {
        self.session = self.leases.next.fetch_add(1, Ordering::Relaxed);
        self.text.acquire(&self.license, self.session)
    }

    fn accept(&mut self, status: u16, body: &[u8]) -> bool {
        let Ok(Seat { seq, .. }) = serde_json::from_slice::<Seat>(body) else {
            return false;
        };
        let held = &self.leases.held;
        held.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Lease {
                session: self.session,
                seq,
            });
        status == 201
    }
}

/// Renews leases, in no order. A response with a new lease token is not expected.
pub struct HeartbeatCaller {
    license: String,
    leases: Arc<[Lease]>,
    caller: u32,
    number: u32,
    text: SessionText,
}

impl HeartbeatCaller {
    /// Creates a caller that renews these leases, which must not be empty.
    pub fn new(credentials: &Credentials, leases: &Leases, caller: u32) -> Self {
        Self {
            license: credentials.key(0).to_owned(),
            leases: leases.all(),
            caller,
            number: 0,
            text: SessionText::new(),
        }
    }
}

impl Caller for HeartbeatCaller {
    fn request(&mut self) -> &[u8] {
        self.number = self.number.wrapping_add(1);
        let at = usize::try_from(scattered(self.caller, self.number)).unwrap_or_default();
        let lease = self.leases.get(at % self.leases.len());
        let lease = *lease.expect("there are leases");
        self.text.heartbeat(&self.license, lease)
    }

    fn accept(&mut self, status: u16, body: &[u8]) -> bool {
        let seat = serde_json::from_slice::<Seat>(body);
        status == 200 && seat.is_ok_and(|seat| seat.lease.is_none())
    }
}
