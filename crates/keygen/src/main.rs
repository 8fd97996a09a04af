//! `keygen`: signing keys, licenses and enterprise keys, issued offline.

mod args;
mod commands;
mod failures;
mod inputs;
mod keys;
mod output;
mod passphrase;

use std::process::ExitCode;

use license_cli_support::{Terminal, program, protect_memory};

fn main() -> ExitCode {
    // Signing keys and passphrases must not reach a core dump.
    protect_memory();
    let cli: args::Cli = match program::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(exit_code) => return exit_code,
    };
    let terminal = Terminal::new(&cli.output);
    match commands::run(cli, &terminal) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            terminal.failure(&failure);
            failure.exit().into()
        }
    }
}
