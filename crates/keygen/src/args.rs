//! The command line of `keygen`.

mod activation;
mod diff;
mod dry_run;
mod keys;
mod kinds;
mod ledger;
mod mint;
mod renewal;
mod revocations;
mod rotate;
mod usage;
mod value;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use license_cli_support::program::Description;
use license_cli_support::{Destination, OutputOptions, Source};
use license_core::ProductCode;

pub(crate) use activation::{Activate, Bundle, ClockRepair, Release};
pub(crate) use diff::Diff;
pub(crate) use dry_run::Dry;
pub(crate) use keys::{Bits, KeyArgs, NewKey, Public, PublicFormat, Trust};
pub(crate) use kinds::{Reassign, Trial};
pub(crate) use ledger::{Form, LedgerCommand, List, Revoke, SortBy};
pub(crate) use mint::{Batch, CheckIn, EnterpriseKey, Issue, Order};
pub(crate) use renewal::{Former, Renew, Upgrade};
pub(crate) use revocations::Revocations;
pub(crate) use rotate::Rotate;
pub(crate) use usage::{UsageCommand, UsageSummary};

/// Mints licenses offline: signing keys, license files and enterprise keys
#[derive(Debug, Parser)]
#[command(name = "keygen", version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// The ledger of what is minted [default: in the user's data folder; KEYGEN_LEDGER names another]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Ledger")]
    pub(crate) ledger: Option<PathBuf>,
    /// Enter nothing: for what is thrown away
    #[arg(
        long,
        global = true,
        conflicts_with = "ledger",
        help_heading = "Ledger"
    )]
    pub(crate) no_ledger: bool,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}

const AFTER_HELP: &str = "\
First steps:
  keygen new-key --out vendor.key
  keygen public --key vendor.key --format jwk --out vendor.jwk
  keygen trust vendor.jwk --out trust.jwks
  keygen issue --key vendor.key --tier pro --customer \"ACME Ltd\" --days 365 --out acme.lic

Exit codes: 0 done, 2 usage, 3 an input could not be judged, 4 the machine failed.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a signing key: PKCS#8 PEM, sealed with a passphrase
    NewKey(NewKey),
    /// Print the public half of a signing key
    Public(Public),
    /// Bundle public keys into the trust set that verifiers need
    Trust(Trust),
    /// Mint a license
    Issue(Box<Dry<Issue>>),
    /// Mint a trial: one for each customer
    Trial(Box<Dry<Trial>>),
    /// Mint the license that follows another one
    Renew(Box<Dry<Renew>>),
    /// Mint a license that allows more, in another one's place
    Upgrade(Box<Dry<Upgrade>>),
    /// Give a named user's place in a license to another
    Reassign(Box<Dry<Reassign>>),
    /// Mint a license for each row of a table
    Batch(Box<Batch>),
    /// Mint an enterprise key, which verifies without a file
    EnterpriseKey(Dry<EnterpriseKey>),
    /// Mint validation tokens: a license that must check in holds on with them
    CheckIn(Dry<CheckIn>),
    /// Answer a machine's request: a license is activated on it
    Activate(Box<Dry<Activate>>),
    /// Enter that a machine has given up its activation, or can't be used any more
    Release(Dry<Release>),
    /// Answer a machine whose time is ahead: it may set it back
    ClockRepair(Dry<ClockRepair>),
    /// Enter that a license no longer holds
    Revoke(Revoke),
    /// Sign the list of all revoked licenses and ended activations, which reaches customers without a network
    Revocations(Dry<Revocations>),
    /// Sign that a new signing key is to be trusted, or an old one no longer, for customers who have the old one
    Rotate(Box<Dry<Rotate>>),
    /// Put licenses and what belongs to them into one file, each block verified
    Bundle(Bundle),
    /// Look into the ledger
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// Check usage reports of customers, enter them, and sum them up
    #[command(subcommand)]
    Usage(UsageCommand),
    /// Describe a product: its tiers, features and quotas, in one file
    #[command(subcommand)]
    Product(ProductCommand),
    /// Say what changes for the customer from one license to another
    Diff(Diff),
    /// Show what a license, key or trust set says, without verifying it
    Inspect(Inspect),
    #[command(flatten)]
    Description(Description),
}

/// Where a public artefact goes.
#[derive(Debug, Args)]
pub(crate) struct Out {
    /// Where it goes; - is standard output [default: -]
    #[arg(
        long,
        value_name = "FILE",
        default_value = "-",
        hide_default_value = true
    )]
    pub(crate) out: Destination,
    /// Replace the file if it exists
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProductCommand {
    /// Write a product file to begin with
    Init {
        /// The product code: 2 to 16 of A-Z and 0-9, first a letter
        #[arg(value_parser = ProductCode::parse, value_name = "CODE")]
        product: ProductCode,
        #[command(flatten)]
        out: Out,
    },
    /// Check a product file, and warn of what is rarely meant
    Check {
        /// The product file (TOML); - is standard input
        #[arg(value_name = "FILE")]
        file: Source,
    },
    /// Show what each tier of a product has
    Show {
        /// The product file (TOML) [default: the built-in product]
        #[arg(value_name = "FILE")]
        file: Option<Source>,
    },
    /// Write the JSON Schema of product files, with which editors check and explain them
    Schema {
        #[command(flatten)]
        out: Out,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// A file that holds a license, token, key or trust set; - is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: Source,
}
