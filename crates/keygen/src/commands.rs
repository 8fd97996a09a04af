//! The commands, one module for each, and the modules that several commands use.

mod activate;
mod answer;
mod batch;
mod bundle;
mod check_in;
mod clock_repair;
mod compared_license;
mod config;
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
mod named_users;
mod new_key;
mod precautions;
mod previous_license;
mod product;
mod public;
mod quotation_marks;
mod reassign;
mod release;
mod renew;
mod revocations;
mod revoke;
mod rivals;
mod rotate;
mod server_key;
mod signer;
mod successor;
mod token_denials;
mod trial;
mod trial_refusal;
mod trust;
mod upgrade;
mod usage;

use clap::CommandFactory;
use license_cli_support::{Exit, Failure, Origin, Terminal, show_path};

use crate::args::{Cli, Command, ProductCommand};
use crate::settings::{Settings, explain_ledger};
use context::AppContext;

#[cfg(fuzzing)]
pub use batch::{ReadOrder, read_orders};
#[cfg(fuzzing)]
pub use ledger::read_line;

pub(crate) fn run(cli: Cli, terminal: &Terminal) -> Result<Exit, Failure> {
    let settings = &settings(&cli)?;
    let ledger = settings.ledger(cli.ledger.as_ref(), cli.no_ledger);
    let app = AppContext {
        settings,
        location: &ledger.value,
        terminal,
        is_ledger_named: !matches!(ledger.origin, Origin::Default),
    };
    let missing = app.missing_ledger();
    let exit = run_command(cli.command, app, &ledger.origin)
        .map_err(|failure| explain_ledger(&ledger, failure))?;
    if let Some(created) = missing.filter(|path| path.exists()) {
        terminal.note(&format!("created ledger {}", show_path(created)));
    }
    Ok(exit)
}

/// Reads the settings. Commands that use none work even if the settings file is damaged.
fn settings(cli: &Cli) -> Result<Settings, Failure> {
    match &cli.command {
        Command::Product(ProductCommand::Show { .. }) => Settings::load(&cli.settings),
        Command::Trust(_) | Command::Product(_) | Command::Inspect(_) | Command::Description(_) => {
            Ok(Settings::default())
        }
        _ => Settings::load(&cli.settings),
    }
}

fn run_command(
    command: Command,
    app: AppContext<'_>,
    ledger_origin: &Origin,
) -> Result<Exit, Failure> {
    let terminal = app.terminal;
    let done = match command {
        Command::NewKey(arguments) => new_key::run(&arguments, app),
        Command::Public(arguments) => public::run(&arguments, app),
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
        Command::Product(command) => product::run(&command, app),
        Command::Config => config::run(ledger_origin, app),
        Command::Diff(arguments) => diff::run(&arguments, app),
        Command::Inspect(arguments) => inspect::run(&arguments, terminal),
        // Completions and man pages.
        Command::Description(description) => description.write(Cli::command()),
    };
    done.map(|()| Exit::Success)
}
