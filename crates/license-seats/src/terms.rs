//! Terms of a pool: capacity, overage, reservations, and the spans of leases, queue and loans.

use std::fmt;
use std::sync::Arc;

use license_core::machine::{Machine, MachineDigest};
use serde::{Deserialize, Serialize};

use crate::rows::Holder;
use crate::time::LeaseSpan;

/// The terms of a pool. The license states some of them, and the settings of the server the others.
///
/// ```
/// use license_seats::{LeaseSpan, Overage, PoolTerms};
///
/// let mut terms = PoolTerms::with_capacity(5);
/// terms.overage = Overage::Percent(20);
/// assert_eq!(terms.allowed(), 6);
/// assert_eq!(terms.lease.lifetime, LeaseSpan::from_secs(120));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolTerms {
    /// The number of seats that the license states. `u32::MAX` is an unlimited number.
    pub capacity: u32,
    /// How many seats may be held above the capacity.
    pub overage: Overage,
    /// The maximum number of different users that may hold seats at a time. `None` permits one user
    /// for each seat, which is the rule of the quota `users`: see ADR-065.
    pub max_users: Option<u32>,
    /// Seats that are kept for a group, a user or a machine. A session belongs to the first
    /// reservation that covers it.
    pub reservations: Vec<Reservation>,
    /// The spans of a lease.
    pub lease: LeaseTerms,
    /// The spans and the length of the queue.
    pub queue: QueueTerms,
    /// The bounds of borrowing. `None` permits no borrowing.
    pub borrow: Option<BorrowTerms>,
    /// Whether a denial names the holders of the seats.
    pub holders: HolderDisplay,
}

impl PoolTerms {
    /// Returns the default terms for a number of seats: no overage, no reservations, no borrowing.
    pub fn with_capacity(capacity: u32) -> Self {
        Self {
            capacity,
            overage: Overage::None,
            max_users: None,
            reservations: Vec::new(),
            lease: LeaseTerms::default(),
            queue: QueueTerms::default(),
            borrow: None,
            holders: HolderDisplay::Names,
        }
    }

    /// Returns the number of seats that may be held: the capacity and the overage.
    pub fn allowed(&self) -> u32 {
        let over = match self.overage {
            Overage::None => 0,
            Overage::Seats(seats) => seats,
            Overage::Percent(percent) => {
                let over = u64::from(self.capacity) * u64::from(percent) / 100;
                u32::try_from(over).unwrap_or(u32::MAX)
            }
        };
        self.capacity.saturating_add(over)
    }
}

/// Terms that make no sense, or are not safe.
///
/// ```
/// use license_seats::{LeaseSpan, PoolTerms};
///
/// let mut terms = PoolTerms::with_capacity(5);
/// terms.lease.renew_after = LeaseSpan::from_secs(120);
/// assert_eq!(
///     terms.check().unwrap_err().to_string(),
///     "lease.renew_after: expected less than the lifetime of 120000 ms, found 120000 ms"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: expected {expected}, found {found}")]
#[non_exhaustive]
pub struct TermsError {
    /// The name of the field.
    pub field: &'static str,
    /// A description of the accepted values.
    pub expected: String,
    /// The value.
    pub found: String,
}

impl PoolTerms {
    /// Checks that the terms make sense, and that the margin is at least the default.
    ///
    /// # Errors
    ///
    /// Returns the first field that is wrong.
    pub fn check(&self) -> Result<(), TermsError> {
        let lease = &self.lease;
        let positive = "more than 0 ms";
        expect(
            "lease.lifetime",
            !lease.lifetime.is_zero(),
            positive,
            lease.lifetime,
        )?;
        let below = format!("less than the lifetime of {}", lease.lifetime);
        let is_early = lease.renew_after < lease.lifetime;
        expect("lease.renew_after", is_early, &below, lease.renew_after)?;
        let default = ClockMargin::default();
        let fixed = lease.margin.fixed;
        let at_least = format!("at least {}", default.fixed);
        expect(
            "lease.margin.fixed",
            fixed >= default.fixed,
            &at_least,
            fixed,
        )?;
        let per_mille = lease.margin.per_mille;
        let is_enough = per_mille >= default.per_mille;
        expect("lease.margin.per_mille", is_enough, "at least 1", per_mille)?;
        let instances = lease.max_instances;
        expect(
            "lease.max_instances",
            instances > 0,
            "at least 1",
            instances,
        )?;
        let queue = &self.queue;
        expect("queue.offer", !queue.offer.is_zero(), positive, queue.offer)?;
        expect("queue.idle", !queue.idle.is_zero(), positive, queue.idle)
    }
}

