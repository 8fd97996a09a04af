//! Renewals of leases, in the pool or by another component that shares its rules.

use license_core::session::SessionId;

use crate::command::{CommandTime, Heartbeat};
use crate::ids::{InstanceId, Seq};
use crate::rows::OpenLease;
use crate::terms::{ClockMargin, LeaseTerms};
use crate::time::{LeaseSpan, LeaseTime};

/// How long a client may use a seat after a grant or a renewal, and when it should renew.
///
/// ```
/// use license_seats::{CommandTime, LeaseSpan, LeaseTerms, LeaseTime, SeatValidity};
///
/// let terms = LeaseTerms::default();
/// let at = CommandTime::at(LeaseTime::from_millis(1_000));
/// let validity = SeatValidity::renewed(&terms, at);
/// assert_eq!(validity.valid_for, LeaseSpan::from_secs(120));
/// assert_eq!(validity.renew_after, Some(LeaseSpan::from_secs(40)));
/// assert_eq!(validity.until(at.now).as_millis(), 121_000);
/// assert_eq!(validity.free_at(at.now, &terms.margin).as_millis(), 123_120);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeatValidity {
    /// How long the client may use the seat, counted from the moment when it sent the request.
    pub valid_for: LeaseSpan,
    /// When the client should renew, counted from the same moment. `None` if the lease cannot be
    /// renewed beyond `valid_for`.
    pub renew_after: Option<LeaseSpan>,
}

impl SeatValidity {
    /// Returns the validity of a lease that is not extended.
    pub(crate) fn rest(lease: &OpenLease, now: LeaseTime) -> Self {
        Self {
            valid_for: lease.until.since(now),
            renew_after: None,
        }
    }

    /// Returns the validity of a new or renewed lease. It does not last longer than the license.
    pub fn renewed(terms: &LeaseTerms, at: CommandTime) -> Self {
        let left = at.license_left.unwrap_or(LeaseSpan::MAX);
        let valid_for = terms.lifetime.min(left);
        Self {
            valid_for,
            renew_after: Some(terms.renew_after.min(valid_for.times(1, 3))),
        }
    }

    /// Returns the end of the lifetime that starts now.
    pub const fn until(&self, now: LeaseTime) -> LeaseTime {
        now.saturating_add(self.valid_for)
    }

    /// Returns the end of the margin after the lifetime that starts now.
    pub fn free_at(&self, now: LeaseTime, margin: &ClockMargin) -> LeaseTime {
        let margin = margin.of(self.valid_for);
        self.until(now).saturating_add(margin)
    }
}

/// The renewal of a lease by a heartbeat, as far as it changes rows.
///
/// A component in front of a pool can answer the heartbeats that only extend a lease. Such a
/// heartbeat has this effect and no other, if [`OpenLease::renewal`] returns it, and if the reading
/// of the lease clock is not after `Pool::renewable_until` and not after the end of the lifetime of
/// any lease that was live. The pool must know all renewals when it applies a command: see
/// `Pool::fold_renewals`.
///
/// ```
/// use license_core::session::SessionId;
/// use license_seats::{
///     Acquire, CommandTime, Heartbeat, Holder, InstanceId, LeaseTime, Pool, PoolTerms,
///     SeatCommand, SeatSecret, Seq,
/// };
///
/// let mut pool = Pool::new(PoolTerms::with_capacity(1));
/// let session = SessionId::new(None, None, "ann", b"/project");
/// let instance = InstanceId::from_bytes([1; 16]);
/// let acquire = SeatCommand::Acquire(Acquire {
///     holder: Holder::new(session, "ann"),
///     instance,
///     commitment: SeatSecret::from_bytes([7; 32]).commitment(),
///     wait: None,
/// });
/// let start = CommandTime::at(LeaseTime::from_millis(1_000));
/// assert!(pool.apply(acquire, start).reply.is_ok());
///
/// // Another component answers a heartbeat, and informs the pool.
/// let heartbeat = Heartbeat { session, instance, seq: Seq(1) };
/// let later = CommandTime::at(LeaseTime::from_millis(41_000));
/// let lease = pool.lease(&session).ok_or("no lease")?;
/// let renewal = lease.renewal(&heartbeat, &pool.terms().lease, later).ok_or("not renewable")?;
/// pool.fold_renewals(&[renewal]);
/// let until = pool.lease(&session).map(|lease| lease.until.as_millis());
/// assert_eq!(until, Some(161_000));
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeatRenewal {
    /// The session that holds the seat.
    pub session: SessionId,
    /// The fencing number of the lease.
    pub seq: Seq,
    /// The process that renewed the lease.
    pub instance: InstanceId,
    /// The end of the lifetime of the lease.
    pub until: LeaseTime,
    /// The end of the lifetime and its margin of the lease.
    pub free_at: LeaseTime,
    /// When the instance certainly has stopped using the seat, unless it renews.
    pub instance_free_at: LeaseTime,
}

impl SeatRenewal {
    /// Returns the renewal of a lease for its whole validity.
    pub(crate) fn new(
        lease: &OpenLease,
        instance: InstanceId,
        validity: &SeatValidity,
        margin: &ClockMargin,
        now: LeaseTime,
    ) -> Self {
        let free_at = validity.free_at(now, margin);
        Self {
            session: lease.holder.session,
            seq: lease.seq,
            instance,
            until: validity.until(now),
            free_at,
            instance_free_at: free_at,
        }
    }
}

impl OpenLease {
    /// Returns whether a heartbeat can only extend the lease. A lease that is late, lent or softly
    /// ended needs its pool.
    pub fn is_renewable_outside(&self, now: LeaseTime) -> bool {
        !self.is_late(now) && self.loan.is_none() && self.soft_end.is_none()
    }

    /// Returns the renewal by a heartbeat, or `None` if the heartbeat needs the pool: the lease is
    /// not that of the heartbeat, cannot be renewed without the pool, or has no such instance, or
    /// the license is not in effect.
    pub fn renewal(
        &self,
        heartbeat: &Heartbeat,
        terms: &LeaseTerms,
        at: CommandTime,
    ) -> Option<SeatRenewal> {
        let is_named = self.holder.session == heartbeat.session && self.seq == heartbeat.seq;
        let instance = heartbeat.instance;
        let is_known = self.instances.iter().any(|known| known.id == instance);
        let validity = SeatValidity::renewed(terms, at);
        let is_possible = is_named && is_known && at.is_licensed();
        (is_possible && self.is_renewable_outside(at.now))
            .then(|| SeatRenewal::new(self, instance, &validity, &terms.margin, at.now))
    }

    /// Takes over a renewal. No time of the lease and its instances decreases. A renewal of another
    /// lease, or of an unknown instance, changes nothing. Returns whether the lease changed.
    pub fn fold(&mut self, renewal: &SeatRenewal) -> bool {
        if self.holder.session != renewal.session || self.seq != renewal.seq {
            return false;
        }
        let mut instances = self.instances.iter_mut();
        let Some(instance) = instances.find(|known| known.id == renewal.instance) else {
            return false;
        };
        let before = (self.until, self.free_at, instance.free_at);
        instance.free_at = instance.free_at.max(renewal.instance_free_at);
        self.until = self.until.max(renewal.until);
        self.free_at = self.free_at.max(renewal.free_at);
        before != (self.until, self.free_at, instance.free_at)
    }
}
