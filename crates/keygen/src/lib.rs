//! The program `keygen`: signing keys, licenses and enterprise keys, issued offline.
//!
//! The package contains a program. This library exists for the program and for its fuzz targets,
//! and has no stable interface. Applications that issue licenses use `license-issuer`.

mod args;
mod commands;
mod failures;
#[cfg(fuzzing)]
pub mod fuzzing;
mod inputs;
mod keys;
mod output;
mod passphrase;
mod settings;

use std::process::ExitCode;

use license_cli_support::{Terminal, program, protect_memory};

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    // Signing keys and passphrases must not reach a core dump.
    protect_memory();
    let arguments = std::env::args_os();
    let parsed = program::parse_with_hints(arguments, &args::COMMAND_GROUPS, &args::OPTION_HINTS);
    let cli: args::Cli = match parsed {
        Ok(cli) => cli,
        Err(exit_code) => return exit_code,
    };
    let terminal = Terminal::new(&cli.output);
    terminal.finish(commands::run(cli, &terminal))
}
