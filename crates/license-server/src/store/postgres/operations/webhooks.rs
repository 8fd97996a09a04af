//! Webhooks and their deliveries.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::{
    AttemptResult, DisabledReason, DueDelivery, NewAuditEntry, NewDelivery, Page, PageRequest,
    ReplayResult, SealedSecret, TenantId, Webhook, WebhookBacklog, WebhookChange, WebhookDelivery,
    WebhookDeliveryState,
};
use crate::store::postgres::{PostgresStore, deliveries, webhooks};
use crate::store::{DeliveryClaim, ServerStoreError, WebhookStore};

#[async_trait]
impl WebhookStore for PostgresStore {
    async fn create_webhook(
        &self,
        tenant: &TenantId,
        webhook: Webhook,
        secret: SealedSecret,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = webhooks::create(&db, &webhook, &secret, &audit).await;
        db.end(result).await
    }

    async fn webhooks(&self, tenant: &TenantId) -> Result<Vec<Webhook>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = webhooks::all(&db).await;
        db.end(result).await
    }

    async fn webhook(
        &self,
        tenant: &TenantId,
        id: &str,
    ) -> Result<Option<Webhook>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = webhooks::get(&db, id).await;
        db.end(result).await
    }

    async fn change_webhook(
        &self,
        tenant: &TenantId,
        id: &str,
        change: WebhookChange,
        audit: NewAuditEntry,
    ) -> Result<Option<Webhook>, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = webhooks::change(&db, id, &change, &audit).await;
        db.end(result).await
    }

    async fn delete_webhook(
        &self,
        tenant: &TenantId,
        id: &str,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = webhooks::delete(&db, id, audit).await;
        db.end(result).await
    }

    async fn rotate_webhook_secret(
        &self,
        tenant: &TenantId,
        id: &str,
        secret: SealedSecret,
        until: DateTime<Utc>,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = webhooks::rotate(&db, id, &secret, until, &audit).await;
        db.end(result).await
    }

    async fn ping_webhook(
        &self,
        tenant: &TenantId,
        ping: NewDelivery,
        audit: NewAuditEntry,
    ) -> Result<ReplayResult, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = deliveries::ping(&db, &ping, &audit).await;
        db.end(result).await
    }

    async fn deliveries(
        &self,
        tenant: &TenantId,
        webhook: &str,
        state: Option<WebhookDeliveryState>,
        page: &PageRequest,
    ) -> Result<Page<WebhookDelivery>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = deliveries::deliveries(&db, webhook, state, page).await;
        db.end(result).await
    }

    async fn replay_delivery(
        &self,
        tenant: &TenantId,
        webhook: &str,
        id: &str,
        at: DateTime<Utc>,
        audit: NewAuditEntry,
    ) -> Result<ReplayResult, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = deliveries::replay(&db, webhook, id, at, &audit).await;
        db.end(result).await
    }

    async fn replay_failed_deliveries(
        &self,
        tenant: &TenantId,
        webhook: &str,
        since: DateTime<Utc>,
        at: DateTime<Utc>,
        audit: NewAuditEntry,
    ) -> Result<ReplayResult, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = deliveries::replay_failed(&db, webhook, since, at, &audit).await;
        db.end(result).await
    }

    async fn webhook_tenants(&self) -> Result<Vec<TenantId>, ServerStoreError> {
        let db = self.database.begin_read_for_all().await?;
        let result = deliveries::tenants_with_endpoints(&db).await;
        db.end(result).await
    }

    async fn queue_deliveries(
        &self,
        tenant: &TenantId,
        now: DateTime<Utc>,
    ) -> Result<usize, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = deliveries::queue(&db, tenant, now).await;
        db.end(result).await
    }

    async fn claim_deliveries(
        &self,
        tenant: &TenantId,
        claim: DeliveryClaim,
    ) -> Result<Vec<DueDelivery<SealedSecret>>, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = deliveries::claim(&db, &claim).await;
        db.end(result).await
    }

    async fn finish_delivery(
        &self,
        tenant: &TenantId,
        result: AttemptResult,
        audit: NewAuditEntry,
    ) -> Result<Option<DisabledReason>, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = deliveries::finish(&db, &result, &audit).await;
        db.end(result).await
    }

    async fn forget_deliveries(
        &self,
        tenant: &TenantId,
        before: DateTime<Utc>,
    ) -> Result<usize, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = deliveries::forget(&db, before).await;
        db.end(result).await
    }

    async fn webhook_backlog(&self, tenant: &TenantId) -> Result<WebhookBacklog, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = deliveries::backlog(&db).await;
        db.end(result).await
    }
}
