//! Commands for a pool.

use std::sync::Arc;

use license_core::ids::Commitment;
use license_core::session::SessionId;

use crate::ids::{InstanceId, SeatSecret, Seq, TicketId};
use crate::rows::Holder;
use crate::terms::PoolTerms;
use crate::time::{LeaseSpan, LeaseTime};

/// When a command is processed: the reading of the lease clock, and the rest of the license.
///
/// ```
/// use license_seats::{CommandTime, LeaseSpan, LeaseTime};
///
/// let now = CommandTime::at(LeaseTime::from_millis(5_000));
/// assert!(now.is_licensed());
/// assert!(!now.with_license_left(LeaseSpan::ZERO).is_licensed());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandTime {
    /// The reading of the lease clock.
    pub now: LeaseTime,
    /// How long the license lasts. `None` is a license without an end. Zero is a license that has
    /// ended, is revoked or has not started: nothing is granted or renewed.
    pub license_left: Option<LeaseSpan>,
    /// Until when nothing new is granted, because the database may have forgotten leases. Offers
    /// are withdrawn, and the queue is not served. Leases that are known are renewed as usual.
    pub hold_until: Option<LeaseTime>,
}

impl CommandTime {
    /// Returns a time at which the license has no end.
    pub const fn at(now: LeaseTime) -> Self {
        Self {
            now,
            license_left: None,
            hold_until: None,
        }
    }

    /// Sets how long the license lasts.
    #[must_use]
    pub const fn with_license_left(mut self, left: LeaseSpan) -> Self {
        self.license_left = Some(left);
        self
    }

    /// Sets until when nothing new is granted.
    ///
    /// ```
    /// use license_seats::{CommandTime, LeaseSpan, LeaseTime};
    ///
    /// let until = LeaseTime::from_millis(7_000);
    /// let at = CommandTime::at(LeaseTime::from_millis(5_000)).with_hold_until(until);
    /// assert_eq!(at.hold_left(), Some(LeaseSpan::from_millis(2_001)));
    /// ```
    #[must_use]
    pub const fn with_hold_until(mut self, until: LeaseTime) -> Self {
        self.hold_until = Some(until);
        self
    }

    /// Returns the time until seats can be granted again, or `None` if they can be granted now. The
    /// end of the hold itself belongs to the hold, as for [`OpenLease::free_at`].
    ///
    /// [`OpenLease::free_at`]: crate::rows::OpenLease::free_at
    pub fn hold_left(&self) -> Option<LeaseSpan> {
        let until = self.hold_until.filter(|until| *until >= self.now)?;
        Some(
            until
                .since(self.now)
                .saturating_add(LeaseSpan::from_millis(1)),
        )
    }

    /// Returns whether the license lasts longer than now.
    pub fn is_licensed(&self) -> bool {
        self.license_left.is_none_or(|left| !left.is_zero())
    }
}

/// A command for a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeatCommand {
    /// Acquires a seat for a session, or waits for one.
    Acquire(Acquire),
    /// Renews a lease.
    Heartbeat(Heartbeat),
    /// Ends the use of a seat by an instance. The last instance frees the seat.
    Release(Release),
    /// Asks for the position of a ticket, or claims its offer.
    Poll(TicketRef),
    /// Stops waiting. The ticket ends when no instance waits any more.
    Cancel(TicketRef),
    /// Borrows a seat that the session holds.
    Borrow(Borrow),
    /// Returns a borrowed seat.
    Return(ReturnLoan),
    /// Ends a lease, as an administrator.
    End(EndLease),
    /// Replaces the terms, for example after a renewal of the license.
    SetTerms(Arc<PoolTerms>),
    /// Ends overdue leases and offers, and serves the queue. Each other command does this first, so
    /// correctness does not depend on ticks.
    Tick,
}

/// Acquires a seat. The reply to a repeated command is the same seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acquire {
    /// The session that needs a seat.
    pub holder: Holder,
    /// The process in the session.
    pub instance: InstanceId,
    /// The SHA-256 of the instance's secret.
    pub commitment: Commitment,
    /// The id of a new ticket, if the caller waits while no seat is free.
    pub wait: Option<TicketId>,
}

/// Renews a lease for its lifetime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// The session that holds the seat.
    pub session: SessionId,
    /// The process in the session.
    pub instance: InstanceId,
    /// The fencing number of the lease.
    pub seq: Seq,
}

/// Ends the use of a seat by an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// The session that holds the seat.
    pub session: SessionId,
    /// The process in the session.
    pub instance: InstanceId,
    /// The fencing number of the lease.
    pub seq: Seq,
    /// The secret of the instance.
    pub secret: SeatSecret,
}

/// A ticket, the session that it is bound to, and the process that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TicketRef {
    /// The ticket.
    pub ticket: TicketId,
    /// The session.
    pub session: SessionId,
    /// The process in the session.
    pub instance: InstanceId,
}

/// Borrows a seat that the session holds, or extends the loan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Borrow {
    /// The session that holds the seat.
    pub session: SessionId,
    /// The process in the session.
    pub instance: InstanceId,
    /// The fencing number of the lease.
    pub seq: Seq,
    /// The secret of the instance. It will return the seat.
    pub secret: SeatSecret,
    /// How long the seat is borrowed, from now on.
    pub duration: LeaseSpan,
}

/// Returns a borrowed seat early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReturnLoan {
    /// The session that borrowed the seat.
    pub session: SessionId,
    /// The fencing number of the lease.
    pub seq: Seq,
    /// The secret of the instance that borrowed the seat.
    pub secret: SeatSecret,
}

/// Ends a lease, as an administrator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndLease {
    /// The session that holds the seat.
    pub session: SessionId,
    /// The fencing number of the lease that the administrator saw. `None` ends any lease of the
    /// session.
    pub seq: Option<Seq>,
    /// How the lease ends.
    pub mode: EndMode,
    /// Why the lease ends. The reason is required, and has at most [`MAX_REASON`] bytes.
    pub reason: Arc<str>,
}

/// The largest length of an administrator's reason, in bytes.
pub const MAX_REASON: usize = 1_000;

/// How an administrator ends a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndMode {
    /// The lease is not renewed any more. The seat is free after its lifetime and margin.
    Soft,
    /// The seat is free at once. The former holder may use it until it notices.
    Hard,
}
