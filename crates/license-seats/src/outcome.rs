//! The outcome of a command: changed rows, events and the reply.

use std::sync::Arc;

use license_core::ids::Commitment;
use license_core::session::SessionId;
use serde::Serialize;

use crate::denial::Denial;
use crate::event::SeatEvent;
use crate::ids::{InstanceId, TicketId};
use crate::rows::{EndedLease, Lease, PoolCounters, Ticket};
use crate::time::{LeaseSpan, LeaseTime};

/// The outcome of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct SeatOutcome {
    /// The rows that the command changed. A store writes them in their order, in the transaction of
    /// the command.
    pub changes: Vec<SeatChange>,
    /// The events of the command, in their order. Also a denied command can have events and changes,
    /// for example of a lease that has expired.
    pub events: Vec<SeatEvent>,
    /// The reply to the caller.
    pub reply: Result<SeatReply, Box<Denial>>,
}

/// A changed row. The key of each row occurs at most once in an outcome. Deletions come first, so
/// that unique indexes hold after each change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeatChange {
    /// Deletes the open lease of a session.
    DeleteLease(SessionId),
    /// Deletes the remembered lease of a session.
    DeleteEnded(SessionId),
    /// Deletes a ticket.
    DeleteTicket(TicketId),
    /// Inserts or replaces the open lease of a session.
    PutLease(Arc<Lease>),
    /// Inserts or replaces the remembered lease of a session.
    PutEnded(EndedLease),
    /// Inserts or replaces a ticket.
    PutTicket(Arc<Ticket>),
    /// Replaces the counters.
    PutCounters(PoolCounters),
}

/// The reply to a command that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeatReply {
    /// The session holds a seat. Reply to `Acquire`, `Heartbeat`, `Poll` and `Borrow`.
    Seat(SeatGrant),
    /// The session waits. Reply to `Acquire` and `Poll`.
    Queued(QueuePosition),
    /// The instance does not use the seat any more. Reply to `Release` and `Return`.
    Released {
        /// Whether the command freed the seat. It is false if other instances use the seat, if the
        /// seat is borrowed, or if the lease had ended before.
        freed: bool,
    },
    /// The instance does not wait any more. Reply to `Cancel`.
    Canceled,
    /// The lease is ended. Reply to `End`.
    Ended {
        /// When the seat can be granted to another session.
        free_at: LeaseTime,
        /// Until when the former holder may use a seat that can already be granted again.
        overlap_until: Option<LeaseTime>,
    },
    /// Reply to `SetTerms` and `Tick`.
    Done,
}

/// A seat that a session holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatGrant {
    /// The lease.
    pub lease: Arc<Lease>,
    /// The instance that the reply is for.
    pub instance: InstanceId,
    /// The commitment of the instance, for the claim of the lease token.
    pub commitment: Commitment,
    /// Whether this command granted the lease. Then the HTTP status is 201, otherwise 200.
    pub is_new: bool,
    /// How long the client may use the seat, counted from the moment when it sent the request.
    pub valid_for: LeaseSpan,
    /// When the client should renew, counted from the same moment. `None` if the lease cannot be
    /// renewed beyond `valid_for`.
    pub renew_after: Option<LeaseSpan>,
    /// The seats of the pool after the command.
    pub usage: PoolUsage,
}

/// The place of a session in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct QueuePosition {
    /// The ticket.
    pub ticket: TicketId,
    /// The place among the sessions that wait for the same seats. The first place is 1.
    pub position: u32,
    /// The expected time until a seat is offered, from recent hold times.
    pub estimate: Option<LeaseSpan>,
    /// The ticket ends if the caller does not poll for this time.
    pub poll_within: LeaseSpan,
    /// The seats of the pool.
    pub usage: PoolUsage,
}

/// How many seats of a pool are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PoolUsage {
    /// The number of seats that the license states.
    pub capacity: u32,
    /// The number of seats that may be held: the capacity and the overage.
    pub allowed: u32,
    /// The number of open leases.
    pub held: u32,
    /// The number of open leases past their lifetime.
    pub late: u32,
    /// The number of borrowed seats.
    pub borrowed: u32,
    /// The number of seats that are offered to tickets.
    pub offered: u32,
    /// The number of tickets without an offer.
    pub waiting: u32,
    /// The number of different users that hold a seat or have an offer.
    pub users: u32,
}

impl PoolUsage {
    /// Returns the number of seats that are held above the capacity.
    ///
    /// ```
    /// use license_seats::PoolUsage;
    ///
    /// let usage = PoolUsage { capacity: 5, held: 6, ..PoolUsage::default() };
    /// assert_eq!(usage.over(), 1);
    /// ```
    pub const fn over(&self) -> u32 {
        self.held.saturating_sub(self.capacity)
    }
}
