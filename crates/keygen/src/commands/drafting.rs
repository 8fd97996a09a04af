//! Parts of drafts that several commands share.

use license_cli_support::{Failure, escape};
use license_core::{Machine, Matrix, Tier, TierTerms, Timestamp};
use license_issuer::ledger::{Entry, LedgerReader};
use license_issuer::records;

use crate::failures;

/// Returns a tier of the product.
pub(super) fn tier_terms(name: Tier, matrix: &Matrix) -> Result<&TierTerms, Failure> {
    matrix.tier(name).ok_or_else(|| no_such_tier(name, matrix))
}

fn no_such_tier(found: Tier, matrix: &Matrix) -> Failure {
    let names: Vec<_> = matrix
        .tiers()
        .iter()
        .map(|tier| tier.name().to_string())
        .collect();
    Failure::usage(format!(
        "expected a tier of {}, found {found}",
        matrix.product()
    ))
    .hint(format!(
        "use --tier with one of {}",
        names.join(", ").to_lowercase()
    ))
}

/// Returns the end of the day that is `days` days after the day of an instant.
pub(super) fn after_days(start: Timestamp, days: u64) -> Result<Timestamp, Failure> {
    let last = start.date().and_then(|first| first.plus_days(days));
    let end = last.map(license_core::Date::end);
    end.filter(|end| *end < Timestamp::MAX).ok_or_else(|| {
        Failure::usage(format!("{days} days from {start} end after the year 9999"))
            .hint("use fewer days, or --perpetual where there is one")
    })
}

/// Returns the trials of a customer, in the order of recording.
pub(super) fn trials(
    customer: &str,
    matrix: &Matrix,
    ledger: &dyn LedgerReader,
) -> Result<Vec<Entry>, Failure> {
    let of = records::trial_key(matrix.product(), customer);
    let trials = ledger.trials(&of);
    trials.map_err(|error| failures::ledger_not_read(ledger, &error))
}

/// Returns the end of a trial that is still valid at an instant.
pub(super) fn ends_after(entry: &Entry, now: Timestamp) -> Option<Timestamp> {
    let end = entry.fact("expires_at")?;
    let end = Timestamp::parse(&end).ok()?;
    (end > now).then_some(end)
}

/// Returns the users without surrounding space, each once.
pub(super) fn users(named: &[String], notes: &mut Vec<String>) -> Vec<String> {
    let mut users: Vec<String> = Vec::with_capacity(named.len());
    for user in named.iter().map(|user| user.trim()) {
        match users.iter().any(|other| other == user) {
            false => users.push(user.to_owned()),
            true => notes.push(format!(
                "user {}, who was named twice, is in the license once",
                escape(user)
            )),
        }
    }
    users
}

/// Returns remarks about the machines that were named.
pub(super) fn machine_notes(locks: &[Machine], named: usize) -> Vec<String> {
    let mut notes = Vec::new();
    if locks.len() < named {
        notes.push("a machine that was named twice is in the license once".to_owned());
    }
    let is_digest = |lock: &Machine| matches!(lock, Machine::Digest(_));
    if locks.iter().any(is_digest) {
        notes.push(
            "a digest locks to exactly one identity; the fingerprint from `license machine` tolerates changed parts"
                .to_owned(),
        );
    }
    notes
}
