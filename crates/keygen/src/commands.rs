//! One module a command.

mod activate;
mod answer;
mod batch;
mod bundle;
mod check_in;
mod clock_repair;
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

pub(crate) fn run(cli: Cli, terminal: &Terminal) -> Result<Exit, Failure> {
    let place = place(&cli);
    let done = match cli.command {
        Command::NewKey(arguments) => new_key::run(&arguments, &place, terminal),
        Command::Public(arguments) => public::run(&arguments, terminal),
        Command::Trust(arguments) => trust::run(&arguments, terminal),
        Command::Issue(arguments) => issue::run(&arguments, &place, terminal),
        Command::Trial(arguments) => trial::run(&arguments, &place, terminal),
        Command::Renew(arguments) => renew::run(&arguments, &place, terminal),
        Command::Upgrade(arguments) => upgrade::run(&arguments, &place, terminal),
        Command::Reassign(arguments) => reassign::run(&arguments, &place, terminal),
        Command::Batch(arguments) => batch::run(&arguments, &place, terminal),
        Command::EnterpriseKey(arguments) => enterprise_key::run(&arguments, &place, terminal),
        Command::CheckIn(arguments) => check_in::run(&arguments, &place, terminal),
        Command::Activate(arguments) => activate::run(&arguments, &place, terminal),
        Command::Release(arguments) => release::run(&arguments, &place, terminal),
        Command::ClockRepair(arguments) => clock_repair::run(&arguments, &place, terminal),
        Command::Bundle(arguments) => bundle::run(&arguments, &place, terminal),
        Command::Revoke(arguments) => revoke::run(&arguments, &place, terminal),
        Command::Revocations(arguments) => revocations::run(&arguments, &place, terminal),
        Command::Rotate(arguments) => rotate::run(&arguments, &place, terminal),
        Command::Ledger(command) => ledger::run(&command, &place, terminal),
        Command::Usage(command) => return usage::run(&command, &place, terminal),
        Command::Product(command) => product::run(&command, terminal),
        Command::Diff(arguments) => diff::run(&arguments, &place, terminal),
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
