//! The JSON of Stripe's objects, as far as the server reads it.
//!
//! Unknown members are ignored, because Stripe adds members without a new version. The forms of
//! requests in [`API_VERSION`](super::API_VERSION) count. Members that newer versions moved are
//! also read at their new place, because `localstripe` has some of them there.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::billing::provider::ProviderError;

/// Parses an answer.
///
/// # Errors
///
/// Returns the place of the first difference, without a value of the answer.
pub(super) fn parse<T: DeserializeOwned>(what: &str, body: &[u8]) -> Result<T, ProviderError> {
    serde_json::from_slice(body).map_err(|error| {
        ProviderError::Malformed(format!(
            "the {what} differs in line {}, column {}",
            error.line(),
            error.column()
        ))
    })
}

/// The head of an event, without its object, which can have any form.
#[derive(Deserialize)]
pub(super) struct EventHead {
    pub(super) id: String,
    pub(super) object: String,
    pub(super) r#type: String,
    #[serde(default)]
    pub(super) api_version: Option<String>,
    pub(super) created: i64,
    #[serde(default)]
    pub(super) livemode: bool,
}

/// The object of an event in the form that the server knows.
#[derive(Deserialize)]
pub(super) struct EventJson {
    pub(super) data: EventData,
}

/// The object of an event.
#[derive(Deserialize)]
pub(super) struct EventData {
    pub(super) object: EventObject,
}

/// The ids in the object of an event of any kind. A member of another type has no id.
#[derive(Deserialize)]
pub(super) struct EventObject {
    #[serde(default)]
    pub(super) object: Option<String>,
    #[serde(default)]
    pub(super) id: Option<String>,
    #[serde(default)]
    subscription: Option<IdJson<NamedJson>>,
    #[serde(default)]
    parent: Option<ParentJson>,
    #[serde(default)]
    pub(super) charge: Option<IdJson<NamedJson>>,
}

impl EventObject {
    pub(super) fn subscription_id(&self) -> Option<String> {
        subscription_id(self.subscription.as_ref(), self.parent.as_ref())
    }
}

/// Returns the id of the subscription of an invoice, from its place before and since version
/// `2025-03-31.basil`.
fn subscription_id(
    direct: Option<&IdJson<NamedJson>>,
    parent: Option<&ParentJson>,
) -> Option<String> {
    let details = parent.and_then(|parent| parent.subscription_details.as_ref());
    let moved = details.and_then(|details| details.subscription.as_ref());
    direct.or(moved).map(|found| found.id().to_owned())
}

/// An object, of which only the id is read.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct NamedJson {
    pub(super) id: String,
}

/// An id, or the object with the id.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum IdJson<T> {
    /// The id.
    Id(String),
    /// The object.
    Object(T),
}

/// An object with an id.
pub(super) trait HasId {
    /// Returns the id.
    fn object_id(&self) -> &str;
}

impl HasId for NamedJson {
    fn object_id(&self) -> &str {
        &self.id
    }
}

impl<T: HasId> IdJson<T> {
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Id(id) => id,
            Self::Object(object) => object.object_id(),
        }
    }

    pub(super) fn object(&self) -> Option<&T> {
        match self {
            Self::Id(_) => None,
            Self::Object(object) => Some(object),
        }
    }
}

#[derive(Deserialize)]
struct ParentJson {
    #[serde(default)]
    subscription_details: Option<ParentDetails>,
}

#[derive(Deserialize)]
struct ParentDetails {
    #[serde(default)]
    subscription: Option<IdJson<NamedJson>>,
}

#[derive(Deserialize)]
pub(super) struct ListJson<T> {
    pub(super) data: Vec<T>,
    #[serde(default)]
    pub(super) has_more: bool,
}

impl<T> From<Vec<T>> for ListJson<T> {
    /// Returns a complete list.
    fn from(data: Vec<T>) -> Self {
        Self {
            data,
            has_more: false,
        }
    }
}

impl HasId for ItemJson {
    fn object_id(&self) -> &str {
        &self.id
    }
}

