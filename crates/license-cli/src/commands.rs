//! One module for each command.

mod check;
mod doctor;
mod explain;
mod features;
mod inspect;
mod install;
mod machine;
mod metrics;
mod observation;
#[cfg(feature = "online")]
mod online;
mod remove;
mod request;
mod session;
mod status;
mod usage_report;
mod use_quota;
mod verify;

use std::process::ExitCode;

use clap::CommandFactory;
use license_cli_support::{Exit, Failure, Terminal};

#[cfg(feature = "online")]
use crate::args::OnlineCommand;
use crate::args::{Cli, Command, SystemArgs};
use crate::context::AppContext;
use crate::embedded;

/// Runs the command of the command line, and returns the exit code of the program.
///
/// # Errors
///
/// Returns the failure that ends the program.
pub(crate) fn run(cli: &Cli, terminal: &Terminal) -> Result<ExitCode, Failure> {
    match &cli.command {
        Command::Status(arguments) if arguments.thresholds.is_given() => {
            let app = || AppContext::open(cli.product_file.as_ref());
            status::check(app, arguments, terminal).map(ExitCode::from)
        }
        #[cfg(feature = "online")]
        Command::Online(OnlineCommand::Run(arguments)) => {
            check_product(cli)?;
            let app = AppContext::open(cli.product_file.as_ref())?;
            online::run(&app, arguments, terminal)
        }
        command => run_command(cli, command, terminal).map(ExitCode::from),
    }
}

fn run_command(cli: &Cli, command: &Command, terminal: &Terminal) -> Result<Exit, Failure> {
    if embedded::HAS_KEYS && !command.trust().is_empty() {
        return Err(embedded::trust_not_accepted());
    }
    check_product(cli)?;
    let app = || AppContext::open(cli.product_file.as_ref());
    let app_for = |users: SystemArgs, command: &str| {
        let app = app()?;
        if users.system {
            app.for_all_users(command)
        } else {
            Ok(app)
        }
    };
    match command {
        Command::Verify(arguments) => verify::run(&app()?, arguments, terminal),
        Command::Inspect { license, pem } => inspect::run(license, *pem, terminal),
        Command::Install(arguments) => install::run(
            &app_for(arguments.system, "install --system FILE")?,
            arguments,
            terminal,
        ),
        Command::Request(arguments) => request::run(&app()?, arguments, terminal),
        Command::Activate(arguments) => install::activate(
            &app_for(arguments.system, "activate --system FILE")?,
            arguments,
            terminal,
        ),
        Command::Deactivate(arguments) => request::deactivate(
            &app_for(arguments.system, "deactivate --system")?,
            arguments,
            terminal,
        ),
        Command::Status(arguments) => app()?.installed(&arguments.context)?.print_status(terminal),
        Command::Metrics(arguments) => metrics::run(&app()?, arguments, terminal),
        Command::Features(query) => features::run(&app()?, query, terminal),
        Command::Check(arguments) => check::run(&app()?, arguments, terminal),
        Command::Use(arguments) => use_quota::run(&app()?, arguments, terminal),
        Command::Session(arguments) => session::run(&app()?, arguments, terminal),
        Command::Machine => machine::run(&app()?, terminal),
        Command::Usage(project) => session::usage(&app()?, project, terminal),
        Command::UsageReport(arguments) => usage_report::run(&app()?, arguments, terminal),
        Command::Remove(arguments) => {
            remove::run(&app_for(arguments.system, "remove --system")?, terminal)
        }
        Command::Restore(arguments) => install::restore(
            &app_for(arguments.system, "restore --system")?,
            arguments,
            terminal,
        ),
        Command::Doctor { strict } => doctor::run(&app()?, *strict, terminal),
        Command::Explain(arguments) => explain::run(&app()?, arguments, terminal),
        #[cfg(feature = "online")]
        Command::Online(command) => online::run_command(app()?, command, terminal),
        Command::Description(description) => {
            description.write(Cli::command()).map(|()| Exit::Success)
        }
    }
}

/// Returns an error if a program with an embedded product is called with another one.
fn check_product(cli: &Cli) -> Result<(), Failure> {
    if embedded::HAS_PRODUCT && cli.product_file.is_some() {
        return Err(embedded::product_not_accepted());
    }
    Ok(())
}
