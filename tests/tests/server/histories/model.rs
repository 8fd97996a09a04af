//! The sequential model of a pool: one command after the other, and no time passes.

use std::collections::BTreeMap;

/// A session, by its number.
pub(super) type Session = u32;

/// A ticket, by the number in its id.
pub(super) type Ticket = u128;

/// A command for the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Acquire {
        session: Session,
        wait: bool,
    },
    Heartbeat {
        session: Session,
        seq: u64,
    },
    Release {
        session: Session,
        seq: u64,
    },
    Poll {
        session: Session,
        ticket: Ticket,
    },
    Cancel {
        session: Session,
        ticket: Ticket,
    },
    /// An administrator ends the lease of a session at once.
    End {
        session: Session,
    },
    /// An administrator reads the number of held seats.
    Count,
}

impl Call {
    /// Returns whether the command only reads.
    pub(super) fn is_read(&self) -> bool {
        matches!(self, Self::Heartbeat { .. } | Self::Count)
    }
}

/// The reply to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// A new lease.
    New {
        seq: u64,
    },
    /// The lease that the session has.
    Own {
        seq: u64,
    },
    /// The seat that was offered to a ticket.
    Claimed {
        seq: u64,
    },
    /// A place in the queue.
    Queued {
        ticket: Ticket,
        position: usize,
    },
    NoSeat,
    LeaseLost,
    Released {
        freed: bool,
    },
    UnknownTicket,
    Canceled,
    Ended,
    NoLease,
    Count {
        held: usize,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Lease {
    seq: u64,
    /// The ticket that claimed the seat, if a response has named it.
    ticket: Option<Ticket>,
}

/// The state of a pool.
///
/// A ticket gets a random id. The id is unknown until a response names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Pool {
    capacity: usize,
    next_seq: u64,
    leases: BTreeMap<Session, Lease>,
    /// The sessions that wait, in their order.
    queue: Vec<(Session, Option<Ticket>)>,
    /// The sessions with an offered seat.
    offers: BTreeMap<Session, Option<Ticket>>,
}

impl Pool {
    /// Returns a pool without leases. The next grant has the number `next_seq`.
    pub(super) fn new(capacity: usize, next_seq: u64) -> Self {
        Self {
            capacity,
            next_seq,
            leases: BTreeMap::new(),
            queue: Vec::new(),
            offers: BTreeMap::new(),
        }
    }

    /// Applies a command, and returns its reply. `ticket` is the id of a new ticket, if it is
    /// known.
    pub(super) fn apply(&mut self, call: &Call, ticket: Option<Ticket>) -> Reply {
        let reply = match *call {
            Call::Acquire { session, wait } => self.acquire(session, wait, ticket),
            Call::Heartbeat { session, seq } => match self.leases.get(&session) {
                Some(lease) if lease.seq == seq => Reply::Own { seq },
                _ => Reply::LeaseLost,
            },
            Call::Release { session, seq } => {
                let freed = self
                    .leases
                    .get(&session)
                    .is_some_and(|lease| lease.seq == seq);
                if freed {
                    self.leases.remove(&session);
                }
                Reply::Released { freed }
            }
            Call::Poll { session, ticket } => self.poll(session, ticket),
            Call::Cancel { session, ticket } => {
                if self.offers.get(&session) == Some(&Some(ticket)) {
                    self.offers.remove(&session);
                }
                self.queue
                    .retain(|waiting| *waiting != (session, Some(ticket)));
                Reply::Canceled
            }
            Call::End { session } => match self.leases.remove(&session) {
                Some(_) => Reply::Ended,
                None => Reply::NoLease,
            },
            Call::Count => Reply::Count {
                held: self.leases.len(),
            },
        };
        self.serve_queue();
        reply
    }

    /// Applies a command whose reply is known. Returns whether the model gives the same reply.
    pub(super) fn explain(&mut self, call: &Call, reply: &Reply) -> bool {
        let ticket = match *reply {
            Reply::Queued { ticket, .. } => Some(ticket),
            _ => None,
        };
        self.apply(call, ticket) == *reply
    }

    fn acquire(&mut self, session: Session, wait: bool, ticket: Option<Ticket>) -> Reply {
        if let Some(lease) = self.leases.get(&session) {
            return Reply::Own { seq: lease.seq };
        }
        if let Some(claimed) = self.offers.remove(&session) {
            let seq = self.grant(session, claimed);
            return Reply::New { seq };
        }
        let place = self.queue.iter().position(|(other, _)| *other == session);
        if let Some(place) = place {
            return if wait {
                self.place(place, ticket)
            } else {
                Reply::NoSeat
            };
        }
        if self.has_room() {
            let seq = self.grant(session, None);
            return Reply::New { seq };
        }
        if !wait {
            return Reply::NoSeat;
        }
        self.queue.push((session, None));
        self.place(self.queue.len() - 1, ticket)
    }

    fn poll(&mut self, session: Session, ticket: Ticket) -> Reply {
        if self.offers.get(&session) == Some(&Some(ticket)) {
            self.offers.remove(&session);
            let seq = self.grant(session, Some(ticket));
            return Reply::Claimed { seq };
        }
        let mut waiting = self.queue.iter();
        if let Some(place) = waiting.position(|waiting| *waiting == (session, Some(ticket))) {
            return self.place(place, Some(ticket));
        }
        // The response to the poll that claimed the seat was lost.
        match self.leases.get(&session) {
            Some(lease) if lease.ticket == Some(ticket) => Reply::Claimed { seq: lease.seq },
            _ => Reply::UnknownTicket,
        }
    }

    /// Returns a place in the queue, and records the id of its ticket.
    fn place(&mut self, place: usize, named: Option<Ticket>) -> Reply {
        let ticket = &mut self.queue[place].1;
        *ticket = ticket.or(named);
        // Zero is the id of a ticket that no response has named.
        Reply::Queued {
            ticket: ticket.unwrap_or(0),
            position: place + 1,
        }
    }

    /// Grants a seat without regard to the capacity, and returns the fencing number.
    pub(super) fn grant(&mut self, session: Session, ticket: Option<Ticket>) -> u64 {
        let seq = self.next_seq;
        self.next_seq += 1;
        self.leases.insert(session, Lease { seq, ticket });
        seq
    }

    fn has_room(&self) -> bool {
        self.leases.len() + self.offers.len() < self.capacity
    }

    fn serve_queue(&mut self) {
        while self.has_room() && !self.queue.is_empty() {
            let (session, ticket) = self.queue.remove(0);
            self.offers.insert(session, ticket);
        }
    }
}