fn expect(
    field: &'static str,
    is_met: bool,
    expected: &str,
    found: impl fmt::Display,
) -> Result<(), TermsError> {
    if is_met {
        return Ok(());
    }
    Err(TermsError {
        field,
        expected: expected.to_owned(),
        found: found.to_string(),
    })
}

/// How many seats may be held above the capacity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overage {
    /// No seat.
    #[default]
    None,
    /// A number of seats.
    Seats(u32),
    /// A percentage of the capacity, rounded down.
    Percent(u32),
}

/// Seats that are kept for the sessions that `target` covers.
///
/// These sessions use the reserved seats first, and then the open seats like everyone else, up to
/// the maximum of the reservation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reservation {
    /// The sessions that may use the seats.
    pub target: ReservationTarget,
    /// The number of seats.
    pub seats: u32,
    /// The maximum number of seats that these sessions hold together. `None` is no maximum. A lower
    /// maximum ends no lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u32>,
}

/// The sessions that a reservation covers.
///
/// ```
/// use license_seats::{Holder, ReservationTarget};
/// use license_core::session::SessionId;
///
/// let session = SessionId::new(None, None, "ann", b"/home/ann/project");
/// let holder = Holder::new(session, "ann").with_groups(["simulation"]);
/// assert!(ReservationTarget::Group("simulation".into()).covers(&holder));
/// assert!(!ReservationTarget::User("bob".into()).covers(&holder));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReservationTarget {
    /// The members of a group.
    Group(Arc<str>),
    /// A user.
    User(Arc<str>),
    /// A machine.
    Machine(MachineDigest),
}

impl ReservationTarget {
    /// Returns whether the reservation is for a session. Names are compared byte by byte.
    pub fn covers(&self, holder: &Holder) -> bool {
        match self {
            Self::Group(group) => holder.groups.contains(group),
            Self::User(user) => holder.user == *user,
            Self::Machine(digest) => {
                let machine = holder.machine.as_ref();
                machine.and_then(Machine::digest) == Some(*digest)
            }
        }
    }
}

/// The spans of a lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaseTerms {
    /// The lifetime of a lease after a grant or a heartbeat: 120 s.
    pub lifetime: LeaseSpan,
    /// When a client should renew, after it sent the last request: 40 s.
    pub renew_after: LeaseSpan,
    /// How long a late lease may stay with its holder while its seat is not needed: 600 s.
    pub late_limit: LeaseSpan,
    /// The time after the lifetime in which the seat is not granted again.
    pub margin: ClockMargin,
    /// The maximum number of instances of a session: 64.
    pub max_instances: u32,
    /// How many ended leases the pool remembers at most, to answer late heartbeats: 10,000.
    pub remembered: u32,
    /// How long the pool remembers an ended lease: 24 hours.
    pub remembered_for: LeaseSpan,
}

impl LeaseTerms {
    /// Returns the longest time from a grant or a renewal to the next grant of the seat: the
    /// lifetime and its margin.
    ///
    /// ```
    /// use license_seats::{LeaseSpan, LeaseTerms};
    ///
    /// let terms = LeaseTerms::default();
    /// assert_eq!(terms.longest_hold(), LeaseSpan::from_millis(122_120));
    /// ```
    pub fn longest_hold(&self) -> LeaseSpan {
        self.lifetime.saturating_add(self.margin.of(self.lifetime))
    }
}

impl Default for LeaseTerms {
    fn default() -> Self {
        Self {
            lifetime: LeaseSpan::from_secs(120),
            renew_after: LeaseSpan::from_secs(40),
            late_limit: LeaseSpan::from_secs(600),
            margin: ClockMargin::default(),
            max_instances: 64,
            remembered: 10_000,
            remembered_for: LeaseSpan::from_secs(24 * 60 * 60),
        }
    }
}

