//! State machine for the floating seats of a license.
//!
//! A [`Pool`] has the seats of one license. [`Pool::apply`] processes one [`SeatCommand`], and
//! returns the rows that changed, the events, and the reply to the caller. The crate is pure: it
//! has no clock, no I/O, no random source and no threads. The time and random ids are arguments.
//!
//! ```
//! use license_core::session::SessionId;
//! use license_seats::{
//!     Acquire, CommandTime, Heartbeat, Holder, InstanceId, LeaseSpan, LeaseTime, Pool, PoolTerms,
//!     Release, SeatCommand, SeatReply, SeatSecret,
//! };
//!
//! let mut pool = Pool::new(PoolTerms::with_capacity(5));
//!
//! // The process chooses its instance id and its secret at random when it starts.
//! let session = SessionId::new(None, None, "ann", b"/home/ann/project");
//! let instance = InstanceId::from_bytes([1; 16]);
//! let secret = SeatSecret::from_bytes([2; 32]);
//! let acquire = Acquire {
//!     holder: Holder::new(session, "ann"),
//!     instance,
//!     commitment: secret.commitment(),
//!     wait: None,
//! };
//! let start = LeaseTime::from_millis(1_000);
//! let outcome = pool.apply(SeatCommand::Acquire(acquire), CommandTime::at(start));
//! // A store writes the changed rows: the lease and the counters.
//! assert_eq!(outcome.changes.len(), 2);
//! let Ok(SeatReply::Seat(grant)) = outcome.reply else { return };
//! assert_eq!(grant.valid_for, LeaseSpan::from_secs(120));
//!
//! let heartbeat = Heartbeat { session, instance, seq: grant.lease.seq };
//! let later = start.saturating_add(LeaseSpan::from_secs(40));
//! let outcome = pool.apply(SeatCommand::Heartbeat(heartbeat), CommandTime::at(later));
//! assert!(outcome.reply.is_ok());
//!
//! let release = Release { session, instance, seq: grant.lease.seq, secret };
//! let outcome = pool.apply(SeatCommand::Release(release), CommandTime::at(later));
//! assert_eq!(outcome.reply, Ok(SeatReply::Released { freed: true }));
//! ```
//!
//! # Rules
//!
//! - A session holds at most one seat. Its instances, which are processes, share the seat. The last
//!   one frees it.
//! - A client may use its seat for [`SeatGrant::valid_for`], counted by its boot-time clock from
//!   the moment when it sent the request. The seat is not granted again before
//!   [`OpenLease::free_at`]. ADR-084 shows why the client has stopped by then.
//! - A lease past its lifetime is late. It stays with its session until another session needs the
//!   seat, and at most for [`LeaseTerms::late_limit`].
//! - A freed seat is offered to the first session that waits. No session overtakes another one that
//!   could use the same seat. See [`Reservation`] for seats that only some sessions can use.
//! - Each command first does what the passage of time requires, so correctness does not depend on
//!   [`SeatCommand::Tick`].
//! - Each command can be repeated, so a lost response costs no seat.
//!
//! # Storage
//!
//! [`SeatOutcome::changes`] has the rows that a command changed. The store writes them in one
//! transaction with those of other commands, and replies after the commit. If the transaction
//! fails, the store drops the pool and rebuilds it with [`Pool::from_rows`]. ADR-085 has the
//! reasons.
//!
//! Several servers can share a pool. Each locks the pool in the database, follows the changes of the
//! others with [`Pool::follow`], and applies its commands. A component in front of the database can
//! answer heartbeats that only extend a lease: see [`SeatRenewal`] and ADR-107.

mod command;
mod denial;
mod event;
mod ids;
mod outcome;
mod pool;
mod renewal;
mod rows;
mod terms;
mod time;
mod usage;

pub use command::{
    Acquire, Borrow, CommandTime, EndLease, EndMode, Heartbeat, MAX_REASON, Release, ReturnLoan,
    SeatCommand, TicketRef,
};
pub use denial::{Denial, DenialReason, MAX_HOLDERS, SeatHolder};
pub use event::{PoolEvent, SeatEventKind, TicketEnd};
pub use ids::{InstanceId, SeatSecret, Seq, TicketId};
pub use outcome::{QueuePosition, SeatChange, SeatGrant, SeatOutcome, SeatReply};
pub use pool::{Pool, RowsError};
pub use renewal::{SeatRenewal, SeatValidity};
pub use rows::{
    EndReason, EndedLease, Holder, Instance, Loan, OpenLease, PoolCounters, PoolRows, Ticket,
};
pub use terms::{
    BorrowTerms, ClockMargin, HolderDisplay, LeaseTerms, Overage, PoolTerms, QueueTerms,
    Reservation, ReservationTarget, TermsError,
};
pub use time::{LeaseSpan, LeaseTime};
pub use usage::PoolUsage;

/// Runs the example of the README as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
