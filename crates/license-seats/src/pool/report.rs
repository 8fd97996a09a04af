//! Denials, with what the caller needs to know.

use std::sync::Arc;

use super::Pool;
use super::class::count;
use super::turn::Turn;
use crate::denial::{Denial, DenialReason, MAX_HOLDERS, SeatHolder};
use crate::rows::{Holder, OpenLease};
use crate::terms::HolderDisplay;
use crate::time::LeaseSpan;

impl Turn<'_> {
    /// Returns a denial that is not for lack of seats.
    pub(super) fn deny(&self, reason: DenialReason) -> Box<Denial> {
        Box::new(Denial {
            reason,
            usage: self.pool.usage(),
            holders: Vec::new(),
            next_seat_in: None,
            queue_position: None,
        })
    }

    /// Returns a denial for lack of seats: who holds them, when the next one is expected, and
    /// at which place the caller can wait.
    pub(super) fn deny_seat(&self, reason: DenialReason, holder: &Holder) -> Box<Denial> {
        let usage = self.pool.usage();
        let position = self.place_in_queue(holder);
        let is_waiting = self.table().ticket_of(&holder.session).is_some();
        let can_wait = is_waiting || usage.waiting < self.terms().queue.max_length;
        Box::new(Denial {
            reason,
            usage,
            holders: self.pool.holders(),
            next_seat_in: self.pool.next_seat(position),
            queue_position: can_wait.then_some(position),
        })
    }
}

impl Turn<'_> {
    /// Returns the place of a session in its queue, or the last place if it does not wait yet.
    fn place_in_queue(&self, holder: &Holder) -> u32 {
        let ticket = self.table().ticket_of(&holder.session);
        let place = ticket.and_then(|ticket| self.pool.position(&ticket.id));
        let class = self.table().class(self.table().class_of(holder));
        let waiting = class.map_or(0, |class| count(class.queue.len()));
        place.unwrap_or(waiting.saturating_add(1))
    }
}

impl Pool {
    /// Returns the sessions that have held their seats for the longest time, as the terms permit.
    fn holders(&self) -> Vec<SeatHolder> {
        let display = self.terms().holders;
        if display == HolderDisplay::Hidden {
            return Vec::new();
        }
        let leases = self.table.oldest_leases().take(MAX_HOLDERS);
        leases.map(|lease| self.holder(lease, display)).collect()
    }

    fn holder(&self, lease: &OpenLease, display: HolderDisplay) -> SeatHolder {
        let is_named = display == HolderDisplay::Names;
        let now = self.table.now();
        SeatHolder {
            user: is_named.then(|| Arc::clone(&lease.holder.user)),
            machine: lease.holder.machine.clone().filter(|_| is_named),
            since: lease.granted,
            held_for: now.since(lease.granted),
            borrowed: lease.loan.is_some(),
            late: lease.is_late(now),
        }
    }

    /// Returns when a seat can be expected: when the first late lease can be reclaimed, or by the
    /// recent hold times.
    fn next_seat(&self, position: u32) -> Option<LeaseSpan> {
        let now = self.table.now();
        let estimate = self.estimate(position);
        let classes = self.table.classes().iter();
        let leases = classes.filter_map(|class| class.leases.first());
        let leases = leases.filter_map(|(_, session)| self.lease(session));
        let late = leases.filter(|lease| lease.is_late(now));
        let reclaimable = late.map(|lease| lease.free_at.since(now));
        reclaimable.chain(estimate).min()
    }
}
