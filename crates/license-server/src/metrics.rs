//! Metrics in the text format of Prometheus.

mod billing;
mod pools;
mod webhooks;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use license_core::chrono::{DateTime, Utc};
use license_seats::{EndReason, PoolEvent, SeatEventKind};
use prometheus::{
    Encoder, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};

pub(crate) use self::webhooks::WebhookState;

use self::billing::BillingMetrics;
use self::pools::PoolMetrics;
use self::webhooks::WebhookMetrics;
use crate::domain::ServerCode;
use crate::observer::{MailResult, Observer};
use crate::services::TickReport;

/// The bounds of durations in seconds. The promise for a validation is 100 ms.
const BUCKETS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// The metrics of a server.
pub(crate) struct Metrics {
    registry: Registry,
    /// Requests by method, route template and status.
    requests: IntCounterVec,
    /// Durations of requests by route template.
    durations: HistogramVec,
    /// Durations of validations.
    pub(crate) validation_durations: Histogram,
    /// Validations by the code of the answer.
    pub(crate) validations: IntCounterVec,
    /// Durations of signatures, with the wait for the key.
    signatures: Histogram,
    /// Durations of transactions of the database.
    commits: Histogram,
    /// Transactions whose changes are not stored.
    failed_commits: IntCounter,
    /// Acquires by result, such as `granted` or the code of the denial.
    pub(crate) acquires: IntCounterVec,
    /// Refused requests for seats by code.
    denials: IntCounterVec,
    /// Logins by result: `verified` or the code of the refusal.
    pub(crate) logins: IntCounterVec,
    /// Mails by what became of them.
    mails: IntCounterVec,
    /// Attempts of people to sign in, by result: `signed_in` or the code of the refusal.
    pub(crate) sign_ins: IntCounterVec,
    pub(crate) provider_sign_ins: IntCounterVec,
    /// Ends of leases by reason.
    lease_ends: IntCounterVec,
    /// Requests that a limit refused, by the limit.
    pub(crate) limited: IntCounterVec,
    /// Connections that were closed, by the limit.
    pub(crate) closed_connections: IntCounterVec,
    pub(crate) open_connections: IntGauge,
    /// Signed lease tokens.
    pub(crate) lease_tokens: IntCounter,
    lease_clock: Gauge,
    lease_clock_lag: Gauge,
    tls_certificate_end: IntGaugeVec,
    /// The end of the TLS certificate, for people.
    certificate_end: Mutex<Option<DateTime<Utc>>>,
    pub(crate) pools: PoolMetrics,
    pub(crate) webhooks: WebhookMetrics,
    pub(crate) billing: BillingMetrics,
    /// A server without Redis has no value.
    redis_up: IntGaugeVec,
}

/// The results of logins.
const LOGIN_RESULTS: [&str; 5] = [
    "verified",
    ServerCode::LoginRequired.as_str(),
    ServerCode::LoginInvalid.as_str(),
    ServerCode::LoginExpired.as_str(),
    ServerCode::LoginUnavailable.as_str(),
];

/// The results of sign-ins at identity providers.
const SIGN_IN_RESULTS: [&str; 10] = [
    "signed_in",
    ServerCode::LoginState.as_str(),
    ServerCode::LoginDenied.as_str(),
    ServerCode::LoginInvalid.as_str(),
    ServerCode::LoginExpired.as_str(),
    ServerCode::LoginUnavailable.as_str(),
    ServerCode::LoginEmail.as_str(),
    ServerCode::LoginNoRole.as_str(),
    ServerCode::LoginNotInvited.as_str(),
    ServerCode::LoginOther.as_str(),
];

