//! Webhooks and their deliveries.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::ServerStoreError;
use crate::domain::{
    AttemptResult, DisabledReason, DueDelivery, EventRecord, NewAuditEntry, NewDelivery, Page,
    PageRequest, ReplayResult, SealedSecret, TenantId, Webhook, WebhookBacklog, WebhookChange,
    WebhookDelivery, WebhookDeliveryState,
};

/// The largest number of events for which deliveries are queued in one transaction.
pub(super) const EVENTS_AT_ONCE: i64 = 500;

/// The largest number of deliveries that one request repeats.
pub(super) const REPLAYS_AT_ONCE: i64 = 1000;

/// The part of a [`ServerStore`](super::ServerStore) for webhooks.
///
/// The log of events is the outbox: an event is stored in the transaction of its change, and each
/// endpoint has the number of the last event for which its deliveries were queued. No event is
/// therefore lost, and a change does not wait for endpoints.
#[async_trait]
pub trait WebhookStore: Send + Sync {
    /// Stores an endpoint. It receives the events from now on. Returns `false`, and changes
    /// nothing, if the tenant has [`Webhook::MAX_COUNT`] endpoints.
    async fn create_webhook(
        &self,
        tenant: &TenantId,
        webhook: Webhook,
        secret: SealedSecret,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError>;

    /// Returns all endpoints, in the order of their creation.
    async fn webhooks(&self, tenant: &TenantId) -> Result<Vec<Webhook>, ServerStoreError>;

    /// Returns an endpoint.
    async fn webhook(
        &self,
        tenant: &TenantId,
        id: &str,
    ) -> Result<Option<Webhook>, ServerStoreError>;

    /// Changes an endpoint, and returns it. The store adds both states to the audit entry. The
    /// waiting deliveries of an endpoint that is disabled fail, and an endpoint that is enabled
    /// receives the events from now on.
    async fn change_webhook(
        &self,
        tenant: &TenantId,
        id: &str,
        change: WebhookChange,
        audit: NewAuditEntry,
    ) -> Result<Option<Webhook>, ServerStoreError>;

    /// Deletes an endpoint with its deliveries. Returns whether it existed.
    async fn delete_webhook(
        &self,
        tenant: &TenantId,
        id: &str,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError>;

    /// Replaces the secret of an endpoint. Deliveries are signed with the former one too until
    /// `until`. Returns whether the endpoint exists.
    async fn rotate_webhook_secret(
        &self,
        tenant: &TenantId,
        id: &str,
        secret: SealedSecret,
        until: DateTime<Utc>,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError>;

    /// Queues a test of an endpoint.
    async fn ping_webhook(
        &self,
        tenant: &TenantId,
        ping: NewDelivery,
        audit: NewAuditEntry,
    ) -> Result<ReplayResult, ServerStoreError>;

    /// Returns deliveries to an endpoint, the newest first.
    async fn deliveries(
        &self,
        tenant: &TenantId,
        webhook: &str,
        state: Option<WebhookDeliveryState>,
        page: &PageRequest,
    ) -> Result<Page<WebhookDelivery>, ServerStoreError>;

    /// Queues a delivery again that was delivered or has failed.
    async fn replay_delivery(
        &self,
        tenant: &TenantId,
        webhook: &str,
        id: &str,
        at: DateTime<Utc>,
        audit: NewAuditEntry,
    ) -> Result<ReplayResult, ServerStoreError>;

    /// Queues the deliveries again that failed and were queued since `since`, the oldest first and
    /// at most 1000.
    async fn replay_failed_deliveries(
        &self,
        tenant: &TenantId,
        webhook: &str,
        since: DateTime<Utc>,
        at: DateTime<Utc>,
        audit: NewAuditEntry,
    ) -> Result<ReplayResult, ServerStoreError>;

    /// Returns the tenants that have endpoints.
    async fn webhook_tenants(&self) -> Result<Vec<TenantId>, ServerStoreError>;

    /// Queues deliveries of new events. Returns how many. A call queues a part of them only, so it
    /// is repeated until it returns 0.
    async fn queue_deliveries(
        &self,
        tenant: &TenantId,
        now: DateTime<Utc>,
    ) -> Result<usize, ServerStoreError>;

    /// Takes up to `limit` deliveries that are due, and up to `each` of an endpoint. Deliveries to
    /// the endpoints in `busy` are left out. No other server takes these deliveries until `until`,
    /// when they are due again if their result is not stored.
    async fn claim_deliveries(
        &self,
        tenant: &TenantId,
        claim: DeliveryClaim,
    ) -> Result<Vec<DueDelivery<SealedSecret>>, ServerStoreError>;

    /// Stores the result of an attempt. Disables the endpoint if it is gone or fails for too long,
    /// with an audit entry. Returns the reason if the endpoint was disabled.
    async fn finish_delivery(
        &self,
        tenant: &TenantId,
        result: AttemptResult,
        audit: NewAuditEntry,
    ) -> Result<Option<DisabledReason>, ServerStoreError>;

    /// Deletes deliveries that ended before `before`. Returns how many were deleted, which may be
    /// only a part of them.
    async fn forget_deliveries(
        &self,
        tenant: &TenantId,
        before: DateTime<Utc>,
    ) -> Result<usize, ServerStoreError>;

    /// Returns what is to be delivered.
    async fn webhook_backlog(&self, tenant: &TenantId) -> Result<WebhookBacklog, ServerStoreError>;
}

/// The deliveries that a server takes.
#[derive(Clone, Debug)]
pub struct DeliveryClaim {
    /// The current time.
    pub now: DateTime<Utc>,
    /// The end of the claim.
    pub until: DateTime<Utc>,
    /// The maximum number of deliveries.
    pub limit: usize,
    /// The maximum number of deliveries to one endpoint.
    pub each: usize,
    /// Endpoints to which deliveries are under way.
    pub busy: Vec<String>,
}

/// The end of the message of a delivery to an endpoint that was disabled.
pub(super) const CANCELED: &str = "the endpoint was disabled";

/// An endpoint with events for which no deliveries are queued yet.
pub(super) struct Behind {
    pub(super) id: String,
    pub(super) events: crate::domain::EventFilter,
    pub(super) after: i64,
    pub(super) waiting: u64,
}

impl Behind {
    /// Returns the deliveries of events, and the number of the last event that needs no further
    /// delivery. If the queue is full, the other events wait.
    pub(super) fn deliveries(
        &self,
        tenant: &TenantId,
        events: &[EventRecord],
        now: DateTime<Utc>,
    ) -> (Vec<NewDelivery>, i64) {
        let mut room = u64::from(Webhook::MAX_WAITING).saturating_sub(self.waiting);
        let (mut deliveries, mut after) = (Vec::new(), self.after);
        for event in events {
            if self.events.matches(&event.kind) {
                let Some(left) = room.checked_sub(1) else {
                    break;
                };
                room = left;
                deliveries.push(NewDelivery::of_event(tenant, &self.id, event, now));
            }
            after = super::values::column(event.seq);
        }
        (deliveries, after)
    }
}
