//! Customers who have subscribed twice for the same license.

use super::BillingService;
use crate::domain::{
    BillingCustomer, BillingReason, BillingState, BillingSubscription, PlannedTerms,
    ProviderSubscription, Refusal,
};

impl BillingService {
    /// Returns the other subscriptions of a customer whose license is to be valid. A customer who
    /// subscribes twice on a page of the provider has two ids there, with one address.
    pub(super) async fn others(
        &self,
        found: &ProviderSubscription,
    ) -> Result<Vec<BillingSubscription>, Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let BillingCustomer { id, email, .. } = &found.customer;
        let all = store.billing_subscriptions_of(
            tenant,
            self.provider_name(),
            Some(id.as_str()),
            email.as_deref(),
        );
        let mut all = all.await?;
        let is_valid = |state| matches!(state, BillingState::Active | BillingState::InGrace);
        all.retain(|other| other.id != found.id && is_valid(other.state));
        Ok(all)
    }

    /// Returns another subscription of the customer that is paid, and buys at least the same
    /// license.
    pub(super) async fn doubled(
        &self,
        found: &ProviderSubscription,
        terms: Option<&PlannedTerms>,
    ) -> Result<Option<String>, Refusal> {
        let Some(terms) = terms else {
            return Ok(None);
        };
        let is_same = |other: &BillingSubscription| {
            other.tier.as_ref() == Some(&terms.tier)
                && other.seats >= terms.seats
                && other.reason == BillingReason::Paid
                && other.license.is_some()
                && !other.is_held
        };
        let others = self.others(found).await?;
        Ok(others.into_iter().find(is_same).map(|other| other.id))
    }
}
