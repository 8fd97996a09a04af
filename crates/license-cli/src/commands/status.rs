//! `license status`: the decision on the installed license, or the check of a monitor.

use license_cli_support::{Exit, Failure, Terminal, escape};
use license_core::chrono::TimeDelta;
use license_core::evaluate::{Outcome, Warning};
use license_core::policy::Quota;
use license_core::state::QuotaUse;
use license_core::{Code, FeatureMatrix, time};
use serde_json::Value;

use super::observation::{CheckInDates, Observation, ObservedQuota};
use crate::args::{Status, Thresholds};
use crate::context::AppContext;
use crate::output::plugin::{PerformanceValue, PluginReport, PluginStatus};
use crate::output::{decision, labels};

const SECONDS_PER_DAY: i64 = 24 * 60 * 60;

/// Checks the installed license, and prints the result in the format of plugins.
///
/// # Errors
///
/// Returns a failure, which is the status UNKNOWN, if nothing can be checked.
pub(crate) fn check(
    app: impl FnOnce() -> Result<AppContext, Failure>,
    arguments: &Status,
    terminal: &Terminal,
) -> Result<PluginStatus, Failure> {
    check_order(arguments.thresholds)?;
    let app = app()?;
    let observation = Observation::new(&app, &arguments.context)?;
    let report = PluginCheck {
        observation: &observation,
        matrix: &app.matrix,
        thresholds: arguments.thresholds,
        is_strict: arguments.context.strict,
        is_user_given: arguments.context.user.is_some(),
        report: PluginReport::default(),
    };
    let report = report.run();
    if terminal.is_json() {
        let notices = &observation.evaluation.notices;
        let mut object = decision::to_json(&observation.decision, &app.matrix, notices);
        object.insert("monitor".to_owned(), report.to_json());
        terminal.json(&Value::Object(object))?;
    } else {
        report.print(terminal)?;
    }
    Ok(report.status())
}

/// Checks that a warning comes before the critical status.
fn check_order(thresholds: Thresholds) -> Result<(), Failure> {
    let Some((warn, critical)) = thresholds.warn.zip(thresholds.critical) else {
        return Ok(());
    };
    if warn >= critical {
        return Ok(());
    }
    let (warn, critical) = (time::humanize(warn), time::humanize(critical));
    let message =
        format!("expected --warn of at least --critical ({critical}), found --warn of {warn}");
    Err(Failure::usage(message).hint("give a longer time with --warn, such as --warn 30d"))
}

/// A check in progress.
struct PluginCheck<'o> {
    observation: &'o Observation<'o>,
    matrix: &'o FeatureMatrix,
    thresholds: Thresholds,
    is_strict: bool,
    is_user_given: bool,
    report: PluginReport,
}

