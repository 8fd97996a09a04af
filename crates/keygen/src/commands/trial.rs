//! `keygen trial`.

use license_cli_support::Failure;
use license_core::chrono::TimeDelta;
use license_core::matrix::TierPolicy;
use license_core::policy::CheckIn;
use license_core::{FeatureMatrix, time};
use license_issuer::services::licenses::LicenseOrder;
use license_issuer::services::trials::{refuse_second_trial, trial_draft};

use super::context::AppContext;
use super::draft::{after_days, check_in, distinct_users, find_tier, hours, machine_notes};
use super::lookup::require_ledger;
use super::trial_refusal::trial_refused;
use super::{license, machine};
use crate::args::Trial;
use crate::inputs::{fresh_id, matrix, now};

pub(crate) fn run(arguments: &Trial, app: AppContext<'_>) -> Result<(), Failure> {
    require_ledger(app.location, "a trial")?;
    let matrix = matrix(app.settings, arguments.signing.product_file.as_ref())?;
    license::issue(app, &arguments.signing, &matrix, |ledger| {
        if let Some(ledger) = ledger.filter(|_| !arguments.again) {
            let refused = refuse_second_trial(&arguments.customer, matrix.product(), ledger);
            refused.map_err(trial_refused(ledger))?;
        }
        order(arguments, &matrix)
    })
}

fn order<'m>(arguments: &Trial, matrix: &'m FeatureMatrix) -> Result<LicenseOrder<'m>, Failure> {
    let default = matrix.trial();
    let tier = arguments.tier.or(default.map(|trial| trial.tier));
    let tier = tier.ok_or_else(|| no_default(matrix, "--tier"))?;
    let length = arguments
        .days
        .map(|days| TimeDelta::days(days.get().into()));
    let length = length.or(default.map(|trial| trial.length));
    let length = length.ok_or_else(|| no_default(matrix, "--days"))?;
    let tier = find_tier(tier, matrix)?;
    let restrictions = &arguments.restrictions;
    let issued_at = arguments.signing.issued_at.unwrap_or_else(now);
    let customer = arguments.customer.clone();
    let end = after_days(issued_at, length)?;
    let mut draft = trial_draft(matrix, tier, fresh_id()?, customer, issued_at, end);
    draft.issuer = arguments.issuer.clone().or(draft.issuer);
    draft.check_in = check_in_of(arguments, time::duration_since(end, issued_at), tier)?;
    draft.usage_type = restrictions.usage_type;
    draft.machines = machine::locks(&restrictions.machine, matrix.product())?;
    draft.must_activate = restrictions.activation;
    let mut notes = machine_notes(&draft.machines, restrictions.machine.len());
    let (users, user_notes) = distinct_users(&restrictions.user);
    draft.users = users;
    notes.extend(user_notes);
    let mut order = LicenseOrder::new(draft, matrix);
    order.notes = notes;
    if arguments.again {
        order.members.insert("again".to_owned(), true.into());
    }
    Ok(order)
}

/// Returns the check-in terms of a trial.
///
/// A trial does not check in, because it must last its days where it cannot. With `--check-in`, it
/// lasts its days without an answer, unless `--grace` shortens it.
fn check_in_of(
    arguments: &Trial,
    length: TimeDelta,
    tier: &TierPolicy,
) -> Result<Option<CheckIn>, Failure> {
    let every = arguments.check_in.map(hours);
    // The grace period is in whole hours, so a started hour counts.
    let whole = TimeDelta::hours(length.num_hours().saturating_add(1));
    check_in(
        every,
        arguments.grace,
        whole.max(tier.offline_grace()),
        "a trial",
    )
}

fn no_default(matrix: &FeatureMatrix, option: &str) -> Failure {
    let product = matrix.product();
    Failure::usage(format!(
        "the product file of {product} does not define trials"
    ))
    .hint(format!("add {option}, or add [trial] to the product file"))
}
