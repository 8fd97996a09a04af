//! The command line of `keygen`.

mod activation;
mod diff;
mod issue;
mod keys;
mod ledger;
mod renewal;
mod revocations;
mod rotate;
mod settings;
mod signing;
mod usage;
mod value;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use license_cli_support::program::{CommandGroup, Description, OptionHint};
use license_cli_support::{OutputFile, OutputOptions, Source};
use license_core::ProductCode;

pub(crate) use activation::{Activate, AnswerArgs, Bundle, Release};
pub(crate) use diff::Diff;
pub(crate) use issue::{Batch, CheckIn, EnterpriseKey, Issue, RowArgs, Trial};
pub(crate) use keys::{KeySize, NewKey, Public, PublicFormat, Trust};
pub(crate) use ledger::{Expiring, LedgerCommand, List, Revoke, SortBy, TableFormat};
pub(crate) use renewal::{ChangeArgs, Reassign, Renew, Upgrade};
pub(crate) use revocations::Revocations;
pub(crate) use rotate::Rotate;
pub(crate) use settings::SettingsFileArgs;
pub(crate) use signing::{EntitlementArgs, KeyArgs, SigningArgs};
pub(crate) use usage::{UsageCommand, UsageImport, UsageSummary};

/// Issues licenses offline: signing keys, license files and enterprise keys
#[derive(Debug, Parser)]
#[command(name = "keygen", version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Ledger of issued licenses [env: KEYGEN_LEDGER; keygen.toml: ledger] [default: ledger.db in
    /// the user data directory]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Ledger")]
    pub(crate) ledger: Option<PathBuf>,
    /// Do not record in the ledger (for throwaway licenses)
    #[arg(
        long,
        global = true,
        conflicts_with = "ledger",
        help_heading = "Ledger"
    )]
    pub(crate) no_ledger: bool,
    #[command(flatten)]
    pub(crate) settings: SettingsFileArgs,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}

const AFTER_HELP: &str = "\
First steps:
  keygen new-key --out vendor.key
  keygen public --key vendor.key --format jwk --out vendor.jwk
  keygen trust vendor.jwk --out trust.jwks
  keygen issue --key vendor.key --tier pro --customer \"ACME Ltd\" --days 365 --offline --out acme.lic

Set options once:
  Variables such as KEYGEN_KEY, and members of keygen.toml such as key, set options that
  a command omits. `keygen config` shows each value, and where it comes from.

Exit codes: 0 success, 2 usage error, 3 invalid or unverifiable input, 4 system error.";

/// The commands as the help of the program shows them.
pub(crate) const COMMAND_GROUPS: [CommandGroup; 7] = [
    CommandGroup {
        heading: "Create signing keys",
        commands: &["new-key", "public", "trust", "rotate"],
    },
    CommandGroup {
        heading: "Issue licenses",
        commands: &["issue", "trial", "batch", "enterprise-key"],
    },
    CommandGroup {
        heading: "Change licenses",
        commands: &["renew", "upgrade", "reassign", "revoke", "revocations"],
    },
    CommandGroup {
        heading: "Serve machines",
        commands: &["check-in", "activate", "release", "clock-repair", "bundle"],
    },
    CommandGroup {
        heading: "Look things up",
        commands: &["ledger", "usage", "inspect", "diff"],
    },
    CommandGroup {
        heading: "Describe products",
        commands: &["product"],
    },
    CommandGroup {
        heading: "Settings and help",
        commands: &["config", "completions", "man", "help"],
    },
];

/// Hints for options of another command.
pub(crate) const OPTION_HINTS: [OptionHint; 4] = [
    OptionHint {
        command: "keygen upgrade",
        options: &["days", "until", "expires", "perpetual", "maintenance-until"],
        hint: "`keygen upgrade` keeps the end of the license; extend it with `keygen renew LICENSE --days N`",
    },
    OptionHint {
        command: "keygen renew",
        options: &["tier", "user", "remove-user"],
        hint: "`keygen renew` keeps the tier and the users; change them with `keygen upgrade LICENSE --tier TIER` or `--user USER`",
    },
    OptionHint {
        command: "keygen upgrade",
        options: CUSTOMER,
        hint: OTHER_CUSTOMER,
    },
    OptionHint {
        command: "keygen renew",
        options: CUSTOMER,
        hint: OTHER_CUSTOMER,
    },
];

const CUSTOMER: &[&str] = &["customer"];

const OTHER_CUSTOMER: &str = "the customer of a license cannot change; issue another license with `keygen issue --customer NAME`, and end this one with `keygen revoke LICENSE --reason TEXT`";

/// The help of the option `--force` of `keygen issue`.
const ISSUE_FORCE: &str = "Replace an existing file, allow fewer seats than the tier includes, and \
    sign even if the clock or the product contradicts the ledger";

