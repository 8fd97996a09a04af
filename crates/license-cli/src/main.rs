//! `license`: verifies, installs and explains licenses without a network.
//!
//! Each module uses only those to its left: `embedded`, `args` ← `output` ← `context` ← `commands`.

mod args;
mod commands;
mod context;
mod embedded;
mod output;

use std::process::ExitCode;

use license_cli_support::{Terminal, program};

fn main() -> ExitCode {
    let cli: args::Cli = match program::parse(std::env::args_os()) {
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
