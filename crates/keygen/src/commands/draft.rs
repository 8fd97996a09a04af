//! Parts of license drafts that several commands share.

use std::num::NonZeroU32;

use license_cli_support::{Failure, escape};
use license_core::chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use license_core::machine::Machine;
use license_core::matrix::TierPolicy;
use license_core::policy::CheckIn;
use license_core::{FeatureMatrix, Tier, time};

/// Returns a tier of the product.
pub(super) fn find_tier(name: Tier, matrix: &FeatureMatrix) -> Result<&TierPolicy, Failure> {
    matrix.tier(name).ok_or_else(|| unknown_tier(name, matrix))
}

fn unknown_tier(found: Tier, matrix: &FeatureMatrix) -> Failure {
    let names: Vec<_> = matrix
        .tiers()
        .iter()
        .map(|tier| tier.name().to_string())
        .collect();
    let product = matrix.product();
    // The built-in product is also used if the option was forgotten.
    let other = if product == FeatureMatrix::built_in().product() {
        ", or add the product file of another product with --product-file"
    } else {
        ""
    };
    let names = names.join(", ").to_lowercase();
    Failure::usage(format!("expected a tier of {product}, found {found}"))
        .hint(format!("use --tier with one of {names}{other}"))
}

/// Returns check-in terms, or `None` without an interval.
///
/// `license` names the license in the failure about a grace period without check-ins.
pub(super) fn check_in(
    every: Option<TimeDelta>,
    grace: Option<NonZeroU32>,
    default_grace: TimeDelta,
    license: &str,
) -> Result<Option<CheckIn>, Failure> {
    let Some(every) = every else {
        return match grace {
            None => Ok(None),
            Some(_) => Err(Failure::usage(format!(
                "--grace needs check-ins, and {license} has none"
            ))
            .hint("add --check-in HOURS, or omit --grace")),
        };
    };
    let grace = grace.map_or(default_grace, hours);
    CheckIn::new(every, grace).map(Some).ok_or_else(|| {
        let (every, grace) = (every.num_hours(), grace.num_hours());
        Failure::usage(format!(
            "expected a grace period of at least the {every} hours between check-ins, found {grace}"
        ))
        .hint(format!("use --grace {every} or more"))
    })
}

/// Returns the duration of an option that counts hours.
pub(super) fn hours(count: NonZeroU32) -> TimeDelta {
    TimeDelta::hours(count.get().into())
}

/// Returns the end of the day that is `duration` after the day of `start`. Only whole days of
/// `duration` count.
pub(super) fn after_days(
    start: DateTime<Utc>,
    duration: TimeDelta,
) -> Result<DateTime<Utc>, Failure> {
    let last = start.date_naive().checked_add_signed(duration);
    let end = last.map(time::end_of_day);
    end.filter(|end| *end < time::MAX).ok_or_else(|| {
        let (days, start) = (duration.num_days(), time::rfc3339(start));
        Failure::usage(format!(
            "expected an end before the year 10000, found {days} days from {start}"
        ))
        .hint("use fewer days, or --perpetual if the command has this option")
    })
}

/// Returns the last second of a day.
pub(super) fn last_second(day: NaiveDate) -> DateTime<Utc> {
    time::saturating_sub(time::end_of_day(day), TimeDelta::seconds(1))
}

/// Returns the users without surrounding space and duplicates, and notes about the duplicates and
/// about names that are probably lists.
pub(super) fn distinct_users(names: &[String]) -> (Vec<String>, Vec<String>) {
    let mut users: Vec<String> = Vec::with_capacity(names.len());
    let mut notes = Vec::new();
    for user in names.iter().map(|user| user.trim()) {
        if users.iter().any(|other| other == user) {
            notes.push(format!("duplicate user {} is ignored", escape(user)));
            continue;
        }
        if user.contains([',', ';']) {
            notes.push(format!(
                "{} is one user; to name several users, repeat --user (in the orders of `keygen batch`, separate them with `;`)",
                escape(user)
            ));
        }
        users.push(user.to_owned());
    }
    (users, notes)
}

/// Returns notes about the machines that a license is locked to.
///
/// `named` is the number of machines on the command line, including duplicates.
pub(super) fn machine_notes(locks: &[Machine], named: usize) -> Vec<String> {
    let mut notes = Vec::new();
    if locks.len() < named {
        notes.push("a duplicate machine is ignored".to_owned());
    }
    let is_digest = |lock: &Machine| matches!(lock, Machine::Digest(_));
    if locks.iter().any(is_digest) {
        notes.push(
            "a digest matches only an unchanged machine; a fingerprint from `license machine` tolerates changed components"
                .to_owned(),
        );
    }
    notes
}
