//! Deliveries of events to endpoints.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::{WebhookService, not_found};
use crate::domain::{
    Actor, AttemptResult, DisabledReason, DueDelivery, NewDelivery, Page, PageRequest, Refusal,
    RefusalKind, ReplayResult, ServerCode, WebhookBacklog, WebhookDelivery, WebhookDeliveryState,
};
use crate::services::site::random;
use crate::store::DeliveryClaim;

/// How long deliveries are kept after they ended.
const RETENTION: TimeDelta = TimeDelta::days(30);

impl WebhookService {
    /// Sends a test to an endpoint, once. Returns the id of the delivery.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the organization has no such endpoint, and `WEBHOOK_DISABLED` if it
    /// is disabled.
    pub async fn test(&self, actor: &Actor, id: &str) -> Result<String, Refusal> {
        let (store, tenant, now) = (&self.site.store, &self.site.tenant, self.site.wall());
        let ping = NewDelivery::ping(tenant, id, random()?, now);
        let delivery = ping.id.clone();
        let details = json!({ "delivery": delivery });
        let audit = self.site.audit(actor, "webhook.test", id, details);
        queued(store.ping_webhook(tenant, ping, audit).await?)?;
        Ok(delivery)
    }

    /// Returns deliveries to an endpoint, the newest first.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the organization has no such endpoint.
    pub async fn deliveries(
        &self,
        id: &str,
        state: Option<WebhookDeliveryState>,
        page: &PageRequest,
    ) -> Result<Page<WebhookDelivery>, Refusal> {
        self.get(id).await?;
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        Ok(store.deliveries(tenant, id, state, page).await?)
    }

    /// Repeats a delivery that was delivered or has failed. Its id stays.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the organization has no such delivery, `WEBHOOK_DISABLED` if the
    /// endpoint is disabled, and `DELIVERY_WAITING` if the delivery is already waiting.
    pub async fn replay(&self, actor: &Actor, id: &str, delivery: &str) -> Result<(), Refusal> {
        let details = json!({ "delivery": delivery });
        let audit = self.site.audit(actor, "webhook.replay", id, details);
        let (store, tenant, now) = (&self.site.store, &self.site.tenant, self.site.wall());
        queued(
            store
                .replay_delivery(tenant, id, delivery, now, audit)
                .await?,
        )?;
        Ok(())
    }

    /// Repeats the deliveries that failed and were queued since an instant, at most 1000. Returns
    /// how many.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the organization has no such endpoint, and `WEBHOOK_DISABLED` if it
    /// is disabled.
    pub async fn replay_failed(
        &self,
        actor: &Actor,
        id: &str,
        since: DateTime<Utc>,
    ) -> Result<u64, Refusal> {
        let details = json!({ "since": since });
        let audit = self.site.audit(actor, "webhook.replay", id, details);
        let (store, tenant, now) = (&self.site.store, &self.site.tenant, self.site.wall());
        let result = store.replay_failed_deliveries(tenant, id, since, now, audit);
        queued(result.await?)
    }

    /// Queues deliveries of new events. Returns how many.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store fails.
    pub(crate) async fn queue(&self) -> Result<usize, Refusal> {
        let (store, tenant, now) = (&self.site.store, &self.site.tenant, self.site.wall());
        Ok(store.queue_deliveries(tenant, now).await?)
    }

    /// Takes deliveries that are due.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store fails.
    pub(crate) async fn claim(&self, claim: DeliveryClaim) -> Result<Vec<DueDelivery>, Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let claimed = store.claim_deliveries(tenant, claim).await?.into_iter();
        let opened = claimed.map(|delivery| {
            let webhook = delivery.webhook.clone();
            delivery.opened(|sealed| self.opened(&webhook, sealed))
        });
        Ok(opened.collect())
    }

    /// Stores the result of an attempt. Returns the reason if the endpoint was disabled.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store fails.
    pub(crate) async fn finish(
        &self,
        result: AttemptResult,
    ) -> Result<Option<DisabledReason>, Refusal> {
        let audit = self.site.audit(
            &Actor::Server,
            "webhook.disable",
            &result.webhook,
            json!({}),
        );
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        Ok(store.finish_delivery(tenant, result, audit).await?)
    }

    /// Returns what is to be delivered.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store fails.
    pub(crate) async fn backlog(&self) -> Result<WebhookBacklog, Refusal> {
        Ok(self.site.store.webhook_backlog(&self.site.tenant).await?)
    }

    /// Deletes old deliveries.
    pub(in crate::services) async fn clean_up(&self) -> Result<(), Refusal> {
        let before = license_core::time::saturating_sub(self.site.wall(), RETENTION);
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        // Each call deletes a part, so that other requests do not wait for long.
        while store.forget_deliveries(tenant, before).await? > 0 {}
        Ok(())
    }
}

/// Converts the result of a request to send again.
fn queued(result: ReplayResult) -> Result<u64, Refusal> {
    match result {
        ReplayResult::Queued(count) => Ok(count),
        ReplayResult::NotFound => Err(not_found()),
        ReplayResult::Disabled => {
            let detail = "the webhook is disabled";
            Err(
                Refusal::new(RefusalKind::Conflict, ServerCode::WebhookDisabled, detail)
                    .hint("enable the webhook first"),
            )
        }
        ReplayResult::Waiting => {
            let detail = "the delivery is already waiting";
            Err(
                Refusal::new(RefusalKind::Conflict, ServerCode::DeliveryWaiting, detail)
                    .hint("`next_at` of the delivery states the time of its next attempt"),
            )
        }
    }
}
