//! One module a command.

mod activate;
mod answer;
mod batch;
mod bundle;
mod check_in;
mod clock_repair;
mod context;
mod convert;
mod devices;
mod diff;
mod drafting;
mod enterprise_key;
mod former;
mod inspect;
mod issue;
mod issuing;
mod ledger;
mod lookup;
mod machine;
mod mint;
mod new_key;
mod product;
mod public;
mod reassign;
mod release;
mod renew;
mod request;
mod revocations;
mod revoke;
mod rotate;
mod signer;
mod subject;
mod successor;
mod terms;
mod trial;
mod trust;
mod upgrade;
mod usage;

use crate::output::default_ledger;
use clap::CommandFactory;
use license_cli_support::{Exit, Failure, Terminal};
use license_issuer::ledger::sqlite::LedgerLocation;

use crate::args::{Cli, Command};
use context::AppContext;

pub(crate) fn run(cli: Cli, terminal: &Terminal) -> Result<Exit, Failure> {
    let place = &place(&cli);
    let app = AppContext { place, terminal };
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
        Command::Description(asked) => asked.write(Cli::command()),
    };
    done.map(|()| Exit::Licensed)
}

/// Returns the location of the ledger: that of the command line, of the environment, or of the
/// platform.
fn place(cli: &Cli) -> LedgerLocation {
    if cli.no_ledger {
        return LedgerLocation::None;
    }
    let set = || std::env::var_os("KEYGEN_LEDGER").filter(|value| !value.is_empty());
    let named = cli.ledger.clone().or_else(|| set().map(Into::into));
    named
        .or_else(default_ledger)
        .map_or(LedgerLocation::Unknown, LedgerLocation::File)
}
