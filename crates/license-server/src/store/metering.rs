//! Metering: facts, closed periods, and the outbox of the billing provider.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};

use super::ServerStoreError;
use crate::domain::{
    BilledCustomer, FactReceipt, MeteredCustomer, NewAuditEntry, Page, PageRequest, PoolId,
    SendingResult, SendingState, TenantId, UsageDay, UsageFact, UsageSending, UsageSettlement,
    UsageTotal,
};

/// How amounts are taken from the outbox.
#[derive(Clone, Copy, Debug)]
pub struct SendingClaim {
    /// The current time.
    pub now: DateTime<Utc>,
    /// The time before which no other attempt is made.
    pub next_at: DateTime<Utc>,
    /// An amount whose first attempt was earlier is not sent again.
    pub oldest: DateTime<Utc>,
    /// The maximum number of amounts.
    pub limit: u32,
}

/// The part of a [`ServerStore`](super::ServerStore) for metering.
#[async_trait]
pub trait MeteringStore: Send + Sync {
    /// Records facts, each once.
    async fn record_facts(
        &self,
        tenant: &TenantId,
        facts: Vec<UsageFact>,
    ) -> Result<FactReceipt, ServerStoreError>;

    /// Records an adjustment, whose license is that of the customer, once. Returns `false`, and
    /// changes nothing, if the license is not installed.
    async fn adjust_usage(
        &self,
        tenant: &TenantId,
        adjustment: UsageFact,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError>;

    /// Returns the first day that is metered: that of the first call.
    async fn usage_start(
        &self,
        tenant: &TenantId,
        now: DateTime<Utc>,
    ) -> Result<NaiveDate, ServerStoreError>;

    /// Records the activations that were answered and the hours of seats since the last call, or
    /// since the start. Each counts once.
    async fn record_usage(
        &self,
        tenant: &TenantId,
        now: DateTime<Utc>,
    ) -> Result<(), ServerStoreError>;

    /// Returns customers whose facts have changed since their last settlement, or whose next
    /// settlement is due.
    async fn due_customers(
        &self,
        tenant: &TenantId,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<MeteredCustomer>, ServerStoreError>;

    /// Returns customers with facts, by their pools.
    async fn metered_customers(
        &self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<MeteredCustomer>, ServerStoreError>;

    /// Returns a customer with facts.
    async fn metered_customer(
        &self,
        tenant: &TenantId,
        customer: &PoolId,
    ) -> Result<Option<MeteredCustomer>, ServerStoreError>;

    /// Returns the sums of the facts of a customer from the day `from` on, in the order of the
    /// days.
    async fn usage_days(
        &self,
        tenant: &TenantId,
        customer: &PoolId,
        from: NaiveDate,
    ) -> Result<Vec<UsageDay>, ServerStoreError>;

    /// Returns the amounts of closed periods of a customer that start on the day `from` or later,
    /// in the order of recording.
    async fn usage_totals(
        &self,
        tenant: &TenantId,
        customer: &PoolId,
        from: NaiveDate,
    ) -> Result<Vec<UsageTotal>, ServerStoreError>;

    /// Returns the amounts of closed periods of all customers, in the order of recording. The page
    /// always has a cursor, from which a caller can continue later.
    async fn recorded_totals(
        &self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<UsageTotal>, ServerStoreError>;

    /// Returns the customer at a billing provider who pays for a pool, if there is one.
    async fn usage_billed_to(
        &self,
        tenant: &TenantId,
        provider: &str,
        customer: &PoolId,
    ) -> Result<Option<BilledCustomer>, ServerStoreError>;

    /// Stores a settlement. Returns `false`, and changes nothing, if another one was stored since
    /// the customer was read.
    async fn settle_usage(
        &self,
        tenant: &TenantId,
        settlement: UsageSettlement,
    ) -> Result<bool, ServerStoreError>;

    /// Changes the day from which periods are counted. Returns `false` if the customer has no
    /// facts.
    async fn set_usage_anchor(
        &self,
        tenant: &TenantId,
        customer: &PoolId,
        anchor: NaiveDate,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError>;

    /// Deletes facts and notices of days before `before`. Returns how many were deleted, which may
    /// be only a part of them.
    async fn forget_usage(
        &self,
        tenant: &TenantId,
        before: NaiveDate,
    ) -> Result<usize, ServerStoreError>;

    /// Returns the amounts of a customer in the outbox, in the order of meters, periods and
    /// numbers.
    async fn sendings_of(
        &self,
        tenant: &TenantId,
        customer: &PoolId,
    ) -> Result<Vec<UsageSending>, ServerStoreError>;

    /// Returns the amounts in the outbox in one state or in any, by their identifiers.
    async fn sendings(
        &self,
        tenant: &TenantId,
        state: Option<SendingState>,
        page: &PageRequest,
    ) -> Result<Page<UsageSending>, ServerStoreError>;

    /// Returns an amount in the outbox.
    async fn sending(
        &self,
        tenant: &TenantId,
        id: &str,
    ) -> Result<Option<UsageSending>, ServerStoreError>;

    /// Takes amounts that are due, counts an attempt of each, and postpones the next one. An amount
    /// whose first attempt was too early becomes uncertain, each with a copy of the audit entry.
    async fn claim_sendings(
        &self,
        tenant: &TenantId,
        claim: SendingClaim,
        audit: NewAuditEntry,
    ) -> Result<Vec<UsageSending>, ServerStoreError>;

    /// Stores the result of an attempt, unless a later attempt has begun.
    async fn finish_sending(
        &self,
        tenant: &TenantId,
        result: SendingResult,
    ) -> Result<(), ServerStoreError>;

    /// Decides about an uncertain amount. Returns `false` if the amount is not uncertain, and
    /// `None` if there is no such amount.
    async fn decide_sending(
        &self,
        tenant: &TenantId,
        id: &str,
        state: SendingState,
        audit: NewAuditEntry,
    ) -> Result<Option<bool>, ServerStoreError>;
}

/// How much earlier than the last call activations and hours of seats are looked for again, in
/// milliseconds: an hour. Another transaction can store an earlier time, and the hour continues.
pub(super) const OVERLAP_MS: i64 = HOUR_MS;

/// The length of an hour in milliseconds.
pub(super) const HOUR_MS: i64 = 60 * 60 * 1000;
