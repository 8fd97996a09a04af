//! The behavior that every store has. Each implementation runs this suite in its tests.

mod acquires;
mod administration;
mod ledger;
mod licenses;
mod replay;
mod sample;
mod seats;
mod telemetry;

use super::ServerStore;

pub(super) use acquires::concurrent_acquires;
pub(super) use sample::{acquire, acquire_command, audit, grant, id, session, tenant};

/// Checks an empty store.
///
/// # Panics
///
/// Panics if the store does not behave as documented.
pub(super) async fn check(store: &dyn ServerStore) {
    check_without_seats(store).await;
    seats::check(store).await;
    replay::check(store).await;
}

/// Checks the operations of an empty store that do not concern seats.
///
/// # Panics
///
/// Panics if the store does not behave as documented.
pub(super) async fn check_without_seats(store: &dyn ServerStore) {
    licenses::check(store).await;
    administration::check(store).await;
    ledger::check(store).await;
    telemetry::check(store).await;
}
