//! The rows of a pool with their indexes. Each function keeps both consistent, and records which
//! rows changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use license_core::session::SessionId;

use super::class::{SeatClass, count, first_from};
use super::users::Users;
use crate::ids::{Seq, TicketId};
use crate::outcome::SeatChange;
use crate::rows::{EndedLease, Holder, OpenLease, Ticket};
use crate::terms::PoolTerms;
use crate::time::LeaseTime;

/// The rows of a pool with their indexes.
#[derive(Clone, Debug)]
pub(super) struct Table {
    terms: Arc<PoolTerms>,
    now: LeaseTime,
    leases: BTreeMap<SessionId, Arc<OpenLease>>,
    tickets: BTreeMap<TicketId, Arc<Ticket>>,
    ended: BTreeMap<SessionId, EndedLease>,
    index: Index,
    changed: ChangedKeys,
}

/// Everything that can be computed from the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Index {
    /// Class 0 has the sessions without a reservation. Class `n` has the sessions of reservation
    /// `n - 1`.
    classes: Vec<SeatClass>,
    users: Users,
    by_seq: BTreeMap<Seq, SessionId>,
    /// The leases that are not late, by the end of their lifetime.
    live: BTreeSet<(LeaseTime, SessionId)>,
    /// The late leases, by the time after which they end even if no other session needs the seat.
    /// A lease that is not late ends later than that.
    late: BTreeSet<(LeaseTime, SessionId)>,
    /// The times at which leases change that only the pool can renew. Times that have passed remain
    /// until the lease changes.
    fixed: BTreeSet<(LeaseTime, SessionId)>,
    borrowed: u32,
    ticket_of_session: BTreeMap<SessionId, TicketId>,
    /// The tickets with an offer, by its end.
    offers: BTreeSet<(LeaseTime, TicketId)>,
    /// The tickets without an offer, by their last poll.
    polls: BTreeSet<(LeaseTime, TicketId)>,
    ended: BTreeSet<(LeaseTime, SessionId)>,
}

/// The keys of the rows that a command changed, and whether the row existed before each change.
#[derive(Clone, Debug, Default)]
struct ChangedKeys {
    leases: Vec<(SessionId, bool)>,
    tickets: Vec<(TicketId, bool)>,
    ended: Vec<(SessionId, bool)>,
}

impl Table {
    /// Creates a table without rows.
    pub(super) fn new(terms: Arc<PoolTerms>, now: LeaseTime) -> Self {
        let open = SeatClass::default();
        let reserved = terms.reservations.iter().map(|reservation| SeatClass {
            reserved: reservation.seats,
            at_most: reservation.at_most,
            ..SeatClass::default()
        });
        let classes = std::iter::once(open).chain(reserved).collect();
        Self {
            now,
            leases: BTreeMap::new(),
            tickets: BTreeMap::new(),
            ended: BTreeMap::new(),
            index: Index {
                classes,
                users: Users::new(terms.max_users.is_some()),
                ..Index::default()
            },
            changed: ChangedKeys::default(),
            terms,
        }
    }

    /// Returns a table with the same rows under other terms.
    pub(super) fn with_terms(&self, terms: Arc<PoolTerms>) -> Self {
        let mut table = Self::new(terms, self.now);
        for lease in self.leases.values() {
            table.put_lease(Arc::clone(lease));
        }
        for ticket in self.tickets.values() {
            table.put_ticket(Arc::clone(ticket));
        }
        for ended in self.ended.values() {
            table.put_ended(ended.clone());
        }
        table.changed = self.changed.clone();
        table
    }

    pub(super) fn terms(&self) -> &Arc<PoolTerms> {
        &self.terms
    }

    pub(super) const fn now(&self) -> LeaseTime {
        self.now
    }

    pub(super) const fn leases(&self) -> &BTreeMap<SessionId, Arc<OpenLease>> {
        &self.leases
    }

    pub(super) const fn tickets(&self) -> &BTreeMap<TicketId, Arc<Ticket>> {
        &self.tickets
    }

    pub(super) const fn ended(&self) -> &BTreeMap<SessionId, EndedLease> {
        &self.ended
    }

    pub(super) fn classes(&self) -> &[SeatClass] {
        &self.index.classes
    }

    pub(super) const fn users(&self) -> &Users {
        &self.index.users
    }

    /// Returns the class of a session: that of the first reservation that covers it, else 0.
    pub(super) fn class_of(&self, holder: &Holder) -> usize {
        let mut reservations = self.terms.reservations.iter();
        let covering = reservations.position(|reservation| reservation.target.covers(holder));
        covering.map_or(0, |position| position + 1)
    }

    pub(super) fn class(&self, class: usize) -> Option<&SeatClass> {
        self.index.classes.get(class)
    }

