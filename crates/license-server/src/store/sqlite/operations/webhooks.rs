//! Webhooks and their deliveries.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::{
    AttemptResult, DisabledReason, DueDelivery, NewAuditEntry, NewDelivery, Page, PageRequest,
    ReplayResult, SealedSecret, TenantId, Webhook, WebhookBacklog, WebhookChange, WebhookDelivery,
    WebhookDeliveryState,
};
use crate::store::sqlite::{SqliteStore, deliveries, webhooks};
use crate::store::{DeliveryClaim, ServerStoreError, WebhookStore};

#[async_trait]
impl WebhookStore for SqliteStore {
    async fn create_webhook(
        &self,
        tenant: &TenantId,
        webhook: Webhook,
        secret: SealedSecret,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            webhooks::create(batch.db, tenant, &webhook, &secret, &audit)
        })
        .await
    }

    async fn webhooks(&self, tenant: &TenantId) -> Result<Vec<Webhook>, ServerStoreError> {
        self.read(tenant, webhooks::all).await
    }

    async fn webhook(
        &self,
        tenant: &TenantId,
        id: &str,
    ) -> Result<Option<Webhook>, ServerStoreError> {
        let id = id.to_owned();
        self.read(tenant, move |db, tenant| webhooks::get(db, tenant, &id))
            .await
    }

    async fn change_webhook(
        &self,
        tenant: &TenantId,
        id: &str,
        change: WebhookChange,
        audit: NewAuditEntry,
    ) -> Result<Option<Webhook>, ServerStoreError> {
        let id = id.to_owned();
        self.write(tenant, move |batch, tenant| {
            webhooks::change(batch.db, tenant, &id, &change, &audit)
        })
        .await
    }

    async fn delete_webhook(
        &self,
        tenant: &TenantId,
        id: &str,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let id = id.to_owned();
        self.write(tenant, move |batch, tenant| {
            webhooks::delete(batch.db, tenant, &id, audit)
        })
        .await
    }

    async fn rotate_webhook_secret(
        &self,
        tenant: &TenantId,
        id: &str,
        secret: SealedSecret,
        until: DateTime<Utc>,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let id = id.to_owned();
        self.write(tenant, move |batch, tenant| {
            webhooks::rotate(batch.db, tenant, &id, &secret, until, &audit)
        })
        .await
    }

    async fn ping_webhook(
        &self,
        tenant: &TenantId,
        ping: NewDelivery,
        audit: NewAuditEntry,
    ) -> Result<ReplayResult, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            deliveries::ping(batch.db, tenant, &ping, &audit)
        })
        .await
    }

    async fn deliveries(
        &self,
        tenant: &TenantId,
        webhook: &str,
        state: Option<WebhookDeliveryState>,
        page: &PageRequest,
    ) -> Result<Page<WebhookDelivery>, ServerStoreError> {
        let (webhook, page) = (webhook.to_owned(), page.clone());
        self.read(tenant, move |db, tenant| {
            deliveries::deliveries(db, tenant, &webhook, state, &page)
        })
        .await
    }

    async fn replay_delivery(
        &self,
        tenant: &TenantId,
        webhook: &str,
        id: &str,
        at: DateTime<Utc>,
        audit: NewAuditEntry,
    ) -> Result<ReplayResult, ServerStoreError> {
        let (webhook, id) = (webhook.to_owned(), id.to_owned());
        self.write(tenant, move |batch, tenant| {
            deliveries::replay(batch.db, tenant, &webhook, &id, at, &audit)
        })
        .await
    }

    async fn replay_failed_deliveries(
        &self,
        tenant: &TenantId,
        webhook: &str,
        since: DateTime<Utc>,
        at: DateTime<Utc>,
        audit: NewAuditEntry,
    ) -> Result<ReplayResult, ServerStoreError> {
        let webhook = webhook.to_owned();
        self.write(tenant, move |batch, tenant| {
            deliveries::replay_failed(batch.db, tenant, &webhook, since, at, &audit)
        })
        .await
    }

    async fn webhook_tenants(&self) -> Result<Vec<TenantId>, ServerStoreError> {
        self.readers.run(deliveries::tenants).await
    }

    async fn queue_deliveries(
        &self,
        tenant: &TenantId,
        now: DateTime<Utc>,
    ) -> Result<usize, ServerStoreError> {
        // Most calls find nothing, and the writer should not wait for the disk because of them.
        if !self.read(tenant, deliveries::is_behind).await? {
            return Ok(0);
        }
        self.write(tenant, move |batch, tenant| {
            deliveries::queue(batch.db, tenant, now)
        })
        .await
    }

    async fn claim_deliveries(
        &self,
        tenant: &TenantId,
        claim: DeliveryClaim,
    ) -> Result<Vec<DueDelivery<SealedSecret>>, ServerStoreError> {
        let backlog = self.read(tenant, deliveries::backlog).await?;
        if backlog.next_at.is_none_or(|next| next > claim.now) {
            return Ok(Vec::new());
        }
        self.write(tenant, move |batch, tenant| {
            deliveries::claim(batch.db, tenant, &claim)
        })
        .await
    }

    async fn finish_delivery(
        &self,
        tenant: &TenantId,
        result: AttemptResult,
        audit: NewAuditEntry,
    ) -> Result<Option<DisabledReason>, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            deliveries::finish(batch.db, tenant, &result, &audit)
        })
        .await
    }

    async fn forget_deliveries(
        &self,
        tenant: &TenantId,
        before: DateTime<Utc>,
    ) -> Result<usize, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            deliveries::forget(batch.db, tenant, before)
        })
        .await
    }

    async fn webhook_backlog(&self, tenant: &TenantId) -> Result<WebhookBacklog, ServerStoreError> {
        self.read(tenant, deliveries::backlog).await
    }
}
