//! The users that hold seats or have offers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use license_core::session::SessionId;

use crate::time::LeaseTime;

/// The users of a pool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Users {
    /// The number of seats and offers of each user.
    places: BTreeMap<Arc<str>, u32>,
    /// `None` if the number of users has no limit, because only the limit needs the seats.
    limited: Option<LimitedUsers>,
}

/// The users of a pool whose number is limited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct LimitedUsers {
    seats: BTreeMap<Arc<str>, UserSeats>,
    /// The users without an offer, by the time from which all their seats can be granted again.
    free: BTreeSet<(LeaseTime, Arc<str>)>,
}

/// The seats of a user.
///
/// Most users have one seat. A set for each would take most of the memory of a pool, so the first
/// lease is stored without a set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct UserSeats {
    offers: u32,
    /// The lease whose seat can be granted again first.
    first: Option<(LeaseTime, SessionId)>,
    others: BTreeSet<(LeaseTime, SessionId)>,
}

impl UserSeats {
    /// Returns the time from which all seats of the user can be granted again. A user with an offer
    /// has no such time.
    fn free_at(&self) -> Option<LeaseTime> {
        let last = self.others.last().or(self.first.as_ref());
        let free_at = last.map(|(free_at, _)| *free_at);
        free_at.filter(|_| self.offers == 0)
    }

    fn add(&mut self, lease: (LeaseTime, SessionId)) {
        match self.first.replace(lease) {
            Some(first) if first < lease => {
                self.first = Some(first);
                self.others.insert(lease);
            }
            previous => self.others.extend(previous),
        }
    }

    fn remove(&mut self, lease: (LeaseTime, SessionId)) {
        if self.first == Some(lease) {
            self.first = self.others.pop_first();
        } else {
            self.others.remove(&lease);
        }
    }

    fn sessions(&self) -> impl Iterator<Item = SessionId> {
        let leases = self.first.iter().chain(&self.others);
        leases.map(|(_, session)| *session)
    }
}

impl Users {
    /// Creates an empty list. `is_limited` is whether the number of users has a limit.
    pub(super) fn new(is_limited: bool) -> Self {
        Self {
            places: BTreeMap::new(),
            limited: is_limited.then(LimitedUsers::default),
        }
    }

    /// Returns the number of users.
    pub(super) fn count(&self) -> usize {
        self.places.len()
    }

    /// Returns whether a user holds a seat or has an offer.
    pub(super) fn contains(&self, user: &str) -> bool {
        self.places.contains_key(user)
    }

    pub(super) fn add_lease(&mut self, user: &Arc<str>, free_at: LeaseTime, session: SessionId) {
        self.add_place(user, |seats| seats.add((free_at, session)));
    }

    pub(super) fn remove_lease(&mut self, user: &Arc<str>, free_at: LeaseTime, session: SessionId) {
        self.remove_place(user, |seats| seats.remove((free_at, session)));
    }

    pub(super) fn add_offer(&mut self, user: &Arc<str>) {
        self.add_place(user, |seats| seats.offers = seats.offers.saturating_add(1));
    }

    pub(super) fn remove_offer(&mut self, user: &Arc<str>) {
        self.remove_place(user, |seats| seats.offers = seats.offers.saturating_sub(1));
    }

    /// Returns the sessions of the users whose seats can all be granted again, one list for each
    /// user. There are none if the number of users has no limit.
    pub(super) fn reclaimable(&self, now: LeaseTime) -> impl Iterator<Item = Vec<SessionId>> {
        let limited = self.limited.iter();
        limited.flat_map(move |limited| limited.reclaimable(now))
    }

    fn add_place(&mut self, user: &Arc<str>, change: impl FnOnce(&mut UserSeats)) {
        let places = self.places.entry(Arc::clone(user)).or_default();
        *places = places.saturating_add(1);
        if let Some(limited) = &mut self.limited {
            limited.change(user, change);
        }
    }

    fn remove_place(&mut self, user: &Arc<str>, change: impl FnOnce(&mut UserSeats)) {
        if let Some(places) = self.places.get_mut(user) {
            *places = places.saturating_sub(1);
            if *places == 0 {
                self.places.remove(user);
            }
        }
        if let Some(limited) = &mut self.limited {
            limited.change(user, change);
        }
    }
}

impl LimitedUsers {
    fn reclaimable(&self, now: LeaseTime) -> impl Iterator<Item = Vec<SessionId>> {
        let free = self.free.iter().take_while(move |(at, _)| *at < now);
        let seats = free.filter_map(|(_, user)| self.seats.get(user));
        seats.map(|seats| seats.sessions().collect())
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
        if seats.offers > 0 || seats.first.is_some() {
            self.seats.insert(Arc::clone(user), seats);
        }
    }
}
