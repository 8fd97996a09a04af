//! One module a command.

mod check;
mod explain;
mod features;
mod inspect;
mod install;
mod status;
mod verify;

use clap::CommandFactory;
use license_core::{Bundle, Context, Decision, Matrix};
use license_terminal::{Exit, Failure, Terminal};

use crate::cli::{Cli, Command};
use crate::subject::Site;

pub(crate) fn run(cli: &Cli, terminal: &Terminal) -> Result<Exit, Failure> {
    let site = || Site::open(cli.product_file.as_ref());
    match &cli.command {
        Command::Verify(arguments) => verify::run(&site()?, arguments, terminal),
        Command::Inspect { license } => inspect::run(license, terminal),
        Command::Install(arguments) => install::run(&site()?, arguments, terminal),
        Command::Status(arguments) => status::run(&site()?, arguments, terminal),
        Command::Features(ask) => features::run(&site()?, ask, terminal),
        Command::Check { feature, ask } => check::run(&site()?, feature, ask, terminal),
        Command::Explain(ask) => explain::run(&site()?, ask, terminal),
        Command::Description(asked) => asked.write(Cli::command()).map(|()| Exit::Licensed),
    }
}

/// The decision on a license, or on there being none.
fn decide(bundle: Option<&Bundle>, matrix: &Matrix, context: &Context<'_>) -> Decision {
    match bundle {
        Some(bundle) => bundle.evaluate(matrix, context),
        None => Decision::without_license(matrix, context.clock()),
    }
}
