//! The JSON of billing.

use license_core::LicenseId;
use license_core::chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::pages::PageQuery;
use crate::api::problem::Problem;
use crate::billing::PaymentLink;
use crate::domain::{
    BillingCustomer, BillingEvent, BillingEventState, BillingPlan, BillingState,
    BillingSubscription, PageRequest, SubscriptionFilter, is_unsafe,
};
use crate::services::{CheckoutRequest, EventReceipt, PlanOrder, PortalRequest, ReconcileReport};

/// The longest text to search for, in characters.
const MAX_SEARCH: usize = 200;

/// The receipt of an event.
#[derive(Serialize, ToSchema)]
#[schema(as = BillingReceipt)]
pub(in crate::api) struct BillingReceiptBody {
    /// The id of the event.
    id: String,
    /// Whether the server had the event already.
    repeated: bool,
}

impl From<EventReceipt> for BillingReceiptBody {
    fn from(receipt: EventReceipt) -> Self {
        Self {
            id: receipt.id,
            repeated: !receipt.is_new,
        }
    }
}

/// The license that a price buys.
#[derive(Serialize, ToSchema)]
#[schema(as = BillingPlan)]
pub(in crate::api) struct BillingPlanBody {
    /// The id of the price at the provider.
    price: String,
    /// The tier, or null if the price is an addition to another one.
    tier: Option<String>,
    /// The number of seats of a unit. 0: the price does not count seats.
    seats: u32,
    /// Features in addition to those of the tier.
    features: Vec<String>,
}

impl From<BillingPlan> for BillingPlanBody {
    fn from(plan: BillingPlan) -> Self {
        Self {
            price: plan.price,
            tier: plan.tier,
            seats: plan.seats,
            features: plan.features,
        }
    }
}

/// The license that a price is to buy.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BillingPlanOrder)]
pub(in crate::api) struct PlanOrderBody {
    /// The tier, such as `team`. Without a tier, the price is an addition to another one.
    #[serde(default)]
    tier: Option<String>,
    /// The number of seats of a unit. 0: the price does not count seats.
    #[serde(default)]
    seats: u32,
    /// Features in addition to those of the tier.
    #[serde(default)]
    #[schema(max_items = 64)]
    features: Vec<String>,
}

impl From<PlanOrderBody> for PlanOrder {
    fn from(body: PlanOrderBody) -> Self {
        Self {
            tier: body.tier,
            seats: body.seats,
            features: body.features,
        }
    }
}

/// A request for a page on which a customer subscribes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CheckoutRequest)]
pub(in crate::api) struct CheckoutBody {
    /// A price with a plan.
    #[schema(min_length = 1, max_length = 255)]
    price: String,
    /// The quantity. The default is 1.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 1000000)]
    quantity: u32,
    /// The id of a customer that the provider knows.
    #[serde(default)]
    customer: Option<String>,
    /// The e-mail address of a new customer.
    #[serde(default)]
    email: Option<String>,
    /// The days of the trial at the provider, which begins without a means of payment.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 730)]
    trial_days: Option<u32>,
    /// The id of the trial of this server that the subscription converts. The first payment is at
    /// the end of the trial, or at once if it ends within 49 hours.
    #[serde(default)]
    trial: Option<String>,
    /// The page after a success.
    #[schema(min_length = 1, max_length = 2048)]
    success_url: String,
    /// The page after the customer went back.
    #[schema(min_length = 1, max_length = 2048)]
    cancel_url: String,
}

const fn one() -> u32 {
    1
}

impl From<CheckoutBody> for CheckoutRequest {
    fn from(body: CheckoutBody) -> Self {
        Self {
            price: body.price,
            quantity: body.quantity,
            customer: body.customer,
            email: body.email,
            trial_days: body.trial_days,
            trial: body.trial,
            success_url: body.success_url,
            cancel_url: body.cancel_url,
        }
    }
}

/// A request for a page on which a customer manages the subscription.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PortalRequest)]
pub(in crate::api) struct PortalBody {
    /// The id of the customer at the provider.
    #[schema(min_length = 1, max_length = 255)]
    customer: String,
    /// The page to which the customer returns.
    #[schema(min_length = 1, max_length = 2048)]
    return_url: String,
}

