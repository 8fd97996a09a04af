//! The queue: first come, first served, without overtaking.
//!
//! Each class of sessions has its own queue. A session of another class may only overtake with a
//! seat that is reserved for its class, because the sessions before it cannot use this seat. A
//! class that uses as many seats as it may does not count as waiting for an open seat.

use std::sync::Arc;

use super::Pool;
use super::class::{count, queue_key};
use super::lease::instance_of;
use super::reclaim::SeatKind;
use super::turn::{Reply, Turn};
use crate::command::{Acquire, TicketRef};
use crate::denial::DenialReason;
use crate::event::{SeatEventKind, TicketEnd};
use crate::ids::TicketId;
use crate::outcome::{QueuePosition, SeatReply};
use crate::rows::{Holder, Instance, OpenLease, Ticket};
use crate::time::LeaseSpan;

/// The time of the last poll of a ticket has a resolution of the idle span divided by this number,
/// so that most polls change no row.
const POLL_RESOLUTION: u32 = 4;

impl Turn<'_> {
    /// Offers seats to the sessions that wait, as long as there are seats for them.
    pub(super) fn serve_queue(&mut self) {
        if !self.at.is_licensed() || self.at.hold_left().is_some() {
            return;
        }
        while self.table().waiting() > 0 && self.offer_next() {}
    }

    /// Offers one seat. Returns whether there was one.
    fn offer_next(&mut self) -> bool {
        let classes = self.table().classes().iter();
        let heads = classes.filter_map(|class| Some((class.head()?, class.is_at_maximum())));
        let mut heads: Vec<_> = heads.collect();
        heads.sort_unstable();
        let mut kind = SeatKind::Any;
        for ((_, id), is_at_maximum) in heads {
            let Some(ticket) = self.table().tickets().get(&id).cloned() else {
                continue;
            };
            if let Ok(ended) = self.plan_seat(&ticket.holder, kind) {
                self.reclaim(ended);
                self.offer(ticket);
                return true;
            }
            if !is_at_maximum {
                kind = SeatKind::Reserved;
            }
        }
        false
    }

    fn offer(&mut self, ticket: Arc<Ticket>) {
        let until = self.now().saturating_add(self.terms().queue.offer);
        let mut ticket = Arc::unwrap_or_clone(ticket);
        ticket.offered_until = Some(until);
        let id = ticket.id;
        let session = ticket.holder.session;
        self.table_mut().put_ticket(Arc::new(ticket));
        self.emit(Some(session), SeatEventKind::Offered { ticket: id, until });
    }

    /// Withdraws the offers if the terms allow fewer seats than are held and offered. The tickets
    /// keep their places, and get new offers as far as the seats suffice.
    pub(super) fn withdraw_excess_offers(&mut self) {
        let usage = self.pool.usage();
        if usage.held.saturating_add(usage.offered) > usage.allowed {
            self.withdraw_offers();
        }
    }

    /// Withdraws all offers.
    pub(super) fn withdraw_offers(&mut self) {
        let now = self.now();
        while let Some((_, id)) = self.table().next_offer() {
            let Some(ticket) = self.table_mut().remove_ticket(&id) else {
                return;
            };
            let mut ticket = Arc::unwrap_or_clone(ticket);
            ticket.offered_until = None;
            ticket.seen = now;
            let session = ticket.holder.session;
            self.table_mut().put_ticket(Arc::new(ticket));
            self.emit(Some(session), SeatEventKind::OfferWithdrawn { ticket: id });
        }
    }

    /// Adds a session without a seat to the queue, if it wants to wait.
    pub(super) fn wait(&mut self, acquire: Acquire, reason: DenialReason) -> Reply {
        let Some(id) = acquire.wait else {
            return Err(self.deny_seat(reason, &acquire.holder));
        };
        let max_length = self.terms().queue.max_length;
        if self.table().waiting() >= max_length {
            let reason = DenialReason::QueueFull { max_length };
            return Err(self.deny_seat(reason, &acquire.holder));
        }
        if self.table().tickets().contains_key(&id) {
            return Err(self.deny(DenialReason::UnknownTicket));
        }
        let front = self.returns_to_front(&acquire.holder);
        let now = self.now();
        let instance = Instance {
            id: acquire.instance,
            commitment: acquire.commitment,
            free_at: now,
        };
        let counters = self.counters();
        let number = counters.next_ticket;
        counters.next_ticket = number.saturating_add(1);
        let session = acquire.holder.session;
        self.table_mut().put_ticket(Arc::new(Ticket {
            id,
            holder: acquire.holder,
            instances: vec![instance],
            number,
            front,
            created: now,
            seen: now,
            offered_until: None,
        }));
        self.emit(Some(session), SeatEventKind::Queued { ticket: id, front });
        Ok(self.queued(&id))
    }

    /// Returns whether the session lost its lease a short time ago.
    fn returns_to_front(&self, holder: &Holder) -> bool {
        let ended = self.table().ended().get(&holder.session);
        let lost = ended.filter(|ended| ended.reason.is_loss());
        let limit = self.terms().queue.return_to_front;
        lost.is_some_and(|ended| self.now().since(ended.ended) <= limit)
    }

    /// Processes a poll: claims the offer, or returns the position.
    pub(super) fn poll(&mut self, poll: &TicketRef) -> Reply {
        let Some(ticket) = self.find_ticket(poll) else {
            return self.poll_again(poll);
        };
        let waiting = ticket.instances.iter();
        let mut waiting = waiting.filter(|instance| instance.id == poll.instance);
        let Some(instance) = waiting.next().copied() else {
            return Err(self.deny(DenialReason::UnknownInstance));
        };
        if !self.at.is_licensed() {
            return Err(self.deny(DenialReason::LicenseEnded));
        }
        let mut ticket = Arc::unwrap_or_clone(ticket);
        if ticket.offered_until.is_some() {
            return Ok(self.claim(ticket, &instance));
        }
        let resolution = self.terms().queue.idle.times(1, POLL_RESOLUTION);
        if self.now().since(ticket.seen) >= resolution {
            ticket.seen = self.now();
            self.table_mut().put_ticket(Arc::new(ticket));
        }
        Ok(self.queued(&poll.ticket))
    }

    /// Answers a poll without a ticket: the response to the poll that claimed the offer was lost,
    /// or the ticket has ended.
    fn poll_again(&mut self, poll: &TicketRef) -> Reply {
        let lease = self.table().leases().get(&poll.session);
        let lease = lease
            .filter(|lease| lease.ticket == Some(poll.ticket))
            .cloned();
        let claimed = lease.and_then(|lease: Arc<OpenLease>| {
            let instance = instance_of(&lease, &poll.instance).copied()?;
            Some((lease, instance))
        });
        match claimed {
            Some((lease, instance)) => self.renew(lease, &instance),
            None => Err(self.deny(DenialReason::UnknownTicket)),
        }
    }

    /// Turns the offer of a ticket into a lease for all instances that wait.
    pub(super) fn claim(&mut self, ticket: Ticket, instance: &Instance) -> SeatReply {
        self.table_mut().remove_ticket(&ticket.id);
        let holder = ticket.holder.clone();
        let instances = ticket.instances.clone();
        self.grant(holder, instance, instances, Some(&ticket))
    }

    /// Processes a cancellation. It is repeatable.
    pub(super) fn cancel(&mut self, canceled: &TicketRef) -> Reply {
        let Some(ticket) = self.find_ticket(canceled) else {
            return Ok(SeatReply::Canceled);
        };
        let mut ticket = Arc::unwrap_or_clone(ticket);
        ticket
            .instances
            .retain(|instance| instance.id != canceled.instance);
        if ticket.instances.is_empty() {
            self.end_ticket(&ticket.id, TicketEnd::Canceled);
        } else {
            self.table_mut().put_ticket(Arc::new(ticket));
        }
        Ok(SeatReply::Canceled)
    }

    fn find_ticket(&self, named: &TicketRef) -> Option<Arc<Ticket>> {
        let ticket = self.table().tickets().get(&named.ticket)?;
        (ticket.holder.session == named.session).then(|| Arc::clone(ticket))
    }

    /// Returns the reply for a ticket without an offer.
    pub(super) fn queued(&self, id: &TicketId) -> SeatReply {
        let position = self.pool.position(id).unwrap_or(1);
        let idle = self.terms().queue.idle;
        let resolution = idle.times(1, POLL_RESOLUTION);
        SeatReply::Queued(QueuePosition {
            ticket: *id,
            position,
            estimate: self.pool.estimate(position),
            poll_within: LeaseSpan::from_millis(idle.as_millis() - resolution.as_millis()),
            usage: self.pool.usage(),
        })
    }
}

impl Pool {
    /// Returns the place of a ticket among the sessions that wait for the same seats. The first
    /// place is 1. Returns `None` if the ticket has an offer, or if there is no such ticket.
    pub fn position(&self, ticket: &TicketId) -> Option<u32> {
        let ticket = self.ticket(ticket)?;
        let class = self.table.class(self.table.class_of(&ticket.holder))?;
        let key = queue_key(ticket);
        class.queue.get(&key)?;
        Some(count(class.queue.range(..=key).count()))
    }

    /// Returns the expected time until the session at a position gets a seat: if seats are held for
    /// the average of recent hold times, they become free at regular intervals.
    pub(super) fn estimate(&self, position: u32) -> Option<LeaseSpan> {
        let usage = self.usage();
        let average = self.counters.average_hold?;
        let excess = usage.held.saturating_sub(usage.allowed);
        let needed = position.saturating_add(excess);
        (usage.allowed > 0).then(|| average.times(needed, usage.allowed))
    }
}
