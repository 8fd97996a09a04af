//! Billing.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::{
    BillingCustomer, BillingEvent, BillingEventState, BillingPlan, BillingSubscription,
    EventOutcome, NewAuditEntry, NewBillingEvent, Page, PageRequest, PoolId, SubscriptionFilter,
    TenantId,
};
use crate::store::sqlite::{SqliteStore, billing};
use crate::store::{BillingStore, ServerStoreError};

#[async_trait]
impl BillingStore for SqliteStore {
    async fn put_billing_plan(
        &self,
        tenant: &TenantId,
        provider: &str,
        plan: BillingPlan,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let provider = provider.to_owned();
        self.write(tenant, move |batch, tenant| {
            billing::put_plan(batch.db, tenant, &provider, &plan, audit)
        })
        .await
    }

    async fn delete_billing_plan(
        &self,
        tenant: &TenantId,
        provider: &str,
        price: &str,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let provider = provider.to_owned();
        let price = price.to_owned();
        self.write(tenant, move |batch, tenant| {
            billing::delete_plan(batch.db, tenant, &provider, &price, audit)
        })
        .await
    }

    async fn billing_plans(
        &self,
        tenant: &TenantId,
        provider: &str,
    ) -> Result<Vec<BillingPlan>, ServerStoreError> {
        let provider = provider.to_owned();
        self.read(tenant, move |db, tenant| {
            billing::plans(db, tenant, &provider)
        })
        .await
    }

    async fn record_billing_event(
        &self,
        tenant: &TenantId,
        event: NewBillingEvent,
    ) -> Result<bool, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            billing::record_event(batch.db, tenant, &event)
        })
        .await
    }

    async fn due_billing_events(
        &self,
        tenant: &TenantId,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<BillingEvent>, ServerStoreError> {
        self.read(tenant, move |db, tenant| {
            billing::due_events(db, tenant, now, limit)
        })
        .await
    }

    async fn finish_billing_event(
        &self,
        tenant: &TenantId,
        provider: &str,
        id: &str,
        outcome: EventOutcome,
    ) -> Result<(), ServerStoreError> {
        let provider = provider.to_owned();
        let id = id.to_owned();
        self.write(tenant, move |batch, tenant| {
            billing::finish_event(batch.db, tenant, &provider, &id, &outcome)
        })
        .await
    }

    async fn billing_event(
        &self,
        tenant: &TenantId,
        provider: &str,
        id: &str,
    ) -> Result<Option<BillingEvent>, ServerStoreError> {
        let provider = provider.to_owned();
        let id = id.to_owned();
        self.read(tenant, move |db, tenant| {
            billing::event(db, tenant, &provider, &id)
        })
        .await
    }

    async fn billing_events(
        &self,
        tenant: &TenantId,
        provider: &str,
        state: Option<BillingEventState>,
        page: &PageRequest,
    ) -> Result<Page<BillingEvent>, ServerStoreError> {
        let provider = provider.to_owned();
        let page = page.clone();
        self.read(tenant, move |db, tenant| {
            billing::events(db, tenant, &provider, state, &page)
        })
        .await
    }

    async fn waiting_billing_events(
        &self,
        tenant: &TenantId,
    ) -> Result<(u64, Option<DateTime<Utc>>), ServerStoreError> {
        self.read(tenant, billing::waiting_events).await
    }

    async fn forget_billing_events(
        &self,
        tenant: &TenantId,
        before: DateTime<Utc>,
        comparisons_before: DateTime<Utc>,
    ) -> Result<usize, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            billing::forget_events(batch.db, tenant, before, comparisons_before)
        })
        .await
    }

    async fn put_billing_subscription(
        &self,
        tenant: &TenantId,
        customer: BillingCustomer,
        subscription: BillingSubscription,
        audit: Option<NewAuditEntry>,
    ) -> Result<bool, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            billing::put_subscription(batch.db, tenant, &customer, &subscription, audit)
        })
        .await
    }

    async fn billing_subscription(
        &self,
        tenant: &TenantId,
        provider: &str,
        id: &str,
    ) -> Result<Option<BillingSubscription>, ServerStoreError> {
        let provider = provider.to_owned();
        let id = id.to_owned();
        self.read(tenant, move |db, tenant| {
            billing::get_subscription(db, tenant, &provider, &id)
        })
        .await
    }

    async fn billing_subscription_of_pool(
        &self,
        tenant: &TenantId,
        provider: &str,
        pool: &PoolId,
    ) -> Result<Option<BillingSubscription>, ServerStoreError> {
        let provider = provider.to_owned();
        let pool = pool.clone();
        self.read(tenant, move |db, tenant| {
            billing::subscription_of_pool(db, tenant, &provider, &pool)
        })
        .await
    }

    async fn billing_subscriptions_of(
        &self,
        tenant: &TenantId,
        provider: &str,
        customer: Option<&str>,
        email: Option<&str>,
    ) -> Result<Vec<BillingSubscription>, ServerStoreError> {
        let provider = provider.to_owned();
        let (customer, email) = (customer.map(str::to_owned), email.map(str::to_owned));
        self.read(tenant, move |db, tenant| {
            billing::subscriptions_of(db, tenant, &provider, customer.as_deref(), email.as_deref())
        })
        .await
    }

    async fn billing_subscriptions(
        &self,
        tenant: &TenantId,
        provider: &str,
        filter: &SubscriptionFilter,
        page: &PageRequest,
    ) -> Result<Page<BillingSubscription>, ServerStoreError> {
        let provider = provider.to_owned();
        let (filter, page) = (filter.clone(), page.clone());
        self.read(tenant, move |db, tenant| {
            billing::subscriptions(db, tenant, &provider, &filter, &page)
        })
        .await
    }

    async fn unchecked_billing_subscriptions(
        &self,
        tenant: &TenantId,
        provider: &str,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<String>, ServerStoreError> {
        let provider = provider.to_owned();
        self.read(tenant, move |db, tenant| {
            billing::unchecked(db, tenant, &provider, before, limit)
        })
        .await
    }

    async fn billing_customer(
        &self,
        tenant: &TenantId,
        provider: &str,
        id: &str,
    ) -> Result<Option<BillingCustomer>, ServerStoreError> {
        let provider = provider.to_owned();
        let id = id.to_owned();
        self.read(tenant, move |db, tenant| {
            billing::customer(db, tenant, &provider, &id)
        })
        .await
    }

    async fn billing_customers(
        &self,
        tenant: &TenantId,
        provider: &str,
        page: &PageRequest,
    ) -> Result<Page<BillingCustomer>, ServerStoreError> {
        let provider = provider.to_owned();
        let page = page.clone();
        self.read(tenant, move |db, tenant| {
            billing::customers(db, tenant, &provider, &page)
        })
        .await
    }

    async fn billing_mark(
        &self,
        tenant: &TenantId,
        provider: &str,
    ) -> Result<Option<DateTime<Utc>>, ServerStoreError> {
        let provider = provider.to_owned();
        self.read(tenant, move |db, tenant| {
            billing::mark(db, tenant, &provider)
        })
        .await
    }

    async fn set_billing_mark(
        &self,
        tenant: &TenantId,
        provider: &str,
        at: DateTime<Utc>,
    ) -> Result<(), ServerStoreError> {
        let provider = provider.to_owned();
        self.write(tenant, move |batch, tenant| {
            billing::set_mark(batch.db, tenant, &provider, at)
        })
        .await
    }
}
