//! The command line of `license-server`.

mod account;
mod audit;
mod billing;
mod files;
mod metering;
mod settings;
mod token;
mod user;

use clap::{Parser, Subcommand};
use license_cli_support::program::{CommandGroup, Description};
use license_cli_support::{OutputFile, OutputOptions};

pub(crate) use account::AccountCommand;
pub(crate) use audit::{AuditCommand, AuditExport, AuditVerify};
pub(crate) use billing::{BillingCommand, PlanArgs};
pub(crate) use files::{Backup, Init, Install, Migrate};
pub(crate) use metering::MeteringCommand;
pub(crate) use settings::SettingArgs;
pub(crate) use token::{TokenCommand, TokenLifetime};
pub(crate) use user::UserCommand;

/// Validates licenses and lends floating seats, at a site or in a vendor's cloud
#[derive(Debug, Parser)]
#[command(name = "license-server", version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}

const AFTER_HELP: &str = "\
First steps:
  license-server init      create the key and a request for the vendor
  license-server install trust.jwks acme.lic
                           install the vendor's public keys and the license
  license-server run       start the server

`license-server run` works without the other steps: it creates what is missing,
and prints its address and a link for the first administrator.

Vendors:
  With --ledger and --signing-key, the server issues and revokes licenses over
  HTTP, with the ledger and the key of `keygen`.

Set options once:
  Variables such as LICENSE_SERVER_LISTEN, and members of license-server.toml
  such as listen, replace options. `license-server check-config` shows each
  value, and where it comes from.

Exit codes: 0 success, 2 usage error, 3 invalid or unverifiable input,
4 system error.";

/// The commands as the help of the program shows them.
pub(crate) const COMMAND_GROUPS: [CommandGroup; 4] = [
    CommandGroup {
        heading: "Set up a server",
        commands: &["init", "install", "check-config"],
    },
    CommandGroup {
        heading: "Run a server",
        commands: &["run", "status", "backup", "migrate"],
    },
    CommandGroup {
        heading: "Administer a server",
        commands: &[
            "account", "token", "user", "metering", "billing", "audit", "openapi",
        ],
    },
    CommandGroup {
        heading: "Help",
        commands: &["completions", "man", "help"],
    },
];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create the data directory, the server's key and a request for the vendor
    Init(Init),
    /// Start the server
    #[command(
        alias = "start",
        after_help = "`license-server check-config --help` lists all settings."
    )]
    Run,
    /// Show whether the server runs, and its licenses and seats
    Status,
    /// Copy the data directory, also while the server runs
    Backup(Backup),
    /// Move the database of a stopped server to PostgreSQL
    Migrate(Migrate),
    /// Check the configuration, and show each setting and where it comes from
    #[command(after_help = settings::HELP)]
    CheckConfig,
    /// Install a license, a revocation list, a trust statement or the vendor's public keys
    Install(Install),
    /// Create accounts, and help people who cannot sign in
    #[command(subcommand)]
    Account(AccountCommand),
    /// Create, list and revoke API tokens of administrators
    #[command(subcommand)]
    Token(TokenCommand),
    /// Assign users to licenses, list them and end their assignments
    #[command(subcommand)]
    User(UserCommand),
    /// Show and export what customers use
    #[command(subcommand)]
    Metering(MeteringCommand),
    /// State what prices of the payment provider buy, and list and compare subscriptions
    #[command(subcommand)]
    Billing(BillingCommand),
    /// Export and verify the audit trail
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Write the OpenAPI 3.1 document of the HTTP interface
    Openapi(OutputFile),
    #[command(flatten)]
    Description(Description),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use license_cli_support::program;

    use super::*;

    #[test]
    fn each_command_is_in_one_group() {
        let misplaced = program::misplaced(&Cli::command(), &COMMAND_GROUPS);
        assert_eq!(misplaced, [""; 0]);
    }
}
