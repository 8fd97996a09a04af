//! `keygen issue`.

use license_cli_support::{Failure, plural};
use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::issue::LicenseDraft;
use license_core::matrix::TierPolicy;
use license_core::policy::CheckIn;
use license_core::time::rfc3339;
use license_core::{FeatureMatrix, TrustSet, time};
use license_issuer::ledger::{LedgerReader, LicenseStatus};
use license_issuer::services::active_licenses::ActiveLicenses;
use license_issuer::services::licenses::LicenseOrder;
use license_issuer::services::trials::{ConvertibleTrial, ends_after, trials_of};

use super::context::AppContext;
use super::draft::{
    after_days, check_in, distinct_users, find_tier, hours, last_second, machine_notes,
};
use super::entitlements::EntitlementChanges;
use super::lookup::{find_named, license_of, not_found, require_ledger};
use super::server_key::{self, ServerKeyFile, refuse_trusted_key};
use super::trial_refusal::trial_refused;
use super::{license, machine};
use crate::args::Issue;
use crate::failures;
use crate::inputs::{add_keys, fresh_id, matrix, now, one_stdin};

pub(crate) fn run(arguments: &Issue, app: AppContext<'_>) -> Result<(), Failure> {
    if arguments.convert.is_some() {
        require_ledger(app.location, "--convert")?;
    }
    let matrix = matrix(app.settings, arguments.signing.product_file.as_ref())?;
    let stdin = arguments.signing.key.stdin_count();
    one_stdin(stdin, arguments.server_key.iter().chain(&arguments.trust))?;
    let server = ServerKeyFile::read(arguments.server_key.as_ref())?;
    let mut trust = TrustSet::default();
    add_keys(&mut trust, &arguments.trust)?;
    license::issue(app, &arguments.signing, &matrix, |ledger| {
        let order = order(arguments, server.as_ref(), &matrix, ledger)?;
        refuse_trusted_key(&order.draft, &trust)?;
        Ok(order)
    })
}

fn order<'m>(
    arguments: &Issue,
    server: Option<&ServerKeyFile<'_>>,
    matrix: &'m FeatureMatrix,
    ledger: Option<&dyn LedgerReader>,
) -> Result<LicenseOrder<'m>, Failure> {
    let issued_at = arguments.signing.issued_at.unwrap_or_else(now);
    let trial = arguments.convert.as_ref();
    let trial = trial.map(|named| convertible(named, ledger, issued_at));
    let trial = trial.transpose()?;
    let mut draft = draft_with_trial(arguments, matrix, trial.as_ref())?;
    let mut notes = notes(
        arguments,
        &draft,
        matrix,
        ledger.filter(|_| trial.is_none()),
    )?;
    let mut warning = None;
    match (&trial, ledger) {
        (Some(trial), Some(ledger)) => {
            let applied = trial.apply(&mut draft, matrix.product(), issued_at);
            applied.map_err(trial_refused(ledger))?;
            notes.push(trial.note(issued_at));
        }
        (None, Some(ledger)) => {
            let (customer, product) = (draft.customer.as_str(), matrix.product());
            let active = ActiveLicenses::read(ledger, Some(customer), product, issued_at);
            let active = active.map_err(failures::ledger_not_read(ledger))?;
            warning = active.warning(customer);
        }
        (_, None) => {}
    }
    let mut order = LicenseOrder {
        notes,
        warnings: warning.into_iter().collect(),
        ..LicenseOrder::new(draft, matrix)
    };
    if let Some(server) = server {
        let server = server.parse(matrix.product())?;
        order.draft.confirmation = Some(server.confirmation().clone());
        server_key::describe(&server, &mut order, ledger)?;
    }
    Ok(order)
}

/// Finds the trial that an id, a key or a file names. Refuses a revoked or converted trial.
fn convertible(
    named: &str,
    ledger: Option<&dyn LedgerReader>,
    now: DateTime<Utc>,
) -> Result<ConvertibleTrial, Failure> {
    let ledger = ledger.ok_or_else(|| not_found(named))?;
    let row = find_named(ledger, named, now)?;
    ConvertibleTrial::new(row, ledger).map_err(trial_refused(ledger))
}

/// Returns notes about a draft. The ledger shows whether the customer has a trial.
pub(super) fn notes(
    arguments: &Issue,
    draft: &LicenseDraft,
    matrix: &FeatureMatrix,
    ledger: Option<&dyn LedgerReader>,
) -> Result<Vec<String>, Failure> {
    let restrictions = &arguments.restrictions;
    let mut notes = machine_notes(&draft.machines, restrictions.machine.len());
    notes.extend(distinct_users(&restrictions.user).1);
    notes.extend(few_seats(draft, matrix));
    if let Some(ledger) = ledger {
        notes.extend(active_trial(draft, matrix, ledger)?);
    }
    Ok(notes)
}

