//! Acquiring a seat.

use std::sync::Arc;

use license_core::session::SessionId;

use super::class::SeatClass;
use super::reclaim::SeatKind;
use super::turn::{Reply, Turn};
use crate::command::Acquire;
use crate::denial::DenialReason;
use crate::event::SeatEventKind;
use crate::ids::Seq;
use crate::outcome::SeatReply;
use crate::renewal::SeatValidity;
use crate::rows::{Holder, Instance, OpenLease, Ticket};
use crate::time::{LeaseSpan, LeaseTime};

impl Turn<'_> {
    /// Processes an acquire.
    pub(super) fn acquire(&mut self, acquire: Acquire) -> Reply {
        let session = acquire.holder.session;
        let user = Arc::clone(&acquire.holder.user);
        let reply = self.acquire_or_wait(acquire);
        if let Err(denial) = &reply {
            let code = denial.reason.code();
            self.emit(Some(session), SeatEventKind::Denied { code, user });
        }
        reply
    }

    fn acquire_or_wait(&mut self, acquire: Acquire) -> Reply {
        let session = &acquire.holder.session;
        if let Some(lease) = self.table().leases().get(session) {
            let lease = Arc::clone(lease);
            return self.join(lease, &acquire);
        }
        if let Some(ticket) = self.table().ticket_of(session) {
            let ticket = Arc::clone(ticket);
            return self.acquire_with_ticket(ticket, &acquire);
        }
        if !self.at.is_licensed() {
            return Err(self.deny(DenialReason::LicenseEnded));
        }
        if let Some(left) = self.at.hold_left() {
            return self.wait(acquire, DenialReason::OnHold { left });
        }
        match self.plan_without_overtaking(&acquire.holder) {
            Ok(ended) => {
                self.reclaim(ended);
                let instance = new_instance(&acquire);
                Ok(self.grant(acquire.holder, &instance, vec![instance], None))
            }
            Err(reason) => self.wait(acquire, reason),
        }
    }

    /// Uses the seat that the session holds.
    fn join(&mut self, lease: Arc<OpenLease>, acquire: &Acquire) -> Reply {
        let mut lease = Arc::unwrap_or_clone(lease);
        let joined = self.check_holder(&lease.holder, &acquire.holder);
        let joined = joined.and_then(|()| self.add_instance(&mut lease.instances, acquire));
        match joined {
            Ok(()) => self.renew(Arc::new(lease), &new_instance(acquire)),
            Err(reason) => Err(self.deny(reason)),
        }
    }

    /// Claims the offer of the session's ticket, or continues to wait.
    fn acquire_with_ticket(&mut self, ticket: Arc<Ticket>, acquire: &Acquire) -> Reply {
        let mut ticket = Arc::unwrap_or_clone(ticket);
        let joined = self.check_holder(&ticket.holder, &acquire.holder);
        let joined = joined.and_then(|()| self.add_instance(&mut ticket.instances, acquire));
        if let Err(reason) = joined {
            return Err(self.deny(reason));
        }
        if !self.at.is_licensed() {
            return Err(self.deny(DenialReason::LicenseEnded));
        }
        if ticket.offered_until.is_some() {
            return Ok(self.claim(ticket, &new_instance(acquire)));
        }
        if acquire.wait.is_none() {
            return Err(self.deny_seat(DenialReason::NoSeat, &acquire.holder));
        }
        ticket.seen = self.now();
        let id = ticket.id;
        self.table_mut().put_ticket(Arc::new(ticket));
        Ok(self.queued(&id))
    }

    fn check_holder(&self, holder: &Holder, caller: &Holder) -> Result<(), DenialReason> {
        if holder.user == caller.user && holder.machine == caller.machine {
            Ok(())
        } else {
            Err(DenialReason::SessionMismatch(holder.session))
        }
    }

    /// Adds the caller to the instances of a lease or ticket, if it is not one of them. Instances
    /// that have stopped without a release make room.
    fn add_instance(
        &self,
        instances: &mut Vec<Instance>,
        acquire: &Acquire,
    ) -> Result<(), DenialReason> {
        if let Some(known) = instances.iter().find(|known| known.id == acquire.instance) {
            let is_same = known.commitment == acquire.commitment;
            return is_same.then_some(()).ok_or(DenialReason::InstanceMismatch);
        }
        let max_instances = self.terms().lease.max_instances.max(1);
        let limit = usize::try_from(max_instances).unwrap_or(usize::MAX);
        if instances.len() >= limit {
            let now = self.now();
            instances.retain(|instance| instance.free_at >= now);
        }
        if instances.len() >= limit {
            return Err(DenialReason::TooManyInstances { max_instances });
        }
        instances.push(new_instance(acquire));
        Ok(())
    }

    /// Returns the leases that must end so that a session without a ticket gets a seat.
    fn plan_without_overtaking(&self, holder: &Holder) -> Result<Vec<SessionId>, DenialReason> {
        let table = self.table();
        let class = table.class(table.class_of(holder));
        if let Some(class) = class.filter(|class| class.head().is_some()) {
            let maximum = class.at_most.filter(|_| class.is_at_maximum());
            return Err(
                maximum.map_or(DenialReason::NoSeat, |at_most| DenialReason::ShareLimit {
                    at_most,
                }),
            );
        }
        let waits = |class: &SeatClass| class.head().is_some() && !class.is_at_maximum();
        let kind = if table.classes().iter().any(waits) {
            SeatKind::Reserved
        } else {
            SeatKind::Any
        };
        self.plan_seat(holder, kind)
    }

    /// Grants a new lease to a session.
    pub(super) fn grant(
        &mut self,
        holder: Holder,
        instance: &Instance,
        instances: Vec<Instance>,
        ticket: Option<&Ticket>,
    ) -> SeatReply {
        let now = self.now();
        let terms = &self.terms().lease;
        let validity = SeatValidity::renewed(terms, self.at);
        let until = validity.until(now);
        let free_at = validity.free_at(now, &terms.margin);
        let usage = self.pool.usage();
        let overage = usage.held.saturating_add(usage.offered) >= usage.capacity;
        let waited = ticket.map_or(LeaseSpan::ZERO, |ticket| now.since(ticket.created));
        let lease = OpenLease {
            seq: self.next_seq(),
            granted: now,
            until,
            free_at,
            overage,
            instances: using_until(instances, free_at),
            ticket: ticket.map(|ticket| ticket.id),
            loan: None,
            soft_end: None,
            holder,
        };
        let kind = SeatEventKind::Granted {
            seq: lease.seq,
            user: Arc::clone(&lease.holder.user),
            overage,
            waited,
        };
        self.emit(Some(lease.holder.session), kind);
        self.put_and_grant(lease, instance, validity, true)
    }

    fn next_seq(&mut self) -> Seq {
        let counters = self.counters();
        let seq = counters.next_seq;
        counters.next_seq = Seq(seq.0.saturating_add(1));
        seq
    }
}

fn new_instance(acquire: &Acquire) -> Instance {
    Instance {
        id: acquire.instance,
        commitment: acquire.commitment,
        free_at: LeaseTime::START,
    }
}

fn using_until(mut instances: Vec<Instance>, free_at: LeaseTime) -> Vec<Instance> {
    for instance in &mut instances {
        instance.free_at = free_at;
    }
    instances
}
