//! Deliveries of events to endpoints.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use license_core::encoding::hex;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{WebhookSecret, WebhookUrl};
use crate::domain::account::SealedSecret;
use crate::domain::{EventRecord, TenantId};

/// The waits after the first attempts. The last one repeats.
const WAITS: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(2 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 60 * 60),
    Duration::from_secs(6 * 60 * 60),
    Duration::from_secs(12 * 60 * 60),
    Duration::from_secs(24 * 60 * 60),
];

/// The state of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WebhookDeliveryState {
    /// The delivery waits for its next attempt.
    Waiting,
    /// The endpoint has answered with a status from 200 to 299.
    Delivered,
    /// All attempts failed, or the endpoint was disabled.
    Failed,
}

impl WebhookDeliveryState {
    /// All states.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Delivered, Self::Failed];

    /// Returns the name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// Parses the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// A delivery that is to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDelivery {
    /// The id, which each attempt states in `webhook-id`. It does not change with a replay, so that
    /// a receiver recognizes what it has received before.
    pub id: String,
    /// The endpoint.
    pub webhook: String,
    /// The number of the event. A test has none.
    pub event: Option<u64>,
    /// The kind of the event.
    pub kind: String,
    /// The body of the request.
    pub body: String,
    /// The time from which attempts are made.
    pub at: DateTime<Utc>,
}

impl NewDelivery {
    /// The kind of a test.
    pub const PING: &'static str = "webhook.ping";

    /// Creates the delivery of an event. The id follows from the event and the endpoint, so the
    /// same event is not delivered twice.
    pub fn of_event(
        tenant: &TenantId,
        webhook: &str,
        event: &EventRecord,
        now: DateTime<Utc>,
    ) -> Self {
        let seq = event.seq.to_string();
        let hash = Sha256::new()
            .chain_update(tenant.as_str())
            .chain_update([0])
            .chain_update(webhook)
            .chain_update([0])
            .chain_update(&seq)
            .finalize();
        let digest = hash.first_chunk::<6>().copied().unwrap_or_default();
        let body = json!({
            "type": event.kind,
            "id": format!("evt_{seq}"),
            "tenant": tenant.as_str(),
            "timestamp": event.at,
            "subject": event.subject,
            "data": event.details,
        });
        Self {
            id: id(event.at, event.seq, digest),
            webhook: webhook.to_owned(),
            event: Some(event.seq),
            kind: event.kind.clone(),
            body: body.to_string(),
            at: now,
        }
    }

    /// Creates a test. It is sent once, whatever the filter of the endpoint.
    pub fn ping(tenant: &TenantId, webhook: &str, random: [u8; 6], now: DateTime<Utc>) -> Self {
        let id = id(now, u64::MAX, random);
        let body = json!({
            "type": Self::PING,
            "id": id,
            "tenant": tenant.as_str(),
            "timestamp": now,
            "subject": webhook,
            "data": Value::Object(serde_json::Map::new()),
        });
        Self {
            id,
            webhook: webhook.to_owned(),
            event: None,
            kind: Self::PING.to_owned(),
            body: body.to_string(),
            at: now,
        }
    }
}

/// Returns an id that sorts by time, and by the number of the event.
fn id(at: DateTime<Utc>, seq: u64, rest: [u8; 6]) -> String {
    let millis = at.timestamp_millis().max(0);
    let seq = seq & u64::from(u32::MAX);
    format!("msg_{millis:012x}{seq:08x}{}", hex::encode(&rest))
}

/// A delivery, as administrators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookDelivery {
    /// The id.
    pub id: String,
    /// The number of the event. A test has none.
    pub event: Option<u64>,
    /// The kind of the event.
    pub kind: String,
    /// The state.
    pub state: WebhookDeliveryState,
    /// The number of attempts since the delivery was queued.
    pub attempts: u64,
    /// The time at which the delivery was queued, at first or again.
    pub queued_at: DateTime<Utc>,
    /// The time of the next attempt.
    pub next_at: Option<DateTime<Utc>>,
    /// The time at which the last attempt ended.
    pub last_at: Option<DateTime<Utc>>,
    /// The status of the last answer.
    pub last_status: Option<u16>,
    /// The reason why the last attempt failed.
    pub last_error: Option<String>,
    /// The beginning of the last answer.
    pub last_response: Option<String>,
}

/// A delivery whose next attempt is due, with what the attempt needs. The secrets are sealed until
/// the attempt.
#[derive(Clone, Debug)]
pub struct DueDelivery<S = WebhookSecret> {
    /// The id.
    pub id: String,
    /// The endpoint.
    pub webhook: String,
    /// Whether the delivery is a test.
    pub is_ping: bool,
    /// The URL of the endpoint.
    pub url: WebhookUrl,
    /// The secrets that sign the delivery, the newest first. Without one, the attempt fails.
    pub secrets: Vec<S>,
    /// The body of the request.
    pub body: String,
    /// The number of the attempt, from 1.
    pub attempt: u64,
    /// The time at which the delivery was queued.
    pub queued_at: DateTime<Utc>,
}

impl DueDelivery<SealedSecret> {
    /// Returns the delivery with the secrets that `open` opens.
    pub fn opened(self, open: impl Fn(&SealedSecret) -> Option<WebhookSecret>) -> DueDelivery {
        DueDelivery {
            secrets: self.secrets.iter().filter_map(open).collect(),
            id: self.id,
            webhook: self.webhook,
            is_ping: self.is_ping,
            url: self.url,
            body: self.body,
            attempt: self.attempt,
            queued_at: self.queued_at,
        }
    }
}

impl DueDelivery {
    /// How long attempts are made.
    pub const LIFETIME: TimeDelta = TimeDelta::days(3);

