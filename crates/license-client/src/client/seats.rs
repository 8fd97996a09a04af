//! The floating seats that count for the decisions of a client.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use license_core::{Context, ProductCode, VerifiedLicenses};

use super::Client;
use crate::held_seat::{HandedOver, HeldSeat, VerifiedSeat, floating};

/// How often the seat of a parent process is read again.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The seats of a client: its own ones, and the one that its parent process handed over.
pub(super) struct ClientSeats {
    #[cfg(feature = "online")]
    pub(super) own: std::sync::Arc<crate::online::OwnSeats>,
    handed_over: HandedOver,
    /// The seat of the parent process, and when it was read.
    read: Mutex<Option<(Instant, Option<VerifiedSeat>)>>,
}

/// Omits the seats.
impl fmt::Debug for ClientSeats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSeats").finish_non_exhaustive()
    }
}

impl ClientSeats {
    /// Reads the environment of this process.
    pub(super) fn new(product: ProductCode) -> Self {
        Self {
            #[cfg(feature = "online")]
            own: std::sync::Arc::default(),
            handed_over: HandedOver::read(product),
            read: Mutex::default(),
        }
    }

    /// Forgets the seat of the parent process, so that the next evaluation reads it again.
    pub(super) fn forget(&self) {
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Client {
    /// Returns the seat that counts, if a license requires one and the caller has set no lease.
    pub(super) fn held_seat(
        &self,
        verified: &VerifiedLicenses,
        context: &Context<'_>,
    ) -> Option<HeldSeat> {
        let is_required = || verified.licenses().iter().any(|one| one.requires_seat());
        if context.has_lease() || !is_required() {
            return None;
        }
        #[cfg(feature = "online")]
        {
            let now = self.manager.clock().now();
            if let Some((lease, left)) = self.seats.own.valid(&floating(verified)) {
                return Some(HeldSeat::lasting(lease, left, now));
            }
        }
        self.handed_over(verified)
    }

    /// Returns the seat that the parent process handed over. The file is read once a second.
    fn handed_over(&self, verified: &VerifiedLicenses) -> Option<HeldSeat> {
        let HandedOver::Session(session) = self.seats.handed_over else {
            return None;
        };
        let clock = self.manager.clock();
        let mut read = self
            .seats
            .read
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let instant = clock.instant();
        let is_old =
            |(at, _): &(Instant, _)| instant.saturating_duration_since(*at) >= CHECK_INTERVAL;
        if read.as_ref().is_none_or(is_old) {
            let seat = self.manager.verified_seat(&floating(verified), session);
            *read = Some((instant, seat));
        }
        let (_, seat) = read.as_ref()?;
        Some(seat.as_ref()?.held(clock.now()))
    }
}
