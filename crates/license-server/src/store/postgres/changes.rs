//! The changes of a batch, with one change for each row, and their log, which other nodes follow.

use std::collections::BTreeMap;
use std::sync::Arc;

use license_core::session::SessionId;
use license_seats::{
    EndedLease, LeaseTime, OpenLease, Pool, PoolCounters, PoolTerms, SeatChange, Ticket, TicketId,
};
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;

use super::values::bad_row;
use crate::store::ServerStoreError;

/// The changes of a version of a pool, for other nodes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LoggedBatch {
    /// The reading of the lease clock.
    pub(super) now: LeaseTime,
    /// The terms, if they changed.
    pub(super) terms: Option<Arc<PoolTerms>>,
    /// The changes, deletions first.
    pub(super) changes: Vec<SeatChange>,
}

impl LoggedBatch {
    /// Returns the JSON form.
    pub(super) fn to_json(&self) -> Result<String, ServerStoreError> {
        serde_json::to_string(self).map_err(|error| bad_row("pool_changes", error))
    }
}

/// Applies the logged changes of the versions after `version`, up to `last`, to a pool in memory.
/// Returns `false` if the log does not have all of them, or if they do not belong to the pool.
/// Then the pool is unusable, and its rows are read again.
pub(super) fn follow(
    pool: &mut Pool,
    version: i64,
    last: i64,
    log: &[Row],
) -> Result<bool, ServerStoreError> {
    if !i64::try_from(log.len()).is_ok_and(|found| found == last - version) {
        return Ok(false);
    }
    for row in log {
        let batch: LoggedBatch = serde_json::from_str(row.try_get(0)?)
            .map_err(|error| bad_row("pool_changes", error))?;
        if pool.follow(batch.terms, batch.changes, batch.now).is_err() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The state of a row after a batch, and whether its first change was a deletion.
#[derive(Clone, Debug)]
struct Merged<T> {
    /// The row. `None` means that it is deleted.
    row: Option<T>,
    /// Whether the row certainly existed before the batch, because its first change deleted it.
    existed: bool,
}

/// The changes of several commands. The last change of a row counts.
#[derive(Debug, Default)]
pub(super) struct MergedChanges {
    leases: BTreeMap<SessionId, Merged<Arc<OpenLease>>>,
    ended: BTreeMap<SessionId, Merged<EndedLease>>,
    tickets: BTreeMap<TicketId, Merged<Arc<Ticket>>>,
    counters: Option<PoolCounters>,
}

/// The keys of deleted rows.
#[derive(Debug, Default)]
pub(super) struct Deletions {
    pub(super) keys: Vec<String>,
    /// How many of the rows certainly exist. A row that a batch has both created and deleted does
    /// not.
    pub(super) existing: usize,
}

impl MergedChanges {
    /// Adds the changes of the next command.
    pub(super) fn add(&mut self, changes: &[SeatChange]) {
        for change in changes {
            match change {
                SeatChange::DeleteLease(session) => put(&mut self.leases, *session, None),
                SeatChange::DeleteEnded(session) => put(&mut self.ended, *session, None),
                SeatChange::DeleteTicket(ticket) => put(&mut self.tickets, *ticket, None),
                SeatChange::PutLease(lease) => {
                    let session = lease.holder.session;
                    put(&mut self.leases, session, Some(Arc::clone(lease)));
                }
                SeatChange::PutEnded(ended) => {
                    put(&mut self.ended, ended.session, Some(ended.clone()));
                }
                SeatChange::PutTicket(ticket) => {
                    put(&mut self.tickets, ticket.id, Some(Arc::clone(ticket)));
                }
                SeatChange::PutCounters(counters) => self.counters = Some(*counters),
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.leases.is_empty()
            && self.ended.is_empty()
            && self.tickets.is_empty()
            && self.counters.is_none()
    }

    pub(super) fn leases(&self) -> impl Iterator<Item = &Arc<OpenLease>> {
        rows(&self.leases)
    }

    pub(super) fn ended(&self) -> impl Iterator<Item = &EndedLease> {
        rows(&self.ended)
    }

    /// Returns whether a lease of the session has ended in the batch, and is remembered.
    pub(super) fn has_ended(&self, session: &SessionId) -> bool {
        let merged = self.ended.get(session);
        merged.is_some_and(|merged| merged.row.is_some())
    }

    pub(super) fn tickets(&self) -> impl Iterator<Item = &Arc<Ticket>> {
        rows(&self.tickets)
    }

    pub(super) fn deleted_leases(&self) -> Deletions {
        deletions(&self.leases)
    }

    pub(super) fn deleted_ended(&self) -> Deletions {
        deletions(&self.ended)
    }

    pub(super) fn deleted_tickets(&self) -> Deletions {
        deletions(&self.tickets)
    }

    /// Returns the changes for a pool in the memory of another node, deletions first.
    pub(super) fn into_changes(self) -> Vec<SeatChange> {
        let mut changes = Vec::new();
        let mut puts = Vec::new();
        for (session, merged) in self.leases {
            match merged.row {
                Some(lease) => puts.push(SeatChange::PutLease(lease)),
                None => changes.push(SeatChange::DeleteLease(session)),
            }
        }
        for (session, merged) in self.ended {
            match merged.row {
                Some(ended) => puts.push(SeatChange::PutEnded(ended)),
                None => changes.push(SeatChange::DeleteEnded(session)),
            }
        }
        for (id, merged) in self.tickets {
            match merged.row {
                Some(ticket) => puts.push(SeatChange::PutTicket(ticket)),
                None => changes.push(SeatChange::DeleteTicket(id)),
            }
        }
        changes.append(&mut puts);
        changes.extend(self.counters.map(SeatChange::PutCounters));
        changes
    }
}

fn put<K: Ord, T>(rows: &mut BTreeMap<K, Merged<T>>, key: K, row: Option<T>) {
    let is_deletion = row.is_none();
    let merged = rows.entry(key).or_insert(Merged {
        row: None,
        existed: is_deletion,
    });
    merged.row = row;
}

fn rows<K, T>(rows: &BTreeMap<K, Merged<T>>) -> impl Iterator<Item = &T> {
    rows.values().filter_map(|merged| merged.row.as_ref())
}

fn deletions<K: ToString, T>(rows: &BTreeMap<K, Merged<T>>) -> Deletions {
    let mut deletions = Deletions::default();
    for (key, merged) in rows {
        if merged.row.is_none() {
            deletions.keys.push(key.to_string());
            deletions.existing += usize::from(merged.existed);
        }
    }
    deletions
}

#[cfg(test)]
mod tests {
    use super::*;
    use license_seats::Seq;

    #[test]
    fn the_last_change_of_a_row_counts_and_only_rows_from_before_must_exist() {
        let session = |number: u8| SessionId::new(None, None, "ann", &[number]);
        let ended = |number: u8, seq: u64| EndedLease {
            session: session(number),
            seq: Seq(seq),
            granted: license_seats::LeaseTime::START,
            ended: license_seats::LeaseTime::START,
            reason: license_seats::EndReason::Released,
            note: None,
            overlap_until: None,
        };
        let mut merged = MergedChanges::default();
        assert!(merged.is_empty());
        merged.add(&[
            SeatChange::DeleteEnded(session(1)),
            SeatChange::DeleteEnded(session(2)),
            SeatChange::PutEnded(ended(3, 1)),
        ]);
        merged.add(&[
            SeatChange::DeleteEnded(session(3)),
            SeatChange::PutEnded(ended(2, 7)),
        ]);
        let deleted = merged.deleted_ended();
        assert_eq!((deleted.keys.len(), deleted.existing), (2, 1));
        assert_eq!(merged.ended().collect::<Vec<_>>(), [&ended(2, 7)]);
        let changes = merged.into_changes();
        assert_eq!(changes.len(), 3);
        assert_eq!(changes[2], SeatChange::PutEnded(ended(2, 7)));
    }
}
