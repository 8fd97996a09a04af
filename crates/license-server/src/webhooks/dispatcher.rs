//! The background work: queues deliveries of new events, and makes attempts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::WebhookSender;
use super::sender::Answer;
use crate::domain::{AttemptOutcome, AttemptResult, DueDelivery, Refusal, TenantId};
use crate::log_limit;
use crate::metrics::{Metrics, WebhookState};
use crate::services::{Services, TenantServices};
use crate::store::DeliveryClaim;

/// The maximum number of attempts at a time.
const MAX_ATTEMPTS: usize = 32;

/// The maximum number of attempts of one organization at a time, so that its slow endpoints do not
/// take all of them.
const MAX_OF_TENANT: usize = 16;

/// The maximum number of attempts for one endpoint at a time.
const MAX_OF_ENDPOINT: usize = 4;

/// The time after which another attempt is made if a server stopped during one.
const CLAIM: TimeDelta = TimeDelta::seconds(60);

/// How long a server that stops waits for attempts. They are made again if they take longer.
const PATIENCE: Duration = Duration::from_secs(3);

/// The largest number of transactions of a round that queue deliveries of one organization.
const MAX_TRANSACTIONS: usize = 20;

/// An endpoint of an organization.
type EndpointKey = (TenantId, String);

/// Makes the attempts of all organizations of the database.
pub(crate) struct Dispatcher {
    tenants: Arc<TenantServices>,
    /// The sender for the organization of the server, which may reach networks of the operator.
    own_sender: Arc<WebhookSender>,
    /// The sender for other organizations, which reaches public addresses only.
    public_sender: Arc<WebhookSender>,
    metrics: Arc<Metrics>,
    slots: Arc<Semaphore>,
    /// The number of attempts under way for each endpoint.
    busy: Mutex<HashMap<EndpointKey, usize>>,
}

impl Dispatcher {
    /// Creates a dispatcher. `own_sender` is for the organization of the server, and
    /// `public_sender` for all others.
    pub(crate) fn new(
        tenants: Arc<TenantServices>,
        own_sender: WebhookSender,
        public_sender: WebhookSender,
        metrics: Arc<Metrics>,
    ) -> Arc<Self> {
        Arc::new(Self {
            tenants,
            own_sender: Arc::new(own_sender),
            public_sender: Arc::new(public_sender),
            metrics,
            slots: Arc::new(Semaphore::new(MAX_ATTEMPTS)),
            busy: Mutex::default(),
        })
    }

