//! `keygen trial`.

use license_cli_support::{Exit, Failure, escape};
use license_core::Matrix;
use license_core::issue::LicenseDraft;
use license_issuer::ledger::LedgerReader;

use super::context::AppContext;
use super::drafting::{after_days, machine_notes, tier_terms, trials, users};
use super::issuing::Issuing;
use super::lookup::required;
use super::machine;
use super::mint::{self, Order};
use crate::args::{Dry, Trial};
use crate::inputs::{fresh_id, matrix, now};

pub(crate) fn run(arguments: &Dry<Trial>, app: AppContext<'_>) -> Result<(), Failure> {
    required(app.place, "that a customer had a trial")?;
    let Dry { order, dry_run } = arguments;
    let matrix = matrix(order.product_file.as_ref())?;
    let issuing = Issuing::new(app, &order.out, *dry_run);
    mint::run(issuing, &order.key, &matrix, |ledger| {
        if let Some(ledger) = ledger.filter(|_| !order.again) {
            check_first(&order.customer, &matrix, ledger)?;
        }
        draft(order, &matrix)
    })
}

fn draft<'m>(order: &Trial, matrix: &'m Matrix) -> Result<Order<'m>, Failure> {
    let usual = matrix.trial();
    let tier = order.tier.or(usual.map(|trial| trial.tier));
    let tier = tier.ok_or_else(|| no_trials(matrix, "--tier"))?;
    let days = order.days.map(|days| days.get().into());
    let days = days.or(usual.map(|trial| trial.days));
    let days = days.ok_or_else(|| no_trials(matrix, "--days"))?;
    let terms = tier_terms(tier, matrix)?;
    let issued_at = order.issued_at.unwrap_or_else(now);
    let customer = order.customer.clone();
    let mut draft = LicenseDraft::of_tier(matrix, terms, fresh_id()?, customer, issued_at);
    draft.issuer = order.issuer.clone().or(draft.issuer);
    draft.trial = true;
    draft.renewal = None;
    draft.expires_at = Some(after_days(issued_at, days)?);
    draft.check_in = draft.check_in.filter(|_| !order.offline);
    draft.usage_type = order.usage_type;
    draft.machines = machine::locks(&order.machine)?;
    draft.must_activate = order.activation;
    let mut notes = machine_notes(&draft.machines, order.machine.len());
    draft.users = users(&order.user, &mut notes);
    let mut trial = Order::new(draft, matrix);
    trial.notes = notes;
    if order.again {
        trial.facts.insert("again".to_owned(), true.into());
    }
    Ok(trial)
}

/// Refuses a customer who had one.
fn check_first(customer: &str, matrix: &Matrix, ledger: &dyn LedgerReader) -> Result<(), Failure> {
    let Some(entry) = trials(customer, matrix, ledger)?.pop() else {
        return Ok(());
    };
    let fact = |name| entry.fact(name).unwrap_or_default();
    let (had, product, id) = (fact("customer"), matrix.product(), &entry.subject);
    let message = format!(
        "{} had a trial of {product}, issued at {} and until {}: {id}",
        escape(&had),
        fact("issued_at"),
        fact("expires_at"),
    );
    Err(
        Failure::new(Exit::Usage, "TRIAL_USED", message).hint(format!(
            "`keygen issue --convert {id}` makes it a paid license; --again gives another trial"
        )),
    )
}

fn no_trials(matrix: &Matrix, option: &str) -> Failure {
    let product = matrix.product();
    Failure::usage(format!(
        "the product file of {product} does not say what a trial is"
    ))
    .hint(format!("add [trial] to it, or give {option}"))
}
