//! Changes of a pool that another server has committed.

use std::sync::Arc;

use super::{Pool, RowsError, check_counters, unique};
use crate::outcome::SeatChange;
use crate::terms::PoolTerms;
use crate::time::LeaseTime;

impl Pool {
    /// Applies changes that another server has committed, so that the pool equals that of the other
    /// server after its last command.
    ///
    /// The changes are those of several commands in their order. `terms` are the new terms, if they
    /// changed. `now` is the reading of the lease clock of the last command. The events of the
    /// commands, such as [`Late`](crate::event::SeatEventKind::Late), do not occur again.
    ///
    /// # Errors
    ///
    /// Returns [`RowsError`] if the rows contradict each other, for example because changes are
    /// missing. The pool is unusable then, and the caller rebuilds it from its rows.
    ///
    /// ```
    /// use license_core::session::SessionId;
    /// use license_seats::{
    ///     Acquire, CommandTime, Holder, InstanceId, LeaseTime, Pool, PoolTerms, SeatCommand,
    ///     SeatSecret,
    /// };
    ///
    /// let mut first = Pool::new(PoolTerms::with_capacity(1));
    /// let mut second = first.clone();
    /// let now = LeaseTime::from_millis(1_000);
    /// let acquire = Acquire {
    ///     holder: Holder::new(SessionId::new(None, None, "ann", b"/project"), "ann"),
    ///     instance: InstanceId::from_bytes([1; 16]),
    ///     commitment: SeatSecret::from_bytes([7; 32]).commitment(),
    ///     wait: None,
    /// };
    /// let outcome = first.apply(SeatCommand::Acquire(acquire), CommandTime::at(now));
    /// second.follow(None, outcome.changes, now)?;
    /// assert_eq!(second.rows(), first.rows());
    /// # Ok::<(), license_seats::RowsError>(())
    /// ```
    pub fn follow(
        &mut self,
        terms: Option<Arc<PoolTerms>>,
        changes: Vec<SeatChange>,
        now: LeaseTime,
    ) -> Result<(), RowsError> {
        if let Some(terms) = terms {
            self.table = self.table.with_terms(terms);
        }
        let now = now.max(self.table.now());
        self.table.advance(now);
        let last_ticket = changes.iter().filter_map(ticket_number).max();
        for change in changes {
            self.follow_change(change);
        }
        self.table.mark_stored();
        self.check_followed(last_ticket)
    }

    /// Checks what takes no linear time. `from_rows` checks more.
    fn check_followed(&self, last_ticket: Option<u64>) -> Result<(), RowsError> {
        let table = &self.table;
        let (leases, tickets) = (table.leases().len(), table.tickets().len());
        unique("leases with one fencing number", table.seqs(), leases)?;
        unique(
            "tickets of one session",
            table.sessions_with_ticket(),
            tickets,
        )?;
        check_counters(&self.counters, leases, table.last_seq(), last_ticket)
    }

    fn follow_change(&mut self, change: SeatChange) {
        let table = &mut self.table;
        match change {
            SeatChange::DeleteLease(session) => {
                table.remove_lease(&session);
            }
            SeatChange::DeleteEnded(session) => table.remove_ended(&session),
            SeatChange::DeleteTicket(ticket) => {
                table.remove_ticket(&ticket);
            }
            SeatChange::PutLease(lease) => table.put_lease(lease),
            SeatChange::PutEnded(ended) => table.put_ended(ended),
            SeatChange::PutTicket(ticket) => table.put_ticket(ticket),
            SeatChange::PutCounters(counters) => self.counters = counters,
        }
    }
}

fn ticket_number(change: &SeatChange) -> Option<u64> {
    match change {
        SeatChange::PutTicket(ticket) => Some(ticket.number),
        _ => None,
    }
}
