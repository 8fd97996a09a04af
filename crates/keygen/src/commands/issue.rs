//! `keygen issue`.

use std::num::NonZeroU32;

use license_cli_support::Failure;
use license_core::issue::LicenseDraft;
use license_core::{CheckIn, Matrix, TierTerms, Timestamp};
use license_issuer::ledger::{LedgerReader, LicenseStatus};

use super::context::AppContext;
use super::convert::Converted;
use super::drafting::{
    TierChanges, after_days, ends_after, machine_notes, tier_terms, trials, users,
};
use super::issuing::Issuing;
use super::lookup::{license_of, required};
use super::machine;
use super::mint::{self, Order};
use crate::args::{Dry, Issue};
use crate::inputs::{fresh_id, matrix, now};

pub(crate) fn run(arguments: &Dry<Issue>, app: AppContext<'_>) -> Result<(), Failure> {
    let Dry { order, dry_run } = arguments;
    if order.convert.is_some() {
        required(app.place, "which trials there are")?;
    }
    let matrix = matrix(order.product_file.as_ref())?;
    let issuing = Issuing::new(app, &order.out, *dry_run);
    mint::run(issuing, &order.key, &matrix, |ledger| {
        self::order(order, &matrix, ledger)
    })
}

fn order<'m>(
    asked: &Issue,
    matrix: &'m Matrix,
    ledger: Option<&dyn LedgerReader>,
) -> Result<Order<'m>, Failure> {
    let issued_at = asked.issued_at.unwrap_or_else(now);
    let trial = asked.convert.as_ref();
    let trial = trial.map(|named| Converted::find(named, ledger, issued_at));
    let trial = trial.transpose()?;
    let mut draft = draft_of(asked, matrix, trial.as_ref())?;
    let mut notes = machine_notes(&draft.machines, asked.machine.len());
    draft.users = users(&asked.user, &mut notes);
    match (&trial, ledger) {
        (Some(trial), _) => {
            trial.apply(&mut draft, matrix)?;
            notes.push(trial.note(&draft));
        }
        (None, Some(ledger)) => notes.extend(open_trial(&draft, matrix, ledger)?),
        (None, None) => {}
    }
    Ok(Order {
        notes,
        ..Order::new(draft, matrix)
    })
}

/// That the customer has a trial which this license does not convert.
fn open_trial(
    draft: &LicenseDraft,
    matrix: &Matrix,
    ledger: &dyn LedgerReader,
) -> Result<Option<String>, Failure> {
    let trials = trials(&draft.customer, matrix, ledger)?;
    for entry in trials.iter().rev() {
        let issued_at = draft.issued_at.unwrap_or_else(now);
        let standing = license_of(ledger, &entry.subject, issued_at)?;
        let holds = standing.is_some_and(|row| row.status == LicenseStatus::Active);
        if let Some(end) = ends_after(entry, issued_at).filter(|_| holds) {
            let id = &entry.subject;
            return Ok(Some(format!(
                "this customer has a trial until {end}; with --convert {id} the license keeps what is left of it"
            )));
        }
    }
    Ok(None)
}

pub(super) fn draft(arguments: &Issue, matrix: &Matrix) -> Result<LicenseDraft, Failure> {
    draft_of(arguments, matrix, None)
}

fn draft_of(
    arguments: &Issue,
    matrix: &Matrix,
    trial: Option<&Converted>,
) -> Result<LicenseDraft, Failure> {
    let tier = tier_terms(arguments.tier, matrix)?;
    let issued_at = arguments.issued_at.unwrap_or_else(now);
    let customer = arguments.customer.clone();
    let customer = customer.or_else(|| trial.map(Converted::customer));
    let customer = customer.unwrap_or_default();
    let mut draft = LicenseDraft::of_tier(matrix, tier, fresh_id()?, customer, issued_at);
    draft.issuer = arguments.issuer.clone().or(draft.issuer);
    draft.not_before = arguments.not_before.map(license_core::Date::start);
    let start = draft.not_before.unwrap_or(issued_at);
    let last_day = trial.and_then(|trial| trial.last_day(start));
    draft.expires_at = end(arguments, start, last_day.unwrap_or(start))?;
    draft.check_in = check_in(arguments, tier)?;
    draft.usage_type = arguments.usage_type;
    draft.users = users(&arguments.user, &mut Vec::new());
    draft.machines = machine::locks(&arguments.machine)?;
    draft.must_activate = arguments.activation;
    // The claim is the last second that is covered.
    draft.maintenance_until = arguments.maintenance_until.map(|day| day.end().minus(1));
    draft.max_version = arguments.max_version.clone();
    draft.company = arguments.company;
    let changes = TierChanges {
        seats: arguments.seats,
        devices: arguments.devices,
        added: &arguments.add_feature,
        removed: &arguments.remove_feature,
        quotas: &arguments.quota,
    };
    changes.apply(&mut draft, matrix)?;
    Ok(draft)
}

/// The end of a license; days are counted from `counted_from`.
fn end(
    arguments: &Issue,
    start: Timestamp,
    counted_from: Timestamp,
) -> Result<Option<Timestamp>, Failure> {
    if let Some(days) = arguments.days {
        return after_days(counted_from, days.get().into()).map(Some);
    }
    match arguments.expires {
        // Its end would be the first instant of the year 10000.
        Some(day) if day.end() == Timestamp::MAX => Err(Failure::usage(format!(
            "expected an end before the year 10000, found that of {day}"
        ))
        .hint("use --perpetual")),
        Some(day) if day.end() <= start => Err(Failure::usage(format!(
            "expected an end after the start, {start}, found {}",
            day.end()
        ))
        .hint("choose a later day with --expires")),
        day => Ok(day.map(license_core::Date::end)),
    }
}

fn check_in(arguments: &Issue, tier: &TierTerms) -> Result<Option<CheckIn>, Failure> {
    if arguments.offline {
        return Ok(None);
    }
    let hours = |hours: NonZeroU32| u64::from(hours.get());
    let every = arguments
        .check_in
        .map(hours)
        .or(tier.check_in().map(CheckIn::every_hours));
    let Some(every) = every else {
        return match arguments.grace {
            None => Ok(None),
            Some(_) => Err(Failure::usage(format!(
                "--grace needs a check-in, and tier {} has none",
                tier.name()
            ))
            .hint("add --check-in HOURS, or leave out --grace")),
        };
    };
    let grace = arguments.grace.map_or(tier.offline_grace_hours(), hours);
    CheckIn::new(every, grace).map(Some).ok_or_else(|| {
        Failure::usage(format!(
            "expected a grace period of at least the {every} hours between check-ins, found {grace}"
        ))
        .hint(format!("use --grace {every} or more"))
    })
}
