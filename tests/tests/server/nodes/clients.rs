//! Clients that use the nodes of a server in turn, and check what they learn.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use license_tests::server::{Response, agent};
use serde_json::Value;
use ureq::Agent;

use super::super::histories::Random;
use super::super::site::{SeatRequest, Session};
use super::journal::{Granted, Journal};

/// The time after which a client tries the next node.
const PATIENCE: Duration = Duration::from_secs(1);

/// The time between two attempts.
const PAUSE: Duration = Duration::from_millis(20);

/// The time before the end of a lease in which a lost lease is no defect: the request can take it.
const MARGIN: Duration = Duration::from_secs(2);

/// The reasons of requests without a response.
const TIME_LIMIT: &str = "time limit";
const NO_CONNECTION: &str = "no connection";

/// The clients of one pool.
pub(super) struct Clients {
    /// The URLs of the nodes.
    urls: Vec<String>,
    /// The header `Authorization` of the sessions.
    license: String,
    pub(super) journal: Journal,
    is_done: AtomicBool,
    /// Whether the nodes may have forgotten leases, because an old copy was restored.
    may_forget: AtomicBool,
    next_session: AtomicU32,
    /// Requests that were repeated on another node after a response.
    pub(super) repeated: AtomicU64,
    /// The numbers of requests without a response, and of those that a node could not process, by
    /// reason.
    pub(super) failed: Mutex<BTreeMap<String, u64>>,
}

impl Clients {
    pub(super) fn new(urls: Vec<String>, license: String, capacity: usize) -> Self {
        Self {
            urls,
            license,
            journal: Journal::new(capacity),
            is_done: AtomicBool::new(false),
            may_forget: AtomicBool::new(false),
            next_session: AtomicU32::new(1),
            repeated: AtomicU64::new(0),
            failed: Mutex::default(),
        }
    }

    /// Permits that nodes forget leases.
    pub(super) fn permit_forgetting(&self) {
        self.may_forget.store(true, Ordering::SeqCst);
    }

    pub(super) fn stop(&self) {
        self.is_done.store(true, Ordering::SeqCst);
    }

    fn is_done(&self) -> bool {
        self.is_done.load(Ordering::SeqCst)
    }

    /// Returns the numbers of requests that a node could not process, by reason.
    pub(super) fn unprocessed(&self) -> BTreeMap<String, u64> {
        let mut failed = self.failed.lock().unwrap().clone();
        failed.retain(|reason, _| ![TIME_LIMIT, NO_CONNECTION].contains(&reason.as_str()));
        failed
    }

    /// Runs one client until [`Self::stop`].
    pub(super) fn run(&self, seed: u64) {
        let client = Client {
            clients: self,
            agent: agent(PATIENCE),
            random: Random(seed),
            node: 0,
        };
        client.run();
    }
}

/// One client, which has one session after the other.
struct Client<'c> {
    clients: &'c Clients,
    agent: Agent,
    random: Random,
    /// The node that answered last.
    node: usize,
}

/// A response, and when it was sent and received.
struct Answer {
    response: Response,
    sent: Instant,
    received: Instant,
    node: usize,
}

