//! Rows of a pool. A store writes each type to one table.

use std::sync::Arc;

use license_core::ids::Commitment;
use license_core::machine::Machine;
use license_core::session::SessionId;
use serde::{Deserialize, Serialize};

use crate::ids::{InstanceId, Seq, TicketId};
use crate::time::{LeaseSpan, LeaseTime};

/// The session that holds a seat or waits for one.
///
/// The server normalizes the names of user and groups. The state machine compares them byte by
/// byte.
///
/// ```
/// use license_seats::Holder;
/// use license_core::session::SessionId;
///
/// let session = SessionId::new(None, None, "ann", b"/home/ann/project");
/// let holder = Holder::new(session, "ann").with_groups(["simulation"]);
/// assert_eq!(&*holder.user, "ann");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holder {
    /// The id of the session.
    pub session: SessionId,
    /// The user.
    pub user: Arc<str>,
    /// The machine, if it is known: its digest, or the name that the application defines.
    pub machine: Option<Machine>,
    /// The groups of the user, for reservations.
    pub groups: Arc<[Arc<str>]>,
}

impl Holder {
    /// Creates a holder without a machine and groups.
    pub fn new(session: SessionId, user: &str) -> Self {
        Self {
            session,
            user: user.into(),
            machine: None,
            groups: Arc::default(),
        }
    }

    /// Sets the machine.
    #[must_use]
    pub fn with_machine(mut self, machine: Machine) -> Self {
        self.machine = Some(machine);
        self
    }

    /// Sets the groups of the user.
    #[must_use]
    pub fn with_groups<'a>(mut self, groups: impl IntoIterator<Item = &'a str>) -> Self {
        self.groups = groups.into_iter().map(Arc::from).collect();
        self
    }
}

/// An open lease: a seat that is granted to a session. Unique by session, and unique by `seq`.
///
/// `license_core::license::Lease` is the verified token of a lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenLease {
    /// The session that holds the seat.
    pub holder: Holder,
    /// The fencing number.
    pub seq: Seq,
    /// When the lease was granted.
    pub granted: LeaseTime,
    /// The end of the lifetime. The lease is late after it.
    pub until: LeaseTime,
    /// The end of the lifetime and its margin. The seat is not granted again before it.
    pub free_at: LeaseTime,
    /// Whether the seat was above the capacity when it was granted.
    pub overage: bool,
    /// The processes that use the seat.
    pub instances: Vec<Instance>,
    /// The ticket whose offer became this lease.
    pub ticket: Option<TicketId>,
    /// The loan, if the seat is borrowed.
    pub loan: Option<Box<Loan>>,
    /// The reason of an administrator why the lease cannot be renewed.
    pub soft_end: Option<Arc<str>>,
}

impl OpenLease {
    /// Returns whether the lease is past its lifetime.
    pub fn is_late(&self, now: LeaseTime) -> bool {
        self.until < now
    }

    /// Returns whether the seat is borrowed.
    pub const fn is_borrowed(&self) -> bool {
        self.loan.is_some()
    }
}

/// A process that uses a seat, or waits for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// The id of the instance.
    pub id: InstanceId,
    /// The SHA-256 of the instance's secret.
    pub commitment: Commitment,
    /// When the instance certainly has stopped using the seat, unless it renews.
    pub free_at: LeaseTime,
}

/// The loan of a borrowed seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loan {
    /// The SHA-256 of the secret that returns the seat.
    pub commitment: Commitment,
    /// When the seat was borrowed.
    pub since: LeaseTime,
    /// The end of the loan.
    pub until: LeaseTime,
    /// The end of the loan and its margin. Only a return frees the seat before it.
    pub free_at: LeaseTime,
}

/// A lease that has ended. Unique by session: the pool remembers the last lease of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndedLease {
    /// The session that held the seat.
    pub session: SessionId,
    /// The fencing number.
    pub seq: Seq,
    /// When the lease was granted.
    pub granted: LeaseTime,
    /// When the lease ended.
    pub ended: LeaseTime,
    /// Why the lease ended.
    pub reason: EndReason,
    /// The reason that the administrator stated.
    pub note: Option<Arc<str>>,
    /// Until when the former holder may still use the seat, although it can be granted again. Only
    /// a hard end by an administrator has an overlap.
    pub overlap_until: Option<LeaseTime>,
}

