//! Billing.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::{
    BillingCustomer, BillingEvent, BillingEventState, BillingPlan, BillingSubscription,
    EventOutcome, NewAuditEntry, NewBillingEvent, Page, PageRequest, PoolId, SubscriptionFilter,
    TenantId,
};
use crate::store::postgres::{PostgresStore, billing};
use crate::store::{BillingStore, ServerStoreError};

#[async_trait]
impl BillingStore for PostgresStore {
    async fn put_billing_plan(
        &self,
        tenant: &TenantId,
        provider: &str,
        plan: BillingPlan,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = billing::put_plan(&db, provider, &plan, audit).await;
        db.end(result).await
    }

    async fn delete_billing_plan(
        &self,
        tenant: &TenantId,
        provider: &str,
        price: &str,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = billing::delete_plan(&db, provider, price, audit).await;
        db.end(result).await
    }

    async fn billing_plans(
        &self,
        tenant: &TenantId,
        provider: &str,
    ) -> Result<Vec<BillingPlan>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = billing::plans(&db, provider).await;
        db.end(result).await
    }

    async fn record_billing_event(
        &self,
        tenant: &TenantId,
        event: NewBillingEvent,
    ) -> Result<bool, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = billing::record_event(&db, &event).await;
        db.end(result).await
    }

    async fn due_billing_events(
        &self,
        tenant: &TenantId,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<BillingEvent>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = billing::due_events(&db, now, limit).await;
        db.end(result).await
    }

    async fn finish_billing_event(
        &self,
        tenant: &TenantId,
        provider: &str,
        id: &str,
        outcome: EventOutcome,
    ) -> Result<(), ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = billing::finish_event(&db, provider, id, &outcome).await;
        db.end(result).await
    }

    async fn billing_event(
        &self,
        tenant: &TenantId,
        provider: &str,
        id: &str,
    ) -> Result<Option<BillingEvent>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = billing::event(&db, provider, id).await;
        db.end(result).await
    }

    async fn billing_events(
        &self,
        tenant: &TenantId,
        provider: &str,
        state: Option<BillingEventState>,
        page: &PageRequest,
    ) -> Result<Page<BillingEvent>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = billing::events(&db, provider, state, page).await;
        db.end(result).await
    }

    async fn waiting_billing_events(
        &self,
        tenant: &TenantId,
    ) -> Result<(u64, Option<DateTime<Utc>>), ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = billing::waiting_events(&db).await;
        db.end(result).await
    }

    async fn forget_billing_events(
        &self,
        tenant: &TenantId,
        before: DateTime<Utc>,
        comparisons_before: DateTime<Utc>,
    ) -> Result<usize, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = billing::forget_events(&db, before, comparisons_before).await;
        db.end(result).await
    }

    async fn put_billing_subscription(
        &self,
        tenant: &TenantId,
        customer: BillingCustomer,
        subscription: BillingSubscription,
        audit: Option<NewAuditEntry>,
    ) -> Result<bool, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = billing::put_subscription(&db, &customer, &subscription, audit).await;
        db.end(result).await
    }

    async fn billing_subscription(
        &self,
        tenant: &TenantId,
        provider: &str,
        id: &str,
    ) -> Result<Option<BillingSubscription>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = billing::get_subscription(&db, provider, id).await;
        db.end(result).await
    }

    async fn billing_subscription_of_pool(
        &self,
        tenant: &TenantId,
        provider: &str,
        pool: &PoolId,
    ) -> Result<Option<BillingSubscription>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = billing::subscription_of_pool(&db, provider, pool).await;
        db.end(result).await
    }

    async fn billing_subscriptions_of(
        &self,
        tenant: &TenantId,
        provider: &str,
        customer: Option<&str>,
        email: Option<&str>,
    ) -> Result<Vec<BillingSubscription>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = billing::subscriptions_of(&db, provider, customer, email).await;
        db.end(result).await
    }

    async fn billing_subscriptions(
        &self,
        tenant: &TenantId,
        provider: &str,
        filter: &SubscriptionFilter,
        page: &PageRequest,
    ) -> Result<Page<BillingSubscription>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = billing::subscriptions(&db, provider, filter, page).await;
        db.end(result).await
    }

    async fn unchecked_billing_subscriptions(
        &self,
        tenant: &TenantId,
        provider: &str,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<String>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = billing::unchecked(&db, provider, before, limit).await;
        db.end(result).await
    }

    async fn billing_customer(
        &self,
        tenant: &TenantId,
        provider: &str,
        id: &str,
    ) -> Result<Option<BillingCustomer>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = billing::customer(&db, provider, id).await;
        db.end(result).await
    }

    async fn billing_customers(
        &self,
        tenant: &TenantId,
        provider: &str,
        page: &PageRequest,
    ) -> Result<Page<BillingCustomer>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = billing::customers(&db, provider, page).await;
        db.end(result).await
    }

    async fn billing_mark(
        &self,
        tenant: &TenantId,
        provider: &str,
    ) -> Result<Option<DateTime<Utc>>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = billing::mark(&db, provider).await;
        db.end(result).await
    }

    async fn set_billing_mark(
        &self,
        tenant: &TenantId,
        provider: &str,
        at: DateTime<Utc>,
    ) -> Result<(), ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = billing::set_mark(&db, provider, at).await;
        db.end(result).await
    }
}
