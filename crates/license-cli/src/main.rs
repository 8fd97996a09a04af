//! `license`: verifies, installs and explains licenses without a network. Only the commands of the
//! feature `online` use one.
//!
//! Layers: `embedded` ← `args`, `output` ← `context` ← `commands`. An arrow separates two groups of
//! modules. A module may use modules of its own group and of the groups to its left.

mod args;
mod commands;
mod context;
mod embedded;
mod output;

use std::ffi::OsString;
use std::process::ExitCode;

use license_cli_support::{Failure, Terminal, program};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let is_plugin = args::is_plugin(&arguments);
    let report = |terminal: &Terminal, failure: &Failure| {
        if is_plugin {
            return output::plugin::report_failure(terminal, failure);
        }
        terminal.failure(failure);
        failure.exit().into()
    };
    let cli: args::Cli = match program::parse_or_report(arguments, args::COMMAND_GROUPS, report) {
        Ok(cli) => cli,
        Err(exit) => return exit,
    };
    let terminal = Terminal::new(&cli.output);
    commands::run(&cli, &terminal).unwrap_or_else(|failure| report(&terminal, &failure))
}
