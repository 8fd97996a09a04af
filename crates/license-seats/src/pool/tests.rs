#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod administration;
mod borrowing;
mod hold;
mod queue;
mod renewals;
mod seats;

use std::sync::Arc;

use license_core::session::SessionId;

use super::Pool;
use crate::command::{Acquire, CommandTime, Heartbeat, Release, SeatCommand, TicketRef};
use crate::denial::Denial;
use crate::event::SeatEventKind;
use crate::ids::{InstanceId, SeatSecret, Seq, TicketId};
use crate::outcome::{QueuePosition, SeatGrant, SeatReply};
use crate::rows::Holder;
use crate::terms::PoolTerms;
use crate::time::{LeaseSpan, LeaseTime};

/// A pool, and a clock that a test sets.
struct Site {
    pool: Pool,
    at: CommandTime,
    events: Vec<SeatEventKind>,
}

impl Site {
    fn new(terms: PoolTerms) -> Self {
        Self {
            pool: Pool::new(terms),
            at: CommandTime::at(LeaseTime::START),
            events: Vec::new(),
        }
    }

    fn with_seats(seats: u32) -> Self {
        Self::new(PoolTerms::with_capacity(seats))
    }

    /// Lets time pass without a command.
    fn wait(&mut self, seconds: u64) {
        self.at.now = self.at.now.saturating_add(LeaseSpan::from_secs(seconds));
    }

    fn apply(&mut self, command: SeatCommand) -> Result<SeatReply, Box<Denial>> {
        let outcome = self.pool.apply(command, self.at);
        assert_eq!(self.pool.check_invariants(), [""; 0]);
        self.events
            .extend(outcome.events.into_iter().map(|event| event.kind));
        outcome.reply
    }

    fn tick(&mut self) {
        self.apply(SeatCommand::Tick).unwrap();
    }

    fn set_terms(&mut self, change: impl FnOnce(&mut PoolTerms)) {
        let mut terms = self.pool.terms().clone();
        change(&mut terms);
        self.apply(SeatCommand::SetTerms(Arc::new(terms))).unwrap();
    }

    fn acquire(&mut self, user: &str) -> SeatGrant {
        grant(self.apply(acquire(&holder(user), 1, None)))
    }

    fn denied(&mut self, user: &str) -> Box<Denial> {
        self.apply(acquire(&holder(user), 1, None)).unwrap_err()
    }

    /// Acquires a seat or waits for one. The number of the ticket is that of the user's length.
    fn queue(&mut self, user: &str) -> QueuePosition {
        match self.apply(acquire(&holder(user), 1, Some(ticket(user)))) {
            Ok(SeatReply::Queued(position)) => position,
            other => panic!("expected a ticket, found {other:?}"),
        }
    }

    fn poll(&mut self, user: &str) -> Result<SeatReply, Box<Denial>> {
        self.apply(SeatCommand::Poll(TicketRef {
            ticket: ticket(user),
            session: session(user),
            instance: instance(1),
        }))
    }

    /// Returns whether a seat is offered to a user.
    fn is_offered(&self, user: &str) -> bool {
        let ticket = self.pool.ticket(&ticket(user));
        ticket.is_some_and(|ticket| ticket.offered_until.is_some())
    }

    fn heartbeat(&mut self, user: &str, seq: Seq) -> Result<SeatReply, Box<Denial>> {
        self.apply(SeatCommand::Heartbeat(Heartbeat {
            session: session(user),
            instance: instance(1),
            seq,
        }))
    }

    fn release(&mut self, user: &str, seq: Seq) -> bool {
        match self.apply(release(user, 1, seq)) {
            Ok(SeatReply::Released { freed }) => freed,
            other => panic!("expected a release, found {other:?}"),
        }
    }
}

fn session(user: &str) -> SessionId {
    SessionId::new(None, None, user, b"/project")
}

fn holder(user: &str) -> Holder {
    Holder::new(session(user), user)
}

fn instance(number: u8) -> InstanceId {
    InstanceId::from_bytes([number; 16])
}

fn secret(number: u8) -> SeatSecret {
    SeatSecret::from_bytes([number; 32])
}

/// Returns a ticket whose id has the name of a user.
fn ticket(user: &str) -> TicketId {
    let mut bytes = [0; 16];
    bytes
        .iter_mut()
        .zip(user.bytes())
        .for_each(|(byte, letter)| *byte = letter);
    TicketId::from_bytes(bytes)
}

fn acquire(holder: &Holder, number: u8, wait: Option<TicketId>) -> SeatCommand {
    SeatCommand::Acquire(Acquire {
        holder: holder.clone(),
        instance: instance(number),
        commitment: secret(number).commitment(),
        wait,
    })
}

fn release(user: &str, number: u8, seq: Seq) -> SeatCommand {
    SeatCommand::Release(Release {
        session: session(user),
        instance: instance(number),
        seq,
        secret: secret(number),
    })
}

fn grant(reply: Result<SeatReply, Box<Denial>>) -> SeatGrant {
    match reply {
        Ok(SeatReply::Seat(grant)) => grant,
        other => panic!("expected a seat, found {other:?}"),
    }
}

fn code(reply: Result<SeatReply, Box<Denial>>) -> &'static str {
    reply.unwrap_err().reason.code()
}
