//! One module a command.

mod check;
mod doctor;
mod explain;
mod features;
mod inspect;
mod install;
mod letter;
pub(crate) mod lists;
mod machine;
mod remove;
mod session;
mod status;
pub(crate) mod trust_statements;
mod usage_report;
mod use_quota;
mod verify;

use clap::CommandFactory;
use license_terminal::{Exit, Failure, Terminal};

use crate::cli::{Cli, Command};
use crate::embedded;
use crate::subject::Site;

pub(crate) fn run(cli: &Cli, terminal: &Terminal) -> Result<Exit, Failure> {
    if embedded::PRESENT && !cli.command.trust().is_empty() {
        return Err(embedded::no_other_keys());
    }
    let site = || Site::open(cli.product_file.as_ref());
    match &*cli.command {
        Command::Verify(arguments) => verify::run(&site()?, arguments, terminal),
        Command::Inspect { license } => inspect::run(license, terminal),
        Command::Install(arguments) => install::run(&site()?, arguments, terminal),
        Command::Request(arguments) => letter::request(&site()?, arguments, terminal),
        Command::Activate(arguments) => install::activate(&site()?, arguments, terminal),
        Command::Deactivate(arguments) => letter::deactivate(&site()?, arguments, terminal),
        Command::Status(arguments) => status::run(&site()?, arguments, terminal),
        Command::Features(ask) => features::run(&site()?, ask, terminal),
        Command::Check(arguments) => check::run(&site()?, arguments, terminal),
        Command::Use(arguments) => use_quota::run(&site()?, arguments, terminal),
        Command::Session(arguments) => session::run(&site()?, arguments, terminal),
        Command::Machine => machine::run(&site()?, terminal),
        Command::Usage(project) => session::usage(&site()?, project, terminal),
        Command::UsageReport(arguments) => usage_report::run(&site()?, arguments, terminal),
        Command::Remove => remove::run(&site()?, terminal),
        Command::Doctor { strict } => doctor::run(&site()?, *strict, terminal),
        Command::Explain(ask) => explain::run(&site()?, ask, terminal),
        Command::Description(asked) => asked.write(Cli::command()).map(|()| Exit::Licensed),
    }
}