/// The start of the routes for clients that use seats.
const SEAT_ROUTES: [&str; 2] = ["/api/v1/seats", "/api/v1/queue"];

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
            let gauge = Gauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let counter = |name: &str, help: &str| {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let options =
            |name: &str, help: &str| HistogramOpts::new(name, help).buckets(BUCKETS.to_vec());
        let histogram = |name: &str, help: &str| {
            let histogram = Histogram::with_opts(options(name, help))?;
            registry.register(Box::new(histogram.clone()))?;
            Ok::<_, prometheus::Error>(histogram)
        };
        let durations = HistogramVec::new(
            options("license_http_request_seconds", "Durations of requests."),
            &["route"],
        )?;
        registry.register(Box::new(durations.clone()))?;
        let open_connections = IntGauge::new("license_http_connections", "Open connections.")?;
        registry.register(Box::new(open_connections.clone()))?;
        let lease_ends = counters("license_lease_ends_total", "Ends of leases.", &["reason"])?;
        // A rate needs a first value, so each reason starts with zero.
        for reason in EndReason::ALL {
            lease_ends.with_label_values(&[reason.as_str()]).reset();
        }
        let logins = counters(
            "license_logins_total",
            "Logins of users by result.",
            &["result"],
        )?;
        for result in LOGIN_RESULTS {
            logins.with_label_values(&[result]).reset();
        }
        let mails = counters("license_mails_total", "Mails to people.", &["result"])?;
        for result in MailResult::ALL {
            mails.with_label_values(&[result.as_str()]).reset();
        }
        let provider_sign_ins = counters(
            "license_provider_sign_ins_total",
            "Sign-ins of people at identity providers by result.",
            &["result"],
        )?;
        for result in SIGN_IN_RESULTS {
            provider_sign_ins.with_label_values(&[result]).reset();
        }
        Ok(Self {
            pools: PoolMetrics::new(&registry)?,
            webhooks: WebhookMetrics::new(&registry)?,
            billing: BillingMetrics::new(&registry)?,
            requests: counters(
                "license_http_requests_total",
                "Requests.",
                &["method", "route", "status"],
            )?,
            durations,
            validation_durations: histogram(
                "license_validation_seconds",
                "Durations of validations.",
            )?,
            validations: counters(
                "license_validations_total",
                "Validations by the code of the answer.",
                &["code"],
            )?,
            signatures: histogram(
                "license_sign_seconds",
                "Durations of signatures, with the wait for the key.",
            )?,
            commits: histogram(
                "license_store_commit_seconds",
                "Durations of transactions of the database.",
            )?,
            failed_commits: counter(
                "license_store_failed_commits_total",
                "Transactions whose changes are not stored.",
            )?,
            acquires: counters(
                "license_seat_acquires_total",
                "Acquires of seats.",
                &["result"],
            )?,
            denials: counters(
                "license_seat_denials_total",
                "Refused requests for seats.",
                &["code"],
            )?,
            logins,
            mails,
            sign_ins: counters(
                "license_sign_ins_total",
                "Attempts of people to sign in.",
                &["result"],
            )?,
            provider_sign_ins,
            lease_ends,
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
            open_connections,
            lease_tokens: counter("license_lease_tokens_total", "Signed lease tokens.")?,
            lease_clock: gauge("license_lease_clock_seconds", "The lease clock.")?,
            lease_clock_lag: gauge(
                "license_lease_clock_lag_seconds",
                "How far the lease clock is behind the time since the start.",
            )?,
            tls_certificate_end: gauges(
                "license_tls_certificate_end_timestamp_seconds",
                "The end of the TLS certificate.",
                &[],
            )?,
            redis_up: gauges("license_redis_up", "Whether Redis answers renewals.", &[])?,
            certificate_end: Mutex::default(),
            registry,
        })
    }

    /// Counts a request, and a refused request for seats by its code.
    pub(crate) fn request(&self, request: &AnsweredRequest<'_>) {
        let AnsweredRequest { method, route, .. } = *request;
        let status = request.status.to_string();
        self.requests
            .with_label_values(&[method, route, &status])
            .inc();
        let durations = self.durations.with_label_values(&[route]);
        durations.observe(request.duration.as_secs_f64());
        if SEAT_ROUTES.iter().any(|start| route.starts_with(start))
            && let Some(code) = request.code
        {
            self.denials.with_label_values(&[code]).inc();
        }
    }

    /// Publishes the lease clock, and whether Redis answers renewals.
    pub(crate) fn tick(&self, report: &TickReport) {
        let seconds = |millis: u64| Duration::from_millis(millis).as_secs_f64();
        self.lease_clock.set(seconds(report.lease_clock_ms));
        self.lease_clock_lag.set(seconds(report.lease_clock_lag_ms));
        if let Some(is_on) = report.redis_is_on {
            let gauge = self.redis_up.with_label_values::<&str>(&[]);
            gauge.set(is_on.into());
        }
    }

    /// Publishes the end of the TLS certificate.
    pub(crate) fn certificate(&self, ends_at: DateTime<Utc>) {
        let gauge = self.tls_certificate_end.with_label_values::<&str>(&[]);
        gauge.set(ends_at.timestamp());
        let end = self.certificate_end.lock();
        *end.unwrap_or_else(PoisonError::into_inner) = Some(ends_at);
    }

    /// Returns the end of the TLS certificate, if the server has one.
    pub(crate) fn certificate_end(&self) -> Option<DateTime<Utc>> {
        let end = self.certificate_end.lock();
        *end.unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the metrics as text.
    pub(crate) fn to_text(&self) -> String {
        let mut text = Vec::new();
        // Writing to memory does not fail, and the names of the metrics are valid.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        String::from_utf8(text).unwrap_or_default()
    }
}

