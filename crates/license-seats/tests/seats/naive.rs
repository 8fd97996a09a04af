//! A naive model of a pool: lists without indexes, and the rules in the order of the specification.

mod commands;

use std::collections::BTreeSet;
use std::sync::Arc;

use license_core::session::SessionId;
use license_seats::{
    CommandTime, EndReason, EndedLease, Holder, LeaseTime, OpenLease, PoolTerms, SeatCommand,
    Ticket,
};

pub(crate) use commands::seat;
use commands::uses;

/// The rows of a pool as lists.
#[derive(Clone, Debug)]
pub(crate) struct Naive {
    pub(crate) terms: PoolTerms,
    pub(crate) at: CommandTime,
    pub(crate) leases: Vec<OpenLease>,
    pub(crate) tickets: Vec<Ticket>,
    pub(crate) ended: Vec<EndedLease>,
    pub(crate) next_seq: u64,
    pub(crate) next_ticket: u64,
}

impl Naive {
    pub(crate) fn new(terms: PoolTerms) -> Self {
        Self {
            terms,
            at: CommandTime::at(LeaseTime::START),
            leases: Vec::new(),
            tickets: Vec::new(),
            ended: Vec::new(),
            next_seq: 1,
            next_ticket: 1,
        }
    }

    /// Processes a command, and returns a summary of the reply.
    pub(crate) fn apply(&mut self, command: &SeatCommand, at: CommandTime) -> String {
        self.at = at;
        self.pass_time();
        self.serve();
        let reply = match command {
            SeatCommand::Acquire(acquire) => self.acquire(acquire),
            SeatCommand::Heartbeat(h) => match self.find(&h.session, h.seq) {
                None => Err("LEASE_LOST"),
                Some(lease) if !uses(&self.leases[lease].instances, &h.instance) => {
                    Err("UNKNOWN_INSTANCE")
                }
                Some(lease) => self.renew(lease, &h.instance),
            },
            SeatCommand::Release(release) => match self.find(&release.session, release.seq) {
                Some(lease) => self.release(lease, &release.instance, release.secret.commitment()),
                None => Ok("released false".to_owned()),
            },
            SeatCommand::Poll(poll) => self.poll(poll),
            SeatCommand::Cancel(canceled) => self.cancel(canceled),
            SeatCommand::Borrow(borrow) => self.borrow(borrow),
            SeatCommand::Return(returned) => self.return_loan(returned),
            SeatCommand::End(end) => self.end_by_administrator(end),
            SeatCommand::SetTerms(terms) => {
                let is_changed = self.terms != **terms;
                self.terms = (**terms).clone();
                if is_changed {
                    self.pass_time();
                }
                Ok("done".to_owned())
            }
            SeatCommand::Tick => Ok("done".to_owned()),
        };
        self.serve();
        reply.unwrap_or_else(|code| format!("denied {code}"))
    }

    pub(super) fn now(&self) -> LeaseTime {
        self.at.now
    }

    fn end_overdue(&mut self) {
        let now = self.now();
        let late_limit = self.terms.lease.late_limit;
        for lease in self.leases.clone() {
            let limit = lease.until.saturating_add(late_limit).max(lease.free_at);
            let is_soft = lease.soft_end.is_some();
            if now > if is_soft { lease.free_at } else { limit } {
                self.end(&lease.holder.session, EndReason::Expired, None);
            }
        }
    }

    fn pass_time(&mut self) {
        self.end_overdue();
        let now = self.now();
        let idle = self.terms.queue.idle;
        self.tickets.retain(|ticket| match ticket.offered_until {
            Some(until) => now <= until,
            None => now <= ticket.seen.saturating_add(idle),
        });
        self.withdraw();
        let remembered_for = self.terms.lease.remembered_for;
        self.ended
            .retain(|ended| now <= ended.ended.saturating_add(remembered_for));
        self.forget();
    }

    pub(super) fn offered(&self) -> usize {
        self.tickets
            .iter()
            .filter(|ticket| ticket.offered_until.is_some())
            .count()
    }

