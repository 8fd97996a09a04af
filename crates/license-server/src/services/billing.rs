//! Billing: subscriptions of a payment provider, and the licenses that follow from them.
//!
//! An event of the provider is a hint that something has changed. It is stored first. The work of
//! the background then asks the provider for the newest state of its subscription, so neither the
//! order of the events nor a repetition has an effect.

mod doubled;
mod events;
mod links;
mod lists;
mod mails;
mod plans;
mod reconcile;
mod sync;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Notify;

pub use links::{CheckoutRequest, PortalRequest};
pub use plans::PlanOrder;
pub use reconcile::ReconcileReport;

use reconcile::FailedAttempts;

use super::site::Site;
use crate::billing::{BillingProvider, EventFault, ProviderError};
use crate::domain::{Actor, Refusal, RefusalKind, ServerCode};

/// How long processed events are kept. Stripe shows its own for 30 days.
const EVENT_RETENTION: TimeDelta = TimeDelta::days(90);

/// How long comparisons are kept, of which there is one a day for each subscription.
const COMPARISON_RETENTION: TimeDelta = TimeDelta::days(2);

/// The time after which a request to a provider that does not answer may be repeated.
const RETRY_AFTER: std::time::Duration = std::time::Duration::from_secs(30);

/// A payment provider, and the rules of billing.
#[derive(Clone)]
pub struct BillingSetup {
    /// The provider.
    pub provider: Arc<dyn BillingProvider>,
    /// How long a late payment has no effect.
    pub grace: TimeDelta,
}

/// Receives events, and manages plans and subscriptions.
#[derive(Clone)]
pub struct BillingService {
    site: Arc<Site>,
    setup: Option<BillingSetup>,
    /// Wakes the work of the background.
    received: Arc<Notify>,
    /// The daily comparisons that have failed one after the other.
    failed: Arc<FailedAttempts>,
}

/// The receipt of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventReceipt {
    /// The id of the event.
    pub id: String,
    /// Whether the event is new.
    pub is_new: bool,
}

impl BillingService {
    pub(super) fn new(site: Arc<Site>, setup: Option<BillingSetup>) -> Self {
        Self {
            site,
            setup,
            received: Arc::default(),
            failed: Arc::default(),
        }
    }

    /// Returns whether the server has a payment provider.
    pub fn is_on(&self) -> bool {
        self.setup.is_some()
    }

    /// Returns the setup.
    fn setup(&self) -> Result<&BillingSetup, Refusal> {
        self.setup.as_ref().ok_or_else(|| {
            let detail = "this server has no payment provider";
            Refusal::new(RefusalKind::Conflict, ServerCode::WrongRole, detail)
                .values("the settings of a payment provider", "none")
                .hint("set stripe_key_file and stripe_webhook_secret_file on a vendor's server")
        })
    }

    /// Returns the name of the provider. Lists are empty without one.
    fn provider_name(&self) -> &'static str {
        self.setup
            .as_ref()
            .map_or("", |setup| setup.provider.name())
    }

    /// Returns the originator of changes that follow from a subscription.
    fn actor(setup: &BillingSetup) -> Actor {
        Actor::Provider(setup.provider.name().to_owned())
    }

    /// Stores an event of the provider, unless it is stored already. It is on the disk when the
    /// method returns, and it is processed afterwards.
    ///
    /// # Errors
    ///
    /// Returns `BILLING_SIGNATURE` if the event is not signed with a configured secret within 300
    /// seconds, `BAD_REQUEST` if the body is not an event, and `WRONG_ROLE` without a provider.
    pub async fn receive(
        &self,
        signature: Option<&str>,
        body: &[u8],
    ) -> Result<EventReceipt, Refusal> {
        let setup = self.setup()?;
        let received = setup.provider.receive(signature, body, self.site.wall());
        let event = received.map_err(|fault| not_received(&fault))?;
        let id = event.id.clone();
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let is_new = store.record_billing_event(tenant, event).await?;
        if is_new {
            self.received.notify_one();
        }
        Ok(EventReceipt { id, is_new })
    }

    /// Returns when an event was received since the last call.
    pub async fn wait_for_event(&self) {
        self.received.notified().await;
    }

    /// Deletes old events.
    pub(super) async fn clean_up(&self) -> Result<(), Refusal> {
        if !self.is_on() {
            return Ok(());
        }
        let ago = |age| license_core::time::saturating_sub(self.site.wall(), age);
        let (before, comparisons) = (ago(EVENT_RETENTION), ago(COMPARISON_RETENTION));
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let forget = || store.forget_billing_events(tenant, before, comparisons);
        while forget().await? > 0 {}
        Ok(())
    }

    /// Returns the number of waiting events, and when the oldest of them was received.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn backlog(&self) -> Result<(u64, Option<DateTime<Utc>>), Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        Ok(store.waiting_billing_events(tenant).await?)
    }
}

/// Calls the provider on a thread for blocking work.
async fn ask<T: Send + 'static>(
    setup: &BillingSetup,
    question: impl FnOnce(&dyn BillingProvider) -> Result<T, ProviderError> + Send + 'static,
) -> Result<T, ProviderError> {
    let provider = Arc::clone(&setup.provider);
    let task = tokio::task::spawn_blocking(move || question(&*provider));
    let failed = || ProviderError::Unreachable("the request has failed".to_owned());
    task.await.unwrap_or_else(|_| Err(failed()))
}

/// Converts the error of an event.
fn not_received(fault: &EventFault) -> Refusal {
    let detail = fault.to_string();
    match fault {
        EventFault::NotAnEvent => {
            Refusal::new(RefusalKind::BadRequest, ServerCode::BadRequest, detail)
        }
        EventFault::WrongTime => Refusal::new(
            RefusalKind::BadRequest,
            ServerCode::BillingSignature,
            detail,
        )
        .hint("check the clock of the server"),
        _ => Refusal::new(
            RefusalKind::BadRequest,
            ServerCode::BillingSignature,
            detail,
        )
        .hint("the file of stripe_webhook_secret_file has the signing secret of this webhook"),
    }
}

/// Converts the error of a provider for a caller who waits for its answer.
fn not_answered(error: &ProviderError) -> Refusal {
    let detail = error.to_string();
    match error {
        ProviderError::Refused(_) => {
            Refusal::new(RefusalKind::Conflict, ServerCode::BillingRefused, detail).hint(
                "check the price, the customer and the settings of the account at the provider",
            )
        }
        _ => Refusal::new(
            RefusalKind::Unavailable,
            ServerCode::BillingUnavailable,
            detail,
        )
        .hint("repeat the request later; `license-server check-config` checks the key")
        .retry_after(RETRY_AFTER),
    }
}