    /// Returns the open leases from the oldest to the newest.
    pub(super) fn oldest_leases(&self) -> impl Iterator<Item = &Arc<OpenLease>> {
        let sessions = self.index.by_seq.values();
        sessions.filter_map(|session| self.leases.get(session))
    }

    pub(super) fn seqs(&self) -> usize {
        self.index.by_seq.len()
    }

    /// Returns the largest fencing number of an open lease.
    pub(super) fn last_seq(&self) -> Option<Seq> {
        self.index.by_seq.last_key_value().map(|(seq, _)| *seq)
    }

    pub(super) fn sessions_with_ticket(&self) -> usize {
        self.index.ticket_of_session.len()
    }

    pub(super) fn late(&self) -> u32 {
        count(self.index.late.len())
    }

    pub(super) const fn borrowed(&self) -> u32 {
        self.index.borrowed
    }

    pub(super) fn offered(&self) -> u32 {
        count(self.index.offers.len())
    }

    pub(super) fn waiting(&self) -> u32 {
        count(self.index.polls.len())
    }

    pub(super) fn ticket_of(&self, session: &SessionId) -> Option<&Arc<Ticket>> {
        let id = self.index.ticket_of_session.get(session)?;
        self.tickets.get(id)
    }

    /// Returns the lease whose lifetime ends first, among those that are not late.
    pub(super) fn next_late(&self) -> Option<(LeaseTime, SessionId)> {
        self.index.live.first().copied()
    }

    /// Returns the late lease that ends first if it is not renewed and its seat is not needed.
    pub(super) fn next_overdue(&self) -> Option<(LeaseTime, SessionId)> {
        self.index.late.first().copied()
    }

    /// Returns the first time, now or later, at which a lease changes that only the pool can renew.
    pub(super) fn next_fixed(&self) -> Option<LeaseTime> {
        first_from(&self.index.fixed, self.now)
    }

    /// Returns the offer that ends first.
    pub(super) fn next_offer(&self) -> Option<(LeaseTime, TicketId)> {
        self.index.offers.first().copied()
    }

    /// Returns the waiting ticket whose last poll is the oldest, and the time of the poll.
    pub(super) fn oldest_poll(&self) -> Option<(LeaseTime, TicketId)> {
        self.index.polls.first().copied()
    }

    /// Returns the remembered lease that ended first.
    pub(super) fn oldest_ended(&self) -> Option<(LeaseTime, SessionId)> {
        self.index.ended.first().copied()
    }

    /// Advances the time, and returns the leases that became late.
    pub(super) fn advance(&mut self, now: LeaseTime) -> Vec<SessionId> {
        self.now = now;
        let mut late = Vec::new();
        while let Some((until, session)) = self.next_late().filter(|(until, _)| *until < now) {
            self.index.live.remove(&(until, session));
            if let Some(lease) = self.leases.get(&session) {
                self.index.late.insert((self.deadline(lease), session));
                let times = self.times(lease).map(|time| (time, session));
                self.index.fixed.extend(times);
            }
            late.push(session);
        }
        late
    }

    /// Inserts or replaces the lease of a session.
    pub(super) fn put_lease(&mut self, lease: Arc<OpenLease>) {
        let session = lease.holder.session;
        self.remove_lease(&session);
        let class = self.class_of(&lease.holder);
        if let Some(class) = self.index.classes.get_mut(class) {
            class.leases.insert((lease.free_at, session));
        }
        let user = &lease.holder.user;
        self.index.users.add_lease(user, lease.free_at, session);
        self.index.by_seq.insert(lease.seq, session);
        if lease.is_late(self.now) {
            self.index.late.insert((self.deadline(&lease), session));
        } else {
            self.index.live.insert((lease.until, session));
        }
        if !lease.is_renewable_outside(self.now) {
            let times = self.times(&lease).map(|time| (time, session));
            self.index.fixed.extend(times);
        }
        self.index.borrowed += u32::from(lease.loan.is_some());
        self.leases.insert(session, lease);
    }

    /// Removes the lease of a session.
    pub(super) fn remove_lease(&mut self, session: &SessionId) -> Option<Arc<OpenLease>> {
        let lease = self.leases.remove(session);
        self.changed.leases.push((*session, lease.is_some()));
        let lease = lease?;
        let class = self.class_of(&lease.holder);
        if let Some(class) = self.index.classes.get_mut(class) {
            class.leases.remove(&(lease.free_at, *session));
        }
        let user = &lease.holder.user;
        self.index.users.remove_lease(user, lease.free_at, *session);
        self.index.by_seq.remove(&lease.seq);
        self.index.live.remove(&(lease.until, *session));
        self.index.late.remove(&(self.deadline(&lease), *session));
        for time in self.times(&lease) {
            self.index.fixed.remove(&(time, *session));
        }
        self.index.borrowed -= u32::from(lease.loan.is_some());
        Some(lease)
    }

