//! `keygen revoke`.

mod report;
mod selection;

use license_cli_support::Failure;
use license_issuer::services::issue::Mode;
use license_issuer::services::record::{MissingLedger, record};
use license_issuer::services::reinstate::ReinstatementOrder;
use license_issuer::services::revoke::RevocationOrder;

use super::context::AppContext;
use super::lookup::require_ledger;
use super::precautions::Precautions;
use crate::args::Revoke;
use crate::failures;
use crate::inputs::now;
use selection::{LicenseArgument, Selection};

pub(crate) fn run(arguments: &Revoke, app: AppContext<'_>) -> Result<(), Failure> {
    let named = LicenseArgument::read(arguments)?;
    if arguments.undo {
        undo(arguments, &named, app)
    } else {
        revoke(arguments, &named, app)
    }
}

fn revoke(
    arguments: &Revoke,
    named: &LicenseArgument<'_>,
    AppContext { location, terminal }: AppContext<'_>,
) -> Result<(), Failure> {
    let mut ledger = require_ledger(location, "a revocation")?;
    // A ledger that does not exist contains no license.
    let missing = if arguments.force {
        MissingLedger::Create
    } else {
        MissingLedger::Refuse
    };
    let (at, mode) = (now(), Mode::new(arguments.dry_run));
    let precautions = Precautions::clock(arguments.force);
    let recorded = record(&mut ledger, missing, mode, at, |ledger| {
        precautions.check(ledger, at)?;
        let selection = Selection::find(named, arguments, ledger, at)?;
        let order = RevocationOrder {
            licenses: &selection.licenses,
            with_successors: arguments.with_successors,
            reason: &arguments.reason,
            at,
        };
        let plan = order.plan(ledger);
        let plan = plan.map_err(|error| failures::ledger_refused(ledger, &error))?;
        Ok(plan.map(|report| (selection, report)))
    });
    let (selection, revoked) = recorded.map_err(|error| failures::not_issued(error, location))?;
    precautions.warn(terminal);
    report::revoked(&selection, &revoked, arguments, terminal)
}

fn undo(
    arguments: &Revoke,
    named: &LicenseArgument<'_>,
    AppContext { location, terminal }: AppContext<'_>,
) -> Result<(), Failure> {
    let mut ledger = require_ledger(location, "a reinstatement")?;
    let (at, mode) = (now(), Mode::new(arguments.dry_run));
    let precautions = Precautions::clock(arguments.force);
    let recorded = record(&mut ledger, MissingLedger::Refuse, mode, at, |ledger| {
        precautions.check(ledger, at)?;
        let selection = Selection::find(named, arguments, ledger, at)?;
        let order = ReinstatementOrder {
            licenses: &selection.licenses,
            with_successors: arguments.with_successors,
            reason: &arguments.reason,
            at,
        };
        let plan = order.plan(ledger);
        let plan = plan.map_err(|error| failures::ledger_refused(ledger, &error))?;
        Ok(plan.map(|report| (selection, report)))
    });
    let (selection, undone) = recorded.map_err(|error| failures::not_issued(error, location))?;
    precautions.warn(terminal);
    report::undone(&selection, &undone, arguments, terminal)
}