    fn withdraw(&mut self) {
        let now = self.now();
        if self.leases.len() + self.offered() > self.terms.allowed() as usize {
            for ticket in &mut self.tickets {
                if ticket.offered_until.take().is_some() {
                    ticket.seen = now;
                }
            }
        }
    }

    pub(super) fn class_of(&self, holder: &Holder) -> usize {
        let mut reservations = self.terms.reservations.iter();
        reservations
            .position(|r| r.target.covers(holder))
            .map_or(0, |position| position + 1)
    }

    fn reserved(&self, class: usize) -> usize {
        class.checked_sub(1).map_or(0, |position| {
            self.terms.reservations[position].seats as usize
        })
    }

    pub(super) fn is_at_maximum(&self, class: usize, ended: &[SessionId]) -> bool {
        let position = class.checked_sub(1);
        let at_most = position.and_then(|position| self.terms.reservations[position].at_most);
        at_most.is_some_and(|at_most| self.used(class, ended) >= at_most as usize)
    }

    /// Returns whether a session waits for an open seat.
    pub(super) fn is_open_seat_awaited(&self) -> bool {
        let mut classes = 0..self.classes();
        classes.any(|class| !self.waiting_in(class).is_empty() && !self.is_at_maximum(class, &[]))
    }

    fn classes(&self) -> usize {
        self.terms.reservations.len() + 1
    }

    /// Offers seats in the order of arrival.
    fn serve(&mut self) {
        let mut is_offered = self.at.is_licensed();
        while is_offered {
            is_offered = false;
            let mut may_take_open_seat = true;
            for head in self.heads() {
                let holder = self.tickets[head].holder.clone();
                if let Ok(ended) = self.plan(&holder, may_take_open_seat) {
                    for session in ended {
                        self.end(&session, EndReason::Reclaimed, None);
                    }
                    let until = self.now().saturating_add(self.terms.queue.offer);
                    self.tickets[head].offered_until = Some(until);
                    is_offered = true;
                    break;
                }
                may_take_open_seat &= self.is_at_maximum(self.class_of(&holder), &[]);
            }
        }
    }

    /// Returns the first waiting ticket of each class, in the order of service.
    fn heads(&self) -> Vec<usize> {
        let mut heads = Vec::new();
        for class in 0..self.classes() {
            let waiting: Vec<usize> = self.waiting_in(class);
            let head = waiting.iter().min_by_key(|i| self.order(**i)).copied();
            let ordinary = waiting.iter().filter(|i| !self.tickets[**i].front);
            let ordinary = ordinary.map(|i| self.tickets[*i].number).min();
            if let Some(head) = head {
                let number = self.tickets[head].number;
                heads.push((number.min(ordinary.unwrap_or(number)), head));
            }
        }
        heads.sort_unstable();
        heads.into_iter().map(|(_, head)| head).collect()
    }

    pub(super) fn order(&self, ticket: usize) -> (bool, u64) {
        (!self.tickets[ticket].front, self.tickets[ticket].number)
    }

    pub(super) fn waiting_in(&self, class: usize) -> Vec<usize> {
        let tickets = self.tickets.iter().enumerate();
        let waiting = tickets.filter(|(_, ticket)| {
            ticket.offered_until.is_none() && self.class_of(&ticket.holder) == class
        });
        waiting.map(|(position, _)| position).collect()
    }

