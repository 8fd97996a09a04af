//! Subscriptions and customers of a provider.

use chrono::{DateTime, Utc};
use license_core::LicenseId;
use serde_json::{Value, json};

use super::entitlement::{BillingReason, BillingState};
use super::invoice::ProviderInvoice;
use super::names;
use crate::domain::TrialId;

names! {
    /// The status of a subscription, with the names of Stripe.
    SubscriptionStatus {
        /// The first payment is open.
        Incomplete "incomplete",
        /// The first payment was not made in time.
        IncompleteExpired "incomplete_expired",
        /// The subscription is in its trial.
        Trialing "trialing",
        /// The subscription is in good standing.
        Active "active",
        /// The newest payment has failed and is tried again.
        PastDue "past_due",
        /// The newest payment has failed and is not tried again.
        Unpaid "unpaid",
        /// The subscription has ended.
        Canceled "canceled",
        /// The trial has ended, and the customer has no means of payment.
        Paused "paused",
    }
}

/// The treatment of invoices while their collection is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// Invoices are void, because the vendor does not provide the service.
    Void,
    /// The service continues: invoices stay drafts, or are not collected.
    Free,
}

/// An item of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionItem {
    /// The id of the price.
    pub price: String,
    /// The quantity. A metered price has none.
    pub quantity: Option<u32>,
}

/// A customer of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillingCustomer {
    /// The id at the provider.
    pub id: String,
    /// The name.
    pub name: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// Whether the provider has deleted the customer.
    pub is_deleted: bool,
    /// When the customer was created.
    pub created_at: DateTime<Utc>,
}

impl BillingCustomer {
    /// Returns the name of the customer for a license.
    pub fn license_name(&self) -> &str {
        let named = [&self.name, &self.email];
        let mut named = named.into_iter().flatten().map(|text| text.trim());
        named.find(|text| !text.is_empty()).unwrap_or(&self.id)
    }
}

/// Which subscriptions a list has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionFilter {
    /// Those in a state. `None`: in any.
    pub state: Option<BillingState>,
    /// Those of a customer, by its id at the provider.
    pub customer: Option<String>,
    /// Those with a text in the name or the e-mail address of the customer, or with this id of the
    /// subscription or the customer. Upper and lower case of A to Z are equal.
    pub search: Option<String>,
}

/// A subscription, as a provider states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderSubscription {
    /// The id at the provider.
    pub id: String,
    /// The customer.
    pub customer: BillingCustomer,
    /// The status.
    pub status: SubscriptionStatus,
    /// Whether the provider ended the subscription because its payments failed, and not because
    /// somebody canceled it.
    pub has_failed: bool,
    /// Whether the collection of invoices is paused.
    pub pause: Option<Pause>,
    /// The items.
    pub items: Vec<SubscriptionItem>,
    /// The invoices, the newest first.
    pub invoices: Vec<ProviderInvoice>,
    /// The start of the current period.
    pub period_start: DateTime<Utc>,
    /// The end of the current period, which the provider computes. Stripe counts months from the
    /// anchor, so an anchor on the 31st gives the last day of a shorter month, and the 31st again
    /// afterwards.
    pub period_end: DateTime<Utc>,
    /// The end of the trial.
    pub trial_end: Option<DateTime<Utc>>,
    /// The trial of this server that the subscription converts.
    pub trial: Option<TrialId>,
    /// When the subscription will end.
    pub cancel_at: Option<DateTime<Utc>>,
    /// When the subscription was created.
    pub created_at: DateTime<Utc>,
}

/// A subscription, as the server keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillingSubscription {
    /// The provider, such as `stripe`.
    pub provider: String,
    /// The id at the provider.
    pub id: String,
    /// The id of the customer at the provider.
    pub customer: String,
    /// The status at the provider.
    pub status: SubscriptionStatus,
    /// The state of the license.
    pub state: BillingState,
    /// The reason of the state.
    pub reason: BillingReason,
    /// Until when the license is to last. `None`: it is not to exist.
    pub until: Option<DateTime<Utc>>,
    /// The tier of the license.
    pub tier: Option<String>,
    /// The number of seats of the license.
    pub seats: Option<u32>,
    /// The newest license of the subscription.
    pub license: Option<LicenseId>,
    /// Whether billing has revoked the license, and may therefore reinstate it.
    pub is_held: bool,
    /// The start of the current period.
    pub period_start: DateTime<Utc>,
    /// The end of the current period.
    pub period_end: DateTime<Utc>,
    /// When the subscription will end.
    pub cancel_at: Option<DateTime<Utc>>,
    /// When the subscription was created at the provider.
    pub created_at: DateTime<Utc>,
    /// When the row changed last.
    pub changed_at: DateTime<Utc>,
    /// When the subscription was compared with the provider.
    pub checked_at: DateTime<Utc>,
    /// Why the license does not follow the subscription, such as a price without a plan.
    pub fault: Option<String>,
    /// The number of changes of the row. The store sets it.
    pub version: u64,
}

impl BillingSubscription {
    /// Returns the state for the audit trail. It names the customer by the id only.
    pub fn audited(&self) -> Value {
        json!({
            "customer": self.customer,
            "status": self.status.as_str(),
            "state": self.state.as_str(),
            "reason": self.reason.as_str(),
            "until": self.until,
            "tier": self.tier,
            "seats": self.seats,
            "license": self.license.as_ref().map(LicenseId::as_str),
            "fault": self.fault,
        })
    }

    /// Returns whether anything but the time of the comparison differs.
    pub fn differs_from(&self, other: &Self) -> bool {
        let compared = Self {
            changed_at: other.changed_at,
            checked_at: other.checked_at,
            version: other.version,
            ..self.clone()
        };
        compared != *other
    }
}
