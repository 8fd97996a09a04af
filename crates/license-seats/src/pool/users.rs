//! The users that hold seats or have offers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use license_core::session::SessionId;

use crate::time::LeaseTime;

/// The users of a pool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Users {
    seats: BTreeMap<Arc<str>, UserSeats>,
    /// The users without an offer, by the time from which all their seats can be granted again.
    free: BTreeSet<(LeaseTime, Arc<str>)>,
}

/// The seats of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct UserSeats {
    offers: u32,
    leases: BTreeSet<(LeaseTime, SessionId)>,
}

impl UserSeats {
    /// Returns the time from which all seats of the user can be granted again. A user with an offer
    /// has no such time.
    fn free_at(&self) -> Option<LeaseTime> {
        let last = self.leases.last().map(|(free_at, _)| *free_at);
        last.filter(|_| self.offers == 0)
    }
}

impl Users {
    /// Returns the number of users.
    pub(super) fn count(&self) -> usize {
        self.seats.len()
    }

    /// Returns whether a user holds a seat or has an offer.
    pub(super) fn contains(&self, user: &str) -> bool {
        self.seats.contains_key(user)
    }

    pub(super) fn add_lease(&mut self, user: &Arc<str>, free_at: LeaseTime, session: SessionId) {
        self.change(user, |seats| {
            seats.leases.insert((free_at, session));
        });
    }

    pub(super) fn remove_lease(&mut self, user: &Arc<str>, free_at: LeaseTime, session: SessionId) {
        self.change(user, |seats| {
            seats.leases.remove(&(free_at, session));
        });
    }

    pub(super) fn add_offer(&mut self, user: &Arc<str>) {
        self.change(user, |seats| seats.offers = seats.offers.saturating_add(1));
    }

    pub(super) fn remove_offer(&mut self, user: &Arc<str>) {
        self.change(user, |seats| seats.offers = seats.offers.saturating_sub(1));
    }

    /// Returns the sessions of the users whose seats can all be granted again, one list for each
    /// user.
    pub(super) fn reclaimable(&self, now: LeaseTime) -> impl Iterator<Item = Vec<SessionId>> {
        let free = self.free.iter().take_while(move |(at, _)| *at < now);
        let seats = free.filter_map(|(_, user)| self.seats.get(user));
        seats.map(|seats| seats.leases.iter().map(|(_, session)| *session).collect())
    }

    fn change(&mut self, user: &Arc<str>, change: impl FnOnce(&mut UserSeats)) {
        let mut seats = self.seats.remove(user).unwrap_or_default();
        if let Some(free_at) = seats.free_at() {
            self.free.remove(&(free_at, Arc::clone(user)));
        }
        change(&mut seats);
        if let Some(free_at) = seats.free_at() {
            self.free.insert((free_at, Arc::clone(user)));
        }
        if seats.offers > 0 || !seats.leases.is_empty() {
            self.seats.insert(Arc::clone(user), seats);
        }
    }
}
