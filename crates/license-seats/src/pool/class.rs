//! Classes of seats: the sessions of one reservation, or all other sessions.

use std::collections::{BTreeMap, BTreeSet};

use license_core::session::SessionId;

use crate::ids::TicketId;
use crate::rows::Ticket;
use crate::time::LeaseTime;

/// The order of a ticket in its class: tickets at the front come first, then earlier numbers.
pub(super) type QueueKey = (bool, u64);

/// Returns the order of a ticket in its class.
pub(super) const fn queue_key(ticket: &Ticket) -> QueueKey {
    (!ticket.front, ticket.number)
}

/// The sessions that may use the same seats.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SeatClass {
    /// The seats that are kept for the class.
    pub(super) reserved: u32,
    /// The maximum number of seats that the class uses.
    pub(super) at_most: Option<u32>,
    /// The seats that are offered to tickets of the class.
    pub(super) offers: u32,
    /// The open leases of the class, by the time from which their seat can be granted again.
    pub(super) leases: BTreeSet<(LeaseTime, SessionId)>,
    /// The tickets without an offer.
    pub(super) queue: BTreeMap<QueueKey, TicketId>,
}

impl SeatClass {
    /// Returns the number of seats that the class uses.
    pub(super) fn used(&self) -> u32 {
        count(self.leases.len()).saturating_add(self.offers)
    }

    /// Returns whether the class uses as many seats as it may. It then needs no open seat, so its
    /// queue keeps no other session from one.
    pub(super) fn is_at_maximum(&self) -> bool {
        self.at_most.is_some_and(|at_most| self.used() >= at_most)
    }

    /// Returns when the next seat can be granted again, at this time or later.
    pub(super) fn next_free(&self, now: LeaseTime) -> Option<LeaseTime> {
        first_from(&self.leases, now)
    }

    /// Adds a ticket to the offers or to the queue.
    pub(super) fn add_ticket(&mut self, ticket: &Ticket) {
        if ticket.offered_until.is_some() {
            self.offers = self.offers.saturating_add(1);
        } else {
            self.queue.insert(queue_key(ticket), ticket.id);
        }
    }

    /// Removes a ticket from the offers or from the queue.
    pub(super) fn remove_ticket(&mut self, ticket: &Ticket) {
        if ticket.offered_until.is_some() {
            self.offers = self.offers.saturating_sub(1);
        } else {
            self.queue.remove(&queue_key(ticket));
        }
    }

    /// Returns the first ticket, and its order among the first tickets of all classes.
    ///
    /// A ticket at the front overtakes only tickets of its class. Among the classes, it has the
    /// place of the earliest ticket of its class.
    pub(super) fn head(&self) -> Option<(u64, TicketId)> {
        let ((_, number), ticket) = self.queue.first_key_value()?;
        let mut others = self.queue.range((true, 0)..);
        let earliest = others.next().map_or(*number, |((_, other), _)| *other);
        Some((earliest.min(*number), *ticket))
    }
}

/// Returns the first time in a set, at this time or later.
pub(super) fn first_from(
    times: &BTreeSet<(LeaseTime, SessionId)>,
    now: LeaseTime,
) -> Option<LeaseTime> {
    let (_, any_session) = times.first()?;
    let before = LeaseTime::from_millis(now.as_millis().saturating_sub(1));
    let mut times = times.range((before, *any_session)..).map(|(time, _)| *time);
    times.find(|time| *time >= now)
}

/// Returns a length as the type of seat counts.
pub(super) fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
