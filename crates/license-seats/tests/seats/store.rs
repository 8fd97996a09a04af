//! A store that writes the changes of each command, like the tables of a database.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use license_core::session::SessionId;
use license_seats::{EndedLease, Lease, PoolCounters, PoolRows, SeatChange, Ticket, TicketId};

/// The rows of a pool by their keys.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    counters: PoolCounters,
    leases: BTreeMap<SessionId, Arc<Lease>>,
    ended: BTreeMap<SessionId, EndedLease>,
    tickets: BTreeMap<TicketId, Arc<Ticket>>,
}

impl Store {
    pub(crate) fn new(counters: PoolCounters) -> Self {
        Self {
            counters,
            leases: BTreeMap::new(),
            ended: BTreeMap::new(),
            tickets: BTreeMap::new(),
        }
    }

    /// Writes a change. A deletion must affect a row.
    pub(crate) fn write(&mut self, change: SeatChange) {
        let is_missing = match change {
            SeatChange::DeleteLease(session) => self.leases.remove(&session).is_none(),
            SeatChange::DeleteEnded(session) => self.ended.remove(&session).is_none(),
            SeatChange::DeleteTicket(ticket) => self.tickets.remove(&ticket).is_none(),
            SeatChange::PutLease(lease) => {
                self.leases.insert(lease.holder.session, lease);
                false
            }
            SeatChange::PutEnded(ended) => {
                self.ended.insert(ended.session, ended);
                false
            }
            SeatChange::PutTicket(ticket) => {
                self.tickets.insert(ticket.id, ticket);
                false
            }
            SeatChange::PutCounters(counters) => {
                self.counters = counters;
                false
            }
        };
        assert!(!is_missing, "a deletion affected no row");
    }

    /// Checks the constraints of the database.
    pub(crate) fn check(&self) {
        assert!(
            self.counters.held <= self.counters.ceiling,
            "held <= ceiling: {:?}",
            self.counters
        );
        let seqs: BTreeSet<_> = self.leases.values().map(|lease| lease.seq).collect();
        assert_eq!(seqs.len(), self.leases.len(), "fencing numbers are unique");
        let tickets = self.tickets.values().map(|ticket| ticket.holder.session);
        let sessions: BTreeSet<_> = tickets.collect();
        assert_eq!(
            sessions.len(),
            self.tickets.len(),
            "one ticket for each session"
        );
    }

    pub(crate) fn rows(&self) -> PoolRows {
        PoolRows {
            counters: self.counters,
            leases: self.leases.values().cloned().collect(),
            ended: self.ended.values().cloned().collect(),
            tickets: self.tickets.values().cloned().collect(),
        }
    }
}
