//! Commands for pools, and views of their rows.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use license_seats::{
    LeaseSpan, LeaseTime, OpenLease, PoolTerms, PoolUsage, SeatCommand, SeatOutcome, Ticket,
};

use crate::domain::PoolId;

/// A command for a pool.
#[derive(Clone, Debug)]
pub struct PoolRequest {
    /// The pool.
    pub pool: PoolId,
    /// The terms at the time of the command. If they differ from those of the pool, the pool gets
    /// the new terms first.
    pub terms: Arc<PoolTerms>,
    /// How long the license lasts. `None` means a license without an end.
    pub license_left: Option<LeaseSpan>,
    /// The command.
    pub command: SeatCommand,
}

/// The reply of a pool.
#[derive(Clone, Debug)]
pub struct PoolReply {
    /// The outcome, whose changes are on the disk.
    pub outcome: SeatOutcome,
    /// The reading of the lease clock at which the command was processed.
    pub now: LeaseTime,
    /// When the lease of the command ended, if the command was denied because of that. The lease
    /// clock stands still while the server is down, so only the store knows this time.
    pub ended_at: Option<DateTime<Utc>>,
}

/// A pool with its counts.
#[derive(Clone, Debug)]
pub struct PoolView {
    /// The terms.
    pub terms: Arc<PoolTerms>,
    /// How many seats are used.
    pub usage: PoolUsage,
    /// The reading of the lease clock.
    pub now: LeaseTime,
}

/// An open lease in a list.
#[derive(Clone, Debug)]
pub struct LeaseRow {
    /// The lease.
    pub lease: Arc<OpenLease>,
    /// The reading of the lease clock.
    pub now: LeaseTime,
}

/// A place in the queue in a list.
#[derive(Clone, Debug)]
pub struct TicketRow {
    /// The ticket.
    pub ticket: Arc<Ticket>,
    /// The place in the whole queue, from 1.
    pub position: u64,
    /// The reading of the lease clock.
    pub now: LeaseTime,
}
