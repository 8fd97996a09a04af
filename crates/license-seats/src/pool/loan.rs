//! Borrowed seats.
//!
//! While a seat is borrowed, its lease lasts until the end of the loan, whatever its instances do.
//! An instance can still renew its own use of the seat. An early return therefore does not end the
//! lease of an instance that runs.

use std::sync::Arc;

use super::lease::{instance_of, is_in_use, matches_commitment};
use super::turn::{Reply, Turn};
use crate::command::{Borrow, ReturnLoan};
use crate::denial::DenialReason;
use crate::event::SeatEventKind;
use crate::outcome::SeatReply;
use crate::renewal::SeatValidity;
use crate::rows::{EndReason, Instance, Loan, OpenLease};
use crate::time::LeaseSpan;

impl Turn<'_> {
    /// Processes a loan, or its extension.
    pub(super) fn borrow(&mut self, borrow: &Borrow) -> Reply {
        let checked = self.find_lease(&borrow.session, borrow.seq);
        let checked = checked.and_then(|lease| {
            let instance = self.check_loan(&lease, borrow)?;
            Ok((lease, instance))
        });
        match checked {
            Ok((lease, instance)) => {
                let duration = self.loan_duration(borrow);
                Ok(self.lend(Arc::unwrap_or_clone(lease), &instance, duration))
            }
            Err(reason) => Err(self.deny(reason)),
        }
    }

    /// Checks that the caller may borrow the seat of a lease. Returns the caller's instance.
    fn check_loan(&self, lease: &OpenLease, borrow: &Borrow) -> Result<Instance, DenialReason> {
        let instance = instance_of(lease, &borrow.instance);
        let instance = instance.ok_or(DenialReason::UnknownInstance)?;
        if !matches_commitment(instance, &borrow.secret) {
            return Err(DenialReason::SecretMismatch);
        }
        if let Some(reason) = lease.soft_end.clone() {
            return Err(DenialReason::NotRenewable { reason });
        }
        if !self.at.is_licensed() {
            return Err(DenialReason::LicenseEnded);
        }
        let terms = self.terms();
        let bounds = terms.borrow.ok_or(DenialReason::BorrowNotPermitted)?;
        let requested = borrow.duration;
        let max_duration = bounds.max_duration;
        if requested.is_zero() || requested > max_duration {
            return Err(DenialReason::BorrowDuration {
                requested,
                max_duration,
            });
        }
        let above_low_water = terms.capacity.saturating_sub(bounds.low_water);
        let max_seats = bounds.max_seats.min(above_low_water);
        let borrowed = self.table().borrowed();
        if lease.loan.is_none() && borrowed >= max_seats {
            return Err(DenialReason::BorrowLimit {
                borrowed,
                max_seats,
            });
        }
        Ok(*instance)
    }

    /// Returns the duration of a loan, which does not last longer than the license.
    fn loan_duration(&self, borrow: &Borrow) -> LeaseSpan {
        let left = self.at.license_left.unwrap_or(LeaseSpan::MAX);
        borrow.duration.min(left)
    }

    fn lend(
        &mut self,
        mut lease: OpenLease,
        instance: &Instance,
        duration: LeaseSpan,
    ) -> SeatReply {
        let now = self.now();
        let until = now.saturating_add(duration);
        let free_at = until.saturating_add(self.terms().lease.margin.of(duration));
        let earlier = lease.loan.as_deref();
        let loan = Loan {
            commitment: instance.commitment,
            since: earlier.map_or(now, |loan| loan.since),
            until: earlier.map_or(until, |loan| loan.until.max(until)),
            free_at: earlier.map_or(free_at, |loan| loan.free_at.max(free_at)),
        };
        lease.loan = Some(Box::new(loan));
        lease.until = lease.until.max(loan.until);
        lease.free_at = lease.free_at.max(loan.free_at);
        let kind = SeatEventKind::Borrowed {
            seq: lease.seq,
            until: loan.until,
        };
        self.emit(Some(lease.holder.session), kind);
        // A repetition never shortens a loan.
        let validity = SeatValidity {
            valid_for: duration.max(loan.until.since(now)),
            renew_after: None,
        };
        self.put_and_grant(lease, instance, validity, false)
    }

    /// Processes an early return. A return that does not match the open lease changes nothing,
    /// because it is a repetition.
    pub(super) fn return_loan(&mut self, returned: &ReturnLoan) -> Reply {
        let Ok(lease) = self.find_lease(&returned.session, returned.seq) else {
            return Ok(SeatReply::Released { freed: false });
        };
        let Some(loan) = lease.loan.as_deref().copied() else {
            return Err(self.deny(DenialReason::NotBorrowed));
        };
        if loan.commitment != returned.secret.commitment() {
            return Err(self.deny(DenialReason::SecretMismatch));
        }
        let mut lease = Arc::unwrap_or_clone(lease);
        lease.loan = None;
        lease
            .instances
            .retain(|instance| instance.commitment != loan.commitment);
        if !is_in_use(&lease, self.now()) {
            self.end_lease(&returned.session, EndReason::Returned, None, None);
            return Ok(SeatReply::Released { freed: true });
        }
        let instances = lease.instances.iter().map(|instance| instance.free_at);
        lease.free_at = instances.max().unwrap_or(lease.free_at);
        lease.until = lease.until.min(lease.free_at);
        self.table_mut().put_lease(Arc::new(lease));
        Ok(SeatReply::Released { freed: false })
    }
}