    /// Works until the server stops: once a second, and after each attempt.
    pub(crate) async fn run(self: Arc<Self>, mut stopping: watch::Receiver<bool>) {
        let mut ticks = interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut attempts = JoinSet::new();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                Some(_) = attempts.join_next() => {}
                // Without a sender, the server has stopped.
                _ = stopping.wait_for(|stops| *stops) => break,
            }
            if let Err(refusal) = self.round(&mut attempts).await
                && let Some(repeated) = log_limit::pass("webhooks")
            {
                let Refusal { code, detail, .. } = refusal;
                tracing::warn!(code, detail, repeated, "deliveries to webhooks are delayed");
            }
        }
        let end = async { while attempts.join_next().await.is_some() {} };
        let _ = timeout(PATIENCE, end).await;
    }

    /// Queues deliveries of new events, and begins the attempts that are due.
    async fn round(self: &Arc<Self>, attempts: &mut JoinSet<()>) -> Result<(), Refusal> {
        let mut state = WebhookState::default();
        let mut result = Ok(());
        // The work of each organization is tried.
        for tenant in self.tenants.webhook_tenants().await? {
            if let Err(refusal) = self.serve(&tenant, attempts, &mut state).await {
                result = Err(refusal);
            }
        }
        self.metrics.webhooks.publish(&state);
        result
    }

    async fn serve(
        self: &Arc<Self>,
        tenant: &TenantId,
        attempts: &mut JoinSet<()>,
        state: &mut WebhookState,
    ) -> Result<(), Refusal> {
        let services = self.tenants.of(tenant).await?;
        for _ in 0..MAX_TRANSACTIONS {
            if services.webhooks.queue().await? == 0 {
                break;
            }
        }
        let (busy, under_way) = self.busy_of(tenant);
        let limit = MAX_OF_TENANT
            .saturating_sub(under_way)
            .min(self.slots.available_permits());
        let now = services.now();
        if limit > 0 {
            let claim = DeliveryClaim {
                now,
                until: license_core::time::saturating_add(now, CLAIM),
                limit,
                each: MAX_OF_ENDPOINT,
                busy,
            };
            for delivery in services.webhooks.claim(claim).await? {
                let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
                    break;
                };
                let busy = self.begin(tenant, &delivery.webhook);
                let (this, services) = (Arc::clone(self), Arc::clone(&services));
                attempts.spawn(async move { this.attempt(services, delivery, busy, slot).await });
            }
        }
        state.add(&services.webhooks.backlog().await?, now);
        Ok(())
    }

    /// Returns the endpoints of an organization for which attempts are under way, and how many.
    fn busy_of(&self, tenant: &TenantId) -> (Vec<String>, usize) {
        let busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let own = busy.iter().filter(|((of, _), _)| of == tenant);
        let (mut endpoints, mut count) = (Vec::new(), 0);
        for ((_, endpoint), attempts) in own {
            endpoints.push(endpoint.clone());
            count += attempts;
        }
        (endpoints, count)
    }

    /// Returns the sender for an organization.
    fn sender(&self, tenant: &TenantId) -> Arc<WebhookSender> {
        if tenant == self.tenants.own().tenant() {
            Arc::clone(&self.own_sender)
        } else {
            Arc::clone(&self.public_sender)
        }
    }

    fn begin(self: &Arc<Self>, tenant: &TenantId, webhook: &str) -> Busy {
        let endpoint = (tenant.clone(), webhook.to_owned());
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        *busy.entry(endpoint.clone()).or_default() += 1;
        Busy {
            dispatcher: Arc::clone(self),
            endpoint,
        }
    }

    async fn attempt(
        &self,
        services: Arc<Services>,
        delivery: DueDelivery,
        busy: Busy,
        slot: OwnedSemaphorePermit,
    ) {
        let (sender, now) = (self.sender(services.tenant()), services.now());
        let sent = tokio::task::spawn_blocking(move || {
            let answer = sender.send(&delivery, now);
            (delivery, answer)
        });
        let Ok((delivery, answer)) = sent.await else {
            return;
        };
        drop(slot);
        let result = result(&delivery, answer, &services);
        let outcome = result.outcome;
        match services.webhooks.finish(result).await {
            Ok(None) => {}
            Ok(Some(reason)) => {
                let (webhook, reason) = (&delivery.webhook, reason.as_str());
                tracing::warn!(webhook, reason, "a webhook was disabled");
            }
            Err(refusal) => {
                if let Some(repeated) = log_limit::pass("webhook result") {
                    let code = refusal.code;
                    tracing::warn!(code, repeated, "a delivery is repeated");
                }
            }
        }
        self.metrics.webhooks.attempt(match outcome {
            AttemptOutcome::Delivered => "delivered",
            AttemptOutcome::Retry(_) => "retried",
            AttemptOutcome::Failed => "failed",
        });
        drop(busy);
    }
}

/// Counts an attempt of an endpoint as long as the value exists.
struct Busy {
    dispatcher: Arc<Dispatcher>,
    endpoint: EndpointKey,
}

impl Drop for Busy {
    fn drop(&mut self) {
        let busy = self.dispatcher.busy.lock();
        let mut busy = busy.unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = busy.get_mut(&self.endpoint) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                busy.remove(&self.endpoint);
            }
        }
    }
}

/// Returns the result of an attempt.
fn result(delivery: &DueDelivery, answer: Answer, services: &Services) -> AttemptResult {
    let at = services.now();
    let outcome = match (&answer.error, answer.status) {
        (None, _) => AttemptOutcome::Delivered,
        // The endpoint wants no more deliveries.
        (Some(_), Some(410)) => AttemptOutcome::Failed,
        (Some(_), _) => delivery.after_failure(at, answer.retry_after, jitter()),
    };
    AttemptResult {
        id: delivery.id.clone(),
        webhook: delivery.webhook.clone(),
        attempt: delivery.attempt,
        at,
        outcome,
        status: answer.status,
        error: answer.error,
        response: answer.response,
    }
}

/// Returns a random number from 0 to 1. Without random bytes, the waits do not vary.
fn jitter() -> f64 {
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    f64::from(random) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests;