impl From<PortalBody> for PortalRequest {
    fn from(body: PortalBody) -> Self {
        Self {
            customer: body.customer,
            return_url: body.return_url,
        }
    }
}

/// A page of the provider for one customer. Anyone with the URL can use it.
#[derive(Serialize, ToSchema)]
#[schema(as = PaymentLink)]
pub(in crate::api) struct PaymentLinkBody {
    /// The id at the provider.
    id: String,
    url: String,
    /// When the page ends, or null if the provider does not state it.
    expires_at: Option<DateTime<Utc>>,
}

impl From<PaymentLink> for PaymentLinkBody {
    fn from(link: PaymentLink) -> Self {
        Self {
            id: link.id,
            url: link.url,
            expires_at: link.expires_at,
        }
    }
}

/// A subscription with the state of its license.
#[derive(Serialize, ToSchema)]
#[schema(as = Subscription)]
pub(in crate::api) struct SubscriptionBody {
    /// The id at the provider.
    id: String,
    /// The provider, such as `stripe`.
    provider: String,
    /// The id of the customer at the provider.
    customer: String,
    /// The status at the provider, such as `past_due`.
    status: &'static str,
    /// `pending`, `active`, `in_grace`, `suspended`, `ended` or `revoked`.
    state: &'static str,
    /// The reason of the state, such as `refunded`.
    reason: &'static str,
    /// Until when the payments entitle to a license, or null if they do not.
    until: Option<DateTime<Utc>>,
    tier: Option<String>,
    /// The number of seats, or null for that of the tier.
    seats: Option<u32>,
    /// The id of the newest license.
    license: Option<String>,
    /// Whether the license is revoked until a payment reinstates it.
    is_held: bool,
    period_start: DateTime<Utc>,
    period_end: DateTime<Utc>,
    /// When the subscription will end, or null if it continues.
    cancel_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    changed_at: DateTime<Utc>,
    /// When the subscription was compared with the provider.
    checked_at: DateTime<Utc>,
    /// Why the license does not follow, such as a price without a plan, or null if it does.
    fault: Option<String>,
}

impl From<BillingSubscription> for SubscriptionBody {
    fn from(found: BillingSubscription) -> Self {
        Self {
            id: found.id,
            provider: found.provider,
            customer: found.customer,
            status: found.status.as_str(),
            state: found.state.as_str(),
            reason: found.reason.as_str(),
            until: found.until,
            tier: found.tier,
            seats: found.seats,
            license: found.license.as_ref().map(LicenseId::to_string),
            is_held: found.is_held,
            period_start: found.period_start,
            period_end: found.period_end,
            cancel_at: found.cancel_at,
            created_at: found.created_at,
            changed_at: found.changed_at,
            checked_at: found.checked_at,
            fault: found.fault,
        }
    }
}

/// A customer of the provider.
#[derive(Serialize, ToSchema)]
#[schema(as = BillingCustomer)]
pub(in crate::api) struct CustomerBody {
    /// The id at the provider.
    id: String,
    name: Option<String>,
    email: Option<String>,
    /// Whether the provider has deleted the customer.
    is_deleted: bool,
    created_at: DateTime<Utc>,
}

impl From<BillingCustomer> for CustomerBody {
    fn from(found: BillingCustomer) -> Self {
        Self {
            id: found.id,
            name: found.name,
            email: found.email,
            is_deleted: found.is_deleted,
            created_at: found.created_at,
        }
    }
}

/// An event of the provider without its body.
#[derive(Serialize, ToSchema)]
#[schema(as = BillingEvent)]
pub(in crate::api) struct BillingEventBody {
    /// The id at the provider.
    id: String,
    /// The kind, such as `invoice.paid`.
    kind: String,
    /// The version of the provider's interface whose form the event has.
    api_version: String,
    /// `waiting`, `applied` or `ignored`.
    state: &'static str,
    /// The id of the subscription that the event concerns.
    subscription: Option<String>,
    attempts: u32,
    created_at: DateTime<Utc>,
    received_at: DateTime<Utc>,
    /// The time of the next attempt, or null if the event is processed.
    next_at: Option<DateTime<Utc>>,
    /// Why the last attempt failed, or why the event is ignored.
    note: Option<String>,
}

