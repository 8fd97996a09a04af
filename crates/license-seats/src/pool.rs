//! The state of a pool.

use std::sync::Arc;

use license_core::session::SessionId;

use crate::command::{CommandTime, SeatCommand};
use crate::ids::TicketId;
use crate::outcome::{PoolUsage, SeatOutcome};
use crate::rows::{EndedLease, Lease, PoolCounters, PoolRows, Ticket};
use crate::terms::PoolTerms;
use crate::time::LeaseTime;

/// The seats of one license.
pub struct Pool {
    terms: Arc<PoolTerms>,
}

/// Rows that are not rows of one pool, such as two leases of a session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("inconsistent rows of a pool: {0}")]
pub struct RowsError(pub String);

impl Pool {
    /// Creates a pool without leases.
    pub fn new(terms: PoolTerms) -> Self {
        todo!()
    }

    /// Rebuilds a pool from its rows, at a reading of the lease clock.
    ///
    /// # Errors
    ///
    /// Returns [`RowsError`] if the rows contradict each other.
    pub fn from_rows(terms: PoolTerms, rows: PoolRows, now: LeaseTime) -> Result<Self, RowsError> {
        todo!()
    }

    /// Applies a command to the pool.
    pub fn apply(&mut self, command: SeatCommand, at: CommandTime) -> SeatOutcome {
        todo!()
    }

    /// Returns the terms.
    pub fn terms(&self) -> &PoolTerms {
        &self.terms
    }

    /// Returns the counters.
    pub fn counters(&self) -> &PoolCounters {
        todo!()
    }

    /// Returns how many seats are used.
    pub fn usage(&self) -> PoolUsage {
        todo!()
    }

    /// Returns the open lease of a session.
    pub fn lease(&self, session: &SessionId) -> Option<&Arc<Lease>> {
        todo!()
    }

    /// Returns the open leases, by session.
    pub fn leases(&self) -> impl Iterator<Item = &Arc<Lease>> {
        std::iter::empty()
    }

    /// Returns the remembered last lease of a session that has ended.
    pub fn ended(&self, session: &SessionId) -> Option<&EndedLease> {
        todo!()
    }

    /// Returns a ticket.
    pub fn ticket(&self, ticket: &TicketId) -> Option<&Arc<Ticket>> {
        todo!()
    }

    /// Returns the tickets, by id.
    pub fn tickets(&self) -> impl Iterator<Item = &Arc<Ticket>> {
        std::iter::empty()
    }

    /// Returns a copy of all rows.
    pub fn rows(&self) -> PoolRows {
        todo!()
    }

    /// Returns the first time at which a tick does something.
    pub fn next_deadline(&self) -> Option<LeaseTime> {
        todo!()
    }

    /// Checks the invariants of the pool, for tests. Returns a description of each violation.
    pub fn check_invariants(&self) -> Vec<String> {
        todo!()
    }
}
