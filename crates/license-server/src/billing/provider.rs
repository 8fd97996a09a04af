//! The trait of payment providers.

use chrono::{DateTime, Utc};

use crate::domain::{NewBillingEvent, ProviderSubscription, TrialId};

/// A payment provider.
///
/// The methods block, so callers use a thread for blocking work. A method that creates something
/// takes a key: a repetition with the same key within a day creates nothing more.
pub trait BillingProvider: Send + Sync {
    /// Returns the name in the database and in paths, such as `stripe`.
    fn name(&self) -> &'static str;

    /// Returns whether the provider moves real money.
    fn is_live(&self) -> bool;

    /// Verifies the signature of an event over the bytes of its body, and reads its head.
    ///
    /// # Errors
    ///
    /// Returns [`EventFault`] if the event is not one of the provider.
    fn receive(
        &self,
        signature: Option<&str>,
        body: &[u8],
        now: DateTime<Utc>,
    ) -> Result<NewBillingEvent, EventFault>;

    /// Finds the subscription or the customer that an event concerns. Can send requests.
    ///
    /// # Errors
    ///
    /// Returns an error if the provider does not answer.
    fn subject(&self, event: &NewBillingEvent) -> Result<EventSubject, ProviderError>;

    /// Returns the newest state of a subscription with its customer and its invoices.
    ///
    /// # Errors
    ///
    /// Returns an error if the provider does not answer as documented.
    fn subscription(&self, id: &str) -> Result<Option<ProviderSubscription>, ProviderError>;

    /// Returns ids of all subscriptions, those that have ended included, after a position.
    ///
    /// # Errors
    ///
    /// Returns an error if the provider does not answer as documented.
    fn subscriptions(&self, after: Option<&str>) -> Result<ProviderPage<String>, ProviderError>;

    /// Returns the events since a time, after a position. Providers keep events for some weeks.
    ///
    /// # Errors
    ///
    /// Returns an error if the provider does not answer as documented.
    fn events_since(
        &self,
        since: DateTime<Utc>,
        after: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<ProviderPage<NewBillingEvent>, ProviderError>;

    /// Creates a page on which a customer subscribes.
    ///
    /// # Errors
    ///
    /// Returns an error if the provider refuses the order.
    fn checkout(&self, order: &CheckoutOrder, key: &str) -> Result<PaymentLink, ProviderError>;

    /// Creates a page on which a customer changes the subscription and the means of payment.
    ///
    /// # Errors
    ///
    /// Returns an error if the provider refuses the order.
    fn portal(&self, order: &PortalOrder, key: &str) -> Result<PaymentLink, ProviderError>;

    /// Reports a used amount. The provider counts each [`MeteredUsage::identifier`] once.
    ///
    /// # Errors
    ///
    /// Returns an error if the provider has not stored the report.
    fn report_usage(&self, usage: &MeteredUsage) -> Result<(), ProviderError>;
}

/// A part of a list of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderPage<T> {
    /// The items.
    pub items: Vec<T>,
    /// The position of the next page. `None`: the list has no more items.
    pub next: Option<String>,
}

/// The subject of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventSubject {
    /// A subscription, by id.
    Subscription(String),
    /// A customer, by id. Each of its subscriptions is compared.
    Customer(String),
    /// Nothing of which the server keeps a state. The text is the reason.
    Nothing(&'static str),
}

/// An order for a page on which a customer subscribes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckoutOrder {
    /// The price.
    pub price: String,
    /// The quantity.
    pub quantity: u32,
    /// A customer that the provider knows.
    pub customer: Option<String>,
    /// The e-mail address of a new customer.
    pub email: Option<String>,
    /// The days of the trial.
    pub trial_days: Option<u32>,
    /// The trial that the subscription converts.
    pub trial: Option<ConvertedTrial>,
    /// The page after a success.
    pub success_url: String,
    /// The page after the customer went back.
    pub cancel_url: String,
}

/// A trial of this server that a subscription converts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvertedTrial {
    /// The id, which the provider keeps with the subscription.
    pub id: TrialId,
    /// When the first paid period begins. `None`: at once.
    pub paid_from: Option<DateTime<Utc>>,
}

/// An order for a page on which a customer manages the subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortalOrder {
    /// The customer.
    pub customer: String,
    /// The page to which the customer returns.
    pub return_url: String,
}

/// A page of a provider for one customer. Anyone with the URL can use it, so it is a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct PaymentLink {
    /// The id at the provider.
    pub id: String,
    /// The URL.
    pub url: String,
    /// When the page ends.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Omits the URL.
impl std::fmt::Debug for PaymentLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PaymentLink")
            .field("id", &self.id)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// A used amount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeteredUsage {
    /// The name of the meter at the provider.
    pub meter: String,
    /// The customer at the provider.
    pub customer: String,
    /// The amount.
    pub amount: u64,
    /// When the amount was used.
    pub at: DateTime<Utc>,
    /// Identifies the report, so that a repetition is not counted: at most 100 characters.
    pub identifier: String,
}

/// Why an event is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventFault {
    /// The header with the signature is missing or malformed.
    #[error("the header with the signature is missing or malformed")]
    NoSignature,
    /// No signature is one of a configured secret.
    #[error("the signature does not match the body and a configured secret")]
    WrongSignature,
    /// The time of the signature is too far from that of the server.
    #[error("the signature was made more than 300 seconds before or after the time of the server")]
    WrongTime,
    /// The body is not an event.
    #[error("the body is not an event")]
    NotAnEvent,
}

/// Why a provider has no answer. No text has a secret or personal data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// The request had no answer, or the provider cannot serve it now.
    #[error("{0}")]
    Unreachable(String),
    /// The provider does not accept the key of the server.
    #[error("the provider does not accept the key: {0}")]
    Unauthorized(String),
    /// The provider refuses the request.
    #[error("the provider refuses the request: {0}")]
    Refused(String),
    /// The answer is not one of the documented form.
    #[error("the answer of the provider has another form: {0}")]
    Malformed(String),
}

impl ProviderError {
    /// Returns whether the same request can succeed later.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Unauthorized(_))
    }
}