/// Why a lease ended.
///
/// ```
/// use license_seats::EndReason;
///
/// assert_eq!(EndReason::Reclaimed.as_str(), "reclaimed");
/// assert!(EndReason::Reclaimed.is_loss());
/// assert!(!EndReason::Released.is_loss());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The last instance released the seat.
    Released,
    /// The borrowed seat was returned.
    Returned,
    /// The lease was late, and another session needed the seat.
    Reclaimed,
    /// The lease was late for longer than the limit.
    Expired,
    /// An administrator made the lease not renewable, and its lifetime has passed.
    EndedSoftly,
    /// An administrator freed the seat immediately.
    EndedHard,
}

impl EndReason {
    /// All reasons.
    pub const ALL: [Self; 6] = [
        Self::Released,
        Self::Returned,
        Self::Reclaimed,
        Self::Expired,
        Self::EndedSoftly,
        Self::EndedHard,
    ];

    /// Returns the name of the reason, for events and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Released => "released",
            Self::Returned => "returned",
            Self::Reclaimed => "reclaimed",
            Self::Expired => "expired",
            Self::EndedSoftly => "ended_softly",
            Self::EndedHard => "ended_hard",
        }
    }

    /// Returns the reason as a clause, for people.
    ///
    /// ```
    /// use license_seats::EndReason;
    ///
    /// let reason = EndReason::Reclaimed.description();
    /// assert_eq!(reason, "it was late, and another session needed the seat");
    /// ```
    pub const fn description(self) -> &'static str {
        match self {
            Self::Released => "the last process released the seat",
            Self::Returned => "the borrowed seat was returned",
            Self::Reclaimed => "it was late, and another session needed the seat",
            Self::Expired => "it was late for longer than the limit",
            Self::EndedSoftly => "an administrator ended it, and its lifetime has passed",
            Self::EndedHard => "an administrator ended it at once",
        }
    }

    /// Returns whether the session lost its seat without asking for it or an administrator's
    /// decision. Only such a session returns to the front of its class.
    pub const fn is_loss(self) -> bool {
        matches!(self, Self::Reclaimed | Self::Expired)
    }
}

/// A place in the queue. Unique by id, and unique by session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ticket {
    /// The id of the ticket.
    pub id: TicketId,
    /// The session that waits.
    pub holder: Holder,
    /// The processes that wait for the seat.
    pub instances: Vec<Instance>,
    /// The order of arrival.
    pub number: u64,
    /// Whether the session lost its lease a short time ago, and waits before its class.
    pub front: bool,
    /// When the session started to wait.
    pub created: LeaseTime,
    /// When the caller last polled, at a resolution of a quarter of the idle span.
    pub seen: LeaseTime,
    /// Until when a seat is offered to the session.
    pub offered_until: Option<LeaseTime>,
}

/// The counters of a pool: one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolCounters {
    /// The fencing number of the next lease.
    pub next_seq: Seq,
    /// The number of the next ticket.
    pub next_ticket: u64,
    /// The number of open leases.
    pub held: u32,
    /// The upper bound of `held`, for a `CHECK (held <= ceiling)` of the database. It equals the
    /// allowed seats. While a license has fewer seats than are held, it falls with `held`.
    pub ceiling: u32,
    /// The moving average of how long seats were held.
    pub average_hold: Option<LeaseSpan>,
}

impl PoolCounters {
    /// Returns the counters of a pool without leases.
    pub const fn new(allowed: u32) -> Self {
        Self {
            next_seq: Seq(1),
            next_ticket: 1,
            held: 0,
            ceiling: allowed,
            average_hold: None,
        }
    }
}

/// All rows of a pool.
///
/// ```
/// use license_seats::{CommandTime, LeaseTime, Pool, PoolTerms, SeatCommand};
///
/// let mut pool = Pool::new(PoolTerms::with_capacity(5));
/// let now = LeaseTime::from_millis(1_000);
/// pool.apply(SeatCommand::Tick, CommandTime::at(now));
/// let again = Pool::from_rows(pool.terms().clone(), pool.rows(), now)?;
/// assert_eq!(again.rows(), pool.rows());
/// # Ok::<(), license_seats::RowsError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolRows {
    /// The counters.
    pub counters: PoolCounters,
    /// The open leases.
    pub leases: Vec<Arc<OpenLease>>,
    /// The remembered leases that have ended.
    pub ended: Vec<EndedLease>,
    /// The queue.
    pub tickets: Vec<Arc<Ticket>>,
}
