//! State machine for the floating seats of a license.
//!
//! A [`Pool`] has the seats of one license. [`Pool::apply`] processes one command and returns the
//! rows that changed, the events, and the reply. The crate has no clock, no I/O, no random source
//! and no threads: time and random ids are arguments.

mod command;
mod denial;
mod event;
mod ids;
mod outcome;
mod pool;
mod rows;
mod terms;
mod time;

pub use command::{
    Acquire, Borrow, CommandTime, EndLease, EndMode, Heartbeat, MAX_REASON, Release, ReturnLoan,
    SeatCommand, TicketRef,
};
pub use denial::{Denial, DenialReason, MAX_HOLDERS, SeatHolder};
pub use event::{SeatEvent, SeatEventKind, TicketEnd};
pub use ids::{InstanceId, SeatSecret, Seq, TicketId};
pub use outcome::{PoolUsage, QueuePosition, SeatChange, SeatGrant, SeatOutcome, SeatReply};
pub use pool::{Pool, RowsError};
pub use rows::{
    EndReason, EndedLease, Holder, Instance, Lease, Loan, PoolCounters, PoolRows, Ticket,
};
pub use terms::{
    BorrowTerms, ClockMargin, HolderDisplay, LeaseTerms, Overage, PoolTerms, QueueTerms,
    Reservation, ReservationTarget,
};
pub use time::{LeaseSpan, LeaseTime};