    /// Returns the times after which a lease changes without a command.
    fn times(&self, lease: &OpenLease) -> [LeaseTime; 3] {
        [lease.until, lease.free_at, self.deadline(lease)]
    }

    /// Returns the time after which a lease ends even if no other session needs the seat. A lease
    /// that cannot be renewed ends as soon as its seat can be granted again.
    fn deadline(&self, lease: &OpenLease) -> LeaseTime {
        if lease.soft_end.is_some() {
            return lease.free_at;
        }
        let limit = lease.until.saturating_add(self.terms.lease.late_limit);
        limit.max(lease.free_at)
    }

    /// Inserts or replaces a ticket.
    pub(super) fn put_ticket(&mut self, ticket: Arc<Ticket>) {
        self.remove_ticket(&ticket.id);
        let class = self.class_of(&ticket.holder);
        if let Some(class) = self.index.classes.get_mut(class) {
            class.add_ticket(&ticket);
        }
        if let Some(until) = ticket.offered_until {
            self.index.offers.insert((until, ticket.id));
            self.index.users.add_offer(&ticket.holder.user);
        } else {
            self.index.polls.insert((ticket.seen, ticket.id));
        }
        let session = ticket.holder.session;
        self.index.ticket_of_session.insert(session, ticket.id);
        self.tickets.insert(ticket.id, ticket);
    }

    /// Removes a ticket.
    pub(super) fn remove_ticket(&mut self, id: &TicketId) -> Option<Arc<Ticket>> {
        let ticket = self.tickets.remove(id);
        self.changed.tickets.push((*id, ticket.is_some()));
        let ticket = ticket?;
        let class = self.class_of(&ticket.holder);
        if let Some(class) = self.index.classes.get_mut(class) {
            class.remove_ticket(&ticket);
        }
        if let Some(until) = ticket.offered_until {
            self.index.offers.remove(&(until, ticket.id));
            self.index.users.remove_offer(&ticket.holder.user);
        } else {
            self.index.polls.remove(&(ticket.seen, ticket.id));
        }
        let session = &ticket.holder.session;
        self.index.ticket_of_session.remove(session);
        Some(ticket)
    }

    /// Remembers a lease that has ended.
    pub(super) fn put_ended(&mut self, ended: EndedLease) {
        let session = ended.session;
        self.remove_ended(&session);
        self.index.ended.insert((ended.ended, session));
        self.ended.insert(session, ended);
    }

    /// Forgets a lease that has ended.
    pub(super) fn remove_ended(&mut self, session: &SessionId) {
        let ended = self.ended.remove(session);
        self.changed.ended.push((*session, ended.is_some()));
        if let Some(ended) = ended {
            self.index.ended.remove(&(ended.ended, *session));
        }
    }

    /// Returns the changed rows since the last call, deletions first.
    pub(super) fn take_changes(&mut self) -> Vec<SeatChange> {
        let changed = std::mem::take(&mut self.changed);
        let mut deletions = Vec::new();
        let mut puts = Vec::new();
        for (session, existed) in first_changes(changed.leases) {
            match self.leases.get(&session) {
                Some(lease) => puts.push(SeatChange::PutLease(Arc::clone(lease))),
                None if existed => deletions.push(SeatChange::DeleteLease(session)),
                None => {}
            }
        }
        for (session, existed) in first_changes(changed.ended) {
            match self.ended.get(&session) {
                Some(ended) => puts.push(SeatChange::PutEnded(ended.clone())),
                None if existed => deletions.push(SeatChange::DeleteEnded(session)),
                None => {}
            }
        }
        for (id, existed) in first_changes(changed.tickets) {
            match self.tickets.get(&id) {
                Some(ticket) => puts.push(SeatChange::PutTicket(Arc::clone(ticket))),
                None if existed => deletions.push(SeatChange::DeleteTicket(id)),
                None => {}
            }
        }
        deletions.append(&mut puts);
        deletions
    }

    /// Counts all leases as changed.
    pub(super) fn mark_leases_changed(&mut self) {
        let sessions = self.leases.keys().map(|session| (*session, true));
        self.changed.leases.extend(sessions);
    }

    /// Forgets which rows changed. The rows come from the store, or are not for it.
    pub(super) fn mark_stored(&mut self) {
        self.changed = ChangedKeys::default();
    }

    /// Returns whether the indexes are those of the rows.
    pub(super) fn is_consistent(&self) -> bool {
        self.with_terms(Arc::clone(&self.terms)).index == self.index
    }
}

/// Returns each key once, with its first change.
fn first_changes<K: Ord + Copy>(mut changes: Vec<(K, bool)>) -> Vec<(K, bool)> {
    changes.sort_by_key(|(key, _)| *key);
    changes.dedup_by_key(|(key, _)| *key);
    changes
}
