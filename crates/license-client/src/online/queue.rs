//! The queue of a pool of seats.

use std::time::Duration;

use serde::Deserialize;

/// The place of a session in the queue for a seat.
///
/// ```
/// use license_client::QueuePlace;
///
/// fn show(place: &QueuePlace) {
///     eprint!("\rposition {} of {}", place.position, place.waiting);
///     if let Some(estimate) = place.estimate {
///         eprint!(", about {} s", estimate.as_secs());
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueuePlace {
    /// The place, from 1.
    pub position: u32,
    /// The number of waiting sessions.
    pub waiting: u32,
    /// The estimated wait, from recent hold times.
    pub estimate: Option<Duration>,
}

/// A place in the queue, as a server sends it.
#[derive(Deserialize)]
pub(super) struct QueueReply {
    pub(super) ticket: String,
    position: u32,
    waiting: u32,
    estimate_seconds: Option<u64>,
}

impl QueueReply {
    pub(super) fn place(&self) -> QueuePlace {
        QueuePlace {
            position: self.position,
            waiting: self.waiting,
            estimate: self.estimate_seconds.map(Duration::from_secs),
        }
    }

    /// Returns whether the ticket can be part of a path.
    pub(super) fn is_well_formed(&self) -> bool {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        (1..=128).contains(&self.ticket.len()) && self.ticket.bytes().all(is_part)
    }
}
