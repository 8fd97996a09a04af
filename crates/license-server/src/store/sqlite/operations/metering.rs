//! Metering.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};

use crate::domain::{
    BilledCustomer, FactReceipt, MeteredCustomer, NewAuditEntry, Page, PageRequest, PoolId,
    SendingResult, SendingState, TenantId, UsageDay, UsageFact, UsageSending, UsageSettlement,
    UsageTotal,
};
use crate::store::sqlite::{SqliteStore, metering, sendings};
use crate::store::{MeteringStore, SendingClaim, ServerStoreError};

#[async_trait]
impl MeteringStore for SqliteStore {
    async fn record_facts(
        &self,
        tenant: &TenantId,
        facts: Vec<UsageFact>,
    ) -> Result<FactReceipt, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            metering::record(batch.db, tenant, &facts)
        })
        .await
    }

    async fn adjust_usage(
        &self,
        tenant: &TenantId,
        adjustment: UsageFact,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            metering::adjust(batch.db, tenant, &adjustment, &audit)
        })
        .await
    }

    async fn usage_start(
        &self,
        tenant: &TenantId,
        now: DateTime<Utc>,
    ) -> Result<NaiveDate, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            metering::start(batch.db, tenant, now)
        })
        .await
    }

    async fn record_usage(
        &self,
        tenant: &TenantId,
        now: DateTime<Utc>,
    ) -> Result<(), ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            metering::record_usage(batch.db, tenant, now)
        })
        .await
    }

    async fn due_customers(
        &self,
        tenant: &TenantId,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<MeteredCustomer>, ServerStoreError> {
        self.read(tenant, move |db, tenant| {
            metering::due(db, tenant, now, limit)
        })
        .await
    }

    async fn metered_customers(
        &self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<MeteredCustomer>, ServerStoreError> {
        let page = page.clone();
        self.read(tenant, move |db, tenant| {
            metering::customers(db, tenant, &page)
        })
        .await
    }

    async fn metered_customer(
        &self,
        tenant: &TenantId,
        customer: &PoolId,
    ) -> Result<Option<MeteredCustomer>, ServerStoreError> {
        let customer = customer.clone();
        self.read(tenant, move |db, tenant| {
            metering::customer(db, tenant, &customer)
        })
        .await
    }

    async fn usage_days(
        &self,
        tenant: &TenantId,
        customer: &PoolId,
        from: NaiveDate,
    ) -> Result<Vec<UsageDay>, ServerStoreError> {
        let customer = customer.clone();
        self.read(tenant, move |db, tenant| {
            metering::days(db, tenant, &customer, from)
        })
        .await
    }

    async fn usage_totals(
        &self,
        tenant: &TenantId,
        customer: &PoolId,
        from: NaiveDate,
    ) -> Result<Vec<UsageTotal>, ServerStoreError> {
        let customer = customer.clone();
        self.read(tenant, move |db, tenant| {
            metering::totals(db, tenant, &customer, from)
        })
        .await
    }

    async fn recorded_totals(
        &self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<UsageTotal>, ServerStoreError> {
        let page = page.clone();
        self.read(tenant, move |db, tenant| {
            metering::recorded(db, tenant, &page)
        })
        .await
    }

    async fn usage_billed_to(
        &self,
        tenant: &TenantId,
        provider: &str,
        customer: &PoolId,
    ) -> Result<Option<BilledCustomer>, ServerStoreError> {
        let (provider, customer) = (provider.to_owned(), customer.clone());
        self.read(tenant, move |db, tenant| {
            metering::billed_to(db, tenant, &provider, &customer)
        })
        .await
    }

    async fn settle_usage(
        &self,
        tenant: &TenantId,
        settlement: UsageSettlement,
    ) -> Result<bool, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            metering::settle(batch.db, tenant, &settlement, batch.wall)
        })
        .await
    }

    async fn set_usage_anchor(
        &self,
        tenant: &TenantId,
        customer: &PoolId,
        anchor: NaiveDate,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let customer = customer.clone();
        self.write(tenant, move |batch, tenant| {
            metering::set_anchor(batch.db, tenant, &customer, anchor, &audit)
        })
        .await
    }

    async fn forget_usage(
        &self,
        tenant: &TenantId,
        before: NaiveDate,
    ) -> Result<usize, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            metering::forget(batch.db, tenant, before)
        })
        .await
    }

    async fn sendings_of(
        &self,
        tenant: &TenantId,
        customer: &PoolId,
    ) -> Result<Vec<UsageSending>, ServerStoreError> {
        let customer = customer.clone();
        self.read(tenant, move |db, tenant| {
            sendings::of_customer(db, tenant, &customer)
        })
        .await
    }

    async fn sendings(
        &self,
        tenant: &TenantId,
        state: Option<SendingState>,
        page: &PageRequest,
    ) -> Result<Page<UsageSending>, ServerStoreError> {
        let page = page.clone();
        self.read(tenant, move |db, tenant| {
            sendings::page(db, tenant, state, &page)
        })
        .await
    }

    async fn sending(
        &self,
        tenant: &TenantId,
        id: &str,
    ) -> Result<Option<UsageSending>, ServerStoreError> {
        let id = id.to_owned();
        self.read(tenant, move |db, tenant| sendings::get(db, tenant, &id))
            .await
    }

    async fn claim_sendings(
        &self,
        tenant: &TenantId,
        claim: SendingClaim,
        audit: NewAuditEntry,
    ) -> Result<Vec<UsageSending>, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            sendings::claim(batch.db, tenant, &claim, &audit)
        })
        .await
    }

    async fn finish_sending(
        &self,
        tenant: &TenantId,
        result: SendingResult,
    ) -> Result<(), ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            sendings::finish(batch.db, tenant, &result)
        })
        .await
    }

    async fn decide_sending(
        &self,
        tenant: &TenantId,
        id: &str,
        state: SendingState,
        audit: NewAuditEntry,
    ) -> Result<Option<bool>, ServerStoreError> {
        let id = id.to_owned();
        self.write(tenant, move |batch, tenant| {
            sendings::decide(batch.db, tenant, &id, state, &audit)
        })
        .await
    }
}
