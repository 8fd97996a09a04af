//! Commands of an administrator, and changes of the terms.

use std::sync::Arc;

use super::turn::{Reply, Turn};
use crate::command::{EndLease, EndMode, MAX_REASON};
use crate::denial::DenialReason;
use crate::event::SeatEventKind;
use crate::outcome::SeatReply;
use crate::rows::{EndReason, OpenLease};
use crate::terms::PoolTerms;

impl Turn<'_> {
    /// Processes the end of a lease by an administrator.
    pub(super) fn end_by_administrator(&mut self, end: &EndLease) -> Reply {
        let length = end.reason.trim().len();
        if length == 0 || end.reason.len() > MAX_REASON {
            let length = end.reason.len();
            return Err(self.deny(DenialReason::InvalidReason { length }));
        }
        let lease = self.table().leases().get(&end.session);
        let lease = lease.filter(|lease| end.seq.is_none_or(|seq| seq == lease.seq));
        let Some(lease) = lease.cloned() else {
            return Err(self.deny(DenialReason::NoLease));
        };
        let note = Arc::clone(&end.reason);
        Ok(match end.mode {
            EndMode::Soft => self.end_softly(Arc::unwrap_or_clone(lease), note),
            EndMode::Hard => self.end_hard(&lease, note),
        })
    }

    fn end_softly(&mut self, mut lease: OpenLease, note: Arc<str>) -> SeatReply {
        lease.soft_end = Some(Arc::clone(&note));
        let free_at = lease.free_at.max(self.now());
        let kind = SeatEventKind::SoftEnd {
            seq: lease.seq,
            note,
            free_at,
        };
        self.emit(Some(lease.holder.session), kind);
        self.table_mut().put_lease(Arc::new(lease));
        self.end_overdue_leases();
        SeatReply::Ended {
            free_at,
            overlap_until: None,
        }
    }

    fn end_hard(&mut self, lease: &OpenLease, note: Arc<str>) -> SeatReply {
        let now = self.now();
        let overlap_until = Some(lease.free_at).filter(|free_at| *free_at >= now);
        let session = &lease.holder.session;
        self.end_lease(session, EndReason::EndedHard, Some(note), overlap_until);
        SeatReply::Ended {
            free_at: now,
            overlap_until,
        }
    }

    /// Replaces the terms. No session loses its seat. Nothing new is granted while more seats are
    /// held than the terms allow.
    pub(super) fn set_terms(&mut self, terms: Arc<PoolTerms>) -> SeatReply {
        let before = Arc::clone(self.table().terms());
        if before == terms {
            return SeatReply::Done;
        }
        let table = self.table().with_terms(Arc::clone(&terms));
        *self.table_mut() = table;
        if terms.lease.longest_hold() < before.lease.longest_hold() {
            // `Pool::extend_leases` extends by the new terms, which would not cover lost renewals
            // under the old ones. Therefore no renewal stays out of the rows.
            self.table_mut().mark_leases_changed();
        }
        let kind = SeatEventKind::TermsChanged {
            capacity_before: before.capacity,
            capacity: terms.capacity,
            allowed: terms.allowed(),
            held: self.pool.usage().held,
        };
        self.emit(None, kind);
        self.advance();
        SeatReply::Done
    }
}
