//! The dates of a license as text.

use license_cli_support::{Meaning, Screen, StyledText};
use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::evaluate::{Evidence, Outcome, Warning};
use license_core::time::rfc3339;
use license_core::{Code, Decision, License, time};

/// Returns a bar of the elapsed part of the term, for a terminal.
pub(crate) fn term(license: &License, decision: &Decision, screen: Screen) -> Option<StyledText> {
    let start = license.not_before().or(license.issued_at())?;
    let (end, now) = (license.expires_at()?, decision.evaluated_at());
    let seconds = |duration: TimeDelta| u64::try_from(duration.num_seconds()).unwrap_or_default();
    let whole = seconds(time::duration_since(end, start));
    let elapsed = seconds(time::duration_since(now, start)).min(whole);
    let ends_soon = |warning: &Warning| warning.code() == Code::ExpiresSoon;
    let meaning = if decision.code() == Code::GraceRenewal {
        Meaning::Warning
    } else if elapsed == whole || decision.outcome() == Outcome::Denied {
        Meaning::Bad
    } else if decision.warnings().iter().any(ends_soon) {
        Meaning::Warning
    } else {
        Meaning::Good
    };
    let bar = screen.bar(elapsed, whole, meaning)?;
    let percent = u128::from(elapsed) * 100 / u128::from(whole.max(1));
    Some(bar.and(format!(" {percent}% of the term")))
}

pub(crate) fn or_unknown(at: Option<DateTime<Utc>>) -> String {
    at.map_or_else(
        || "unknown; an enterprise key has no issue date".to_owned(),
        |at| rfc3339(at).to_string(),
    )
}

pub(crate) fn end(license: &License, now: DateTime<Utc>) -> String {
    match license.expires_at() {
        None => "never (perpetual)".to_owned(),
        Some(end) if now < end => format!(
            "{}, {} left",
            time::describe_end(end),
            time::humanize(time::duration_since(end, now)),
        ),
        Some(end) => format!(
            "{}, {} ago",
            time::describe_end(end),
            time::humanize(time::duration_since(now, end)),
        ),
    }
}

/// Returns the end of a license that ends before its expiry, such as the date of an announced
/// revocation. The date of the next check-in is printed separately.
pub(crate) fn announced_end(decision: &Decision, license: &License) -> Option<DateTime<Utc>> {
    let check_in_end = match decision.check_in() {
        Some(Evidence::CheckIn { grace_until, .. }) => Some(*grace_until),
        _ => None,
    };
    let end = decision
        .holds_until()
        .filter(|end| Some(*end) != check_in_end)?;
    license
        .expires_at()
        .is_none_or(|expiry| end < expiry)
        .then_some(end)
}

/// Describes the last validation, the next one, and the end of the grace period.
pub(crate) fn check_in_dates(dates: &Evidence) -> String {
    let Evidence::CheckIn {
        last,
        last_validated_at,
        due_at,
        grace_until,
        ..
    } = dates
    else {
        return String::new();
    };
    let last = if last_validated_at.is_some() {
        format!("last {}", rfc3339(*last))
    } else {
        "no check-in yet".to_owned()
    };
    format!(
        "{last}; next due {due_at}; grace until {grace_until}",
        due_at = rfc3339(*due_at),
        grace_until = rfc3339(*grace_until)
    )
}

pub(crate) fn check_in(license: &License) -> String {
    license
        .check_in()
        .map_or_else(|| "not required".to_owned(), |terms| terms.to_string())
}
