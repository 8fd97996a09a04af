//! `keygen revoke`.

mod report;
mod selection;

use license_cli_support::Failure;
use license_core::chrono::{DateTime, Utc};
use license_issuer::ledger::LedgerReader;
use license_issuer::services::issue::Mode;
use license_issuer::services::record::{MissingLedger, RecordPlan, record};
use license_issuer::services::reinstate::ReinstatementOrder;
use license_issuer::services::revoke::RevocationOrder;

use super::context::AppContext;
use super::lookup::require_ledger;
use super::precautions::Precautions;
use super::rivals;
use crate::args::Revoke;
use crate::failures;
use crate::inputs::now;
use selection::{LicenseArgument, Selection};

pub(crate) fn run(arguments: &Revoke, app: AppContext<'_>) -> Result<(), Failure> {
    let (reason, with_successors) = (&arguments.reason, arguments.with_successors);
    if arguments.undo {
        let (selection, undone) = record_selected(arguments, app, |selection, ledger, at| {
            let order = ReinstatementOrder {
                licenses: &selection.licenses,
                with_successors,
                reason,
                at,
            };
            let plan = order.plan(ledger);
            let plan = plan.map_err(|error| failures::not_stated(ledger, &error))?;
            if !arguments.force {
                let reinstated = plan.content.reinstated.iter();
                let reinstated: Vec<_> = reinstated.map(|(id, _)| id.as_str()).collect();
                rivals::refuse(&plan.content.rivals, &reinstated)?;
            }
            Ok(plan)
        })?;
        report::undone(&selection, &undone, arguments, app.terminal)
    } else {
        let (selection, revoked) = record_selected(arguments, app, |selection, ledger, at| {
            let order = RevocationOrder {
                licenses: &selection.licenses,
                with_successors,
                reason,
                at,
            };
            let plan = order.plan(ledger);
            let plan = plan.map_err(|error| failures::not_stated(ledger, &error))?;
            let descriptions = report::descriptions(&plan.content.revoked, ledger, at)?;
            Ok(plan.map(|report| (report, descriptions)))
        })?;
        let (report, descriptions) = &revoked;
        report::revoked(&selection, report, descriptions, arguments, app.terminal)
    }
}

/// Finds the licenses that the command line names, and records a plan for them.
fn record_selected<R>(
    arguments: &Revoke,
    app: AppContext<'_>,
    plan: impl FnOnce(
        &Selection,
        Option<&dyn LedgerReader>,
        DateTime<Utc>,
    ) -> Result<RecordPlan<R>, Failure>,
) -> Result<(Selection, R), Failure> {
    let AppContext {
        location, terminal, ..
    } = app;
    let named = LicenseArgument::read(arguments)?;
    // A ledger that does not exist contains no license, so there is nothing to reinstate.
    let (what, missing) = match (arguments.undo, arguments.force) {
        (true, _) => ("a reinstatement", MissingLedger::Refuse),
        (false, true) => ("a revocation", MissingLedger::Create),
        (false, false) => ("a revocation", MissingLedger::Refuse),
    };
    let mut ledger = require_ledger(location, what)?;
    let (at, mode) = (now(), Mode::new(arguments.dry_run));
    let precautions = Precautions::clock(arguments.force);
    let recorded = record(&mut ledger, missing, mode, at, |ledger| {
        precautions.check(ledger, at)?;
        let selection = Selection::find(&named, arguments, ledger, at)?;
        let plan = plan(&selection, ledger, at)?;
        Ok(plan.map(|report| (selection, report)))
    });
    let recorded = recorded.map_err(|error| failures::not_issued(error, location))?;
    precautions.warn(terminal);
    Ok(recorded)
}
