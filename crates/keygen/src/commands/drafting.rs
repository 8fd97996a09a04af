//! Parts of drafts that several commands share.

use std::num::NonZeroU32;

use license_cli_support::{Failure, escape};
use license_core::issue::LicenseDraft;
use license_core::{Machine, Matrix, Quota, Tier, TierTerms, Timestamp};
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

/// What a license has in addition to its tier, or lacks.
pub(super) struct TierChanges<'a> {
    pub(super) seats: Option<NonZeroU32>,
    pub(super) devices: Option<NonZeroU32>,
    pub(super) added: &'a [String],
    pub(super) removed: &'a [String],
    pub(super) quotas: &'a [(String, Quota)],
}

impl TierChanges<'_> {
    /// Changes a draft with the features and quotas of its tier.
    pub(super) fn apply(&self, draft: &mut LicenseDraft, matrix: &Matrix) -> Result<(), Failure> {
        let mut apply = || {
            if let Some(seats) = self.seats {
                draft.set_seats(seats, matrix)?;
            }
            if let Some(devices) = self.devices {
                draft.set_devices(devices, matrix);
            }
            let (mut added, mut removed) = (self.added.iter(), self.removed.iter());
            added.try_for_each(|feature| draft.add_feature(feature))?;
            removed.try_for_each(|feature| draft.remove_feature(feature))?;
            let mut quotas = self.quotas.iter();
            quotas.try_for_each(|(name, quota)| draft.set_quota(name, *quota))
        };
        apply().map_err(|error| failures::draft_refused(&error))
    }
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
    ledger
        .trials(&of)
        .map_err(failures::ledger_not_read(ledger))
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
