//! Changes by the passage of time.

use super::Pool;
use super::class::count;
use super::turn::Turn;
use crate::event::{SeatEventKind, TicketEnd};
use crate::ids::TicketId;
use crate::rows::EndReason;
use crate::time::{LeaseSpan, LeaseTime};

impl Turn<'_> {
    /// Advances the time: ends overdue leases, offers and tickets, and forgets old leases.
    pub(super) fn advance(&mut self) {
        let now = self.now();
        for session in self.table_mut().advance(now) {
            if let Some(lease) = self.table().leases().get(&session) {
                let seq = lease.seq;
                self.emit(Some(session), SeatEventKind::Late { seq });
            }
        }
        self.end_overdue_leases();
        // An offer that could not be claimed does not end its ticket.
        if self.at.hold_left().is_some() {
            self.withdraw_offers();
        }
        self.end_overdue_tickets();
        self.withdraw_excess_offers();
        self.forget_ended();
    }

    /// Forgets ended leases that are old, or too many.
    pub(super) fn forget_ended(&mut self) {
        let terms = &self.terms().lease;
        let (span, limit) = (terms.remembered_for, terms.remembered);
        while let Some((ended, session)) = self.table().oldest_ended()
            && (is_past(ended, span, self.now()) || count(self.table().ended().len()) > limit)
        {
            self.table_mut().remove_ended(&session);
        }
    }

    /// Ends the leases that have been late for too long, or cannot be renewed.
    pub(super) fn end_overdue_leases(&mut self) {
        while let Some((deadline, session)) = self.table().next_overdue()
            && deadline < self.now()
        {
            self.end_unrenewed(&session, EndReason::Expired);
        }
    }

    fn end_overdue_tickets(&mut self) {
        while let Some((until, ticket)) = self.table().next_offer()
            && until < self.now()
        {
            self.end_ticket(&ticket, TicketEnd::OfferExpired);
        }
        let idle = self.terms().queue.idle;
        while let Some((seen, ticket)) = self.table().oldest_poll()
            && is_past(seen, idle, self.now())
        {
            self.end_ticket(&ticket, TicketEnd::Idle);
        }
    }

    /// Removes a ticket without granting a seat.
    pub(super) fn end_ticket(&mut self, ticket: &TicketId, reason: TicketEnd) {
        if let Some(ended) = self.table_mut().remove_ticket(ticket) {
            let ticket = *ticket;
            let kind = SeatEventKind::TicketEnded { ticket, reason };
            self.emit(Some(ended.holder.session), kind);
        }
    }
}

/// Returns whether more than a span has passed since a time.
fn is_past(start: LeaseTime, span: LeaseSpan, now: LeaseTime) -> bool {
    now > start.saturating_add(span)
}

impl Pool {
    /// Returns the first time at which a tick does something, if there is any.
    ///
    /// ```
    /// use license_seats::{Pool, PoolTerms};
    ///
    /// assert_eq!(Pool::new(PoolTerms::with_capacity(5)).next_deadline(), None);
    /// ```
    pub fn next_deadline(&self) -> Option<LeaseTime> {
        let table = &self.table;
        let deadlines = [
            table.next_late().map(|(until, _)| until),
            table.next_overdue().map(|(deadline, _)| deadline),
            self.next_of_others(),
            self.next_reclaim(),
        ];
        let first = deadlines.into_iter().flatten().min();
        // Each of these times is the last moment of the old state.
        first.map(|deadline| deadline.saturating_add(LeaseSpan::from_millis(1)))
    }

    /// Returns when the next offer, waiting ticket or memory of an ended lease ends.
    pub(super) fn next_of_others(&self) -> Option<LeaseTime> {
        let terms = self.terms();
        let table = &self.table;
        let ends = [
            table.next_offer().map(|(until, _)| until),
            table
                .oldest_poll()
                .map(|(seen, _)| seen.saturating_add(terms.queue.idle)),
            table
                .oldest_ended()
                .map(|(at, _)| at.saturating_add(terms.lease.remembered_for)),
        ];
        ends.into_iter().flatten().min()
    }

    /// Returns when the next seat can be reclaimed for a session that waits.
    fn next_reclaim(&self) -> Option<LeaseTime> {
        if self.table.waiting() == 0 {
            return None;
        }
        let classes = self.table.classes().iter();
        let next = classes.filter_map(|class| class.next_free(self.table.now()));
        next.min()
    }
}
