//! The state of a pool.

mod acquire;
mod administration;
mod advance;
mod class;
mod follow;
mod invariants;
mod lease;
mod loan;
mod queue;
mod reclaim;
mod renewals;
mod report;
mod table;
#[cfg(test)]
mod tests;
mod turn;
mod users;

use std::collections::BTreeSet;
use std::sync::Arc;

use license_core::session::SessionId;

use crate::command::{CommandTime, SeatCommand};
use crate::ids::{Seq, TicketId};
use crate::outcome::{SeatChange, SeatOutcome};
use crate::rows::{EndedLease, OpenLease, PoolCounters, PoolRows, Ticket};
use crate::terms::PoolTerms;
use crate::time::LeaseTime;
use crate::usage::PoolUsage;
use class::count;
use table::Table;
use turn::Turn;

/// The seats of one license.
///
/// The pool is in memory. A store writes the changes of each command, and rebuilds the pool from
/// its rows after a restart. The store also rebuilds the pool if a transaction fails, because the
/// database then has the state before the commands of the transaction.
///
/// A command takes logarithmic time in the number of leases. The queue position of a ticket takes
/// linear time in the position, and a change of the terms in the number of rows.
///
/// ```
/// use license_core::session::SessionId;
/// use license_seats::{
///     Acquire, CommandTime, Holder, InstanceId, LeaseTime, Pool, PoolTerms, SeatCommand,
///     SeatReply, SeatSecret,
/// };
///
/// let mut pool = Pool::new(PoolTerms::with_capacity(1));
/// let acquire = |user: &str| {
///     let session = SessionId::new(None, None, user, b"/project");
///     SeatCommand::Acquire(Acquire {
///         holder: Holder::new(session, user),
///         instance: InstanceId::from_bytes([1; 16]),
///         commitment: SeatSecret::from_bytes([7; 32]).commitment(),
///         wait: None,
///     })
/// };
/// let now = CommandTime::at(LeaseTime::from_millis(1_000));
///
/// let first = pool.apply(acquire("ann"), now).reply;
/// assert!(matches!(first, Ok(SeatReply::Seat(grant)) if grant.is_new));
/// // The same session again, for example because the response was lost.
/// let again = pool.apply(acquire("ann"), now).reply;
/// assert!(matches!(again, Ok(SeatReply::Seat(grant)) if !grant.is_new));
/// let denial = pool.apply(acquire("bob"), now).reply.unwrap_err();
/// assert_eq!(denial.reason.code(), "NO_SEAT");
/// assert_eq!(denial.holders[0].user.as_deref(), Some("ann"));
/// ```
#[derive(Clone, Debug)]
pub struct Pool {
    table: Table,
    counters: PoolCounters,
}

/// Rows that contradict each other, such as two leases of a session.
///
/// ```
/// use license_seats::{LeaseTime, Pool, PoolTerms};
///
/// let terms = PoolTerms::with_capacity(1);
/// let mut rows = Pool::new(terms.clone()).rows();
/// rows.counters.held = 1;
/// let error = Pool::from_rows(terms, rows, LeaseTime::START).unwrap_err();
/// assert_eq!(error.to_string(), "inconsistent rows of a pool: expected 1 open leases, found 0");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("inconsistent rows of a pool: {0}")]
pub struct RowsError(String);

impl Pool {
    /// Creates a pool without leases.
    pub fn new(terms: PoolTerms) -> Self {
        let counters = PoolCounters::new(terms.allowed());
        Self {
            table: Table::new(Arc::new(terms), LeaseTime::START),
            counters,
        }
    }

    /// Rebuilds a pool from its rows, at a reading of the lease clock.
    ///
    /// # Errors
    ///
    /// Returns [`RowsError`] if the rows contradict each other.
    pub fn from_rows(terms: PoolTerms, rows: PoolRows, now: LeaseTime) -> Result<Self, RowsError> {
        check_rows(&rows)?;
        let mut table = Table::new(Arc::new(terms), now);
        for lease in rows.leases {
            table.put_lease(lease);
        }
        for ticket in rows.tickets {
            table.put_ticket(ticket);
        }
        for ended in rows.ended {
            table.put_ended(ended);
        }
        table.mark_stored();
        Ok(Self {
            table,
            counters: rows.counters,
        })
    }

    /// Applies a command to the pool. A time before that of an earlier command counts as the time
    /// of the earlier command.
    pub fn apply(&mut self, command: SeatCommand, at: CommandTime) -> SeatOutcome {
        let before = self.counters;
        let mut turn = Turn::new(self, at);
        let reply = turn.run(command);
        let events = turn.into_events();
        SeatOutcome {
            changes: self.take_changes(before),
            events,
            reply,
        }
    }