/// The time between the end of a lease and the next grant of its seat. It covers the difference
/// between the clock rates of client and server: see ADR-084.
///
/// ```
/// use license_seats::{ClockMargin, LeaseSpan};
///
/// let margin = ClockMargin::default();
/// assert_eq!(margin.of(LeaseSpan::from_secs(120)), LeaseSpan::from_millis(2_120));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockMargin {
    /// The fixed part: 2 s.
    pub fixed: LeaseSpan,
    /// The part that grows with the lifetime, in thousandths of the lifetime: 1.
    pub per_mille: u32,
}

impl ClockMargin {
    /// Returns the margin of a lease with a lifetime.
    pub fn of(&self, lifetime: LeaseSpan) -> LeaseSpan {
        self.fixed
            .saturating_add(lifetime.times(self.per_mille, 1_000))
    }
}

impl Default for ClockMargin {
    fn default() -> Self {
        Self {
            fixed: LeaseSpan::from_secs(2),
            per_mille: 1,
        }
    }
}

/// The spans and the length of the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueTerms {
    /// The maximum number of tickets: 1,000. Zero permits no waiting.
    pub max_length: u32,
    /// How long a freed seat is offered to a ticket: 20 s.
    pub offer: LeaseSpan,
    /// How long a ticket lasts without a poll: 120 s.
    pub idle: LeaseSpan,
    /// How long after the end of its lease a session returns to the front of its class: 300 s.
    pub return_to_front: LeaseSpan,
}

impl Default for QueueTerms {
    fn default() -> Self {
        Self {
            max_length: 1_000,
            offer: LeaseSpan::from_secs(20),
            idle: LeaseSpan::from_secs(120),
            return_to_front: LeaseSpan::from_secs(300),
        }
    }
}

/// The bounds of borrowing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BorrowTerms {
    /// The maximum number of borrowed seats.
    pub max_seats: u32,
    /// The longest duration of a loan.
    pub max_duration: LeaseSpan,
    /// The low-water mark: the number of seats of the capacity that cannot be borrowed.
    pub low_water: u32,
}

/// Whether a denial names the holders of the seats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HolderDisplay {
    /// Users and machines, and since when they hold their seats.
    #[default]
    Names,
    /// Only since when the seats are held.
    Anonymous,
    /// Nothing about the holders.
    Hidden,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn terms_that_make_no_sense_or_are_not_safe_are_refused() {
        type Change = fn(&mut PoolTerms);
        assert_eq!(PoolTerms::with_capacity(0).check(), Ok(()));
        let changes: [(&str, Change); 7] = [
            ("lease.lifetime", |terms| {
                terms.lease.lifetime = LeaseSpan::ZERO
            }),
            ("lease.renew_after", |terms| {
                terms.lease.renew_after = terms.lease.lifetime
            }),
            ("lease.margin.fixed", |terms| {
                terms.lease.margin.fixed = LeaseSpan::from_secs(1)
            }),
            ("lease.margin.per_mille", |terms| {
                terms.lease.margin.per_mille = 0
            }),
            ("lease.max_instances", |terms| terms.lease.max_instances = 0),
            ("queue.offer", |terms| terms.queue.offer = LeaseSpan::ZERO),
            ("queue.idle", |terms| terms.queue.idle = LeaseSpan::ZERO),
        ];
        for (field, change) in changes {
            let mut terms = PoolTerms::with_capacity(5);
            change(&mut terms);
            assert_eq!(terms.check().unwrap_err().field, field);
        }
    }

    #[test]
    fn overage_is_a_number_or_a_percentage_of_the_capacity() {
        for (capacity, overage, allowed) in [
            (5, Overage::None, 5),
            (5, Overage::Seats(2), 7),
            (5, Overage::Percent(39), 6),
            (5, Overage::Percent(40), 7),
            (u32::MAX, Overage::Percent(100), u32::MAX),
        ] {
            let mut terms = PoolTerms::with_capacity(capacity);
            terms.overage = overage;
            assert_eq!(terms.allowed(), allowed, "{overage:?}");
        }
    }
}
