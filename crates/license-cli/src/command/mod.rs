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

use crate::cli::{Cli, Command, Exchange, Question, Upkeep};
use crate::embedded;
use crate::subject::Site;

pub(crate) fn run(cli: &Cli, terminal: &Terminal) -> Result<Exit, Failure> {
    if embedded::PRESENT && !cli.command.trust().is_empty() {
        return Err(embedded::no_other_keys());
    }
    let site = || Site::open(cli.product_file.as_ref());
    match &*cli.command {
        Command::Verify(arguments) => verify::run(&site()?, arguments, terminal),
        Command::Exchange(asked) => exchange(asked, site, terminal),
        Command::Question(asked) => question(asked, &site()?, terminal),
        Command::Upkeep(asked) => upkeep(asked, &site()?, terminal),
        Command::Description(asked) => asked.write(Cli::command()).map(|()| Exit::Licensed),
    }
}

fn exchange(
    asked: &Exchange,
    site: impl Fn() -> Result<Site, Failure>,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    match asked {
        Exchange::Inspect { license } => inspect::run(license, terminal),
        Exchange::Install(arguments) => install::run(&site()?, arguments, terminal),
        Exchange::Request(arguments) => letter::request(&site()?, arguments, terminal),
        Exchange::Activate(arguments) => install::activate(&site()?, arguments, terminal),
        Exchange::Deactivate(arguments) => letter::deactivate(&site()?, arguments, terminal),
    }
}

fn question(asked: &Question, site: &Site, terminal: &Terminal) -> Result<Exit, Failure> {
    match asked {
        Question::Status(arguments) => status::run(site, arguments, terminal),
        Question::Features(ask) => features::run(site, ask, terminal),
        Question::Check(arguments) => check::run(site, arguments, terminal),
        Question::Use(arguments) => use_quota::run(site, arguments, terminal),
        Question::Session(arguments) => session::run(site, arguments, terminal),
    }
}

fn upkeep(asked: &Upkeep, site: &Site, terminal: &Terminal) -> Result<Exit, Failure> {
    match asked {
        Upkeep::Machine => machine::run(site, terminal),
        Upkeep::Usage(project) => session::usage(site, project, terminal),
        Upkeep::UsageReport(arguments) => usage_report::run(site, arguments, terminal),
        Upkeep::Remove => remove::run(site, terminal),
        Upkeep::Doctor { strict } => doctor::run(site, *strict, terminal),
        Upkeep::Explain(ask) => explain::run(site, ask, terminal),
    }
}
