//! The decision whether a session can have a seat, and which late leases must end for it.

use std::collections::BTreeSet;
use std::ops::Bound;

use license_core::session::SessionId;

use super::class::SeatClass;
use super::table::Table;
use super::turn::Turn;
use crate::denial::DenialReason;
use crate::rows::{EndReason, Holder};
use crate::time::LeaseTime;

/// The seats that a session may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SeatKind {
    /// Reserved seats of its class, and open seats.
    Any,
    /// Only reserved seats of its class, because another session waits for an open seat.
    Reserved,
}

impl Turn<'_> {
    /// Returns the leases that must end so that a session gets a seat. The list is empty if a seat
    /// is free.
    ///
    /// # Errors
    ///
    /// Returns the reason if the session cannot have a seat now.
    pub(super) fn plan_seat(
        &self,
        holder: &Holder,
        kind: SeatKind,
    ) -> Result<Vec<SessionId>, DenialReason> {
        let mut plan = Plan::new(self.table());
        plan.make_room_for_user(holder)?;
        plan.make_room_in_class(self.table().class_of(holder), kind)?;
        Ok(plan.ended)
    }

    /// Takes seats back from late leases.
    pub(super) fn reclaim(&mut self, sessions: Vec<SessionId>) {
        for session in sessions {
            self.end_unrenewed(&session, EndReason::Reclaimed);
        }
    }
}

/// The use of seats after some late leases have ended.
struct Plan<'a> {
    table: &'a Table,
    allowed: u32,
    /// The seats that are used in each class.
    used: Vec<u32>,
    ended: Vec<SessionId>,
    /// The same sessions as `ended`.
    is_ended: BTreeSet<SessionId>,
    /// The last lease of each class that was ended in its order.
    cursors: Vec<Option<(LeaseTime, SessionId)>>,
}

impl<'a> Plan<'a> {
    fn new(table: &'a Table) -> Self {
        Self {
            table,
            allowed: table.terms().allowed(),
            used: table.classes().iter().map(SeatClass::used).collect(),
            ended: Vec::new(),
            is_ended: BTreeSet::new(),
            cursors: vec![None; table.classes().len()],
        }
    }

    /// Ends the leases of other users until one more user is permitted.
    fn make_room_for_user(&mut self, holder: &Holder) -> Result<(), DenialReason> {
        let Some(max_users) = self.table.terms().max_users else {
            return Ok(());
        };
        let users = self.table.users();
        let places = usize::try_from(max_users).unwrap_or(usize::MAX);
        if users.contains(&holder.user) || users.count() < places {
            return Ok(());
        }
        let excess = users.count() - places + 1;
        let reclaimable = users.reclaimable(self.table.now()).take(excess);
        let reclaimable: Vec<_> = reclaimable.collect();
        if places == 0 || reclaimable.len() < excess {
            return Err(DenialReason::UserLimit { max_users });
        }
        for session in reclaimable.into_iter().flatten() {
            self.end(session);
        }
        Ok(())
    }

    /// Ends late leases until the class has a seat of the kind.
    fn make_room_in_class(&mut self, class: usize, kind: SeatKind) -> Result<(), DenialReason> {
        let excess = (self.total() + 1).saturating_sub(self.allowed);
        if excess > self.table.late() && self.reached_maximum(class).is_none() {
            return Err(DenialReason::NoSeat);
        }
        loop {
            let maximum = self.reached_maximum(class);
            let is_class_full = !self.has_room(class, kind);
            let is_pool_full = self.total() >= self.allowed;
            if maximum.is_none() && !is_class_full && !is_pool_full {
                return Ok(());
            }
            let helps = |other: usize| {
                let frees_open_seat = kind == SeatKind::Any && self.excess(other) > 0;
                other == class || (maximum.is_none() && (!is_class_full || frees_open_seat))
            };
            let denied = maximum.map_or(DenialReason::NoSeat, |at_most| DenialReason::ShareLimit {
                at_most,
            });
            let oldest = self.oldest_reclaimable(helps).ok_or(denied)?;
            self.end_in_order(oldest);
        }
    }

    /// Returns the maximum number of seats of a class, if the class has reached it.
    fn reached_maximum(&self, class: usize) -> Option<u32> {
        let used = self.used.get(class).copied().unwrap_or_default();
        let at_most = self.table.class(class)?.at_most?;
        (used >= at_most).then_some(at_most)
    }

    /// Returns whether the class has a seat, without regard to the number of all seats.
    fn has_room(&self, class: usize, kind: SeatKind) -> bool {
        let reserved = self.used.get(class).copied() < Some(self.reserved(class));
        reserved || (kind == SeatKind::Any && self.open_used() < self.open())
    }

    fn reserved(&self, class: usize) -> u32 {
        self.table.class(class).map_or(0, |class| class.reserved)
    }

    fn total(&self) -> u32 {
        sum(self.used.iter().copied())
    }

    /// Returns the number of seats that are reserved for no class.
    fn open(&self) -> u32 {
        let reserved = sum(self.table.classes().iter().map(|class| class.reserved));
        self.allowed.saturating_sub(reserved)
    }

    /// Returns the number of open seats that a class uses.
    fn excess(&self, class: usize) -> u32 {
        let used = self.used.get(class).copied().unwrap_or_default();
        used.saturating_sub(self.reserved(class))
    }

    fn open_used(&self) -> u32 {
        sum((0..self.used.len()).map(|class| self.excess(class)))
    }

    /// Returns the lease that can be reclaimed for the longest time, among the classes that help.
    fn oldest_reclaimable(&self, helps: impl Fn(usize) -> bool) -> Option<(LeaseTime, SessionId)> {
        let classes = self.table.classes().iter().zip(&self.cursors).enumerate();
        let classes = classes.filter(|(position, _)| helps(*position));
        let oldest = classes.filter_map(|(_, (class, cursor))| self.reclaimable(class, *cursor));
        oldest.min()
    }

    /// Returns the lease of a class that can be reclaimed for the longest time, and since when.
    fn reclaimable(
        &self,
        class: &SeatClass,
        cursor: Option<(LeaseTime, SessionId)>,
    ) -> Option<(LeaseTime, SessionId)> {
        let now = self.table.now();
        let start = cursor.map_or(Bound::Unbounded, Bound::Excluded);
        let leases = class.leases.range((start, Bound::Unbounded));
        let late = leases.take_while(|(free_at, _)| *free_at < now);
        let mut others = late.filter(|(_, session)| !self.is_ended.contains(session));
        others.next().copied()
    }

    fn end_in_order(&mut self, lease: (LeaseTime, SessionId)) {
        let class = self.end(lease.1);
        if let Some(cursor) = class.and_then(|class| self.cursors.get_mut(class)) {
            *cursor = Some(lease);
        }
    }

    /// Ends a lease, and returns its class.
    fn end(&mut self, session: SessionId) -> Option<usize> {
        self.ended.push(session);
        self.is_ended.insert(session);
        let lease = self.table.leases().get(&session)?;
        let class = self.table.class_of(&lease.holder);
        if let Some(used) = self.used.get_mut(class) {
            *used = used.saturating_sub(1);
        }
        Some(class)
    }
}

fn sum(counts: impl Iterator<Item = u32>) -> u32 {
    counts.fold(0, u32::saturating_add)
}