    /// Returns the leases that must end so that the session gets a seat.
    pub(super) fn plan(&self, holder: &Holder, open: bool) -> Result<Vec<SessionId>, &'static str> {
        let mut ended: Vec<SessionId> = Vec::new();
        if let Some(max_users) = self.terms.max_users {
            let users = self.users();
            if !users.contains(&holder.user) && users.len() >= max_users as usize {
                let excess = users.len() + 1 - max_users as usize;
                let free = self.free_users();
                if max_users == 0 || free.len() < excess {
                    return Err("USER_LIMIT");
                }
                for (_, user) in &free[..excess] {
                    let leases = self.leases.iter().filter(|l| l.holder.user == *user);
                    let mut leases: Vec<_> =
                        leases.map(|l| (l.free_at, l.holder.session)).collect();
                    leases.sort_unstable();
                    ended.extend(leases.into_iter().map(|(_, session)| session));
                }
            }
        }
        let class = self.class_of(holder);
        loop {
            let used = |class: usize| self.used(class, &ended);
            let excess = |class: usize| used(class).saturating_sub(self.reserved(class));
            let total: usize = (0..self.classes()).map(used).sum();
            let reserved: usize = (0..self.classes()).map(|class| self.reserved(class)).sum();
            let allowed = self.terms.allowed() as usize;
            let open_used: usize = (0..self.classes()).map(excess).sum();
            let has_room = used(class) < self.reserved(class)
                || (open && open_used < allowed.saturating_sub(reserved));
            let is_at_maximum = self.is_at_maximum(class, &ended);
            if !is_at_maximum && has_room && total < allowed {
                return Ok(ended);
            }
            let reclaimable = self.leases.iter().filter(|lease| {
                let other = self.class_of(&lease.holder);
                lease.free_at < self.now()
                    && !ended.contains(&lease.holder.session)
                    && (other == class
                        || (!is_at_maximum && (has_room || (open && excess(other) > 0))))
            });
            let oldest = reclaimable.min_by_key(|lease| (lease.free_at, lease.holder.session));
            let reason = if is_at_maximum {
                "SHARE_LIMIT"
            } else {
                "NO_SEAT"
            };
            ended.push(oldest.ok_or(reason)?.holder.session);
        }
    }

    fn used(&self, class: usize, ended: &[SessionId]) -> usize {
        let leases = self.leases.iter().filter(|lease| {
            self.class_of(&lease.holder) == class && !ended.contains(&lease.holder.session)
        });
        let offers = self.tickets.iter().filter(|ticket| {
            ticket.offered_until.is_some() && self.class_of(&ticket.holder) == class
        });
        leases.count() + offers.count()
    }

    fn users(&self) -> BTreeSet<Arc<str>> {
        let offers = self
            .tickets
            .iter()
            .filter(|ticket| ticket.offered_until.is_some());
        let offers = offers.map(|ticket| Arc::clone(&ticket.holder.user));
        let leases = self
            .leases
            .iter()
            .map(|lease| Arc::clone(&lease.holder.user));
        leases.chain(offers).collect()
    }

    /// Returns the users whose seats can all be granted again.
    fn free_users(&self) -> Vec<(LeaseTime, Arc<str>)> {
        let mut free = Vec::new();
        for user in self.users() {
            let has_offer = |t: &Ticket| t.offered_until.is_some() && t.holder.user == user;
            let leases = self.leases.iter().filter(|lease| lease.holder.user == user);
            let last = leases.map(|lease| lease.free_at).max();
            let is_free = !self.tickets.iter().any(has_offer);
            free.extend(
                last.filter(|last| is_free && *last < self.now())
                    .map(|last| (last, user)),
            );
        }
        free.sort_unstable();
        free
    }

    pub(super) fn end(
        &mut self,
        session: &SessionId,
        reason: EndReason,
        hard: Option<(&Arc<str>, Option<LeaseTime>)>,
    ) {
        let position = self
            .leases
            .iter()
            .position(|lease| lease.holder.session == *session);
        let lease = self.leases.remove(position.expect("the lease exists"));
        let is_unrenewed = matches!(reason, EndReason::Expired | EndReason::Reclaimed);
        let soft = lease.soft_end.clone().filter(|_| is_unrenewed);
        self.ended.retain(|ended| ended.session != *session);
        self.ended.push(EndedLease {
            session: *session,
            seq: lease.seq,
            granted: lease.granted,
            ended: self.at.now,
            reason: if soft.is_some() {
                EndReason::EndedSoftly
            } else {
                reason
            },
            note: soft.or(hard.map(|(note, _)| Arc::clone(note))),
            overlap_until: hard.and_then(|(_, overlap)| overlap),
        });
        self.forget();
    }

    pub(super) fn forget(&mut self) {
        self.ended.sort_by_key(|ended| (ended.ended, ended.session));
        let excess = self
            .ended
            .len()
            .saturating_sub(self.terms.lease.remembered as usize);
        self.ended.drain(..excess);
    }
}
