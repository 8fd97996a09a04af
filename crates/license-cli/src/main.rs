//! `license`: verify, install and ask, with no network.

mod cli;
mod command;
mod embedded;
mod failure;
mod report;
mod subject;

use std::process::ExitCode;

use license_terminal::{Terminal, program};

fn main() -> ExitCode {
    let cli: cli::Cli = match program::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(answered) => return answered,
    };
    let terminal = Terminal::new(&cli.output);
    match command::run(&cli, &terminal) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            terminal.failure(&failure);
            failure.exit().into()
        }
    }
}
