//! Denials: why a command was refused, and what its caller can do.

use std::fmt;
use std::sync::Arc;

use license_core::machine::Machine;
use license_core::session::SessionId;
use serde::Serialize;

use crate::rows::EndedLease;
use crate::time::{LeaseSpan, LeaseTime};
use crate::usage::PoolUsage;

/// The reply to a command that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The reason.
    pub reason: DenialReason,
    /// The seats of the pool.
    pub usage: PoolUsage,
    /// The sessions that have held their seats for the longest time, as the terms permit. Only
    /// [`DenialReason::NoSeat`], [`DenialReason::UserLimit`], [`DenialReason::OnHold`] and
    /// [`DenialReason::QueueFull`] have holders, at most [`MAX_HOLDERS`].
    pub holders: Vec<SeatHolder>,
    /// When a seat can be expected, if there is any information. Only the same reasons have it.
    pub next_seat_in: Option<LeaseSpan>,
    /// The place in the queue that the caller has, or would get if it waited. `None` if it cannot
    /// wait.
    pub queue_position: Option<u32>,
}

/// The maximum number of holders in a denial.
pub const MAX_HOLDERS: usize = 10;

/// A holder in a denial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SeatHolder {
    /// The user, if the terms permit it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<Arc<str>>,
    /// The machine, if the terms permit it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<Machine>,
    /// When the seat was granted.
    pub since: LeaseTime,
    /// How long the seat has been held.
    pub held_for: LeaseSpan,
    /// Whether the seat is borrowed.
    pub borrowed: bool,
    /// Whether the lease is late.
    pub late: bool,
}

/// Why a command was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DenialReason {
    /// All seats that the session may use are held or offered.
    NoSeat,
    /// A seat may be free, but the number of different users who hold seats has reached its
    /// maximum.
    UserLimit {
        /// The maximum number of users.
        max_users: u32,
    },
    /// The group, user or machine of the session holds as many seats as its reservation permits.
    ShareLimit {
        /// The maximum number of seats.
        at_most: u32,
    },
    /// The queue is full.
    QueueFull {
        /// The maximum number of tickets.
        max_length: u32,
    },
    /// Nothing new is granted after a restore of the database, until the leases that it has
    /// forgotten have certainly ended.
    OnHold {
        /// The time until seats can be granted again.
        left: LeaseSpan,
    },
    /// The license has ended, is revoked or has not started.
    LicenseEnded,
    /// The lease has ended. The pool may have forgotten when and why.
    LeaseLost(Option<Box<EndedLease>>),
    /// An administrator made the lease not renewable, and its lifetime has passed.
    NotRenewable {
        /// The reason that the administrator stated.
        reason: Arc<str>,
    },
    /// The session belongs to another user or machine.
    SessionMismatch(SessionId),
    /// The lease has no such instance. The instance must acquire first.
    UnknownInstance,
    /// The session has the maximum number of instances.
    TooManyInstances {
        /// The maximum number.
        max_instances: u32,
    },
    /// The instance id is already used with another commitment.
    InstanceMismatch,
    /// The secret does not match the commitment of the lease.
    SecretMismatch,
    /// There is no such ticket, or it belongs to another session, or it has ended.
    UnknownTicket,
    /// The terms do not permit borrowing.
    BorrowNotPermitted,
    /// The maximum number of seats is borrowed.
    BorrowLimit {
        /// The number of borrowed seats.
        borrowed: u32,
        /// The maximum number of borrowed seats, after the low-water mark.
        max_seats: u32,
    },
    /// The duration is zero or longer than the terms permit.
    BorrowDuration {
        /// The requested duration.
        requested: LeaseSpan,
        /// The longest duration.
        max_duration: LeaseSpan,
    },
    /// The seat is held, but not borrowed.
    NotBorrowed,
    /// The session holds no seat with this fencing number.
    NoLease,
    /// The reason of the administrator is empty or too long.
    InvalidReason {
        /// The length of the reason in bytes.
        length: usize,
    },
}

impl DenialReason {
    /// Returns the reason code.
    ///
    /// ```
    /// use license_seats::DenialReason;
    ///
    /// assert_eq!(DenialReason::NoSeat.code(), "NO_SEAT");
    /// assert_eq!(DenialReason::LeaseLost(None).code(), "LEASE_LOST");
    /// ```
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoSeat => "NO_SEAT",
            Self::UserLimit { .. } => "USER_LIMIT",
            Self::ShareLimit { .. } => "SHARE_LIMIT",
            Self::QueueFull { .. } => "QUEUE_FULL",
            Self::OnHold { .. } => "ON_HOLD",
            Self::LicenseEnded => "LICENSE_ENDED",
            Self::LeaseLost(_) => "LEASE_LOST",
            Self::NotRenewable { .. } => "NOT_RENEWABLE",
            Self::SessionMismatch(_) => "SESSION_MISMATCH",
            Self::UnknownInstance => "UNKNOWN_INSTANCE",
            Self::TooManyInstances { .. } => "TOO_MANY_INSTANCES",
            Self::InstanceMismatch => "INSTANCE_MISMATCH",
            Self::SecretMismatch => "SECRET_MISMATCH",
            Self::UnknownTicket => "UNKNOWN_TICKET",
            Self::BorrowNotPermitted => "BORROW_NOT_PERMITTED",
            Self::BorrowLimit { .. } => "BORROW_LIMIT",
            Self::BorrowDuration { .. } => "BORROW_DURATION",
            Self::NotBorrowed => "NOT_BORROWED",
            Self::NoLease => "NO_LEASE",
            Self::InvalidReason { .. } => "INVALID_REASON",
        }
    }
}

