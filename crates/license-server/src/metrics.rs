//! Metrics in the text format of Prometheus.

use std::time::Duration;

use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};

use crate::services::PoolStatus;

/// The bounds of durations in seconds. The promise for a validation is 100 ms.
const BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// The metrics of a server.
pub(crate) struct Metrics {
    registry: Registry,
    /// Requests by method, route template and status.
    requests: IntCounterVec,
    /// Durations of requests by route template.
    durations: HistogramVec,
    /// Durations of validations.
    pub(crate) validations: Histogram,
    /// Acquires by result, such as `granted` or the code of the denial.
    pub(crate) acquires: IntCounterVec,
    /// Requests that a limit refused, by the limit.
    pub(crate) limited: IntCounterVec,
    /// Connections that were closed, by the limit.
    pub(crate) closed_connections: IntCounterVec,
    pub(crate) open_connections: IntGauge,
    /// Signed lease tokens.
    pub(crate) lease_tokens: IntCounter,
    pub(crate) lease_clock: IntGauge,
    /// Seats by pool and state, such as `held` and `late`.
    seats: IntGaugeVec,
    /// The end of the licenses of each pool in Unix seconds.
    license_end: IntGaugeVec,
}

impl Metrics {
    /// Creates the metrics.
    ///
    /// # Errors
    ///
    /// Returns an error if two metrics have the same name.
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counters.clone()))?;
            Ok::<_, prometheus::Error>(counters)
        };
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            let gauges = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(gauges.clone()))?;
            Ok::<_, prometheus::Error>(gauges)
        };
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let options =
            |name: &str, help: &str| HistogramOpts::new(name, help).buckets(BUCKETS.to_vec());
        let durations = HistogramVec::new(
            options("license_http_request_seconds", "Durations of requests."),
            &["route"],
        )?;
        registry.register(Box::new(durations.clone()))?;
        let validations = Histogram::with_opts(options(
            "license_validation_seconds",
            "Durations of validations.",
        ))?;
        registry.register(Box::new(validations.clone()))?;
        let lease_tokens = IntCounter::new("license_lease_tokens_total", "Signed lease tokens.")?;
        registry.register(Box::new(lease_tokens.clone()))?;
        Ok(Self {
            requests: counters(
                "license_http_requests_total",
                "Requests.",
                &["method", "route", "status"],
            )?,
            durations,
            validations,
            acquires: counters(
                "license_seat_acquires_total",
                "Acquires of seats.",
                &["result"],
            )?,
            limited: counters(
                "license_http_limited_total",
                "Requests that a rate limit refused.",
                &["limit"],
            )?,
            closed_connections: counters(
                "license_http_closed_connections_total",
                "Connections that the server closed.",
                &["reason"],
            )?,
            open_connections: gauge("license_http_connections", "Open connections.")?,
            lease_tokens,
            lease_clock: gauge("license_lease_clock_milliseconds", "The lease clock.")?,
            seats: gauges("license_seats", "Seats by state.", &["pool", "state"])?,
            license_end: gauges(
                "license_end_timestamp_seconds",
                "The end of the licenses of each pool.",
                &["pool"],
            )?,
            registry,
        })
    }

    /// Counts a request.
    pub(crate) fn request(&self, method: &str, route: &str, status: u16, duration: Duration) {
        let status = status.to_string();
        self.requests
            .with_label_values(&[method, route, &status])
            .inc();
        let durations = self.durations.with_label_values(&[route]);
        durations.observe(duration.as_secs_f64());
    }

    /// Publishes the seats of a pool.
    pub(crate) fn pool(&self, pool: &PoolStatus) {
        let set = |state: &str, count: u32| {
            let gauge = self.seats.with_label_values(&[pool.pool.as_str(), state]);
            gauge.set(count.into());
        };
        if !pool.is_unlimited {
            set("capacity", pool.usage.capacity);
            set("allowed", pool.usage.allowed);
        }
        set("held", pool.usage.held);
        set("late", pool.usage.late);
        set("borrowed", pool.usage.borrowed);
        set("queued", pool.usage.waiting);
        set("overage", pool.usage.over());
        if let Some(end) = pool.ends_at {
            let gauge = self.license_end.with_label_values(&[pool.pool.as_str()]);
            gauge.set(end.timestamp());
        }
    }

    /// Returns the metrics as text.
    pub(crate) fn to_text(&self) -> String {
        let mut text = Vec::new();
        // Writing to memory does not fail, and the names of the metrics are valid.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        String::from_utf8(text).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_method_route_and_status() {
        let metrics = Metrics::new().unwrap();
        metrics.request("GET", "/healthz", 200, Duration::from_millis(3));
        metrics.request("GET", "/healthz", 200, Duration::from_millis(3));
        let text = metrics.to_text();
        let line = r#"license_http_requests_total{method="GET",route="/healthz",status="200"} 2"#;
        assert!(text.contains(line), "{text}");
        let bucket = r#"license_http_request_seconds_bucket{route="/healthz",le="0.005"} 2"#;
        assert!(text.contains(bucket), "{text}");
    }
}