/// The help of the option `--force` of `keygen renew`.
const RENEW_FORCE: &str = "Replace an existing file or a manifest.csv that lists other licenses, \
    allow options to lower a limit or remove a feature, and sign even if the clock or the product \
    contradicts the ledger";

/// The help of the option `--out` of `keygen renew`.
const RENEW_OUT: &str = "Output file; - for standard output [default: -]; with --from, directory \
    for license files and manifest";

/// The help of the option `--force` of `keygen upgrade`.
const SUCCESSOR_FORCE: &str = "Replace an existing file, allow options to lower a limit or remove a feature, and sign \
    even if the clock or the product contradicts the ledger";

/// The help of the option `--force` of `keygen revocations`.
const REVOCATIONS_FORCE: &str = "Replace a file that is not an earlier list, allow a list that \
    omits licenses of an earlier list, and sign even if the clock or the product contradicts the \
    ledger";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create a signing key (PKCS#8 PEM, encrypted with a passphrase)
    NewKey(NewKey),
    /// Print the public key of a signing key
    Public(Public),
    /// Combine public keys into the trust set that verifiers need
    Trust(Trust),
    /// Issue a license
    #[command(mut_arg("force", |force| force.help(ISSUE_FORCE)))]
    Issue(Box<Issue>),
    /// Issue a trial license (one per customer)
    Trial(Box<Trial>),
    /// Issue a renewal, which extends the term or the maintenance of a license, or of each license
    /// of a list
    #[command(
        mut_arg("force", |force| force.help(RENEW_FORCE)),
        mut_arg("out", |out| out.help(RENEW_OUT).value_name("FILE|DIR")),
    )]
    Renew(Box<Renew>),
    /// Issue a license that allows more and replaces the current one
    #[command(mut_arg("force", |force| force.help(SUCCESSOR_FORCE)))]
    Upgrade(Box<Upgrade>),
    /// Replace a named user of a license with another user
    Reassign(Box<Reassign>),
    /// Issue a license for each row of a CSV file
    Batch(Box<Batch>),
    /// Issue an enterprise key, which needs no license file
    EnterpriseKey(EnterpriseKey),
    /// Issue validation tokens, which keep check-in licenses valid
    CheckIn(CheckIn),
    /// Answer an activation request of a machine
    Activate(Box<Activate>),
    /// Record that an activation has ended, which frees its device
    Release(Release),
    /// Answer a clock request; the answer lowers the machine's clock high-water mark to the issue
    /// date of the answer
    ClockRepair(AnswerArgs),
    /// Record the revocation of a license, or of all licenses of a customer
    Revoke(Revoke),
    /// Sign the list of all revoked licenses and ended activations
    #[command(mut_arg("force", |force| force.help(REVOCATIONS_FORCE)))]
    Revocations(Revocations),
    /// Sign a statement that introduces new signing keys or retires an old one
    Rotate(Box<Rotate>),
    /// Combine verified licenses, validation tokens and activations into one file
    Bundle(Bundle),
    /// Search, export and verify the ledger
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// Verify, record and sum up usage reports of customers
    #[command(subcommand)]
    Usage(UsageCommand),
    /// Create, check and show product files (tiers, features and quotas)
    #[command(subcommand)]
    Product(ProductCommand),
    /// Show the settings in effect, and where each comes from
    #[command(after_help = settings::AFTER_HELP)]
    Config,
    /// Show what changes for the customer from one license to another
    Diff(Diff),
    /// Show the content of a license, key or trust set without verifying it
    Inspect(Inspect),
    #[command(flatten)]
    Description(Description),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProductCommand {
    /// Write a template of a product file
    Init {
        /// Product code: 2 to 16 characters of A-Z and 0-9, starting with a letter
        #[arg(value_parser = ProductCode::parse, value_name = "CODE")]
        product: ProductCode,
        #[command(flatten)]
        output: OutputFile,
    },
    /// Check a product file, and warn about unusual settings
    Check {
        /// Product file (TOML); - for standard input
        #[arg(value_name = "FILE")]
        file: Source,
    },
    /// Show the features and quotas of each tier
    Show {
        /// Product file (TOML) [env: KEYGEN_PRODUCT_FILE; keygen.toml: product_file]
        /// [default: the built-in product]
        #[arg(value_name = "FILE")]
        file: Option<Source>,
    },
    /// Write the names of tiers, features and quotas as a Rust module with constants
    Constants {
        /// Product file (TOML); - for standard input
        #[arg(value_name = "FILE")]
        file: Source,
        #[command(flatten)]
        output: OutputFile,
    },
    /// Write the JSON Schema of product files, which editors use for checks and completion
    Schema {
        #[command(flatten)]
        output: OutputFile,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// File with a license, token, key or trust set; - for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: Source,
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
