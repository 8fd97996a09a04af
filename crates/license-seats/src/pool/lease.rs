//! Renewal and end of leases.

use std::sync::Arc;

use license_core::session::SessionId;

use super::turn::{Reply, Turn};
use crate::command::{Heartbeat, Release};
use crate::denial::DenialReason;
use crate::event::SeatEventKind;
use crate::ids::{InstanceId, SeatSecret, Seq};
use crate::outcome::{SeatGrant, SeatReply};
use crate::renewal::{SeatRenewal, SeatValidity};
use crate::rows::{EndReason, EndedLease, Instance, OpenLease};
use crate::time::{LeaseSpan, LeaseTime};

/// The weight of a new hold time in the moving average is one in this number.
const AVERAGE_OVER: u32 = 8;

impl Turn<'_> {
    /// Processes a heartbeat.
    pub(super) fn heartbeat(&mut self, heartbeat: &Heartbeat) -> Reply {
        let lease = match self.find_lease(&heartbeat.session, heartbeat.seq) {
            Ok(lease) => lease,
            Err(reason) => return Err(self.deny(reason)),
        };
        match instance_of(&lease, &heartbeat.instance).copied() {
            Some(instance) => self.renew(lease, &instance),
            None => Err(self.deny(DenialReason::UnknownInstance)),
        }
    }

    /// Processes a release. A release that does not match the open lease changes nothing, because
    /// it is a repetition.
    pub(super) fn release(&mut self, release: &Release) -> Reply {
        let Ok(lease) = self.find_lease(&release.session, release.seq) else {
            return Ok(SeatReply::Released { freed: false });
        };
        let Some(instance) = instance_of(&lease, &release.instance) else {
            return Ok(SeatReply::Released { freed: false });
        };
        if !matches_commitment(instance, &release.secret) {
            return Err(self.deny(DenialReason::SecretMismatch));
        }
        let mut lease = Arc::unwrap_or_clone(lease);
        lease
            .instances
            .retain(|instance| instance.id != release.instance);
        let is_lent = lease
            .loan
            .as_ref()
            .is_some_and(|loan| loan.free_at >= self.now());
        let freed = !is_lent && !is_in_use(&lease, self.now());
        if freed {
            self.end_lease(&release.session, EndReason::Released, None, None);
        } else {
            self.table_mut().put_lease(Arc::new(lease));
        }
        Ok(SeatReply::Released { freed })
    }

    /// Returns the open lease of a session, if it has the fencing number.
    ///
    /// # Errors
    ///
    /// Returns when and why the lease ended.
    pub(super) fn find_lease(
        &self,
        session: &SessionId,
        seq: Seq,
    ) -> Result<Arc<OpenLease>, DenialReason> {
        let table = self.table();
        let lease = table.leases().get(session).filter(|lease| lease.seq == seq);
        lease.cloned().ok_or_else(|| {
            let ended = table.ended().get(session).filter(|ended| ended.seq == seq);
            DenialReason::LeaseLost(ended.cloned().map(Box::new))
        })
    }

    /// Renews a lease for an instance, as far as the lease and the license permit it.
    pub(super) fn renew(&mut self, lease: Arc<OpenLease>, instance: &Instance) -> Reply {
        let now = self.now();
        if lease.is_late(now) && !self.at.is_licensed() {
            return Err(self.deny(DenialReason::LicenseEnded));
        }
        if let Some(reason) = lease.soft_end.clone().filter(|_| lease.is_late(now)) {
            return Err(self.deny(DenialReason::NotRenewable { reason }));
        }
        let mut lease = Arc::unwrap_or_clone(lease);
        // After a loan, the session uses the seat like any other.
        lease.loan = lease.loan.take().filter(|loan| loan.free_at >= now);
        let validity = self.extend(&mut lease, &instance.id);
        Ok(self.put_and_grant(lease, instance, validity, false))
    }

    /// Extends a lease for an instance, and returns how long the instance may use the seat.
    fn extend(&self, lease: &mut OpenLease, instance: &InstanceId) -> SeatValidity {
        let now = self.now();
        let terms = &self.terms().lease;
        if lease.soft_end.is_some() || !self.at.is_licensed() {
            let free_at = lease.free_at;
            keep_until(lease, instance, free_at);
            return SeatValidity::rest(lease, now);
        }
        let validity = SeatValidity::renewed(terms, self.at);
        let renewal = SeatRenewal::new(lease, *instance, &validity, &terms.margin, now);
        lease.fold(&renewal);
        validity
    }

    /// Stores a lease, and returns the reply for an instance.
    pub(super) fn put_and_grant(
        &mut self,
        lease: OpenLease,
        instance: &Instance,
        validity: SeatValidity,
        is_new: bool,
    ) -> SeatReply {
        let lease = Arc::new(lease);
        self.table_mut().put_lease(Arc::clone(&lease));
        SeatReply::Seat(SeatGrant {
            instance: instance.id,
            commitment: instance.commitment,
            is_new,
            valid_for: validity.valid_for,
            renew_after: validity.renew_after,
            usage: self.pool.usage(),
            lease,
        })
    }

    /// Ends a lease that was not renewed.
    pub(super) fn end_unrenewed(&mut self, session: &SessionId, reason: EndReason) {
        let lease = self.table().leases().get(session);
        match lease.and_then(|lease| lease.soft_end.clone()) {
            Some(note) => self.end_lease(session, EndReason::EndedSoftly, Some(note), None),
            None => self.end_lease(session, reason, None, None),
        }
    }

    /// Ends a lease, and remembers it.
    pub(super) fn end_lease(
        &mut self,
        session: &SessionId,
        reason: EndReason,
        note: Option<Arc<str>>,
        overlap_until: Option<LeaseTime>,
    ) {
        let now = self.now();
        let Some(lease) = self.table_mut().remove_lease(session) else {
            return;
        };
        let held_for = now.since(lease.granted);
        if lease.loan.is_none() {
            self.count_hold(held_for);
        }
        let kind = SeatEventKind::Ended {
            seq: lease.seq,
            reason,
            note: note.clone(),
            held_for,
            overlap_until,
        };
        self.emit(Some(*session), kind);
        self.table_mut().put_ended(EndedLease {
            session: *session,
            seq: lease.seq,
            granted: lease.granted,
            ended: now,
            reason,
            note,
            overlap_until,
        });
        self.forget_ended();
    }

    /// Adds a hold time to the moving average.
    fn count_hold(&mut self, held_for: LeaseSpan) {
        let counters = self.counters();
        let average = counters.average_hold.map_or(held_for, |average| {
            let kept = average.times(AVERAGE_OVER - 1, AVERAGE_OVER);
            kept.saturating_add(held_for.times(1, AVERAGE_OVER))
        });
        counters.average_hold = Some(average);
    }
}

/// Returns an instance of a lease.
pub(super) fn instance_of<'a>(lease: &'a OpenLease, id: &InstanceId) -> Option<&'a Instance> {
    lease.instances.iter().find(|instance| instance.id == *id)
}

/// Returns whether a secret is that of an instance. Only digests are compared, so the duration of
/// the comparison reveals nothing about the secret.
pub(super) fn matches_commitment(instance: &Instance, secret: &SeatSecret) -> bool {
    instance.commitment == secret.commitment()
}

/// Returns whether an instance may still use the seat.
pub(super) fn is_in_use(lease: &OpenLease, now: LeaseTime) -> bool {
    lease
        .instances
        .iter()
        .any(|instance| instance.free_at >= now)
}

fn keep_until(lease: &mut OpenLease, id: &InstanceId, free_at: LeaseTime) {
    let mut instances = lease.instances.iter_mut();
    if let Some(instance) = instances.find(|instance| instance.id == *id) {
        instance.free_at = instance.free_at.max(free_at);
    }
}
