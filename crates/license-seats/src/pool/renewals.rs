//! Renewals that another component has acknowledged: see ADR-107.

use std::sync::Arc;

use super::Pool;
use crate::command::CommandTime;
use crate::outcome::SeatChange;
use crate::renewal::{SeatRenewal, SeatValidity};
use crate::rows::OpenLease;
use crate::time::{LeaseSpan, LeaseTime};

impl Pool {
    /// Takes over renewals that another component has acknowledged, in any order and any number of
    /// times.
    ///
    /// The time of the pool does not advance, no event occurs, and no row counts as changed: the
    /// rows of a store may have earlier times than the pool. A renewal of an unknown lease, fencing
    /// number or instance is ignored. The pool must know all acknowledged renewals before it applies
    /// a command, and the component must not acknowledge another one before the changes of the
    /// command are stored and the component knows them.
    pub fn fold_renewals(&mut self, renewals: &[SeatRenewal]) {
        for renewal in renewals {
            let Some(lease) = self.table.leases().get(&renewal.session) else {
                continue;
            };
            let mut lease = OpenLease::clone(lease);
            if lease.fold(renewal) {
                self.table.put_lease(Arc::new(lease));
            }
        }
        self.table.mark_stored();
    }

    /// Extends the leases as if each instance had renewed now, because renewals may be lost: those of
    /// another component, or those after the backup that a database was restored from. Returns the
    /// changed rows.
    ///
    /// A seat is not granted again before the lifetime, `extra` and the margin of both have passed.
    /// The reading of a lost renewal must not be later than `extra` after `at.now`. While the license
    /// is not in effect, `until` is not extended, so a lost renewal never lets a session use a seat
    /// for longer than it could have. A softly ended lease ends as before, and each of its instances
    /// counts as running until then.
    #[must_use = "the store writes the changed rows"]
    pub fn extend_leases(&mut self, extra: LeaseSpan, at: CommandTime) -> Vec<SeatChange> {
        let now = at.now.max(self.table.now());
        let terms = &self.terms().lease;
        let longest = SeatValidity {
            valid_for: terms.lifetime.saturating_add(extra),
            renew_after: None,
        };
        let free_at = longest.free_at(now, &terms.margin);
        let renewed = SeatValidity::renewed(terms, at).until(now);
        let until = at.is_licensed().then_some(renewed);
        let leases: Vec<_> = self.leases().cloned().collect();
        for before in leases {
            let lease = extended(&before, until, free_at);
            if lease != *before {
                self.table.put_lease(Arc::new(lease));
            }
        }
        let counters = self.counters;
        self.take_changes(counters)
    }

    /// Returns the last reading of the lease clock at which another component may answer the
    /// heartbeats that [`OpenLease::renewal`] permits, as of the last command, which had the time
    /// `at`. `None` if there is no such reading, because the license is not in effect.
    ///
    /// Later, the pool itself has something to do, such as ending an offer. These times do not change
    /// by renewals. The times that do change are not included: the end of the lifetime of each lease
    /// that another component can renew. The component itself must not answer a heartbeat when one
    /// of them has passed. The margins, the limits of late leases and the next reclaim of these
    /// leases are later than the ends of their lifetimes, so they need no check.
    ///
    /// ```
    /// use license_seats::{CommandTime, LeaseSpan, LeaseTime, Pool, PoolTerms};
    ///
    /// let pool = Pool::new(PoolTerms::with_capacity(5));
    /// let at = CommandTime::at(LeaseTime::START);
    /// assert_eq!(pool.renewable_until(at), Some(LeaseTime::MAX));
    /// assert_eq!(pool.renewable_until(at.with_license_left(LeaseSpan::ZERO)), None);
    /// ```
    pub fn renewable_until(&self, at: CommandTime) -> Option<LeaseTime> {
        // The queue is served after a hold.
        let waits = self.table.waiting() > 0;
        let hold = at.hold_until.filter(|_| waits && at.hold_left().is_some());
        let times = [self.table.next_fixed(), self.next_of_others(), hold];
        let first = times.into_iter().flatten().min();
        at.is_licensed().then(|| first.unwrap_or(LeaseTime::MAX))
    }
}

/// Returns a lease with later times.
fn extended(lease: &OpenLease, until: Option<LeaseTime>, free_at: LeaseTime) -> OpenLease {
    let mut lease = lease.clone();
    if lease.soft_end.is_none() {
        lease.until = lease.until.max(until.unwrap_or(lease.until));
        lease.free_at = lease.free_at.max(free_at);
    }
    let free_at = free_at.min(lease.free_at);
    for instance in &mut lease.instances {
        instance.free_at = instance.free_at.max(free_at);
    }
    lease
}