impl DenialReason {
    /// Returns what the caller can do.
    ///
    /// ```
    /// use license_seats::DenialReason;
    ///
    /// let hint = DenialReason::UnknownInstance.hint();
    /// assert_eq!(hint, "acquire the seat for this process before other requests");
    /// ```
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::NoSeat | Self::UserLimit { .. } | Self::ShareLimit { .. } => {
                "wait in the queue, or ask one of the holders to release a seat"
            }
            Self::QueueFull { .. } => "try again later, or ask the license manager for more seats",
            Self::OnHold { .. } => "wait in the queue, or try again later",
            Self::LicenseEnded => "ask the license manager to renew the license",
            Self::LeaseLost(_) => "stop using the seat, and acquire a new one",
            Self::NotRenewable { .. } => {
                "stop using the seat, and ask the administrator when to acquire a new one"
            }
            Self::SessionMismatch(_) => "send the id of the caller's own session",
            Self::UnknownInstance => "acquire the seat for this process before other requests",
            Self::TooManyInstances { .. } => "end other processes of the session, then try again",
            Self::InstanceMismatch => "choose a new instance id and a new secret at random",
            Self::SecretMismatch => "send the secret of the instance that acquired the seat",
            Self::UnknownTicket => "acquire again to get a new ticket",
            Self::BorrowNotPermitted => "ask the license manager for a license with borrowing",
            Self::BorrowLimit { max_seats: 0, .. } => {
                "ask the administrator, whose policy keeps all seats"
            }
            Self::BorrowLimit { .. } => {
                "wait until a borrowed seat is returned, or ask the administrator"
            }
            Self::BorrowDuration { .. } => "borrow the seat for a shorter time",
            Self::NotBorrowed => "release the seat instead",
            Self::NoLease => "list the leases of the pool, and name an open one",
            Self::InvalidReason { .. } => "state the reason for the users and the audit trail",
        }
    }
}

impl fmt::Display for DenialReason {
    /// Prints what was expected and what was found.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSeat => f.write_str("no seat is free"),
            Self::UserLimit { max_users } => {
                write!(
                    f,
                    "{max_users} users hold seats, which is the maximum number"
                )
            }
            Self::ShareLimit { at_most } => write!(
                f,
                "the group, user or machine holds {at_most} seats, which is its maximum number"
            ),
            Self::QueueFull { max_length } => {
                write!(f, "{max_length} sessions wait, which is the maximum number")
            }
            Self::OnHold { left } => write!(
                f,
                "the database was restored, and no seat is granted for {} seconds",
                left.as_millis().div_ceil(1000)
            ),
            Self::LicenseEnded => f.write_str("the license is not in effect"),
            Self::LeaseLost(None) => f.write_str("the lease has ended"),
            // The caller adds the wall-clock time, which the pool does not know.
            Self::LeaseLost(Some(ended)) => write!(
                f,
                "the lease {} has ended: {}",
                ended.seq,
                ended.reason.description()
            ),
            Self::NotRenewable { reason } => {
                write!(f, "an administrator ended the lease: {reason}")
            }
            Self::SessionMismatch(session) => {
                write!(f, "{session} belongs to another user or machine")
            }
            Self::UnknownInstance => f.write_str("the instance does not use this lease"),
            Self::TooManyInstances { max_instances } => {
                write!(
                    f,
                    "the session has {max_instances} instances, which is the maximum number"
                )
            }
            Self::InstanceMismatch => {
                f.write_str("the instance was registered with another commitment")
            }
            Self::SecretMismatch => f.write_str("the secret does not match the commitment"),
            Self::UnknownTicket => f.write_str("the session has no such ticket"),
            Self::BorrowNotPermitted => f.write_str("the license does not permit borrowing"),
            Self::BorrowLimit { max_seats: 0, .. } => {
                f.write_str("the policy of the administrator permits no borrowed seat")
            }
            Self::BorrowLimit {
                borrowed,
                max_seats,
            } => write!(
                f,
                "expected fewer than {max_seats} borrowed seats, which is the maximum number, \
                 found {borrowed}"
            ),
            Self::BorrowDuration {
                requested,
                max_duration,
            } => write!(
                f,
                "expected a loan of at most {}, found {}",
                worded(max_duration.as_millis() / 1000),
                worded(requested.as_millis().div_ceil(1000))
            ),
            Self::NotBorrowed => f.write_str("the seat is not borrowed"),
            Self::NoLease => f.write_str("the session holds no seat with this number"),
            Self::InvalidReason { length } => {
                write!(
                    f,
                    "expected a reason of 1 to 1000 bytes, found {length} bytes"
                )
            }
        }
    }
}

/// Returns a duration in seconds with the largest unit that divides it.
fn worded(seconds: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(24 * 60 * 60, "day"), (60 * 60, "hour"), (60, "minute")];
    let divides = |(unit, _): &&(u64, &str)| seconds > 0 && seconds.is_multiple_of(*unit);
    let (unit, name) = UNITS.iter().find(divides).copied().unwrap_or((1, "second"));
    let count = seconds / unit;
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {name}{plural}")
}
