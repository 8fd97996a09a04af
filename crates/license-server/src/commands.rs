//! The commands, one module for each, and the modules that several commands use.

mod backup;
mod check_config;
mod init;
mod install;
mod opened;
mod run;
mod status;
mod token;

use clap::CommandFactory;
use license_cli_support::{Audience, Exit, Failure, Terminal};

use crate::api;
use crate::args::{Cli, Command};
use crate::config::{Config, Settings};

/// Runs a command.
pub(crate) fn run(cli: Cli, terminal: &Terminal) -> Result<Exit, Failure> {
    let done = match cli.command {
        // These commands need no configuration.
        Command::Openapi(output) => output.write(api::document().as_bytes(), Audience::Everyone),
        Command::Description(description) => description.write(Cli::command()),
        command => run_configured(command, &Settings::load(&cli.settings)?, terminal),
    };
    done.map(|()| Exit::Success)
}

fn run_configured(
    command: Command,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let config = Config::new(settings);
    match command {
        Command::CheckConfig => check_config::run(settings, config, terminal),
        Command::Init(arguments) => init::run(&arguments, &config?, terminal),
        Command::Run => run::run(config?, terminal),
        Command::Status => status::run(&config?, terminal),
        Command::Backup(arguments) => backup::run(&arguments, &config?, terminal),
        Command::Install(arguments) => install::run(&arguments, &config?, terminal),
        Command::Token(command) => token::run(&command, &config?, terminal),
        Command::Openapi(_) | Command::Description(_) => Ok(()),
    }
}
