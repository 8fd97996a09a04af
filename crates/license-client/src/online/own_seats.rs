//! The seats that a client has acquired, which count in its decisions.

use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use license_core::License;
use license_core::license::Lease;

use super::seat::SeatCore;

/// The seats that a client has acquired.
#[derive(Default)]
pub(crate) struct OwnSeats(RwLock<Vec<Weak<SeatCore>>>);

impl OwnSeats {
    /// Adds a seat, and forgets the seats that were dropped.
    pub(super) fn add(&self, seat: &Arc<SeatCore>) {
        let mut seats = self.0.write().unwrap_or_else(PoisonError::into_inner);
        seats.retain(|seat| seat.strong_count() > 0);
        seats.push(Arc::downgrade(seat));
    }

    /// Returns the lease of a valid seat of these licenses, and how long it lasts. A seat that is
    /// late, lost or released, or that belongs to a parent process, is not valid.
    pub(crate) fn valid(&self, licenses: &[&License]) -> Option<(Lease, Duration)> {
        let seats = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let valid = seats
            .iter()
            .filter_map(|seat| seat.upgrade()?.valid_lease());
        let covers = |lease: &Lease, license: &License| {
            lease.is_for(license) || license.supersedes().contains(lease.license_id())
        };
        let mut valid =
            valid.filter(|(lease, _)| licenses.iter().any(|license| covers(lease, license)));
        valid.next()
    }
}