impl PluginCheck<'_> {
    fn run(mut self) -> PluginReport {
        self.license();
        if self.observation.evaluation.failure.is_none() {
            self.term();
            self.grace();
            self.check_in();
            self.updates();
            self.warnings();
        }
        for quota in &self.observation.quotas {
            self.quota(quota);
        }
        self.report
    }

    /// Reports the decision. Names neither the customer nor users, because monitors store and
    /// forward the text.
    fn license(&mut self) {
        let Observation {
            evaluation,
            decision,
            ..
        } = self.observation;
        if let Some(failure) = &evaluation.failure {
            // A license that does not verify grants nothing. One that cannot be read may.
            let status = match failure.exit() {
                Exit::Indeterminate => PluginStatus::Critical,
                _ => PluginStatus::Unknown,
            };
            return self.report.add(status, failure.message());
        }
        let code = decision.code();
        let Some(license) = decision.license() else {
            let text = format!("{code}, no license is installed");
            return self.report.add(PluginStatus::Critical, text);
        };
        let tier = labels::tier(license, self.matrix);
        let (status, text) = match decision.outcome() {
            Outcome::Licensed => (PluginStatus::Ok, format!("{tier} license {code}")),
            Outcome::Grace => {
                let left = decision.grace_left().unwrap_or_default();
                let text = format!(
                    "{tier} license {code}, valid for {}",
                    time::humanize_more(left)
                );
                let status = if self.is_strict {
                    PluginStatus::Critical
                } else {
                    PluginStatus::Warning
                };
                (status, text)
            }
            Outcome::Denied if code == Code::UserMismatch && !self.is_user_given => {
                let text = format!("{tier} license {code}, give one of its users with --user");
                (PluginStatus::Unknown, text)
            }
            Outcome::Denied => (
                PluginStatus::Critical,
                format!("{tier} license denied, {code}"),
            ),
        };
        self.report.add(status, text);
    }

    fn term(&mut self) {
        let decision = &self.observation.decision;
        // The decision already reports a license that is not valid.
        let is_denied = decision.outcome() == Outcome::Denied;
        let Some(end) = self.observation.term_end() else {
            if decision.license().is_some() && !is_denied {
                self.report.add(PluginStatus::Ok, "perpetual");
            }
            return;
        };
        let left = self.observation.until(end);
        let (status, limit) = self.status_of(left);
        let text = match limit {
            Some(limit) if left >= TimeDelta::zero() => {
                let (left, limit) = (time::humanize(left), time::humanize(limit));
                format!("{left} left, less than {limit}")
            }
            _ => remaining(left, "left", "expired"),
        };
        match (is_denied, left >= TimeDelta::zero()) {
            (false, _) => self.report.add(status, text),
            (true, false) => self.report.add(PluginStatus::Ok, text),
            (true, true) => {}
        }
        self.report.values.push(PerformanceValue {
            warn: at_least(self.thresholds.warn),
            critical: at_least(self.thresholds.critical),
            ..value("days", days(left))
        });
    }

    /// Adds the days until the license ends if nothing else is installed.
    fn grace(&mut self) {
        if let Some(end) = self.observation.decision.holds_until() {
            let left = self.observation.until(end);
            self.report.values.push(value("valid_days", days(left)));
        }
    }

    /// Reports the next check-in. The license sets the limits: a check-in that is due is a warning,
    /// and the end of its grace period is critical.
    fn check_in(&mut self) {
        let Some(CheckInDates {
            due, grace_until, ..
        }) = self.observation.check_in()
        else {
            return;
        };
        let left = self.observation.until(due);
        let is_due = left <= TimeDelta::zero();
        let (status, text) = if is_due {
            let late = time::humanize(-left);
            (PluginStatus::Warning, format!("check-in overdue by {late}"))
        } else {
            let left = time::humanize(left);
            (PluginStatus::Ok, format!("check-in due in {left}"))
        };
        self.report.add(status, text);
        let grace = grace_until.signed_duration_since(due).num_seconds();
        self.report.values.push(PerformanceValue {
            warn: "0:".to_owned(),
            critical: format!("{}:", grace.saturating_neg()),
            ..value("check_in", format!("{}s", left.num_seconds()))
        });
    }

    /// Reports the end of the updates. A license stays valid for the builds that it covers, so the
    /// end itself is not a problem.
    fn updates(&mut self) {
        let Some(until) = self.observation.updates_until() else {
            return;
        };
        let left = self.observation.until(until);
        let is_ahead = left >= TimeDelta::zero();
        let is_near = is_ahead && self.thresholds.warn.is_some_and(|warn| left < warn);
        let status = if is_near {
            PluginStatus::Warning
        } else {
            PluginStatus::Ok
        };
        let text = if is_ahead {
            format!("updates for {}", time::humanize_more(left))
        } else {
            remaining(left, "", "updates ended")
        };
        self.report.add(status, text);
        self.report.values.push(PerformanceValue {
            warn: at_least(self.thresholds.warn),
            ..value("updates_days", days(left))
        });
    }

    fn quota(&mut self, quota: &ObservedQuota) {
        let Quota::Limit(limit) = quota.limit else {
            return;
        };
        let label = format!("quota_{}", quota.name);
        let used = quota.usage.as_ref().map(|usage| usage.used);
        let mut measured = PerformanceValue {
            min: "0".to_owned(),
            max: limit.to_string(),
            ..value(
                &label,
                used.map_or_else(|| "U".to_owned(), |used| used.to_string()),
            )
        };
        if limit > 0 {
            measured.warn = last_normal(limit).to_string();
            measured.critical = limit.saturating_sub(1).to_string();
        }
        self.report.values.push(measured);
        let Some(usage) = quota.usage.as_ref().filter(|_| limit > 0) else {
            return;
        };
        if let Some(status) = status_of_quota(usage, limit) {
            let (name, used) = (escape(self.matrix.quota_label(&quota.name)), usage.used);
            let text = format!("{used} of {limit} {name} used today");
            self.report.add(status, text);
        }
    }

    /// Reports the warnings of the decision and the problems of this machine, by their codes.
    fn warnings(&mut self) {
        let Observation {
            evaluation,
            decision,
            ..
        } = self.observation;
        // Other messages report the term, and a trial is not a problem.
        let is_reported = |warning: &&Warning| {
            !matches!(warning.code(), Code::ExpiresSoon | Code::Trial)
                && warning.code() != decision.code()
        };
        let warnings = decision.warnings().iter().filter(is_reported);
        let codes = warnings.map(|warning| warning.code().as_str());
        let notices = evaluation.notices.iter().map(|notice| notice.code());
        let mut codes: Vec<&str> = codes.chain(notices).collect();
        codes.sort_unstable();
        codes.dedup();
        if !codes.is_empty() {
            let text = format!("{}, see license doctor", codes.join(", "));
            self.report.add(PluginStatus::Warning, text);
        }
    }

    /// Returns the status for the remaining time, and the threshold that it is below.
    fn status_of(&self, left: TimeDelta) -> (PluginStatus, Option<TimeDelta>) {
        let Thresholds { warn, critical } = self.thresholds;
        let is_below = |limit: &TimeDelta| left < *limit;
        if let Some(limit) = critical.filter(is_below) {
            return (PluginStatus::Critical, Some(limit));
        }
        match warn.filter(is_below) {
            Some(limit) => (PluginStatus::Warning, Some(limit)),
            None => (PluginStatus::Ok, None),
        }
    }
}

