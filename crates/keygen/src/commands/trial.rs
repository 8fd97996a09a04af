//! `keygen trial`.

use license_cli_support::{Exit, Failure, escape};
use license_core::chrono::TimeDelta;
use license_core::issue::LicenseDraft;
use license_core::matrix::TierPolicy;
use license_core::policy::CheckIn;
use license_core::{FeatureMatrix, time};
use license_issuer::ledger::LedgerReader;
use license_issuer::services::licenses::LicenseOrder;

use super::context::AppContext;
use super::draft::{after_days, check_in, distinct_users, find_tier, hours, machine_notes, trials};
use super::lookup::require_ledger;
use super::{license, machine};
use crate::args::Trial;
use crate::inputs::{fresh_id, matrix, now};

pub(crate) fn run(arguments: &Trial, app: AppContext<'_>) -> Result<(), Failure> {
    require_ledger(app.location, "a trial")?;
    let matrix = matrix(app.settings, arguments.signing.product_file.as_ref())?;
    license::issue(app, &arguments.signing, &matrix, |ledger| {
        if let Some(ledger) = ledger.filter(|_| !arguments.again) {
            refuse_second_trial(&arguments.customer, &matrix, ledger)?;
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
    let mut draft = LicenseDraft::for_tier(matrix, tier, fresh_id()?, customer, issued_at);
    draft.issuer = arguments.issuer.clone().or(draft.issuer);
    draft.trial = true;
    draft.renewal = None;
    let end = after_days(issued_at, length)?;
    draft.expires_at = Some(end);
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

/// Refuses a customer who already had a trial.
fn refuse_second_trial(
    customer: &str,
    matrix: &FeatureMatrix,
    ledger: &dyn LedgerReader,
) -> Result<(), Failure> {
    let Some(entry) = trials(customer, matrix, ledger)?.pop() else {
        return Ok(());
    };
    let member = |name| entry.member(name).unwrap_or_default();
    let (customer, product, id) = (member("customer"), matrix.product(), &entry.subject);
    let message = format!(
        "customer {} already had a trial of {product}, {id}, from {} until {}",
        escape(&customer),
        member("issued_at"),
        member("expires_at"),
    );
    Err(
        Failure::new(Exit::Usage, "TRIAL_USED", message).hint(format!(
            "convert the trial with `keygen issue --convert {id} --tier TIER --days N`, or allow another trial with --again"
        )),
    )
}

fn no_default(matrix: &FeatureMatrix, option: &str) -> Failure {
    let product = matrix.product();
    Failure::usage(format!(
        "the product file of {product} does not define trials"
    ))
    .hint(format!("add {option}, or add [trial] to the product file"))
}
