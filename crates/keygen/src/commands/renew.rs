//! `keygen renew`.

use license_cli_support::Failure;
use license_core::{Date, Matrix, Span, Timestamp};
use license_issuer::ledger::LedgerReader;

use super::context::AppContext;
use super::drafting::after_days;
use super::former::{Former, Given};
use super::issuing::Issuing;
use super::mint::{self, Order};
use super::successor::{Change, refuse_followed};
use crate::args::{Dry, Renew};
use crate::inputs::matrix;

pub(crate) fn run(arguments: &Dry<Renew>, app: AppContext<'_>) -> Result<(), Failure> {
    let Dry { order, dry_run } = arguments;
    let matrix = matrix(order.former.product_file.as_ref())?;
    let given = Given::read(&order.former)?;
    let issuing = Issuing::new(app, &order.out, *dry_run);
    mint::run(issuing, &order.key, &matrix, |ledger| {
        renewed(order, &given, &matrix, ledger)
    })
}

/// A renewal begins where the license ends, so that nothing that was paid for is lost and what changes with it changes on that day.
fn renewed<'m>(
    order: &Renew,
    given: &Given<'_>,
    matrix: &'m Matrix,
    ledger: Option<&dyn LedgerReader>,
) -> Result<Order<'m>, Failure> {
    let former = Former::find(given, matrix, ledger)?;
    if former.license.is_trial() {
        return Err(Failure::usage("a trial is not renewed").hint(
            "`keygen issue --convert LICENSE_ID` makes it a paid license; `keygen trial --again` gives another trial",
        ));
    }
    if let Some(ledger) = ledger {
        refuse_followed(&former.license, Change::Renew, ledger, former.issued_at)?;
    }
    let mut draft = former.successor()?;
    let maintenance = order.maintenance_until.map(|day| day.end().minus(1));
    check_maintenance(former.license.maintenance_until(), maintenance)?;
    draft.maintenance_until = maintenance.or(draft.maintenance_until);
    match former.license.expires_at() {
        None if order.maintenance_until.is_none() => return Err(never_ends()),
        None => {}
        Some(end) => {
            let start = end.max(former.issued_at);
            if let Some(until) = until(order, end, former.issued_at)? {
                draft.expires_at = until;
                draft.not_before = (start > former.issued_at).then_some(start);
            }
        }
    }
    let mut changes = former.changes(&draft, matrix)?;
    let end = former.license.expires_at();
    if let Some(end) = end.filter(|end| *end < former.issued_at) {
        let gap = Span(former.issued_at.seconds_since(end));
        changes.notes.push(format!(
            "the license ended at {end}: the {gap} since then are in neither term"
        ));
    }
    Ok(changes.order(draft, matrix))
}

/// The new end, which may be none at all; `None` if it stays.
fn until(
    order: &Renew,
    end: Timestamp,
    now: Timestamp,
) -> Result<Option<Option<Timestamp>>, Failure> {
    if order.perpetual {
        return Ok(Some(None));
    }
    if let Some(days) = order.days {
        let last_day = end.minus(1).max(now);
        return after_days(last_day, days.get().into()).map(|end| Some(Some(end)));
    }
    let Some(until) = order.until.map(Date::end) else {
        return Ok(None);
    };
    let latest = end.max(now);
    if until == Timestamp::MAX {
        return Err(
            Failure::usage("expected a day before 9999-12-31 for --until")
                .hint("--perpetual makes it a license that never ends"),
        );
    }
    if until <= latest {
        return Err(
            Failure::usage(format!("expected an end after {latest}, found {until}"))
                .hint("a renewal never shortens a license: choose a later day with --until"),
        );
    }
    Ok(Some(Some(until)))
}

fn check_maintenance(before: Option<Timestamp>, after: Option<Timestamp>) -> Result<(), Failure> {
    match (before, after) {
        (None, Some(after)) => Err(Failure::usage(format!(
            "the license covers versions of any day, and would then only those up to {after}"
        ))
        .hint("leave --maintenance-until away")),
        (Some(before), Some(after)) if after < before => Err(Failure::usage(format!(
            "expected maintenance after {before}, found {after}"
        ))
        .hint("a renewal never shortens a license: choose a later day with --maintenance-until")),
        _ => Ok(()),
    }
}

fn never_ends() -> Failure {
    Failure::usage("the license never ends").hint(
        "nothing has to be renewed but its maintenance: --maintenance-until covers newer versions",
    )
}
