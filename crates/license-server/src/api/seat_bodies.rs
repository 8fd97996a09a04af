//! The answers to a request for a seat: a seat, or a place in the queue.

use license_core::chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::services::{GrantedSeat, QueueState};

/// A seat of a session.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Seat)]
pub(super) struct SeatBody {
    pool: String,
    license: String,
    session: String,
    /// The fencing number, which grows with each new grant.
    seq: u64,
    /// `floating` or `borrowed`.
    mode: String,
    /// The signed lease token. It is absent if the current token is still good.
    #[serde(skip_serializing_if = "Option::is_none")]
    lease: Option<String>,
    /// For how many seconds the client may use the seat, from the moment it sent the request.
    valid_for_seconds: i64,
    /// The seconds after which the client renews the lease. Absent: it cannot be renewed.
    #[serde(skip_serializing_if = "Option::is_none")]
    renew_after_seconds: Option<i64>,
    /// The reason of an administrator why the lease cannot be renewed.
    #[serde(skip_serializing_if = "Option::is_none")]
    soft_end: Option<String>,
    /// The end of the lease by the wall clock, for display.
    expires_at: DateTime<Utc>,
    /// Whether the seat exceeds the seats of the license, as its overage policy allows.
    is_overage: bool,
}

impl From<GrantedSeat> for SeatBody {
    fn from(seat: GrantedSeat) -> Self {
        Self {
            pool: seat.pool.as_str().to_owned(),
            license: seat.license.to_string(),
            session: seat.session.to_string(),
            seq: seat.seq,
            mode: seat.mode.to_string(),
            lease: seat.lease,
            valid_for_seconds: seat.valid_for.num_seconds(),
            renew_after_seconds: seat.renew_after.map(|after| after.num_seconds()),
            soft_end: seat.soft_end,
            expires_at: seat.expires_at,
            is_overage: seat.is_overage,
        }
    }
}

/// A place in the queue.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = QueueTicket)]
pub(super) struct QueueBody {
    /// The ticket, by which the session asks for its place.
    ticket: String,
    pool: String,
    /// The place in the queue, from 1.
    position: u32,
    /// The number of waiting sessions.
    waiting: u32,
    /// The estimated wait in seconds, from recent hold times.
    #[serde(skip_serializing_if = "Option::is_none")]
    estimate_seconds: Option<i64>,
    /// The ticket ends if the session does not ask again within this number of seconds.
    poll_within_seconds: i64,
}

impl From<QueueState> for QueueBody {
    fn from(state: QueueState) -> Self {
        Self {
            ticket: state.ticket.to_string(),
            pool: state.pool.as_str().to_owned(),
            position: state.position,
            waiting: state.usage.waiting,
            estimate_seconds: state.estimate.map(|estimate| estimate.num_seconds()),
            poll_within_seconds: state.poll_within.num_seconds(),
        }
    }
}
