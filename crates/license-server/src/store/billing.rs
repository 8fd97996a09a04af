//! Billing: plans, customers, subscriptions and events of payment providers.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::ServerStoreError;
use crate::domain::{
    BillingCustomer, BillingEvent, BillingEventState, BillingPlan, BillingSubscription,
    EventOutcome, NewAuditEntry, NewBillingEvent, Page, PageRequest, PoolId, SubscriptionFilter,
    TenantId,
};

/// The part of a [`ServerStore`](super::ServerStore) for billing.
#[async_trait]
pub trait BillingStore: Send + Sync {
    /// Stores the plan of a price. The store adds the former state to the audit entry. Returns
    /// `false`, and changes nothing, if the tenant has [`BillingPlan::MAX_COUNT`] other plans.
    async fn put_billing_plan(
        &self,
        tenant: &TenantId,
        provider: &str,
        plan: BillingPlan,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError>;

    /// Deletes the plan of a price. Returns whether it existed.
    async fn delete_billing_plan(
        &self,
        tenant: &TenantId,
        provider: &str,
        price: &str,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError>;

    /// Returns all plans, by price.
    async fn billing_plans(
        &self,
        tenant: &TenantId,
        provider: &str,
    ) -> Result<Vec<BillingPlan>, ServerStoreError>;

    /// Stores an event that waits for its processing. Returns `false` if the event is stored
    /// already.
    async fn record_billing_event(
        &self,
        tenant: &TenantId,
        event: NewBillingEvent,
    ) -> Result<bool, ServerStoreError>;

    /// Returns up to `limit` waiting events whose next attempt is due, in the order of their
    /// attempts.
    async fn due_billing_events(
        &self,
        tenant: &TenantId,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<BillingEvent>, ServerStoreError>;

    /// Stores the result of an attempt. A result that comes after another one has no effect.
    async fn finish_billing_event(
        &self,
        tenant: &TenantId,
        provider: &str,
        id: &str,
        outcome: EventOutcome,
    ) -> Result<(), ServerStoreError>;

    /// Returns an event.
    async fn billing_event(
        &self,
        tenant: &TenantId,
        provider: &str,
        id: &str,
    ) -> Result<Option<BillingEvent>, ServerStoreError>;

    /// Returns events, the newest receipt first.
    async fn billing_events(
        &self,
        tenant: &TenantId,
        provider: &str,
        state: Option<BillingEventState>,
        page: &PageRequest,
    ) -> Result<Page<BillingEvent>, ServerStoreError>;

    /// Returns the number of waiting events, and when the oldest of them was received.
    async fn waiting_billing_events(
        &self,
        tenant: &TenantId,
    ) -> Result<(u64, Option<DateTime<Utc>>), ServerStoreError>;

    /// Deletes processed events that were received before `before`, and those of the kind
    /// [`NewBillingEvent::COMPARISON`] that were received before `comparisons_before`. Returns how
    /// many were deleted, which may be only a part of them.
    async fn forget_billing_events(
        &self,
        tenant: &TenantId,
        before: DateTime<Utc>,
        comparisons_before: DateTime<Utc>,
    ) -> Result<usize, ServerStoreError>;

    /// Stores a subscription with its customer, if it was not changed since it was read with its
    /// `version`. A new subscription has version 0. Returns whether it was stored. The store adds
    /// the former state to the audit entry.
    async fn put_billing_subscription(
        &self,
        tenant: &TenantId,
        customer: BillingCustomer,
        subscription: BillingSubscription,
        audit: Option<NewAuditEntry>,
    ) -> Result<bool, ServerStoreError>;

    /// Returns a subscription.
    async fn billing_subscription(
        &self,
        tenant: &TenantId,
        provider: &str,
        id: &str,
    ) -> Result<Option<BillingSubscription>, ServerStoreError>;

    /// Returns the subscription whose newest license is in a pool: the newest subscription.
    async fn billing_subscription_of_pool(
        &self,
        tenant: &TenantId,
        provider: &str,
        pool: &PoolId,
    ) -> Result<Option<BillingSubscription>, ServerStoreError>;

    /// Returns up to 100 subscriptions of a customer with an id or an address, the newest first.
    /// Addresses are compared without case.
    async fn billing_subscriptions_of(
        &self,
        tenant: &TenantId,
        provider: &str,
        customer: Option<&str>,
        email: Option<&str>,
    ) -> Result<Vec<BillingSubscription>, ServerStoreError>;

    /// Returns subscriptions, the last change first.
    async fn billing_subscriptions(
        &self,
        tenant: &TenantId,
        provider: &str,
        filter: &SubscriptionFilter,
        page: &PageRequest,
    ) -> Result<Page<BillingSubscription>, ServerStoreError>;

    /// Returns the ids of up to `limit` subscriptions that can still change and were not compared
    /// with the provider since `before`, the oldest comparison first.
    async fn unchecked_billing_subscriptions(
        &self,
        tenant: &TenantId,
        provider: &str,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<String>, ServerStoreError>;

    /// Returns a customer.
    async fn billing_customer(
        &self,
        tenant: &TenantId,
        provider: &str,
        id: &str,
    ) -> Result<Option<BillingCustomer>, ServerStoreError>;

    /// Returns customers, by id.
    async fn billing_customers(
        &self,
        tenant: &TenantId,
        provider: &str,
        page: &PageRequest,
    ) -> Result<Page<BillingCustomer>, ServerStoreError>;

    /// Returns the time up to which the events of a provider were compared.
    async fn billing_mark(
        &self,
        tenant: &TenantId,
        provider: &str,
    ) -> Result<Option<DateTime<Utc>>, ServerStoreError>;

    /// Stores the time up to which the events of a provider were compared.
    async fn set_billing_mark(
        &self,
        tenant: &TenantId,
        provider: &str,
        at: DateTime<Utc>,
    ) -> Result<(), ServerStoreError>;
}

/// Returns the features of a plan as a column: their names, one a line.
pub(super) fn features_text(features: &[String]) -> String {
    features.join("\n")
}

/// Reads the features of a plan.
pub(super) fn features(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}
