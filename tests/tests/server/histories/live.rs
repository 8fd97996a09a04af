//! The real server: a process that is killed and started again.

use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use license_tests::server::{Response, Server};
use serde_json::{Value, json};

use super::super::site::{Session, Site};
use super::clients::Target;
use super::model::{Call, Reply, Ticket};

/// Without limits, because all clients have one address.
const WITHOUT_LIMITS: [&str; 4] = ["--peer-rate", "off", "--license-rate", "off"];

/// A server that can be killed while clients use it.
pub(in super::super) struct Live<'s> {
    site: &'s Site,
    /// Clients read the lock during their requests. The server is absent only while it starts.
    server: RwLock<Option<Server>>,
    is_killed: AtomicBool,
    sent: AtomicU64,
}

impl<'s> Live<'s> {
    pub(in super::super) fn start(site: &'s Site) -> Self {
        Self {
            site,
            server: RwLock::new(Some(site.start(&WITHOUT_LIMITS))),
            is_killed: AtomicBool::new(false),
            sent: AtomicU64::new(0),
        }
    }

    /// Returns the number of requests that clients have begun.
    pub(in super::super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }

    /// Uses the server. A kill waits until the use ends.
    pub(in super::super) fn with<T>(&self, work: impl FnOnce(&Server) -> T) -> T {
        work(self.server.read().unwrap().as_ref().unwrap())
    }

    /// Kills the server in the middle of its requests, and starts it again.
    pub(in super::super) fn kill_and_start(&self) {
        self.is_killed.store(true, Ordering::SeqCst);
        self.with(|server| server.signal("KILL"));
        let mut server = self.server.write().unwrap();
        // Dropping the value waits for the end of the process.
        drop(server.take());
        *server = Some(self.site.start(&WITHOUT_LIMITS));
        self.is_killed.store(false, Ordering::SeqCst);
    }

    /// Sends a request. If the server is killed before it responds, waits for its next start and
    /// returns `None`.
    pub(in super::super) fn try_send(
        &self,
        send: impl FnOnce(&Server) -> Result<Response, ureq::Error>,
    ) -> Option<Response> {
        let sent = self.with(|server| {
            self.sent.fetch_add(1, Ordering::SeqCst);
            send(server).inspect_err(|error| {
                let is_killed = self.is_killed.load(Ordering::SeqCst);
                assert!(is_killed, "no response of a running server: {error}");
            })
        });
        // Otherwise the client would send all its commands to a server that is not there.
        while sent.is_err() && self.is_killed.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(1));
        }
        sent.ok()
    }
}

/// A pool of the server.
pub(super) struct LivePool<'s> {
    pub(super) live: &'s Live<'s>,
    /// The header `Authorization` of an administrator.
    pub(super) administrator: &'s str,
    /// The header `Authorization` of the sessions.
    pub(super) license: String,
    pub(super) pool: String,
    pub(super) capacity: usize,
}

impl LivePool<'_> {
    fn administer(&self, method: &str, path: &str, body: &str) -> Option<Response> {
        let path = format!("/api/v1/pools/{}{path}", self.pool);
        let headers = [("authorization", self.administrator)];
        self.live
            .try_send(|server| server.try_send(method, &path, &headers, body))
    }
}

impl Target for LivePool<'_> {
    fn send(&self, call: &Call) -> Option<Reply> {
        let session = |number| Session::new(&self.license, number);
        let text = |ticket: Ticket| format!("tick_{ticket:032x}");
        let live = self.live;
        let response = match *call {
            Call::Acquire {
                session: number,
                wait,
            } => live.try_send(|server| session(number).acquire_request(wait).try_send(server)),
            Call::Heartbeat {
                session: number,
                seq,
            } => live.try_send(|server| {
                session(number)
                    .heartbeat_request(&seq.into())
                    .try_send(server)
            }),
            Call::Release {
                session: number,
                seq,
            } => live.try_send(|server| {
                session(number)
                    .release_request(&seq.into())
                    .try_send(server)
            }),
            Call::Poll {
                session: number,
                ticket,
            } => live.try_send(|server| {
                session(number)
                    .poll_request(&text(ticket), 0)
                    .try_send(server)
            }),
            Call::Cancel {
                session: number,
                ticket,
            } => live.try_send(|server| {
                session(number)
                    .cancel_request(&text(ticket))
                    .try_send(server)
            }),
            Call::End { session: number } => {
                let path = format!("/leases/{}/end", session(number).id());
                let body = json!({"mode": "hard", "reason": "test"});
                self.administer("POST", &path, &body.to_string())
            }
            Call::Count => self.administer("GET", "", ""),
        }?;
        Some(reply(call, &response))
    }
}

/// Returns the reply in a response.
fn reply(call: &Call, response: &Response) -> Reply {
    let body = if response.body.is_empty() {
        Value::Null
    } else {
        response.json()
    };
    let seq = || body["seq"].as_u64().unwrap();
    let queued = || {
        let ticket = body["ticket"].as_str().unwrap();
        let digits = ticket.strip_prefix("tick_").unwrap();
        let position = body["position"].as_u64().unwrap();
        Reply::Queued {
            ticket: Ticket::from_str_radix(digits, 16).unwrap(),
            position: usize::try_from(position).unwrap(),
        }
    };
    let code = body["code"].as_str().unwrap_or_default();
    match (call, response.status, code) {
        (Call::Acquire { .. }, 201, "") => Reply::New { seq: seq() },
        (Call::Acquire { .. } | Call::Heartbeat { .. }, 200, "") => Reply::Own { seq: seq() },
        (Call::Acquire { .. }, 202, "") | (Call::Poll { .. }, 200, "") => queued(),
        (Call::Acquire { .. }, 409, "NO_SEAT") => Reply::NoSeat,
        (Call::Heartbeat { .. }, 409, "LEASE_LOST") => Reply::LeaseLost,
        (Call::Release { .. }, 200, "") => Reply::Released {
            freed: body["freed"].as_bool().unwrap(),
        },
        (Call::Poll { .. }, 201, "") => Reply::Claimed { seq: seq() },
        (Call::Poll { .. }, 404, "UNKNOWN_TICKET") => Reply::UnknownTicket,
        (Call::Cancel { .. }, 204, "") => Reply::Canceled,
        (Call::End { .. }, 200, "") => Reply::Ended,
        (Call::End { .. }, _, "NO_LEASE") => Reply::NoLease,
        (Call::Count, 200, "") => Reply::Count {
            held: usize::try_from(body["held"].as_u64().unwrap()).unwrap(),
        },
        _ => panic!("{call:?} -> {response:?}"),
    }
}