impl HasId for LineJson {
    fn object_id(&self) -> &str {
        &self.id
    }
}

impl HasId for InvoiceJson {
    fn object_id(&self) -> &str {
        &self.id
    }
}

#[derive(Deserialize)]
pub(super) struct SubscriptionJson {
    pub(super) id: String,
    pub(super) customer: IdJson<CustomerJson>,
    pub(super) status: String,
    #[serde(default)]
    pub(super) pause_collection: Option<PauseJson>,
    pub(super) items: ListJson<ItemJson>,
    #[serde(default)]
    pub(super) current_period_start: Option<i64>,
    #[serde(default)]
    pub(super) current_period_end: Option<i64>,
    #[serde(default)]
    pub(super) trial_end: Option<i64>,
    #[serde(default)]
    pub(super) cancel_at: Option<i64>,
    #[serde(default)]
    pub(super) cancel_at_period_end: bool,
    #[serde(default)]
    pub(super) cancellation_details: Option<CancellationJson>,
    #[serde(default)]
    pub(super) metadata: Value,
    pub(super) created: i64,
}

#[derive(Deserialize)]
pub(super) struct CancellationJson {
    #[serde(default)]
    pub(super) reason: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct PauseJson {
    pub(super) behavior: String,
}

#[derive(Deserialize)]
pub(super) struct ItemJson {
    #[serde(default)]
    pub(super) id: String,
    #[serde(default)]
    pub(super) price: Option<IdJson<NamedJson>>,
    /// The price, as the interface before prices calls it.
    #[serde(default)]
    pub(super) plan: Option<IdJson<NamedJson>>,
    #[serde(default)]
    pub(super) quantity: Option<u32>,
    #[serde(default)]
    pub(super) current_period_start: Option<i64>,
    #[serde(default)]
    pub(super) current_period_end: Option<i64>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct CustomerJson {
    pub(super) id: String,
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) email: Option<String>,
    #[serde(default)]
    pub(super) deleted: bool,
    #[serde(default)]
    pub(super) created: i64,
}

impl HasId for CustomerJson {
    fn object_id(&self) -> &str {
        &self.id
    }
}

#[derive(Deserialize)]
pub(super) struct InvoiceJson {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) currency: String,
    pub(super) total: i64,
    #[serde(default)]
    pub(super) amount_paid: i64,
    #[serde(default)]
    pub(super) due_date: Option<i64>,
    pub(super) lines: ListJson<LineJson>,
    #[serde(default)]
    pub(super) charge: Option<IdJson<ChargeJson>>,
    #[serde(default)]
    subscription: Option<IdJson<NamedJson>>,
    #[serde(default)]
    parent: Option<ParentJson>,
}

impl InvoiceJson {
    pub(super) fn subscription_id(&self) -> Option<String> {
        subscription_id(self.subscription.as_ref(), self.parent.as_ref())
    }
}

#[derive(Deserialize)]
pub(super) struct LineJson {
    #[serde(default)]
    pub(super) id: String,
    #[serde(default)]
    pub(super) r#type: Option<String>,
    #[serde(default)]
    pub(super) subscription: Option<IdJson<NamedJson>>,
    #[serde(default)]
    pub(super) period: Option<PeriodJson>,
}

#[derive(Deserialize)]
pub(super) struct PeriodJson {
    pub(super) end: i64,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct ChargeJson {
    pub(super) id: String,
    #[serde(default)]
    pub(super) amount_refunded: i64,
    #[serde(default)]
    pub(super) disputed: bool,
    #[serde(default)]
    pub(super) invoice: Option<IdJson<NamedJson>>,
}

impl HasId for ChargeJson {
    fn object_id(&self) -> &str {
        &self.id
    }
}

#[derive(Deserialize)]
pub(super) struct DisputeJson {
    pub(super) status: String,
    pub(super) amount: i64,
}

#[derive(Deserialize)]
pub(super) struct LinkJson {
    pub(super) id: String,
    pub(super) url: Option<String>,
    #[serde(default)]
    pub(super) expires_at: Option<i64>,
}
