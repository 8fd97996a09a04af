//! The commands, one module for each, and the modules that several commands use.

mod activate;
mod answer;
mod batch;
mod bundle;
mod check_in;
mod clock_repair;
mod compared_license;
mod context;
mod devices;
mod diff;
mod draft;
mod enterprise_key;
mod entitlements;
mod inspect;
mod issuance;
mod issue;
mod ledger;
mod license;
mod license_report;
mod lookup;
mod machine;
mod machine_request;
mod new_key;
mod previous_license;
mod product;
mod public;
mod reassign;
mod release;
mod renew;
mod revocations;
mod revoke;
mod rotate;
mod signer;
mod successor;
mod trial;
mod trial_conversion;
mod trust;
mod upgrade;
mod usage;

use clap::CommandFactory;
use license_cli_support::{Exit, Failure, Terminal};
use license_issuer::ledger::sqlite::LedgerLocation;

use crate::args::{Cli, Command};
use crate::output::default_ledger;
use context::AppContext;

#[cfg(fuzzing)]
pub use batch::{ReadOrder, read_orders};
#[cfg(fuzzing)]
pub use ledger::read_line;

pub(crate) fn run(cli: Cli, terminal: &Terminal) -> Result<Exit, Failure> {
    let location = &ledger_location(&cli);
    let app = AppContext { location, terminal };
    let done = match cli.command {
        Command::NewKey(arguments) => new_key::run(&arguments, app),
        Command::Public(arguments) => public::run(&arguments, terminal),
        Command::Trust(arguments) => trust::run(&arguments, terminal),
        Command::Issue(arguments) => issue::run(&arguments, app),
        Command::Trial(arguments) => trial::run(&arguments, app),
        Command::Renew(arguments) => renew::run(&arguments, app),
        Command::Upgrade(arguments) => upgrade::run(&arguments, app),
        Command::Reassign(arguments) => reassign::run(&arguments, app),
        Command::Batch(arguments) => batch::run(&arguments, app),
        Command::EnterpriseKey(arguments) => enterprise_key::run(&arguments, app),
        Command::CheckIn(arguments) => check_in::run(&arguments, app),
        Command::Activate(arguments) => activate::run(&arguments, app),
        Command::Release(arguments) => release::run(&arguments, app),
        Command::ClockRepair(arguments) => clock_repair::run(&arguments, app),
        Command::Bundle(arguments) => bundle::run(&arguments, app),
        Command::Revoke(arguments) => revoke::run(&arguments, app),
        Command::Revocations(arguments) => revocations::run(&arguments, app),
        Command::Rotate(arguments) => rotate::run(&arguments, app),
        Command::Ledger(command) => ledger::run(&command, app),
        Command::Usage(command) => return usage::run(&command, app),
        Command::Product(command) => product::run(&command, terminal),
        Command::Diff(arguments) => diff::run(&arguments, app),
        Command::Inspect(arguments) => inspect::run(&arguments, terminal),
        // Completions and man pages.
        Command::Description(description) => description.write(Cli::command()),
    };
    done.map(|()| Exit::Success)
}

/// Returns the location of the ledger, from the command line, the environment or the platform.
fn ledger_location(cli: &Cli) -> LedgerLocation {
    if cli.no_ledger {
        return LedgerLocation::None;
    }
    let variable = || std::env::var_os("KEYGEN_LEDGER").filter(|value| !value.is_empty());
    let path = cli.ledger.clone();
    path.or_else(|| variable().map(Into::into))
        .or_else(default_ledger)
        .map_or(LedgerLocation::Unknown, LedgerLocation::File)
}