/// Returns a note if more users are named than the license has seats.
fn few_seats(draft: &LicenseDraft, matrix: &FeatureMatrix) -> Option<String> {
    let seats = draft.seats.or_else(|| matrix.included_seats(draft.tier))?;
    let users = draft.users.len();
    (users > usize::try_from(seats).unwrap_or(usize::MAX)).then(|| {
        format!(
            "{} are named for {}; use --seats {users} if all of them may use the product",
            plural(users, "user", "users"),
            plural(seats, "seat", "seats")
        )
    })
}

/// Returns a note if the customer has an active trial that this license does not convert.
fn active_trial(
    draft: &LicenseDraft,
    matrix: &FeatureMatrix,
    ledger: &dyn LedgerReader,
) -> Result<Option<String>, Failure> {
    let trials = trials_of(&draft.customer, matrix.product(), ledger);
    let trials = trials.map_err(failures::ledger_not_read(ledger))?;
    for entry in trials.iter().rev() {
        let issued_at = draft.issued_at.unwrap_or_else(now);
        let license = license_of(ledger, &entry.subject, issued_at)?;
        let is_active = license.is_some_and(|row| row.status == LicenseStatus::Active);
        if let Some(end) = ends_after(entry, issued_at).filter(|_| is_active) {
            let id = &entry.subject;
            return Ok(Some(format!(
                "this customer has a trial until {}; use --convert {id} to add the remaining days",
                rfc3339(end)
            )));
        }
    }
    Ok(None)
}

pub(super) fn draft(arguments: &Issue, matrix: &FeatureMatrix) -> Result<LicenseDraft, Failure> {
    draft_with_trial(arguments, matrix, None)
}

fn draft_with_trial(
    arguments: &Issue,
    matrix: &FeatureMatrix,
    trial: Option<&ConvertibleTrial>,
) -> Result<LicenseDraft, Failure> {
    let tier = find_tier(arguments.tier, matrix)?;
    let restrictions = &arguments.restrictions;
    let issued_at = arguments.signing.issued_at.unwrap_or_else(now);
    let customer = arguments.customer.clone();
    let customer = customer.or_else(|| trial.map(ConvertibleTrial::customer));
    let customer = customer.unwrap_or_default();
    let mut draft = LicenseDraft::for_tier(matrix, tier, fresh_id()?, customer, issued_at);
    draft.issuer = arguments.issuer.clone().or(draft.issuer);
    draft.not_before = arguments.not_before.map(time::start_of_day);
    let start = draft.not_before.unwrap_or(issued_at);
    let last_day = trial.and_then(|trial| trial.last_day(start));
    draft.expires_at = end(arguments, start, last_day.unwrap_or(start))?;
    draft.check_in = check_in_of(arguments, tier)?;
    draft.usage_type = restrictions.usage_type;
    draft.users = distinct_users(&restrictions.user).0;
    draft.machines = machine::locks(&restrictions.machine, matrix.product())?;
    draft.must_activate = restrictions.activation;
    draft.requires_seat = arguments.floating;
    // The claim contains the last covered second.
    draft.maintenance_until = arguments.maintenance_until.map(last_second);
    draft.max_version = arguments.max_version.clone();
    draft.company = arguments.company;
    EntitlementChanges {
        arguments: &arguments.entitlements,
        previous: None,
        is_loss_accepted: arguments.signing.output.force,
    }
    .apply(&mut draft, matrix)?;
    Ok(draft)
}

/// Returns the end of a license. Counts `--days` from `counted_from`.
fn end(
    arguments: &Issue,
    start: DateTime<Utc>,
    counted_from: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, Failure> {
    if let Some(days) = arguments.days {
        return after_days(counted_from, TimeDelta::days(days.get().into())).map(Some);
    }
    match arguments.expires {
        // The end would be the first instant of the year 10000, which no timestamp represents.
        Some(day) if time::end_of_day(day) == time::MAX => Err(Failure::usage(format!(
            "--expires: expected a last day before 9999-12-31, found {day}"
        ))
        .hint("use --perpetual for a license that never expires")),
        Some(day) if time::end_of_day(day) <= start => Err(Failure::usage(format!(
            "expected an end after the start, {}, found {}",
            rfc3339(start),
            rfc3339(time::end_of_day(day))
        ))
        .hint("choose a later day with --expires")),
        day => Ok(day.map(time::end_of_day)),
    }
}

fn check_in_of(arguments: &Issue, tier: &TierPolicy) -> Result<Option<CheckIn>, Failure> {
    if arguments.offline {
        return Ok(None);
    }
    let every = arguments.check_in.map(hours);
    let every = every.or(tier.check_in().map(CheckIn::every));
    let name = format!("tier {}", tier.name());
    check_in(every, arguments.grace, tier.offline_grace(), &name)
}
