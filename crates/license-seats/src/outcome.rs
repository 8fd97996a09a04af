//! The outcome of a command: changed rows, events and the reply.

use std::sync::Arc;

use license_core::ids::Commitment;
use license_core::session::SessionId;
use serde::{Deserialize, Serialize};

use crate::denial::Denial;
use crate::event::PoolEvent;
use crate::ids::{InstanceId, TicketId};
use crate::rows::{EndedLease, OpenLease, PoolCounters, Ticket};
use crate::time::{LeaseSpan, LeaseTime};
use crate::usage::PoolUsage;

/// The outcome of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct SeatOutcome {
    /// The rows that the command changed. A store writes them in their order, in the transaction of
    /// the command.
    pub changes: Vec<SeatChange>,
    /// The events of the command, in their order. A denied command can have events and changes too,
    /// for example of a lease that has expired.
    pub events: Vec<PoolEvent>,
    /// The reply to the caller.
    pub reply: Result<SeatReply, Box<Denial>>,
}

/// A changed row. The key of each row occurs at most once in an outcome. Deletions come first, so
/// that unique indexes hold after each change.
///
/// The JSON form is for other servers that follow the changes: see `Pool::follow`.
///
/// ```
/// use license_seats::{SeatChange, TicketId};
///
/// let change = SeatChange::DeleteTicket(TicketId::from_bytes([7; 16]));
/// let json = serde_json::to_string(&change)?;
/// assert_eq!(json, format!(r#"{{"delete_ticket":"tick_{}"}}"#, "07".repeat(16)));
/// assert_eq!(serde_json::from_str::<SeatChange>(&json)?, change);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeatChange {
    /// Deletes the open lease of a session.
    DeleteLease(SessionId),
    /// Deletes the remembered lease of a session.
    DeleteEnded(SessionId),
    /// Deletes a ticket.
    DeleteTicket(TicketId),
    /// Inserts or replaces the open lease of a session.
    PutLease(Arc<OpenLease>),
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
    pub lease: Arc<OpenLease>,
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