impl Client<'_> {
    fn run(mut self) {
        while !self.clients.is_done() {
            let number = self.clients.next_session.fetch_add(1, Ordering::SeqCst);
            let session = Session::new(&self.clients.license, number);
            self.visit(&session, number);
        }
    }

    /// Acquires a seat, renews it a few times, and releases it.
    fn visit(&mut self, session: &Session, number: u32) {
        let Some(mut granted) = self.acquire(session, number) else {
            return;
        };
        for _ in 0..self.random.below(12) {
            thread::sleep(Duration::from_millis(50 + self.random.below(200)));
            let request = session.heartbeat_request(&granted.seq.into());
            let Some(answer) = self.insist(&request, granted.until()) else {
                return;
            };
            match (answer.response.status, code(&answer.response).as_str()) {
                (200, _) => {
                    let renewed = grant(&answer);
                    assert_eq!(renewed.seq, granted.seq, "{:?}", answer.response);
                    self.clients.journal.granted(number, renewed);
                    granted = renewed;
                }
                (409, "LEASE_LOST") => {
                    self.check_lost(&granted, &answer);
                    return;
                }
                _ => panic!("{:?}", answer.response),
            }
        }
        self.release(session, &granted);
    }

    fn acquire(&mut self, session: &Session, number: u32) -> Option<Granted> {
        let request = session.acquire_request(false);
        loop {
            let forever = Instant::now() + Duration::from_secs(3600);
            let answer = self.insist(&request, forever)?;
            match (answer.response.status, code(&answer.response).as_str()) {
                (200 | 201, _) => {
                    let granted = grant(&answer);
                    self.clients.journal.granted(number, granted);
                    self.repeat(&request, &granted, answer.node);
                    return Some(granted);
                }
                (409, "NO_SEAT") => thread::sleep(PAUSE),
                _ => panic!("{:?}", answer.response),
            }
        }
    }

    /// Sends the request again to the next node, as if the response had been lost. It costs no
    /// second seat.
    fn repeat(&mut self, request: &SeatRequest<'_>, granted: &Granted, node: usize) {
        let next = (node + 1) % self.clients.urls.len();
        let Some(answer) = self.send(request, next) else {
            return;
        };
        let is_forgotten = self.clients.may_forget.load(Ordering::SeqCst);
        let is_early = answer.received + MARGIN < granted.until();
        if is_early && !is_forgotten {
            assert_eq!(answer.response.status, 200, "{:?}", answer.response);
            assert_eq!(grant(&answer).seq, granted.seq, "{:?}", answer.response);
            self.clients.repeated.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn release(&mut self, session: &Session, granted: &Granted) {
        self.clients.journal.ended(granted.seq, Instant::now());
        let request = session.release_request(&granted.seq.into());
        let Some(answer) = self.insist(&request, granted.until()) else {
            return;
        };
        match (answer.response.status, code(&answer.response).as_str()) {
            (200, _) => {}
            (409, "LEASE_LOST") => self.check_lost(granted, &answer),
            _ => panic!("{:?}", answer.response),
        }
    }

    /// Checks that a lease was not lost before its end.
    #[track_caller]
    fn check_lost(&self, granted: &Granted, answer: &Answer) {
        let is_forgotten = self.clients.may_forget.load(Ordering::SeqCst);
        let is_late = answer.received + MARGIN >= granted.until();
        assert!(
            is_late || is_forgotten,
            "an acknowledged grant is lost: {granted:?} {:?}",
            answer.response
        );
        self.clients.journal.ended(granted.seq, answer.sent);
    }

    /// Sends a request to one node after the other until one of them answers, or until `end`, or
    /// until the clients stop.
    fn insist(&mut self, request: &SeatRequest<'_>, end: Instant) -> Option<Answer> {
        let count = self.clients.urls.len();
        // Behind one address, a request can reach any node.
        if self.random.below(4) == 0 {
            self.node = (self.node + 1) % count;
        }
        while Instant::now() < end && !self.clients.is_done() {
            if let Some(answer) = self.send(request, self.node) {
                return Some(answer);
            }
            self.node = (self.node + 1) % count;
            thread::sleep(PAUSE);
        }
        None
    }

    /// Sends a request to a node. Returns `None` if the node does not answer, or cannot process the
    /// request now.
    fn send(&self, request: &SeatRequest<'_>, node: usize) -> Option<Answer> {
        let sent = Instant::now();
        let response = request.try_send_to(&self.agent, &self.clients.urls[node]);
        let received = Instant::now();
        let reason = match response {
            Ok(response) if response.status != 503 => {
                return Some(Answer {
                    response,
                    sent,
                    received,
                    node,
                });
            }
            Ok(response) => code(&response),
            Err(ureq::Error::Timeout(_)) => TIME_LIMIT.to_owned(),
            Err(_) => NO_CONNECTION.to_owned(),
        };
        let mut failed = self.clients.failed.lock().unwrap();
        *failed.entry(reason).or_default() += 1;
        None
    }
}

/// Returns the reason code of a problem, or an empty text.
fn code(response: &Response) -> String {
    let body = response.json();
    body["code"].as_str().unwrap_or_default().to_owned()
}

fn grant(answer: &Answer) -> Granted {
    let body = answer.response.json();
    let number = |value: &Value| value.as_u64().unwrap();
    Granted {
        seq: number(&body["seq"]),
        sent: answer.sent,
        received: answer.received,
        valid_for: Duration::from_secs(number(&body["valid_for_seconds"])),
    }
}