    /// The longest `Retry-After` of an endpoint that has an effect.
    pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

    /// Returns what follows a failed attempt. `jitter` from 0 to 1 varies the wait by a tenth, so
    /// that deliveries that failed together are not repeated together. A longer `retry_after` of
    /// the endpoint counts, up to a day.
    pub fn after_failure(
        &self,
        at: DateTime<Utc>,
        retry_after: Option<Duration>,
        jitter: f64,
    ) -> AttemptOutcome {
        if self.is_ping {
            return AttemptOutcome::Failed;
        }
        let number = usize::try_from(self.attempt.saturating_sub(1)).unwrap_or(usize::MAX);
        let [.., last] = WAITS;
        let wait = WAITS.get(number).copied().unwrap_or(last);
        let wait = wait.mul_f64(0.9 + 0.2 * jitter.clamp(0.0, 1.0));
        let wait = retry_after.map_or(wait, |after| wait.max(after.min(Self::MAX_RETRY_AFTER)));
        let wait = TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX);
        let next = license_core::time::saturating_add(at, wait);
        let end = license_core::time::saturating_add(self.queued_at, Self::LIFETIME);
        if next > end {
            return AttemptOutcome::Failed;
        }
        AttemptOutcome::Retry(next)
    }
}

/// The consequence of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// The endpoint has received the delivery.
    Delivered,
    /// The next attempt is made at this time.
    Retry(DateTime<Utc>),
    /// No further attempt is made.
    Failed,
}

/// The result of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptResult {
    /// The delivery.
    pub id: String,
    /// The endpoint.
    pub webhook: String,
    /// The number of the attempt. The result of an earlier attempt than the last one is ignored.
    pub attempt: u64,
    /// The time at which the attempt ended.
    pub at: DateTime<Utc>,
    /// The consequence.
    pub outcome: AttemptOutcome,
    /// The status of the answer.
    pub status: Option<u16>,
    /// The reason why the attempt failed.
    pub error: Option<String>,
    /// The beginning of the answer.
    pub response: Option<String>,
}

/// The deliveries that an organization has to make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WebhookBacklog {
    /// The number of deliveries that wait.
    pub waiting: u64,
    /// The earliest next attempt. It is in the past if the server does not keep up.
    pub next_at: Option<DateTime<Utc>>,
    /// The number of endpoints with a delivery that waits after a failed attempt.
    pub failing: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use license_core::time;

    fn due(attempt: u64) -> DueDelivery {
        DueDelivery {
            id: "msg_1".to_owned(),
            webhook: "whk_1".to_owned(),
            is_ping: false,
            url: WebhookUrl::parse("https://hooks.example.com/").unwrap(),
            secrets: Vec::new(),
            body: String::new(),
            attempt,
            queued_at: time::parse_instant("2027-01-15T09:00:00Z").unwrap(),
        }
    }

    #[test]
    fn attempts_are_repeated_for_three_days_with_growing_waits() {
        let start = due(1).queued_at;
        let mut at = start;
        let mut waits = Vec::new();
        for attempt in 1.. {
            match due(attempt).after_failure(at, None, 0.5) {
                AttemptOutcome::Retry(next) => {
                    waits.push(next.signed_duration_since(at).num_seconds());
                    at = next;
                }
                outcome => {
                    assert_eq!(outcome, AttemptOutcome::Failed);
                    break;
                }
            }
        }
        let expected = [5, 30, 120, 600, 1800, 7200, 21_600, 43_200, 86_400, 86_400];
        assert_eq!(waits, expected);
        assert!(at.signed_duration_since(start) < TimeDelta::days(3));
    }

    #[test]
    fn waits_vary_and_follow_the_endpoint_within_bounds() {
        let start = due(1).queued_at;
        let wait = |attempt, retry_after: Option<u64>, jitter| {
            let after = retry_after.map(Duration::from_secs);
            match due(attempt).after_failure(start, after, jitter) {
                AttemptOutcome::Retry(next) => next.signed_duration_since(start).num_milliseconds(),
                outcome => panic!("{outcome:?}"),
            }
        };
        assert_eq!(wait(2, None, 0.0), 27_000);
        assert_eq!(wait(2, None, 1.0), 33_000);
        assert_eq!(wait(2, Some(1), 0.5), 30_000);
        assert_eq!(wait(2, Some(3600), 0.5), 3_600_000);
        assert_eq!(wait(2, Some(u64::MAX), 0.5), 86_400_000);
        let ping = DueDelivery {
            is_ping: true,
            ..due(1)
        };
        assert_eq!(ping.after_failure(start, None, 0.5), AttemptOutcome::Failed);
    }

    #[test]
    fn an_event_has_one_id_for_each_endpoint_and_tenant() {
        let event = EventRecord {
            seq: 7,
            at: due(1).queued_at,
            kind: "license.revoke".to_owned(),
            subject: "lic".to_owned(),
            details: json!({"reason": "x"}),
        };
        let (one, two) = (TenantId::site(), TenantId::new(uuid::Uuid::from_u128(2)));
        let new = |tenant, webhook| NewDelivery::of_event(tenant, webhook, &event, event.at);
        assert_eq!(new(&one, "whk_1"), new(&one, "whk_1"));
        assert_ne!(new(&one, "whk_1").id, new(&one, "whk_2").id);
        assert_ne!(new(&one, "whk_1").id, new(&two, "whk_1").id);
        let body: Value = serde_json::from_str(&new(&one, "whk_1").body).unwrap();
        let expected = json!({
            "type": "license.revoke", "id": "evt_7", "tenant": "site",
            "timestamp": "2027-01-15T09:00:00Z", "subject": "lic", "data": {"reason": "x"},
        });
        assert_eq!(body, expected);
    }
}
