//! Events of a pool, for the audit trail, metrics and webhooks.

use std::sync::Arc;

use license_core::session::SessionId;
use serde::Serialize;

use crate::ids::{Seq, TicketId};
use crate::rows::EndReason;
use crate::time::{LeaseSpan, LeaseTime};

/// An event of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PoolEvent {
    /// The reading of the lease clock.
    pub at: LeaseTime,
    /// The session, unless the event is about the whole pool.
    pub session: Option<SessionId>,
    /// The content.
    #[serde(flatten)]
    pub kind: SeatEventKind,
}

/// The content of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum SeatEventKind {
    /// A lease was granted.
    Granted {
        /// The fencing number.
        seq: Seq,
        /// The user.
        user: Arc<str>,
        /// Whether the seat is above the capacity.
        overage: bool,
        /// How long the session waited in the queue.
        waited: LeaseSpan,
    },
    /// An acquire was denied.
    Denied {
        /// The reason code.
        code: &'static str,
        /// The user.
        user: Arc<str>,
    },
    /// A lease is past its lifetime.
    Late {
        /// The fencing number.
        seq: Seq,
    },
    /// A lease ended.
    Ended {
        /// The fencing number.
        seq: Seq,
        /// Why the lease ended.
        reason: EndReason,
        /// The reason that the administrator stated.
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<Arc<str>>,
        /// How long the seat was held.
        held_for: LeaseSpan,
        /// Until when the former holder may use the seat.
        #[serde(skip_serializing_if = "Option::is_none")]
        overlap_until: Option<LeaseTime>,
    },
    /// An administrator made a lease not renewable.
    SoftEnd {
        /// The fencing number.
        seq: Seq,
        /// The reason that the administrator stated.
        note: Arc<str>,
        /// When the seat is free.
        free_at: LeaseTime,
    },
    /// A seat was borrowed, or its loan was extended.
    Borrowed {
        /// The fencing number.
        seq: Seq,
        /// The end of the loan.
        until: LeaseTime,
    },
    /// A session started to wait.
    Queued {
        /// The ticket.
        ticket: TicketId,
        /// Whether the session waits before its class, because it lost its lease.
        front: bool,
    },
    /// A seat was offered to a session.
    Offered {
        /// The ticket.
        ticket: TicketId,
        /// The end of the offer.
        until: LeaseTime,
    },
    /// An offer was withdrawn, because the terms allow fewer seats, or because nothing is granted
    /// after a restore of the database. The ticket keeps its place.
    OfferWithdrawn {
        /// The ticket.
        ticket: TicketId,
    },
    /// A ticket ended without a seat.
    TicketEnded {
        /// The ticket.
        ticket: TicketId,
        /// Why the ticket ended.
        reason: TicketEnd,
    },
    /// The terms changed.
    TermsChanged {
        /// The capacity before.
        capacity_before: u32,
        /// The capacity now.
        capacity: u32,
        /// The number of seats that may be held now.
        allowed: u32,
        /// The number of open leases.
        held: u32,
    },
}

impl SeatEventKind {
    /// Returns the name of the event, the value of `event` in its JSON form.
    ///
    /// ```
    /// use license_seats::{SeatEventKind, Seq};
    ///
    /// assert_eq!(SeatEventKind::Late { seq: Seq(7) }.name(), "late");
    /// ```
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Granted { .. } => "granted",
            Self::Denied { .. } => "denied",
            Self::Late { .. } => "late",
            Self::Ended { .. } => "ended",
            Self::SoftEnd { .. } => "soft_end",
            Self::Borrowed { .. } => "borrowed",
            Self::Queued { .. } => "queued",
            Self::Offered { .. } => "offered",
            Self::OfferWithdrawn { .. } => "offer_withdrawn",
            Self::TicketEnded { .. } => "ticket_ended",
            Self::TermsChanged { .. } => "terms_changed",
        }
    }
}

/// Why a ticket ended without a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketEnd {
    /// The session left the queue.
    Canceled,
    /// The caller did not claim the offer.
    OfferExpired,
    /// The caller did not poll.
    Idle,
}
