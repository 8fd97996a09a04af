//! `license metrics`.

use license_cli_support::{Audience, Destination, Exit, Failure, Overwrite, Terminal};
use license_core::chrono::{DateTime, Utc};
use license_core::evaluate::{Outcome, Warning};
use license_core::policy::Quota;
use license_core::time;
use serde_json::{Value, json};

use super::observation::Observation;
use crate::args::Metrics;
use crate::context::AppContext;
use crate::output::prometheus::{self, Metric, Sample};

/// The states of the installed license. Exactly one of them has the value 1.
const STATES: [&str; 4] = ["licensed", "grace", "denied", INDETERMINATE];
/// The state of an installed license that cannot be verified or read.
const INDETERMINATE: &str = "indeterminate";

/// The extension of the files that the textfile collector reads.
const EXTENSION: &str = "prom";

/// Prints or writes metrics about the installed license. The state of the license is a metric, so
/// that a license that is not valid is no failure.
///
/// # Errors
///
/// Returns a failure if the file cannot be written, or if the usage type cannot be detected.
pub(crate) fn run(
    app: &AppContext,
    arguments: &Metrics,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let observation = Observation::new(app, &arguments.context)?;
    let metrics = metrics(&observation, arguments.context.strict);
    let path = match &arguments.out {
        Destination::File(path) if !arguments.out.is_stream() => Some(path),
        _ => None,
    };
    let product = app.matrix.product();
    let common = ("product", product.as_str());
    if path.is_some() || !terminal.is_json() {
        let text = prometheus::to_text(&metrics, common);
        let out = &arguments.out;
        out.write(text.as_bytes(), Overwrite::Force, Audience::AllUsers)?;
    }
    if path.is_some_and(|path| path.extension().is_none_or(|found| found != EXTENSION)) {
        terminal.note("node_exporter reads only files whose names end with .prom");
    }
    if terminal.is_json() {
        let samples: Vec<Value> = metrics.iter().flat_map(Metric::to_json).collect();
        let path = path.map(|_| arguments.out.to_string());
        terminal.json(&json!({
            "product": product.as_str(),
            "metrics": samples,
            "path": path,
        }))?;
    }
    Ok(Exit::Success)
}

fn metrics(observation: &Observation<'_>, is_strict: bool) -> Vec<Metric> {
    let mut metrics = about_license(observation, is_strict);
    metrics.extend(about_dates(observation));
    metrics.extend(about_machine(observation));
    metrics
}

/// Returns the metrics about the decision. They contain neither the license key nor the customer,
/// because everyone who may query Prometheus can read them.
fn about_license(observation: &Observation<'_>, is_strict: bool) -> Vec<Metric> {
    let (decision, failure) = (&observation.decision, &observation.evaluation.failure);
    let state = match failure {
        Some(_) => INDETERMINATE,
        None if is_strict && decision.outcome() == Outcome::Grace => Outcome::Denied.as_str(),
        None => decision.outcome().as_str(),
    };
    let code = failure
        .as_ref()
        .map_or(decision.code().as_str(), Failure::code);
    let info = decision.license().map(|license| {
        Sample::new(1)
            .label("license_id", license.id().as_str())
            .label("tier", license.tier().as_str())
            .label("trial", license.is_trial().to_string())
    });
    let effective = decision.entitlements().tier();
    let decided = Sample::new(1)
        .label("code", code)
        .label("effective_tier", effective.as_str());
    let states = STATES.map(|name| Sample::new(u8::from(name == state)).label("state", name));
    vec![
        Metric::gauge(
            "license_build_info",
            concat!("Version of the program ", env!("BUILD_PROGRAM"), "."),
            [Sample::new(1).label("version", env!("CARGO_PKG_VERSION"))],
        ),
        Metric::gauge(
            "license_info",
            "Installed license that decides. Absent without a usable license.",
            info,
        ),
        Metric::gauge(
            "license_state",
            "State of the installed license: 1 for the current state, 0 for the others.",
            states,
        ),
        Metric::gauge(
            "license_decision_info",
            "Reason code of the state, and the tier in effect.",
            [decided],
        ),
    ]
}

fn about_dates(observation: &Observation<'_>) -> Vec<Metric> {
    let decision = &observation.decision;
    let check_in = observation.check_in();
    let check_in = check_in.as_ref();
    vec![
        timestamp(
            "license_expiry_timestamp_seconds",
            "End of the term, including an installed renewal. Absent for a perpetual license.",
            observation.term_end(),
        ),
        timestamp(
            "license_valid_until_timestamp_seconds",
            "End of the license if nothing else is installed, including grace periods. Absent if the license is denied or nothing ends it.",
            decision.holds_until(),
        ),
        timestamp(
            "license_updates_until_timestamp_seconds",
            "Last build date that the license covers. Absent if it covers all builds.",
            observation.updates_until(),
        ),
        timestamp(
            "license_last_check_in_timestamp_seconds",
            "Last check-in. Absent if there is none, or if none is required.",
            check_in.and_then(|dates| dates.last),
        ),
        timestamp(
            "license_check_in_due_timestamp_seconds",
            "Time at which the next check-in is due. Absent if none is required.",
            check_in.map(|dates| dates.due),
        ),
        timestamp(
            "license_check_in_grace_end_timestamp_seconds",
            "End of the grace period after a missed check-in. Absent if none is required.",
            check_in.map(|dates| dates.grace_until),
        ),
    ]
}

fn timestamp(name: &'static str, help: &'static str, at: Option<DateTime<Utc>>) -> Metric {
    let sample = at.map(|at| Sample::new(time::unix_seconds(at)));
    Metric::gauge(name, help, sample)
}

fn about_machine(observation: &Observation<'_>) -> Vec<Metric> {
    let quotas = observation.quotas.iter();
    let limits = quotas.clone().map(|quota| {
        let limit = match quota.limit {
            Quota::Limit(limit) => limit.to_string(),
            Quota::Unlimited => "+Inf".to_owned(),
        };
        Sample::new(limit).label("quota", &quota.name)
    });
    let used = quotas.filter_map(|quota| {
        let used = quota.usage.as_ref()?.used;
        Some(Sample::new(used).label("quota", &quota.name))
    });
    let warnings = observation.decision.warnings();
    let behind = warnings.iter().find_map(|warning| match warning {
        Warning::ClockBehind { behind, .. } => Some(behind.num_seconds()),
        _ => None,
    });
    vec![
        Metric::gauge(
            "license_quota_limit",
            "Limit of a quota for one day (UTC). +Inf is unlimited.",
            limits,
        ),
        Metric::gauge(
            "license_quota_used",
            "Amount of a quota that this user has used today (UTC). Absent if it cannot be read.",
            used,
        ),
        Metric::gauge(
            "license_clock_behind_seconds",
            "Time by which the clock is behind the latest time seen, or 0 up to one day.",
            [Sample::new(behind.unwrap_or(0))],
        ),
        Metric::gauge(
            "license_warning",
            "Warnings about the license and this machine: 1 for each reason code.",
            warning_codes(observation)
                .into_iter()
                .map(|code| Sample::new(1).label("code", code)),
        ),
    ]
}

fn warning_codes<'o>(observation: &'o Observation<'_>) -> Vec<&'o str> {
    let warnings = observation.decision.warnings().iter();
    let warnings = warnings.map(|warning| warning.code().as_str());
    let notices = observation.evaluation.notices.iter();
    let mut codes: Vec<_> = warnings
        .chain(notices.map(|notice| notice.code()))
        .collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}
