//! The behavior that every store has. Each implementation runs this suite in its tests.

mod acquires;
mod administration;
mod anomalies;
mod audit;
mod billing;
mod deletion;
mod deliveries;
mod groups;
mod identities;
mod invoices;
mod ledger;
mod license_search;
mod licenses;
mod metering;
mod named_users;
mod people;
mod replay;
mod sample;
mod seat_history;
mod seats;
mod telemetry;
mod tokens;
mod trials;
mod webhooks;

use super::ServerStore;

pub(super) use acquires::concurrent_acquires;
pub(super) use deletion::fill;
pub(super) use invoices::{insert_old_invoice, old_invoice_keeps_its_payment};
pub(super) use named_users::concurrent_assignments;
pub(super) use replay::replay;
pub(super) use sample::{
    acquire, acquire_command, audit, grant, id, instance, license, secret, session, tenant,
};
pub(super) use tokens::{insert_old_tokens, old_tokens_keep_their_meaning};

/// Checks an empty store.
///
/// # Panics
///
/// Panics if the store does not behave as documented.
pub(super) async fn check(store: &dyn ServerStore) {
    licenses::check(store).await;
    license_search::check(store).await;
    named_users::check(store).await;
    administration::check(store).await;
    people::check(store).await;
    groups::check(store).await;
    identities::check(store).await;
    audit::check(store).await;
    ledger::check(store).await;
    seats::check(store).await;
    seat_history::check(store).await;
    replay::replay(&[store], async |_| {}).await;
    telemetry::check(store).await;
    webhooks::check(store).await;
    deliveries::check(store).await;
    trials::check(store).await;
    invoices::check(store).await;
    billing::check(store).await;
    metering::check(store).await;
    anomalies::check(store).await;
    deletion::check(store).await;
}