/// A request with its response.
pub(crate) struct AnsweredRequest<'a> {
    pub(crate) method: &'a str,
    /// The template of the route.
    pub(crate) route: &'a str,
    pub(crate) status: u16,
    /// The reason code, if the request was refused.
    pub(crate) code: Option<&'a str>,
    pub(crate) duration: Duration,
}

impl Observer for Metrics {
    fn committed(&self, duration: Duration, is_success: bool) {
        self.commits.observe(duration.as_secs_f64());
        if !is_success {
            self.failed_commits.inc();
        }
    }

    fn seat_changed(&self, event: &PoolEvent) {
        if let SeatEventKind::Ended { reason, .. } = event.kind {
            self.lease_ends.with_label_values(&[reason.as_str()]).inc();
        }
    }

    fn signed(&self, duration: Duration) {
        self.signatures.observe(duration.as_secs_f64());
    }

    fn mailed(&self, result: MailResult) {
        self.mails.with_label_values(&[result.as_str()]).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered<'a>(route: &'a str, code: Option<&'a str>) -> AnsweredRequest<'a> {
        AnsweredRequest {
            method: "GET",
            route,
            status: 200,
            code,
            duration: Duration::from_millis(3),
        }
    }

    #[test]
    fn requests_are_counted_by_method_route_and_status() {
        let metrics = Metrics::new().unwrap();
        metrics.request(&answered("/healthz", None));
        metrics.request(&answered("/healthz", None));
        let text = metrics.to_text();
        let line = r#"license_http_requests_total{method="GET",route="/healthz",status="200"} 2"#;
        assert!(text.contains(line), "{text}");
        let bucket = r#"license_http_request_seconds_bucket{route="/healthz",le="0.005"} 2"#;
        assert!(text.contains(bucket), "{text}");
    }

    #[test]
    fn only_refusals_of_seats_are_denials() {
        let metrics = Metrics::new().unwrap();
        metrics.request(&answered("/api/v1/seats", None));
        metrics.request(&answered(
            "/api/v1/seats/{session}/heartbeat",
            Some("LEASE_LOST"),
        ));
        metrics.request(&answered("/api/v1/audit", Some("UNAUTHORIZED")));
        let text = metrics.to_text();
        let denials = text
            .lines()
            .filter(|line| line.starts_with("license_seat_denials_total"));
        let denials: Vec<&str> = denials.collect();
        assert_eq!(
            denials,
            [r#"license_seat_denials_total{code="LEASE_LOST"} 1"#]
        );
    }
}