impl From<BillingEvent> for BillingEventBody {
    fn from(found: BillingEvent) -> Self {
        Self {
            id: found.event.id,
            kind: found.event.kind,
            api_version: found.event.api_version,
            state: found.state.as_str(),
            subscription: found.subscription,
            attempts: found.attempts,
            created_at: found.event.created_at,
            received_at: found.event.received_at,
            next_at: found.next_at,
            note: found.note,
        }
    }
}

/// The result of a comparison with the provider.
#[derive(Serialize, ToSchema)]
#[schema(as = ReconcileReport)]
pub(in crate::api) struct ReconciledBody {
    /// The events that the server had missed.
    missed_events: u64,
    /// The subscriptions that are compared now.
    subscriptions: u64,
}

impl From<ReconcileReport> for ReconciledBody {
    fn from(report: ReconcileReport) -> Self {
        Self {
            missed_events: report.missed_events,
            subscriptions: report.subscriptions,
        }
    }
}

/// The query of the list of subscriptions.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct SubscriptionQuery {
    /// `pending`, `active`, `in_grace`, `suspended`, `ended` or `revoked`.
    state: Option<String>,
    /// The id of a customer at the provider.
    customer: Option<String>,
    /// A part of the name or of the e-mail address of the customer, or the id of a subscription or
    /// customer. Upper and lower case of A to Z are equal.
    #[param(max_length = 200)]
    search: Option<String>,
    /// The `next` of the page before.
    #[param(min_length = 1, max_length = 256)]
    cursor: Option<String>,
    /// The maximum number of items, from 1 to 500. The default is 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

impl SubscriptionQuery {
    /// Returns the subscriptions that are asked for. The state must have a known name, and the
    /// search up to 200 characters.
    pub(in crate::api) fn filter(&self) -> Result<SubscriptionFilter, Problem> {
        let names = BillingState::ALL.iter().map(|state| state.as_str());
        Ok(SubscriptionFilter {
            state: known(self.state.as_deref(), BillingState::parse, names)?,
            customer: text("customer", self.customer.as_deref())?,
            search: text("search", self.search.as_deref())?,
        })
    }

    pub(in crate::api) fn page(&self) -> Result<PageRequest, Problem> {
        PageQuery::new(self.cursor.clone(), self.limit).request()
    }
}

/// The query of the list of events.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct EventQuery {
    /// `waiting`, `applied` or `ignored`.
    state: Option<String>,
    /// The `next` of the page before.
    #[param(min_length = 1, max_length = 256)]
    cursor: Option<String>,
    /// The maximum number of items, from 1 to 500. The default is 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

impl EventQuery {
    /// Returns the state, which must have a known name.
    pub(in crate::api) fn state(&self) -> Result<Option<BillingEventState>, Problem> {
        let names = BillingEventState::ALL.iter().map(|state| state.as_str());
        known(self.state.as_deref(), BillingEventState::parse, names)
    }

    pub(in crate::api) fn page(&self) -> Result<PageRequest, Problem> {
        PageQuery::new(self.cursor.clone(), self.limit).request()
    }
}

/// Returns a text without spaces around it, unless it is empty.
fn text(name: &str, text: Option<&str>) -> Result<Option<String>, Problem> {
    let text = text.unwrap_or_default().trim();
    if text.chars().count() > MAX_SEARCH || text.chars().any(is_unsafe) {
        let expected = format!("up to {MAX_SEARCH} characters without control characters");
        let problem = Problem::malformed(format!("`{name}` is not accepted"));
        return Err(problem.values(expected, "another text"));
    }
    Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
}

/// Parses a state. Without a text, all states are asked for.
fn known<T>(
    text: Option<&str>,
    parse: fn(&str) -> Option<T>,
    names: impl Iterator<Item = &'static str>,
) -> Result<Option<T>, Problem> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let found = parse(text);
    found.map(Some).ok_or_else(|| {
        let shown: String = text.chars().take(60).collect();
        let names: Vec<_> = names.collect();
        Problem::malformed("`state` is unknown").values(names.join(", "), shown)
    })
}
