//! Events of a provider, which are stored before they are processed.

use chrono::{DateTime, Utc};

use super::names;

names! {
    /// The state of an event.
    BillingEventState {
        /// The event is stored and not processed.
        Waiting "waiting",
        /// The state of its subscription was applied.
        Applied "applied",
        /// The event concerns no subscription, or has a kind or version that the server does not
        /// know.
        Ignored "ignored",
    }
}

/// An event, as the provider sent it.
#[derive(Clone, PartialEq, Eq)]
pub struct NewBillingEvent {
    /// The provider.
    pub provider: String,
    /// The id at the provider, which identifies repetitions.
    pub id: String,
    /// The kind, such as `invoice.paid`.
    pub kind: String,
    /// The version of the provider's interface whose form the body has.
    pub api_version: String,
    /// Whether the event is about real money.
    pub is_live: bool,
    /// When the event happened.
    pub created_at: DateTime<Utc>,
    /// When the server received the event.
    pub received_at: DateTime<Utc>,
    /// The whole body, byte by byte.
    pub body: Vec<u8>,
}

impl NewBillingEvent {
    /// The kind of an event by which the server itself asks for a comparison of a subscription.
    pub const COMPARISON: &'static str = "comparison";
}

/// Omits the body, which has personal data.
impl std::fmt::Debug for NewBillingEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewBillingEvent")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// A stored event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillingEvent {
    /// The event.
    pub event: NewBillingEvent,
    /// The state.
    pub state: BillingEventState,
    /// The subscription that the event concerns, once it is known.
    pub subscription: Option<String>,
    /// The number of attempts to process it.
    pub attempts: u32,
    /// The time of the next attempt of a waiting event.
    pub next_at: Option<DateTime<Utc>>,
    /// Why the last attempt failed, or why the event is ignored.
    pub note: Option<String>,
}

/// The result of an attempt to process an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventOutcome {
    /// The new state.
    pub state: BillingEventState,
    /// The subscription that the event concerns.
    pub subscription: Option<String>,
    /// The time of the next attempt of a waiting event.
    pub next_at: Option<DateTime<Utc>>,
    /// Why the attempt failed, or why the event is ignored.
    pub note: Option<String>,
}
