//! The metrics of webhooks.

use std::time::Duration;

use license_core::chrono::{DateTime, Utc};
use prometheus::{Error, Gauge, IntCounterVec, IntGauge, Opts, Registry};

use crate::domain::WebhookBacklog;

/// The results of attempts to deliver to webhooks.
const RESULTS: [&str; 3] = ["delivered", "retried", "failed"];

/// The metrics of webhooks.
pub(crate) struct WebhookMetrics {
    /// Attempts to deliver, by result.
    attempts: IntCounterVec,
    lag: Gauge,
    waiting: IntGauge,
    failing: IntGauge,
}

impl WebhookMetrics {
    /// Registers the metrics.
    pub(super) fn new(registry: &Registry) -> Result<Self, Error> {
        let attempts = Opts::new(
            "license_webhook_attempts_total",
            "Attempts to deliver to webhooks by result.",
        );
        let attempts = IntCounterVec::new(attempts, &["result"])?;
        registry.register(Box::new(attempts.clone()))?;
        // A rate needs a first value, so each result starts with zero.
        for result in RESULTS {
            attempts.with_label_values(&[result]).reset();
        }
        let lag = Gauge::new(
            "license_webhook_lag_seconds",
            "How long the oldest delivery to a webhook is overdue.",
        )?;
        registry.register(Box::new(lag.clone()))?;
        let count = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, Error>(gauge)
        };
        Ok(Self {
            attempts,
            lag,
            waiting: count(
                "license_webhook_waiting_deliveries",
                "Deliveries to webhooks that wait for an attempt.",
            )?,
            failing: count(
                "license_webhooks_failing",
                "Webhooks with deliveries whose last attempt failed.",
            )?,
        })
    }

    /// Counts an attempt to deliver.
    pub(crate) fn attempt(&self, result: &str) {
        self.attempts.with_label_values(&[result]).inc();
    }

    /// Publishes the number and the lag of waiting deliveries.
    pub(crate) fn publish(&self, state: &WebhookState) {
        let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.lag.set(state.lag.as_secs_f64());
        self.waiting.set(count(state.waiting));
        self.failing.set(count(state.failing));
    }
}

/// The waiting deliveries to the webhooks of all organizations.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WebhookState {
    lag: Duration,
    waiting: u64,
    failing: u64,
}

impl WebhookState {
    /// Adds the waiting deliveries of an organization.
    pub(crate) fn add(&mut self, backlog: &WebhookBacklog, now: DateTime<Utc>) {
        let lag = backlog.next_at.map(|next| now.signed_duration_since(next));
        // An attempt in the future is not late.
        let lag = lag.and_then(|lag| lag.to_std().ok()).unwrap_or_default();
        self.lag = self.lag.max(lag);
        self.waiting = self.waiting.saturating_add(backlog.waiting);
        self.failing = self.failing.saturating_add(backlog.failing);
    }
}
