//! `license`: verifies, installs and explains licenses without a network.
//!
//! Layers: `embedded` ← `args`, `output` ← `context` ← `commands`. An arrow separates two groups of
//! modules. A module may use modules of its own group and of the groups to its left.

mod args;
mod commands;
mod context;
mod embedded;
mod output;

use std::process::ExitCode;

use license_cli_support::{Terminal, program};

fn main() -> ExitCode {
    let cli: args::Cli = match program::parse(std::env::args_os(), &args::COMMAND_GROUPS) {
        Ok(cli) => cli,
        Err(exit) => return exit,
    };
    let terminal = Terminal::new(&cli.output);
    match commands::run(&cli, &terminal) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            terminal.failure(&failure);
            failure.exit().into()
        }
    }
}
