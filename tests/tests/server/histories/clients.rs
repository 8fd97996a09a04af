//! Concurrent clients that send random commands, and record what they see.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::checker::Operation;
use super::model::{Call, Reply, Session, Ticket};

/// A server that processes commands.
pub(super) trait Target: Sync {
    /// Sends a command. Returns `None` if there is no response.
    fn send(&self, call: &Call) -> Option<Reply>;

    /// Sends a command until there is a response.
    fn insist(&self, call: &Call) -> Reply {
        loop {
            if let Some(reply) = self.send(call) {
                return reply;
            }
        }
    }
}

/// A generator of random numbers (SplitMix64).
pub(in super::super) struct Random(pub(in super::super) u64);

impl Random {
    /// Returns a number below `limit`.
    pub(in super::super) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

/// The number of concurrent clients of a history.
pub(super) const CLIENTS: u32 = 4;

/// The number of commands of each client.
pub(super) const COMMANDS: u32 = 8;

/// The number of sessions, which all clients use.
const SESSIONS: u32 = 5;

/// The number of sessions that no other history uses.
pub(super) const RESERVED: u32 = SESSIONS + 1;

/// The knowledge of the clients about a session.
#[derive(Clone, Copy, Default)]
struct Known {
    seq: Option<u64>,
    ticket: Option<Ticket>,
}

/// The recorder of a history.
pub(super) struct Recorder<'t> {
    target: &'t dyn Target,
    first: Session,
    clock: AtomicU64,
    history: Mutex<Vec<Operation>>,
    known: Mutex<BTreeMap<Session, Known>>,
}

impl<'t> Recorder<'t> {
    /// Prepares a history with the sessions from `first`.
    pub(super) fn new(target: &'t dyn Target, first: Session) -> Self {
        Self {
            target,
            first,
            clock: AtomicU64::new(0),
            history: Mutex::default(),
            known: Mutex::default(),
        }
    }

    /// Returns the number of the next grant of the pool, which must be idle.
    pub(super) fn next_seq(&self) -> u64 {
        let session = self.first + SESSIONS;
        let acquire = Call::Acquire {
            session,
            wait: false,
        };
        let (Reply::New { seq } | Reply::Own { seq }) = self.target.insist(&acquire) else {
            panic!("the pool is not idle");
        };
        self.target.insist(&Call::Release { session, seq });
        seq + 1
    }

    /// Runs the clients, frees all seats, and returns the history.
    pub(super) fn run(self, seed: u64) -> Vec<Operation> {
        thread::scope(|scope| {
            for client in 0..CLIENTS {
                let mut random = Random(seed.wrapping_mul(1000) + u64::from(client));
                let this = &self;
                scope.spawn(move || {
                    for _ in 0..COMMANDS {
                        let call = this.choose(&mut random);
                        this.send(client, &call);
                    }
                });
            }
        });
        for session in self.first..self.first + SESSIONS {
            self.leave(session);
        }
        self.history.into_inner().unwrap()
    }

    fn choose(&self, random: &mut Random) -> Call {
        let session = self.first + u32::try_from(random.below(SESSIONS.into())).unwrap();
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Known { seq, ticket } = known.get(&session).copied().unwrap_or_default();
        let wait = random.below(2) == 0;
        match (random.below(10), seq, ticket) {
            (0..=1, Some(seq), _) => Call::Heartbeat { session, seq },
            (2..=4, Some(seq), _) => Call::Release { session, seq },
            (0..=3, None, Some(ticket)) | (5, _, Some(ticket)) => Call::Poll { session, ticket },
            (4, None, Some(ticket)) => Call::Cancel { session, ticket },
            (6, ..) => Call::End { session },
            (7, ..) => Call::Count,
            _ => Call::Acquire { session, wait },
        }
    }

    /// Sends a command, and records it with its reply.
    fn send(&self, client: u32, call: &Call) -> Option<Reply> {
        let now = || self.clock.fetch_add(1, Ordering::SeqCst);
        let invoked = now();
        let reply = self.target.send(call);
        let returned = now();
        if let Some(reply) = &reply {
            self.learn(call, reply);
        }
        let operation = Operation {
            client,
            call: call.clone(),
            reply: reply.clone(),
            invoked,
            returned,
        };
        self.history.lock().unwrap().push(operation);
        reply
    }

    fn learn(&self, call: &Call, reply: &Reply) {
        let session = match *call {
            Call::Acquire { session, .. }
            | Call::Heartbeat { session, .. }
            | Call::Release { session, .. }
            | Call::Poll { session, .. }
            | Call::Cancel { session, .. }
            | Call::End { session } => session,
            Call::Count => return,
        };
        let mut known = self.known.lock().unwrap();
        let known = known.entry(session).or_default();
        match *reply {
            Reply::New { seq } | Reply::Own { seq } | Reply::Claimed { seq } => {
                known.seq = Some(seq);
            }
            Reply::Queued { ticket, .. } => {
                *known = Known {
                    seq: None,
                    ticket: Some(ticket),
                };
            }
            _ => {}
        }
    }

    /// Gives the seat and the place of a session back.
    fn leave(&self, session: Session) {
        let insist = |call: &Call| loop {
            if let Some(reply) = self.send(CLIENTS, call) {
                return reply;
            }
        };
        let acquire = Call::Acquire {
            session,
            wait: true,
        };
        match insist(&acquire) {
            Reply::New { seq } | Reply::Own { seq } => {
                insist(&Call::Release { session, seq });
            }
            Reply::Queued { ticket, .. } => {
                insist(&Call::Cancel { session, ticket });
            }
            other => panic!("{acquire:?} -> {other:?}"),
        }
    }
}
