//! Webhooks: endpoints of an organization that receive its events.

mod delivery;
mod filter;
mod secret;
mod url;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

pub use delivery::{
    AttemptOutcome, AttemptResult, DueDelivery, NewDelivery, WebhookBacklog, WebhookDelivery,
    WebhookDeliveryState,
};
pub use filter::EventFilter;
pub use secret::WebhookSecret;
pub use url::WebhookUrl;

/// The reason why an endpoint gets no deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DisabledReason {
    /// An administrator disabled the endpoint.
    Administrator,
    /// The endpoint answered with the status 410.
    Gone,
    /// All deliveries of several days failed.
    Failing,
}

impl DisabledReason {
    /// All reasons.
    pub const ALL: [Self; 3] = [Self::Administrator, Self::Gone, Self::Failing];

    /// Returns the name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }

    /// Parses the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

/// An endpoint that receives events, without its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// The id, such as `whk_0190…`.
    pub id: String,
    /// The URL of the endpoint.
    pub url: WebhookUrl,
    /// The kinds of events that the endpoint receives.
    pub events: EventFilter,
    /// A text for people.
    pub description: String,
    /// Why the endpoint gets no deliveries. `None`: it gets them.
    pub disabled: Option<DisabledReason>,
    /// The time of the creation.
    pub created_at: DateTime<Utc>,
    /// The originator, as the audit trail records it.
    pub created_by: String,
    /// The first failure since the last success.
    pub failing_since: Option<DateTime<Utc>>,
    /// The time until which deliveries are also signed with the previous secret.
    pub previous_until: Option<DateTime<Utc>>,
}

impl Webhook {
    /// How long deliveries are signed with two secrets after a rotation.
    pub const ROTATION: TimeDelta = TimeDelta::hours(24);

    /// How long attempts can fail without a success before the server disables an endpoint.
    pub const MAX_FAILING: TimeDelta = TimeDelta::days(5);

    /// The maximum number of endpoints of an organization.
    pub const MAX_COUNT: u32 = 50;

    /// The maximum number of deliveries of an endpoint that wait. Later events wait in the log of
    /// events.
    pub const MAX_WAITING: u32 = 10_000;

    /// Returns the state for the audit trail. The path of a URL can be a secret, so only the origin
    /// is in it, and a digest that shows a change.
    pub fn audited(&self) -> Value {
        json!({
            "origin": self.url.origin(),
            "url_sha256": self.url.digest(),
            "events": self.events.patterns(),
            "description": self.description,
            "is_enabled": self.disabled.is_none(),
        })
    }

    /// Returns the time before which an earlier failure does not count as the same one as a failure
    /// at `at`. Attempts are repeated at least once a day.
    pub fn forgotten_failure(at: DateTime<Utc>) -> DateTime<Utc> {
        license_core::time::saturating_sub(at, TimeDelta::days(2))
    }

    /// Returns why the server disables the endpoint after an attempt. `failing_since` is the first
    /// failure since the last success, and includes the attempt.
    pub fn must_disable(
        result: &AttemptResult,
        failing_since: Option<DateTime<Utc>>,
    ) -> Option<DisabledReason> {
        if result.status == Some(410) {
            return Some(DisabledReason::Gone);
        }
        let since = failing_since?;
        let is_over = result.at.signed_duration_since(since) >= Self::MAX_FAILING;
        is_over.then_some(DisabledReason::Failing)
    }
}

/// A change of an endpoint. A missing member stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebhookChange {
    /// The URL.
    pub url: Option<WebhookUrl>,
    /// The kinds of events.
    pub events: Option<EventFilter>,
    /// The text for people.
    pub description: Option<String>,
    /// Whether the endpoint gets deliveries.
    pub is_enabled: Option<bool>,
}

impl WebhookChange {
    /// Returns the endpoint after the change.
    pub fn apply(&self, webhook: &Webhook) -> Webhook {
        let change = self.clone();
        let mut webhook = webhook.clone();
        if let Some(url) = change.url {
            webhook.url = url;
        }
        if let Some(events) = change.events {
            webhook.events = events;
        }
        if let Some(description) = change.description {
            webhook.description = description;
        }
        match change.is_enabled {
            Some(true) => {
                // An endpoint that is enabled again has five days for its first success.
                if webhook.disabled.is_some() {
                    webhook.failing_since = None;
                }
                webhook.disabled = None;
            }
            Some(false) if webhook.disabled.is_none() => {
                webhook.disabled = Some(DisabledReason::Administrator);
            }
            _ => {}
        }
        webhook
    }
}

/// The result of a request to deliver again, or to send a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayResult {
    /// The organization has no such endpoint or delivery.
    NotFound,
    /// The endpoint is disabled.
    Disabled,
    /// The delivery is already waiting.
    Waiting,
    /// The number of deliveries that wait now.
    Queued(u64),
}
