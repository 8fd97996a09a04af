//! The comparison with the provider, which finds what events have missed.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::{BillingService, BillingSetup, ask, not_answered};
use crate::billing::ProviderPage;
use crate::domain::{NewBillingEvent, Refusal, SubscriptionStatus, TenantId};
use crate::store::ServerStore;

/// The time between two comparisons.
const EVERY: TimeDelta = TimeDelta::days(1);

/// How far before the last comparison events are read again, because Stripe lists an event a moment
/// after it happened.
const OVERLAP: TimeDelta = TimeDelta::hours(1);

/// The oldest events that Stripe has.
const OLDEST: TimeDelta = TimeDelta::days(30);

/// When a comparison that failed is tried again.
#[derive(Debug, Default)]
pub(super) struct FailedAttempts(Mutex<Option<(u32, DateTime<Utc>)>>);

impl FailedAttempts {
    /// Returns whether the next attempt is later. A clock that was set back does not delay it.
    fn is_waiting(&self, now: DateTime<Utc>) -> bool {
        let failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failed.is_some_and(|(attempts, at)| {
            (TimeDelta::zero()..delay(attempts)).contains(&(now - at))
        })
    }

    fn record(&self, now: DateTime<Utc>, has_failed: bool) {
        let mut failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let attempts = failed.map_or(0, |(attempts, _)| attempts);
        *failed = has_failed.then_some((attempts.saturating_add(1), now));
    }
}

/// Returns the time until the attempt after a number of attempts: 2 seconds, then twice as long
/// each time, up to an hour.
pub(super) fn delay(attempts: u32) -> TimeDelta {
    TimeDelta::seconds(2_i64.saturating_pow(attempts).min(3600))
}

/// The result of a comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReconcileReport {
    /// The events of the provider that were not stored.
    pub missed_events: u64,
    /// The subscriptions that are compared with the provider now.
    pub subscriptions: u64,
}

impl BillingService {
    /// Compares with the provider if the last comparison was a day ago. A comparison that fails is
    /// tried again later, as an event is.
    pub(super) async fn reconcile_daily(&self) -> Result<Option<ReconcileReport>, Refusal> {
        let setup = self.setup()?;
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let mark = store.billing_mark(tenant, setup.provider.name()).await?;
        let now = self.site.wall();
        let is_due = mark.is_none_or(|mark| now.signed_duration_since(mark) >= EVERY || mark > now);
        if !is_due || self.failed.is_waiting(now) {
            return Ok(None);
        }
        // The attempts of a day that fail in the middle queue each subscription once.
        let since = mark.map_or(0, |mark| mark.timestamp());
        let result = self
            .compare_all(setup, &format!("check_{since}_{}", now.format("%Y%m%d")))
            .await;
        self.failed.record(now, result.is_err());
        result.map(Some)
    }

    /// Stores the events that were missed, and queues a comparison of each subscription. The work
    /// of the background makes the comparisons.
    ///
    /// # Errors
    ///
    /// Returns `WRONG_ROLE` without a provider, and `BILLING_UNAVAILABLE` if the provider does not
    /// answer. A repetition continues.
    pub async fn reconcile(&self) -> Result<ReconcileReport, Refusal> {
        let run = self.site.next_id_of("check")?;
        self.compare_all(self.setup()?, &run).await
    }

    /// Stores the events that were missed, and queues a comparison of each subscription, unless it
    /// is queued for this run already.
    async fn compare_all(
        &self,
        setup: &BillingSetup,
        run: &str,
    ) -> Result<ReconcileReport, Refusal> {
        let now = self.site.wall();
        let mut report = ReconcileReport {
            missed_events: self.store_missed_events(setup, now).await?,
            subscriptions: 0,
        };
        let mut after: Option<String> = None;
        loop {
            let position = after.take();
            let page = ask(setup, move |provider| {
                provider.subscriptions(position.as_deref())
            });
            let page = page.await.map_err(|error| not_answered(&error))?;
            for id in page.items {
                if !self.is_over(setup, &id, now).await? {
                    report.subscriptions += u64::from(self.queue_check(setup, &id, run).await?);
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        // A subscription that the provider no longer lists.
        let name = setup.provider.name();
        let unchecked = store.unchecked_billing_subscriptions(tenant, name, now, 10_000);
        for id in unchecked.await? {
            report.subscriptions += u64::from(self.queue_check(setup, &id, run).await?);
        }
        store.set_billing_mark(tenant, name, now).await?;
        self.received.notify_one();
        Ok(report)
    }

    /// Stores the events since the last comparison that are not stored.
    async fn store_missed_events(
        &self,
        setup: &BillingSetup,
        now: DateTime<Utc>,
    ) -> Result<u64, Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let mark = store.billing_mark(tenant, setup.provider.name()).await?;
        let oldest = license_core::time::saturating_sub(now, OLDEST);
        let since = mark.map(|mark| license_core::time::saturating_sub(mark, OVERLAP));
        let since = since.map_or(oldest, |since| since.max(oldest));
        let (mut missed, mut after) = (0, None::<String>);
        loop {
            let position = after.take();
            let page = ask(setup, move |provider| {
                provider.events_since(since, position.as_deref(), now)
            });
            let page: ProviderPage<_> = page.await.map_err(|error| not_answered(&error))?;
            missed += store_all(&**store, tenant, page.items).await?;
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(missed),
            }
        }
    }

    /// Returns whether a subscription has ended together with its paid time, so that no payment can
    /// change its license.
    async fn is_over(
        &self,
        setup: &BillingSetup,
        id: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let row = store.billing_subscription(tenant, setup.provider.name(), id);
        Ok(row.await?.is_some_and(|row| {
            let is_final = matches!(
                row.status,
                SubscriptionStatus::Canceled | SubscriptionStatus::IncompleteExpired
            );
            is_final && row.until.is_none_or(|until| until <= now)
        }))
    }

    /// Queues the comparison of a subscription, once for each run. Returns whether it is new. Two
    /// runs within a second are two comparisons, because the provider can have changed in between.
    pub(super) async fn queue_check(
        &self,
        setup: &BillingSetup,
        id: &str,
        run: &str,
    ) -> Result<bool, Refusal> {
        let (now, event_id) = (self.site.wall(), format!("{run}_{id}"));
        let body = json!({
            "id": event_id, "object": "event", "type": NewBillingEvent::COMPARISON, "created": now.timestamp(),
            "data": { "object": { "object": "subscription", "id": id } },
        });
        let event = NewBillingEvent {
            provider: setup.provider.name().to_owned(),
            id: event_id,
            kind: NewBillingEvent::COMPARISON.to_owned(),
            api_version: String::new(),
            is_live: setup.provider.is_live(),
            created_at: now,
            received_at: now,
            body: body.to_string().into_bytes(),
        };
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        Ok(store.record_billing_event(tenant, event).await?)
    }
}

async fn store_all(
    store: &dyn ServerStore,
    tenant: &TenantId,
    events: Vec<NewBillingEvent>,
) -> Result<u64, Refusal> {
    let mut stored = 0;
    for event in events {
        stored += u64::from(store.record_billing_event(tenant, event).await?);
    }
    Ok(stored)
}
