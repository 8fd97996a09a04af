//! Lists of subscriptions, customers and events.

use std::collections::{BTreeMap, BTreeSet};

use super::BillingService;
use crate::domain::{
    BillingCustomer, BillingEvent, BillingEventState, BillingSubscription, Page, PageRequest,
    PoolId, Refusal, RefusalKind, ServerCode, SubscriptionFilter,
};

impl BillingService {
    /// Returns subscriptions, the last change first.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn subscriptions(
        &self,
        filter: &SubscriptionFilter,
        page: &PageRequest,
    ) -> Result<Page<BillingSubscription>, Refusal> {
        let provider = self.provider_name();
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let found = store.billing_subscriptions(tenant, provider, filter, page);
        Ok(found.await?)
    }

    /// Returns a subscription.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the server does not know it.
    pub async fn subscription(&self, id: &str) -> Result<BillingSubscription, Refusal> {
        let provider = self.provider_name();
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let found = store.billing_subscription(tenant, provider, id).await?;
        found.ok_or_else(|| not_found("subscription"))
    }

    /// Returns the subscription that pays for the licenses of a pool. Returns `None` for a license
    /// without a subscription.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn subscription_of(
        &self,
        pool: &PoolId,
    ) -> Result<Option<BillingSubscription>, Refusal> {
        let provider = self.provider_name();
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let found = store.billing_subscription_of_pool(tenant, provider, pool);
        Ok(found.await?)
    }

    /// Returns customers, by id.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn customers(&self, page: &PageRequest) -> Result<Page<BillingCustomer>, Refusal> {
        let provider = self.provider_name();
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        Ok(store.billing_customers(tenant, provider, page).await?)
    }

    /// Returns a customer.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the server does not know the customer.
    pub async fn customer(&self, id: &str) -> Result<BillingCustomer, Refusal> {
        let provider = self.provider_name();
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let found = store.billing_customer(tenant, provider, id).await?;
        found.ok_or_else(|| not_found("customer"))
    }

    /// Returns the names of the customers of a page of subscriptions, by their ids at the provider.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn customer_names(
        &self,
        subscriptions: &[BillingSubscription],
    ) -> Result<BTreeMap<String, String>, Refusal> {
        let provider = self.provider_name();
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let ids = subscriptions.iter().map(|one| one.customer.as_str());
        let ids: BTreeSet<&str> = ids.collect();
        let mut names = BTreeMap::new();
        for id in ids {
            if let Some(found) = store.billing_customer(tenant, provider, id).await? {
                names.insert(id.to_owned(), found.license_name().to_owned());
            }
        }
        Ok(names)
    }

    /// Returns events, the newest receipt first.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn events(
        &self,
        state: Option<BillingEventState>,
        page: &PageRequest,
    ) -> Result<Page<BillingEvent>, Refusal> {
        let provider = self.provider_name();
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        Ok(store.billing_events(tenant, provider, state, page).await?)
    }
}

fn not_found(what: &str) -> Refusal {
    let detail = format!("the server does not know the {what}");
    Refusal::new(RefusalKind::NotFound, ServerCode::NotFound, detail)
        .hint("a new one is known after its first event; `license-server billing reconcile` asks the provider")
}
