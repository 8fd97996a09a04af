//! The commands, one module for each, and the modules that several commands use.

mod account;
mod audit;
mod backup;
mod billing;
mod check_config;
mod database;
mod init;
mod install;
mod metering;
mod migrate;
mod opened;
mod people;
mod run;
mod sales;
mod status;
mod token;
mod trust;
mod user;
mod vendor_keys;

use clap::CommandFactory;
use license_cli_support::{Audience, Exit, Failure, Terminal};
use license_core::License;
use license_core::chrono::TimeDelta;

use crate::api;
use crate::args::{Cli, Command, Migrate};
use crate::config::{Config, Settings};

/// Runs a command.
pub(crate) fn run(cli: Cli, terminal: &Terminal) -> Result<Exit, Failure> {
    let done = match cli.command {
        // These commands need no configuration.
        Command::Openapi(output) => output.write(api::document().as_bytes(), Audience::Everyone),
        Command::Description(description) => description.write(Cli::command()),
        command => {
            let mut settings = Settings::load(&cli.settings)?;
            if let Command::Migrate(Migrate { to: Some(url), .. }) = &command {
                settings.set("database", url);
            }
            run_configured(command, &settings, terminal)
        }
    };
    done.map(|()| Exit::Success)
}

/// Returns the last day of a license as text.
fn last_day(license: &License) -> String {
    let Some(end) = license.expires_at() else {
        return "never".to_owned();
    };
    let last = license_core::time::saturating_sub(end, TimeDelta::seconds(1));
    last.date_naive().to_string()
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
        Command::Run => run::run(config?, settings.shown(), terminal),
        Command::Status => status::run(&config?, terminal),
        Command::Migrate(arguments) => migrate::run(&arguments, &config?, terminal),
        Command::Backup(arguments) => backup::run(&arguments, &config?, terminal),
        Command::Install(arguments) => install::run(&arguments, &config?, terminal),
        Command::Account(command) => account::run(&command, &config?, terminal),
        Command::Audit(command) => audit::run(&command, config, terminal),
        Command::Billing(command) => billing::run(&command, &config?, terminal),
        Command::Token(command) => token::run(&command, &config?, terminal),
        Command::Metering(command) => metering::run(&command, &config?, terminal),
        Command::User(command) => user::run(&command, &config?, terminal),
        Command::Openapi(_) | Command::Description(_) => Ok(()),
    }
}