fn value(label: &str, value: String) -> PerformanceValue {
    PerformanceValue {
        label: label.to_owned(),
        value,
        ..PerformanceValue::default()
    }
}

/// Returns `3 days left` for a time in the future, and `ended 3 days ago` for a time in the past.
fn remaining(left: TimeDelta, ahead: &str, behind: &str) -> String {
    if left >= TimeDelta::zero() {
        format!("{} {ahead}", time::humanize(left))
    } else {
        format!("{behind} {} ago", time::humanize(-left))
    }
}

/// Returns a duration in days, rounded down to hundredths, so that a value below a threshold never
/// prints as the threshold.
fn days(duration: TimeDelta) -> String {
    let hundredths = duration
        .num_seconds()
        .saturating_mul(100)
        .div_euclid(SECONDS_PER_DAY);
    let sign = if hundredths < 0 { "-" } else { "" };
    let (whole, part) = (
        hundredths.unsigned_abs() / 100,
        hundredths.unsigned_abs() % 100,
    );
    let text = format!("{sign}{whole}.{part:02}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Returns the range of values that are no problem: at least the threshold.
fn at_least(threshold: Option<TimeDelta>) -> String {
    threshold.map_or_else(String::new, |threshold| format!("{}:", days(threshold)))
}

/// Returns the highest count at which a quota is not low.
fn last_normal(limit: u64) -> u64 {
    // A quota is low from four fifths of its limit.
    let low = u128::from(limit).saturating_mul(4).div_ceil(5);
    u64::try_from(low).unwrap_or(limit).saturating_sub(1)
}

fn status_of_quota(usage: &QuotaUse, limit: u64) -> Option<PluginStatus> {
    if usage.used >= limit {
        Some(PluginStatus::Critical)
    } else if usage.is_low() {
        Some(PluginStatus::Warning)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_rounded_down() {
        for (seconds, expected) in [
            (0, "0"),
            (-1, "-0.01"),
            (SECONDS_PER_DAY, "1"),
            (30 * SECONDS_PER_DAY - 1, "29.99"),
            (SECONDS_PER_DAY / 2, "0.5"),
            (100 * SECONDS_PER_DAY, "100"),
            (-3 * SECONDS_PER_DAY, "-3"),
        ] {
            assert_eq!(days(TimeDelta::seconds(seconds)), expected);
        }
    }

    #[test]
    fn the_range_of_a_quota_ends_where_the_quota_is_low() {
        use license_core::state::QuotaCounters;
        for limit in [1, 2, 5, 7, 10, 52, 81] {
            let used = |used| {
                let mut counters = QuotaCounters::default();
                counters.take("a", used, Quota::Limit(limit), license_client::now())
            };
            let last = last_normal(limit);
            assert!(last == 0 || !used(last).is_low(), "{limit}");
            assert!(used(last + 1).is_low(), "{limit}");
        }
    }
}
