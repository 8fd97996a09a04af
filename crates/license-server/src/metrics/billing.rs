//! The metrics of billing.

use std::time::Duration;

use license_core::chrono::{DateTime, Utc};
use prometheus::{Error, Gauge, IntGauge, Registry};

/// The metrics of billing.
pub(crate) struct BillingMetrics {
    waiting: IntGauge,
    lag: Gauge,
}

impl BillingMetrics {
    /// Registers the metrics.
    pub(super) fn new(registry: &Registry) -> Result<Self, Error> {
        let waiting = IntGauge::new(
            "license_billing_waiting_events",
            "Events of the payment provider that are not processed.",
        )?;
        registry.register(Box::new(waiting.clone()))?;
        let lag = Gauge::new(
            "license_billing_lag_seconds",
            "How long the oldest of these events has been waiting.",
        )?;
        registry.register(Box::new(lag.clone()))?;
        Ok(Self { waiting, lag })
    }

    /// Publishes the number of waiting events, and when the oldest of them was received.
    pub(crate) fn publish(
        &self,
        (waiting, oldest): (u64, Option<DateTime<Utc>>),
        now: DateTime<Utc>,
    ) {
        self.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        let lag = oldest.and_then(|oldest| now.signed_duration_since(oldest).to_std().ok());
        self.lag
            .set(lag.map_or(0.0, |lag: Duration| lag.as_secs_f64()));
    }
}
