//! Denials, with what the caller needs to know.

use std::sync::Arc;

use super::Pool;
use super::turn::Turn;
use crate::denial::{Denial, DenialReason, MAX_HOLDERS, SeatHolder};
use crate::rows::Lease;
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
    /// whether the caller can wait.
    pub(super) fn deny_seat(&self, reason: DenialReason) -> Box<Denial> {
        let usage = self.pool.usage();
        let position = usage.waiting.saturating_add(1);
        let can_wait = usage.waiting < self.terms().queue.max_length;
        Box::new(Denial {
            reason,
            usage,
            holders: self.pool.holders(),
            next_seat_in: self.pool.next_seat(position),
            queue_position: can_wait.then_some(position),
        })
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

    fn holder(&self, lease: &Lease, display: HolderDisplay) -> SeatHolder {
        let is_named = display == HolderDisplay::Names;
        let now = self.table.now();
        SeatHolder {
            user: is_named.then(|| Arc::clone(&lease.holder.user)),
            machine: lease.holder.machine.filter(|_| is_named),
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
