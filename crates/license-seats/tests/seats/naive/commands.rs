//! The commands of the naive model.

use std::sync::Arc;

use license_core::ids::Commitment;
use license_core::session::SessionId;
use license_seats::{
    Acquire, Borrow, EndLease, EndMode, EndReason, Holder, Instance, InstanceId, LeaseSpan,
    LeaseTime, Loan, OpenLease, ReturnLoan, Seq, Ticket, TicketRef,
};

use super::Naive;

impl Naive {
    pub(super) fn acquire(&mut self, acquire: &Acquire) -> Result<String, &'static str> {
        let session = acquire.holder.session;
        if let Some(lease) = self.leases.iter().position(|l| l.holder.session == session) {
            same_holder(&self.leases[lease].holder, &acquire.holder)?;
            let joined = self.join(&self.leases[lease].instances, acquire)?;
            let before = std::mem::replace(&mut self.leases[lease].instances, joined);
            let renewed = self.renew(lease, &acquire.instance);
            if renewed.is_err() {
                self.leases[lease].instances = before;
            }
            return renewed;
        }
        if let Some(ticket) = self
            .tickets
            .iter()
            .position(|t| t.holder.session == session)
        {
            same_holder(&self.tickets[ticket].holder, &acquire.holder)?;
            let joined = self.join(&self.tickets[ticket].instances, acquire)?;
            if !self.at.is_licensed() {
                return Err("LICENSE_ENDED");
            }
            if self.tickets[ticket].offered_until.is_some() {
                self.tickets[ticket].instances = joined;
                return Ok(self.claim(ticket));
            }
            if acquire.wait.is_none() {
                return Err("NO_SEAT");
            }
            self.tickets[ticket].instances = joined;
            self.tickets[ticket].seen = self.now();
            return Ok(self.queued(ticket));
        }
        if !self.at.is_licensed() {
            return Err("LICENSE_ENDED");
        }
        let class = self.class_of(&acquire.holder);
        let waiting = self.tickets.len() - self.offered();
        let plan = if self.waiting_in(class).is_empty() {
            self.plan(&acquire.holder, !self.is_open_seat_awaited())
        } else if self.is_at_maximum(class, &[]) {
            Err("SHARE_LIMIT")
        } else {
            Err("NO_SEAT")
        };
        let instance = instance(acquire, LeaseTime::START);
        match plan {
            Ok(ended) => {
                for session in ended {
                    self.end(&session, EndReason::Reclaimed, None);
                }
                Ok(self.grant(acquire.holder.clone(), vec![instance], None))
            }
            Err(reason) => self.wait(acquire, reason, waiting),
        }
    }

    pub(super) fn wait(
        &mut self,
        acquire: &Acquire,
        reason: &'static str,
        waiting: usize,
    ) -> Result<String, &'static str> {
        let id = acquire.wait.ok_or(reason)?;
        if waiting >= self.terms.queue.max_length as usize {
            return Err("QUEUE_FULL");
        }
        if self.tickets.iter().any(|ticket| ticket.id == id) {
            return Err("UNKNOWN_TICKET");
        }
        let ended = self
            .ended
            .iter()
            .find(|ended| ended.session == acquire.holder.session);
        let front = ended.is_some_and(|ended| {
            let is_lost = matches!(ended.reason, EndReason::Reclaimed | EndReason::Expired);
            is_lost && self.now().since(ended.ended) <= self.terms.queue.return_to_front
        });
        self.tickets.push(Ticket {
            id,
            holder: acquire.holder.clone(),
            instances: vec![instance(acquire, self.now())],
            number: self.next_ticket,
            front,
            created: self.now(),
            seen: self.now(),
            offered_until: None,
        });
        self.next_ticket += 1;
        Ok(self.queued(self.tickets.len() - 1))
    }

    pub(super) fn join(
        &self,
        instances: &[Instance],
        acquire: &Acquire,
    ) -> Result<Vec<Instance>, &'static str> {
        let mut instances = instances.to_vec();
        let known = instances
            .iter()
            .find(|instance| instance.id == acquire.instance);
        if let Some(known) = known {
            let is_same = known.commitment == acquire.commitment;
            return if is_same {
                Ok(instances)
            } else {
                Err("INSTANCE_MISMATCH")
            };
        }
        let limit = self.terms.lease.max_instances as usize;
        if instances.len() >= limit {
            instances.retain(|instance| instance.free_at >= self.now());
        }
        if instances.len() >= limit {
            return Err("TOO_MANY_INSTANCES");
        }
        instances.push(instance(acquire, LeaseTime::START));
        Ok(instances)
    }

    pub(super) fn queued(&self, ticket: usize) -> String {
        let class = self.class_of(&self.tickets[ticket].holder);
        let before = self.waiting_in(class).into_iter();
        let before = before
            .filter(|other| self.order(*other) <= self.order(ticket))
            .count();
        format!("queued {} {before}", self.tickets[ticket].id)
    }

    pub(super) fn grant(
        &mut self,
        holder: Holder,
        mut instances: Vec<Instance>,
        ticket: Option<&Ticket>,
    ) -> String {
        let valid_for = self.lifetime();
        let until = self.now().saturating_add(valid_for);
        let free_at = until.saturating_add(self.terms.lease.margin.of(valid_for));
        let overage = self.leases.len() + self.offered() >= self.terms.capacity as usize;
        for instance in &mut instances {
            instance.free_at = free_at;
        }
        let seq = Seq(self.next_seq);
        self.next_seq += 1;
        self.leases.push(OpenLease {
            holder,
            seq,
            granted: self.now(),
            until,
            free_at,
            overage,
            instances,
            ticket: ticket.map(|ticket| ticket.id),
            loan: None,
            soft_end: None,
        });
        seat(true, seq, valid_for)
    }

    pub(super) fn lifetime(&self) -> LeaseSpan {
        self.terms
            .lease
            .lifetime
            .min(self.at.license_left.unwrap_or(LeaseSpan::MAX))
    }

    pub(super) fn renew(&mut self, lease: usize, id: &InstanceId) -> Result<String, &'static str> {
        let now = self.now();
        let is_licensed = self.at.is_licensed();
        let lifetime = self.lifetime();
        let margin = self.terms.lease.margin;
        let lease = &mut self.leases[lease];
        let is_late = lease.until < now;
        if is_late && !is_licensed {
            return Err("LICENSE_ENDED");
        }
        if is_late && lease.soft_end.is_some() {
            return Err("NOT_RENEWABLE");
        }
        lease.loan = lease.loan.take().filter(|loan| now <= loan.free_at);
        let rest = lease.until.since(now);
        let (valid_for, free_at) = if lease.soft_end.is_some() || !is_licensed {
            (rest, lease.free_at)
        } else {
            let until = now.saturating_add(lifetime);
            let free_at = until.saturating_add(margin.of(lifetime));
            lease.until = lease.until.max(until);
            lease.free_at = lease.free_at.max(free_at);
            (lifetime, free_at)
        };
        for instance in lease
            .instances
            .iter_mut()
            .filter(|instance| instance.id == *id)
        {
            instance.free_at = instance.free_at.max(free_at);
        }
        Ok(seat(false, lease.seq, valid_for))
    }

    pub(super) fn find(&self, session: &SessionId, seq: Seq) -> Option<usize> {
        let mut leases = self.leases.iter();
        leases.position(|lease| lease.holder.session == *session && lease.seq == seq)
    }

    pub(super) fn release(
        &mut self,
        lease: usize,
        id: &InstanceId,
        commitment: Commitment,
    ) -> Result<String, &'static str> {
        let now = self.now();
        let lease = &mut self.leases[lease];
        let Some(position) = lease.instances.iter().position(|i| i.id == *id) else {
            return Ok("released false".to_owned());
        };
        if lease.instances[position].commitment != commitment {
            return Err("SECRET_MISMATCH");
        }
        lease.instances.remove(position);
        let is_used = lease
            .instances
            .iter()
            .any(|instance| instance.free_at >= now);
        if is_used || lease.loan.as_ref().is_some_and(|loan| now <= loan.free_at) {
            return Ok("released false".to_owned());
        }
        let session = lease.holder.session;
        self.end(&session, EndReason::Released, None);
        Ok("released true".to_owned())
    }

    pub(super) fn poll(&mut self, poll: &TicketRef) -> Result<String, &'static str> {
        let mut tickets = self.tickets.iter();
        let is_named = |t: &Ticket| t.id == poll.ticket && t.holder.session == poll.session;
        let Some(ticket) = tickets.position(is_named) else {
            let lease = self.leases.iter().position(|lease| {
                lease.holder.session == poll.session
                    && lease.ticket == Some(poll.ticket)
                    && uses(&lease.instances, &poll.instance)
            });
            return self.renew(lease.ok_or("UNKNOWN_TICKET")?, &poll.instance);
        };
        if !uses(&self.tickets[ticket].instances, &poll.instance) {
            return Err("UNKNOWN_INSTANCE");
        }
        if !self.at.is_licensed() {
            return Err("LICENSE_ENDED");
        }
        if self.tickets[ticket].offered_until.is_some() {
            return Ok(self.claim(ticket));
        }
        if self.now().since(self.tickets[ticket].seen) >= self.terms.queue.idle.times(1, 4) {
            self.tickets[ticket].seen = self.now();
        }
        Ok(self.queued(ticket))
    }

    pub(super) fn claim(&mut self, ticket: usize) -> String {
        let ticket = self.tickets.remove(ticket);
        self.grant(
            ticket.holder.clone(),
            ticket.instances.clone(),
            Some(&ticket),
        )
    }

    pub(super) fn cancel(&mut self, canceled: &TicketRef) -> Result<String, &'static str> {
        for ticket in &mut self.tickets {
            if ticket.id == canceled.ticket && ticket.holder.session == canceled.session {
                ticket
                    .instances
                    .retain(|instance| instance.id != canceled.instance);
            }
        }
        self.tickets.retain(|ticket| !ticket.instances.is_empty());
        Ok("canceled".to_owned())
    }

    pub(super) fn borrow(&mut self, borrow: &Borrow) -> Result<String, &'static str> {
        let lease = self.find(&borrow.session, borrow.seq).ok_or("LEASE_LOST")?;
        let borrowed = self
            .leases
            .iter()
            .filter(|lease| lease.loan.is_some())
            .count();
        let now = self.now();
        let left = self.at.license_left.unwrap_or(LeaseSpan::MAX);
        let margin = self.terms.lease.margin;
        let lease = &mut self.leases[lease];
        let instance = lease
            .instances
            .iter()
            .find(|instance| instance.id == borrow.instance);
        let commitment = instance.ok_or("UNKNOWN_INSTANCE")?.commitment;
        if commitment != borrow.secret.commitment() {
            return Err("SECRET_MISMATCH");
        }
        if lease.soft_end.is_some() {
            return Err("NOT_RENEWABLE");
        }
        if left.is_zero() {
            return Err("LICENSE_ENDED");
        }
        let bounds = self.terms.borrow.ok_or("BORROW_NOT_PERMITTED")?;
        if borrow.duration.is_zero() || borrow.duration > bounds.max_duration {
            return Err("BORROW_DURATION");
        }
        let above = self.terms.capacity.saturating_sub(bounds.low_water);
        if lease.loan.is_none() && borrowed >= bounds.max_seats.min(above) as usize {
            return Err("BORROW_LIMIT");
        }
        let duration = borrow.duration.min(left);
        let until = now.saturating_add(duration);
        let free_at = until.saturating_add(margin.of(duration));
        let mut loan = lease.loan.as_deref().copied().unwrap_or(Loan {
            commitment,
            since: now,
            until,
            free_at,
        });
        loan.commitment = commitment;
        loan.until = loan.until.max(until);
        loan.free_at = loan.free_at.max(free_at);
        lease.until = lease.until.max(loan.until);
        lease.free_at = lease.free_at.max(loan.free_at);
        lease.loan = Some(Box::new(loan));
        Ok(seat(false, lease.seq, duration.max(loan.until.since(now))))
    }

    pub(super) fn return_loan(&mut self, returned: &ReturnLoan) -> Result<String, &'static str> {
        let Some(lease) = self.find(&returned.session, returned.seq) else {
            return Ok("released false".to_owned());
        };
        let now = self.now();
        let lease = &mut self.leases[lease];
        let loan = lease.loan.as_deref().copied().ok_or("NOT_BORROWED")?;
        if loan.commitment != returned.secret.commitment() {
            return Err("SECRET_MISMATCH");
        }
        lease.loan = None;
        lease
            .instances
            .retain(|instance| instance.commitment != loan.commitment);
        let last = lease
            .instances
            .iter()
            .map(|instance| instance.free_at)
            .max();
        let Some(last) = last.filter(|last| *last >= now) else {
            self.end(&returned.session, EndReason::Returned, None);
            return Ok("released true".to_owned());
        };
        lease.free_at = last;
        lease.until = lease.until.min(last);
        Ok("released false".to_owned())
    }

    pub(super) fn end_by_administrator(&mut self, end: &EndLease) -> Result<String, &'static str> {
        if end.reason.trim().is_empty() {
            return Err("INVALID_REASON");
        }
        let lease = self.leases.iter_mut().find(|lease| {
            lease.holder.session == end.session && end.seq.is_none_or(|seq| seq == lease.seq)
        });
        let lease = lease.ok_or("NO_LEASE")?;
        let free_at = lease.free_at;
        match end.mode {
            EndMode::Soft => {
                lease.soft_end = Some(Arc::clone(&end.reason));
                let free_at = free_at.max(self.at.now);
                self.end_overdue();
                Ok(format!("ended {free_at} None"))
            }
            EndMode::Hard => {
                let overlap = Some(free_at).filter(|free_at| *free_at >= self.at.now);
                self.end(
                    &end.session,
                    EndReason::EndedHard,
                    Some((&end.reason, overlap)),
                );
                Ok(format!("ended {} {overlap:?}", self.at.now))
            }
        }
    }
}

fn same_holder(holder: &Holder, caller: &Holder) -> Result<(), &'static str> {
    let is_same = holder.user == caller.user && holder.machine == caller.machine;
    if is_same {
        Ok(())
    } else {
        Err("SESSION_MISMATCH")
    }
}

pub(super) fn uses(instances: &[Instance], id: &InstanceId) -> bool {
    instances.iter().any(|instance| instance.id == *id)
}

fn instance(acquire: &Acquire, free_at: LeaseTime) -> Instance {
    Instance {
        id: acquire.instance,
        commitment: acquire.commitment,
        free_at,
    }
}

pub(crate) fn seat(is_new: bool, seq: Seq, valid_for: LeaseSpan) -> String {
    format!(
        "seat {} {seq} {valid_for}",
        if is_new { "new" } else { "own" }
    )
}
