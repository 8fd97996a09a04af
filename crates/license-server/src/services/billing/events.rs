//! The work of the background: processes the events of the provider.

use std::collections::BTreeMap;

use super::reconcile::delay;
use super::sync::Delay;
use super::{BillingService, BillingSetup, ask};
use crate::billing::EventSubject;
use crate::domain::{
    BillingEvent, BillingEventState, EventOutcome, PageRequest, Refusal, SubscriptionFilter,
};

/// The number of events that are read at a time.
const EVENTS_AT_ONCE: usize = 100;

/// The longest note of an event, in characters.
const MAX_NOTE: usize = 200;

impl BillingService {
    /// Processes the events that are due, and compares with the provider once a day. Returns the
    /// number of processed events. The server calls it once a second and after each event.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be used. An event whose processing fails waits.
    pub async fn work(&self) -> Result<usize, Refusal> {
        let Some(setup) = &self.setup else {
            return Ok(0);
        };
        if let Err(refusal) = self.reconcile_daily().await
            && let Some(repeated) = crate::log_limit::pass("billing")
        {
            let Refusal { code, detail, .. } = refusal;
            tracing::warn!(
                code,
                detail,
                repeated,
                "the payment provider is compared later"
            );
        }
        self.process(setup).await
    }

    /// Processes the events that are due.
    async fn process(&self, setup: &BillingSetup) -> Result<usize, Refusal> {
        let mut processed = 0;
        loop {
            let (store, tenant) = (&self.site.store, &self.site.tenant);
            let now = self.site.wall();
            let due = store.due_billing_events(tenant, now, EVENTS_AT_ONCE);
            let due = due.await?;
            if due.is_empty() {
                return Ok(processed);
            }
            processed += due.len();
            // Several events of a subscription need one comparison.
            let mut groups: BTreeMap<String, Vec<BillingEvent>> = BTreeMap::new();
            for event in due {
                if let Some(id) = self.subject(setup, &event).await? {
                    groups.entry(id).or_default().push(event);
                }
            }
            for (id, events) in groups {
                let outcome = self.sync(setup, &id).await;
                for event in events {
                    let outcome = self.outcome(&event, &id, outcome.as_ref());
                    self.finish(&event, outcome).await?;
                }
            }
        }
    }

    /// Returns the subscription that an event concerns. An event without one is finished.
    async fn subject(
        &self,
        setup: &BillingSetup,
        event: &BillingEvent,
    ) -> Result<Option<String>, Refusal> {
        let ignored = |note: &str| EventOutcome {
            state: BillingEventState::Ignored,
            subscription: None,
            next_at: None,
            note: Some(note.to_owned()),
        };
        let new = event.event.clone();
        if new.is_live != setup.provider.is_live() {
            let outcome = ignored("the event is of the other mode, test or live");
            self.finish(event, outcome).await?;
            return Ok(None);
        }
        let outcome = match ask(setup, move |provider| provider.subject(&new)).await {
            Ok(EventSubject::Subscription(id)) => return Ok(Some(id)),
            Ok(EventSubject::Customer(id)) => self.compare_customer(setup, &id).await?,
            Ok(EventSubject::Nothing(note)) => ignored(note),
            Err(error) if !error.is_temporary() => ignored(&error.to_string()),
            Err(error) => self.later(event, None, &error.to_string()),
        };
        self.finish(event, outcome).await?;
        Ok(None)
    }

    /// Queues comparisons of the subscriptions of a customer, which also bring its name.
    async fn compare_customer(
        &self,
        setup: &BillingSetup,
        customer: &str,
    ) -> Result<EventOutcome, Refusal> {
        let (mut next, run) = (None, self.site.next_id_of("check")?);
        let filter = SubscriptionFilter {
            customer: Some(customer.to_owned()),
            ..SubscriptionFilter::default()
        };
        loop {
            let page = PageRequest::new(next, Some(PageRequest::MAX_LIMIT));
            let found = self.subscriptions(&filter, &page).await?;
            for subscription in &found.items {
                self.queue_check(setup, &subscription.id, &run).await?;
            }
            next = found.next;
            if next.is_none() {
                break;
            }
        }
        Ok(EventOutcome {
            state: BillingEventState::Applied,
            subscription: None,
            next_at: None,
            note: None,
        })
    }

    fn outcome(
        &self,
        event: &BillingEvent,
        subscription: &str,
        result: Result<&Option<String>, &Delay>,
    ) -> EventOutcome {
        match result {
            Ok(note) => EventOutcome {
                state: BillingEventState::Applied,
                subscription: Some(subscription.to_owned()),
                next_at: None,
                note: note.clone(),
            },
            Err(delay) => self.later(event, Some(subscription), &delay.note()),
        }
    }

    /// Returns the outcome of an event that is processed again: after 2 seconds, then twice as long
    /// each time, up to an hour.
    fn later(&self, event: &BillingEvent, subscription: Option<&str>, note: &str) -> EventOutcome {
        if let Some(repeated) = crate::log_limit::pass("billing event") {
            let id = &event.event.id;
            tracing::warn!(event = id, note, repeated, "an event is processed later");
        }
        let delay = delay(event.attempts.saturating_add(1));
        let next_at = license_core::time::saturating_add(self.site.wall(), delay);
        EventOutcome {
            state: BillingEventState::Waiting,
            subscription: subscription.map(str::to_owned),
            next_at: Some(next_at),
            note: Some(shortened(note)),
        }
    }

    async fn finish(&self, event: &BillingEvent, outcome: EventOutcome) -> Result<(), Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let (provider, id) = (&event.event.provider, &event.event.id);
        Ok(store
            .finish_billing_event(tenant, provider, id, outcome)
            .await?)
    }
}

fn shortened(note: &str) -> String {
    note.chars().take(MAX_NOTE).collect()
}
