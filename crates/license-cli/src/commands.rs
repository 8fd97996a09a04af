//! One module for each command.

mod check;
mod doctor;
mod explain;
mod features;
mod inspect;
mod install;
mod machine;
mod remove;
mod request;
mod session;
mod usage_report;
mod use_quota;
mod verify;

use clap::CommandFactory;
use license_cli_support::{Exit, Failure, Terminal};

use crate::args::{Cli, Command};
use crate::context::AppContext;
use crate::embedded;

/// Runs the command of the command line.
///
/// # Errors
///
/// Returns the failure that ends the program.
pub(crate) fn run(cli: &Cli, terminal: &Terminal) -> Result<Exit, Failure> {
    if embedded::PRESENT && !cli.command.trust().is_empty() {
        return Err(embedded::trust_not_accepted());
    }
    let app = || AppContext::open(cli.product_file.as_ref());
    match &cli.command {
        Command::Verify(arguments) => verify::run(&app()?, arguments, terminal),
        Command::Inspect { license } => inspect::run(license, terminal),
        Command::Install(arguments) => install::run(&app()?, arguments, terminal),
        Command::Request(arguments) => request::run(&app()?, arguments, terminal),
        Command::Activate(arguments) => install::activate(&app()?, arguments, terminal),
        Command::Deactivate(arguments) => request::deactivate(&app()?, arguments, terminal),
        Command::Status(arguments) => app()?.installed(&arguments.context)?.print_status(terminal),
        Command::Features(query) => features::run(&app()?, query, terminal),
        Command::Check(arguments) => check::run(&app()?, arguments, terminal),
        Command::Use(arguments) => use_quota::run(&app()?, arguments, terminal),
        Command::Session(arguments) => session::run(&app()?, arguments, terminal),
        Command::Machine => machine::run(&app()?, terminal),
        Command::Usage(project) => session::usage(&app()?, project, terminal),
        Command::UsageReport(arguments) => usage_report::run(&app()?, arguments, terminal),
        Command::Remove => remove::run(&app()?, terminal),
        Command::Restore(arguments) => install::restore(&app()?, arguments, terminal),
        Command::Doctor { strict } => doctor::run(&app()?, *strict, terminal),
        Command::Explain(query) => explain::run(&app()?, query, terminal),
        Command::Description(description) => {
            description.write(Cli::command()).map(|()| Exit::Success)
        }
    }
}
