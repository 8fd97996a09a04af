//! Requests and replies for seats.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use license_core::LicenseId;
use license_core::claims::LeaseMode;
use license_core::ids::{Commitment, Nonce};
use license_core::session::SessionId;
use license_seats::{InstanceId, PoolUsage, Seq, TicketId};

use crate::domain::PoolId;

/// Acquires a seat.
#[derive(Clone)]
pub struct AcquireRequest {
    /// The license key or token.
    pub credential: String,
    /// The session that needs a seat.
    pub session: SessionId,
    /// The fingerprint or digest of the machine.
    pub machine: String,
    /// The user.
    pub user: String,
    /// The groups of the user, for reservations.
    pub groups: Vec<String>,
    /// The process in the session.
    pub instance: InstanceId,
    /// The SHA-256 of the instance's secret.
    pub commitment: Commitment,
    /// A random number that the token repeats.
    pub nonce: Nonce,
    /// Whether the caller waits if no seat is free.
    pub wait: bool,
}

/// Renews a lease.
#[derive(Clone)]
pub struct HeartbeatRequest {
    /// The license key or token.
    pub credential: String,
    /// The session that holds the seat.
    pub session: SessionId,
    /// The process in the session.
    pub instance: InstanceId,
    /// The fencing number of the lease.
    pub seq: Seq,
    /// A random number that a new token repeats.
    pub nonce: Nonce,
    /// The claim `jti` of the newest token that the process has, if it states it.
    pub token: Option<String>,
    /// The fingerprint or digest of the machine. The default is the machine of the lease.
    pub machine: Option<String>,
}

/// Ends the use of a seat by an instance.
#[derive(Clone)]
pub struct ReleaseRequest {
    /// The license key or token.
    pub credential: String,
    /// The session that holds the seat.
    pub session: SessionId,
    /// The process in the session.
    pub instance: InstanceId,
    /// The fencing number of the lease.
    pub seq: Seq,
    /// The secret of the instance.
    pub secret: String,
}

/// Borrows a seat that the session holds.
#[derive(Clone)]
pub struct BorrowRequest {
    /// The license key or token.
    pub credential: String,
    /// The session that holds the seat.
    pub session: SessionId,
    /// The process in the session.
    pub instance: InstanceId,
    /// The fencing number of the lease.
    pub seq: Seq,
    /// The secret of the instance, which will return the seat.
    pub secret: String,
    /// A random number that the token repeats.
    pub nonce: Nonce,
    /// The fingerprint or digest of the machine. The default is the machine of the lease.
    pub machine: Option<String>,
    /// How long the seat is borrowed.
    pub duration: TimeDelta,
}

/// Returns a borrowed seat early.
#[derive(Clone)]
pub struct ReturnRequest {
    /// The license key or token.
    pub credential: String,
    /// The session that borrowed the seat.
    pub session: SessionId,
    /// The fencing number of the lease.
    pub seq: Seq,
    /// The secret of the instance that borrowed the seat.
    pub secret: String,
}

/// Asks for the place of a ticket, and claims its offer.
#[derive(Clone)]
pub struct PollRequest {
    /// The license key or token.
    pub credential: String,
    /// The ticket.
    pub ticket: TicketId,
    /// The session that waits.
    pub session: SessionId,
    /// The process in the session.
    pub instance: InstanceId,
    /// A random number that the token repeats.
    pub nonce: Nonce,
    /// The fingerprint or digest of the machine. The default is the machine of the lease.
    pub machine: Option<String>,
    /// How long the reply may wait for an offer.
    pub wait: Duration,
}

/// Leaves the queue.
#[derive(Clone)]
pub struct CancelRequest {
    /// The license key or token.
    pub credential: String,
    /// The ticket.
    pub ticket: TicketId,
    /// The session that waits.
    pub session: SessionId,
    /// The process in the session.
    pub instance: InstanceId,
}

/// Implements `Debug` without credentials and secrets.
macro_rules! debug_session {
    ($($request:ident),+) => {
        $(impl fmt::Debug for $request {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($request))
                    .field("session", &self.session)
                    .finish_non_exhaustive()
            }
        })+
    };
}

debug_session!(
    AcquireRequest,
    HeartbeatRequest,
    ReleaseRequest,
    BorrowRequest,
    ReturnRequest,
    PollRequest,
    CancelRequest
);

/// A seat that a session holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantedSeat {
    /// The pool.
    pub pool: PoolId,
    /// The license that certifies the token.
    pub license: LicenseId,
    /// The session.
    pub session: SessionId,
    /// The fencing number.
    pub seq: u64,
    /// How the seat is used.
    pub mode: LeaseMode,
    /// A new lease token.
    pub lease: Option<String>,
    /// How long the client may use the seat, from the moment when it sent the request.
    pub valid_for: TimeDelta,
    /// When the client should renew, from the same moment.
    pub renew_after: Option<TimeDelta>,
    /// The reason of an administrator why the lease cannot be renewed.
    pub soft_end: Option<String>,
    /// The end of the lease by the wall clock, for display only.
    pub expires_at: DateTime<Utc>,
    /// Whether the seat is beyond the number of the license.
    pub is_overage: bool,
    /// The seats of the pool.
    pub usage: PoolUsage,
}

/// The place of a session in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueState {
    /// The ticket.
    pub ticket: TicketId,
    /// The pool.
    pub pool: PoolId,
    /// The place among the sessions that wait for the same seats, from 1.
    pub position: u32,
    /// The expected time until a seat is offered.
    pub estimate: Option<TimeDelta>,
    /// The ticket ends if the caller does not poll for this time.
    pub poll_within: TimeDelta,
    /// The seats of the pool.
    pub usage: PoolUsage,
}

/// The answer to an acquire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AcquireReply {
    /// A new lease.
    Granted(GrantedSeat),
    /// The lease that the session has.
    Held(GrantedSeat),
    /// A place in the queue.
    Queued(QueueState),
}

/// The answer to a poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PollReply {
    /// The seat that was offered.
    Seat(GrantedSeat),
    /// The place in the queue.
    Queued(QueueState),
}

/// The answer to a release or return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReleaseReply {
    /// Whether the request freed the seat. It is false if other instances use the seat, or if the
    /// lease had ended before.
    pub freed: bool,
}