    fn take_changes(&mut self, before: PoolCounters) -> Vec<SeatChange> {
        self.counters.held = count(self.table.leases().len());
        // A lease above the previous ceiling does not raise it, so the database refuses the lease.
        let excess = self.counters.ceiling.min(self.counters.held);
        self.counters.ceiling = self.terms().allowed().max(excess);
        let mut changes = self.table.take_changes();
        if before != self.counters {
            changes.push(SeatChange::PutCounters(self.counters));
        }
        changes
    }

    /// Returns the terms.
    pub fn terms(&self) -> &PoolTerms {
        self.table.terms()
    }

    /// Returns the counters.
    pub const fn counters(&self) -> &PoolCounters {
        &self.counters
    }

    /// Returns the number of seats that are used, as of the last command.
    pub fn usage(&self) -> PoolUsage {
        PoolUsage {
            capacity: self.terms().capacity,
            allowed: self.terms().allowed(),
            held: count(self.table.leases().len()),
            late: self.table.late(),
            borrowed: self.table.borrowed(),
            offered: self.table.offered(),
            waiting: self.table.waiting(),
            users: count(self.table.users().count()),
        }
    }

    /// Returns the open lease of a session.
    pub fn lease(&self, session: &SessionId) -> Option<&Arc<OpenLease>> {
        self.table.leases().get(session)
    }

    /// Returns the open leases, by session.
    pub fn leases(&self) -> impl Iterator<Item = &Arc<OpenLease>> {
        self.table.leases().values()
    }

    /// Returns the remembered last lease of a session that has ended.
    pub fn ended(&self, session: &SessionId) -> Option<&EndedLease> {
        self.table.ended().get(session)
    }

    /// Returns a ticket.
    pub fn ticket(&self, ticket: &TicketId) -> Option<&Arc<Ticket>> {
        self.table.tickets().get(ticket)
    }

    /// Returns the tickets, by id.
    pub fn tickets(&self) -> impl Iterator<Item = &Arc<Ticket>> {
        self.table.tickets().values()
    }

    /// Returns a copy of all rows.
    pub fn rows(&self) -> PoolRows {
        PoolRows {
            counters: self.counters,
            leases: self.leases().cloned().collect(),
            ended: self.table.ended().values().cloned().collect(),
            tickets: self.tickets().cloned().collect(),
        }
    }
}

/// Checks that each key occurs once, and that the counters are those of the rows.
fn check_rows(rows: &PoolRows) -> Result<(), RowsError> {
    let sessions: BTreeSet<_> = rows
        .leases
        .iter()
        .map(|lease| lease.holder.session)
        .collect();
    unique("leases of one session", sessions.len(), rows.leases.len())?;
    let seqs: BTreeSet<_> = rows.leases.iter().map(|lease| lease.seq).collect();
    unique(
        "leases with one fencing number",
        seqs.len(),
        rows.leases.len(),
    )?;
    let tickets: BTreeSet<_> = rows.tickets.iter().map(|ticket| ticket.id).collect();
    unique("tickets with one id", tickets.len(), rows.tickets.len())?;
    let waiting = rows.tickets.iter().map(|ticket| ticket.holder.session);
    let waiting: BTreeSet<_> = waiting.collect();
    unique("tickets of one session", waiting.len(), rows.tickets.len())?;
    let numbers: BTreeSet<_> = rows.tickets.iter().map(|ticket| ticket.number).collect();
    unique("tickets with one number", numbers.len(), rows.tickets.len())?;
    let last_seq = seqs.last().copied();
    let last_number = numbers.last().copied();
    check_counters(&rows.counters, rows.leases.len(), last_seq, last_number)
}

/// Checks that the counters are those of the leases and tickets.
fn check_counters(
    counters: &PoolCounters,
    leases: usize,
    last_seq: Option<Seq>,
    last_ticket: Option<u64>,
) -> Result<(), RowsError> {
    let held = counters.held;
    if count(leases) != held {
        return Err(RowsError(format!(
            "expected {held} open leases, found {leases}"
        )));
    }
    let next_seq = counters.next_seq;
    if let Some(seq) = last_seq.filter(|seq| *seq >= next_seq) {
        return Err(RowsError(format!(
            "expected fencing numbers below {next_seq}, found {seq}"
        )));
    }
    let next_ticket = counters.next_ticket;
    if let Some(number) = last_ticket.filter(|number| *number >= next_ticket) {
        let expected = format!("expected ticket numbers below {next_ticket}");
        return Err(RowsError(format!("{expected}, found {number}")));
    }
    Ok(())
}

fn unique(what: &str, keys: usize, rows: usize) -> Result<(), RowsError> {
    if keys == rows {
        return Ok(());
    }
    Err(RowsError(format!(
        "expected no two {what}, found {}",
        rows - keys
    )))
}
