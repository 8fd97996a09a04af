//! Metering.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};

use crate::domain::{
    BilledCustomer, FactReceipt, MeteredCustomer, NewAuditEntry, Page, PageRequest, PoolId,
    SendingResult, SendingState, TenantId, UsageDay, UsageFact, UsageSending, UsageSettlement,
    UsageTotal,
};
use crate::store::postgres::{PostgresStore, metering, sendings};
use crate::store::{MeteringStore, SendingClaim, ServerStoreError};

#[async_trait]
impl MeteringStore for PostgresStore {
    async fn record_facts(
        &self,
        tenant: &TenantId,
        facts: Vec<UsageFact>,
    ) -> Result<FactReceipt, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = metering::record(&db, &facts).await;
        db.end(result).await
    }

    async fn adjust_usage(
        &self,
        tenant: &TenantId,
        adjustment: UsageFact,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = metering::adjust(&db, &adjustment, &audit).await;
        db.end(result).await
    }

    async fn usage_start(
        &self,
        tenant: &TenantId,
        now: DateTime<Utc>,
    ) -> Result<NaiveDate, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = metering::start(&db, now).await;
        db.end(result).await
    }

    async fn record_usage(
        &self,
        tenant: &TenantId,
        now: DateTime<Utc>,
    ) -> Result<(), ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = metering::record_usage(&db, now).await;
        db.end(result).await
    }

    async fn due_customers(
        &self,
        tenant: &TenantId,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<MeteredCustomer>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = metering::due(&db, now, limit).await;
        db.end(result).await
    }

    async fn metered_customers(
        &self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<MeteredCustomer>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = metering::customers(&db, page).await;
        db.end(result).await
    }

    async fn metered_customer(
        &self,
        tenant: &TenantId,
        customer: &PoolId,
    ) -> Result<Option<MeteredCustomer>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = metering::customer(&db, customer).await;
        db.end(result).await
    }

    async fn usage_days(
        &self,
        tenant: &TenantId,
        customer: &PoolId,
        from: NaiveDate,
    ) -> Result<Vec<UsageDay>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = metering::days(&db, customer, from).await;
        db.end(result).await
    }

    async fn usage_totals(
        &self,
        tenant: &TenantId,
        customer: &PoolId,
        from: NaiveDate,
    ) -> Result<Vec<UsageTotal>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = metering::totals(&db, customer, from).await;
        db.end(result).await
    }

    async fn recorded_totals(
        &self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<UsageTotal>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = metering::recorded(&db, page).await;
        db.end(result).await
    }

    async fn usage_billed_to(
        &self,
        tenant: &TenantId,
        provider: &str,
        customer: &PoolId,
    ) -> Result<Option<BilledCustomer>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = metering::billed_to(&db, provider, customer).await;
        db.end(result).await
    }

    async fn settle_usage(
        &self,
        tenant: &TenantId,
        settlement: UsageSettlement,
    ) -> Result<bool, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = metering::settle(&db, tenant, &settlement, self.clock.wall()).await;
        db.end(result).await
    }

    async fn set_usage_anchor(
        &self,
        tenant: &TenantId,
        customer: &PoolId,
        anchor: NaiveDate,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = metering::set_anchor(&db, customer, anchor, &audit).await;
        db.end(result).await
    }

    async fn forget_usage(
        &self,
        tenant: &TenantId,
        before: NaiveDate,
    ) -> Result<usize, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = metering::forget(&db, before).await;
        db.end(result).await
    }

    async fn sendings_of(
        &self,
        tenant: &TenantId,
        customer: &PoolId,
    ) -> Result<Vec<UsageSending>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = sendings::of_customer(&db, customer).await;
        db.end(result).await
    }

    async fn sendings(
        &self,
        tenant: &TenantId,
        state: Option<SendingState>,
        page: &PageRequest,
    ) -> Result<Page<UsageSending>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = sendings::page(&db, state, page).await;
        db.end(result).await
    }

    async fn sending(
        &self,
        tenant: &TenantId,
        id: &str,
    ) -> Result<Option<UsageSending>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = sendings::get(&db, id).await;
        db.end(result).await
    }

    async fn claim_sendings(
        &self,
        tenant: &TenantId,
        claim: SendingClaim,
        audit: NewAuditEntry,
    ) -> Result<Vec<UsageSending>, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = sendings::claim(&db, &claim, &audit).await;
        db.end(result).await
    }

    async fn finish_sending(
        &self,
        tenant: &TenantId,
        result: SendingResult,
    ) -> Result<(), ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = sendings::finish(&db, &result).await;
        db.end(result).await
    }

    async fn decide_sending(
        &self,
        tenant: &TenantId,
        id: &str,
        state: SendingState,
        audit: NewAuditEntry,
    ) -> Result<Option<bool>, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = sendings::decide(&db, id, state, &audit).await;
        db.end(result).await
    }
}
