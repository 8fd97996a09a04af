//! Options of `keygen ledger` and `keygen revoke`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use license_cli_support::{OutputFile, Source};
use license_core::chrono::TimeDelta;
use license_issuer::ledger::LicenseStatus;

use super::value::{duration, hash, license_status, reason};

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("licenses").required(true).args(["license", "customer"]))]
pub(crate) struct Revoke {
    /// License to revoke: a file (or -), a token, or an id or key in the ledger
    #[arg(value_name = "LICENSE")]
    pub(crate) license: Option<Source>,
    /// Revoke every license of this customer that has not ended
    #[arg(long, value_name = "NAME")]
    pub(crate) customer: Option<String>,
    /// Also revoke the renewals and upgrades that replace the license
    #[arg(long)]
    pub(crate) with_successors: bool,
    /// Reason for the ledger and the revocation list
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub(crate) reason: String,
    /// Undo revocations; the next list no longer contains the licenses
    #[arg(long)]
    pub(crate) undo: bool,
    /// Public keys that are not in the ledger; may be repeated
    #[arg(long, value_name = "FILE", conflicts_with = "customer")]
    pub(crate) trust: Vec<Source>,
    /// Revoke a license that is not in the ledger, undo even if a license then has more than one
    /// valid successor, or record even if the clock contradicts the ledger
    #[arg(long)]
    pub(crate) force: bool,
    /// Check everything and show the result, but record nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// List licenses and enterprise keys
    List(List),
    /// Show all entries about a license, signing key or machine
    Show {
        /// License file (or -), license id or key, activation id or nonce, key id, or machine
        /// digest
        #[arg(value_name = "SUBJECT", allow_hyphen_values = true)] // of a key id
        subject: Source,
    },
    /// Write a recorded license, enterprise key, activation or clock repair again, unchanged
    Resend {
        /// License file (or -), license id or key, activation id, or nonce of a request
        #[arg(value_name = "LICENSE", allow_hyphen_values = true)] // of a key id
        license: Source,
        #[command(flatten)]
        output: OutputFile,
    },
    /// Find licenses by part of an id, key, name, machine or nonce
    Find {
        /// Text to search for; a license key may have typing errors
        #[arg(allow_hyphen_values = true)] // of a key id
        text: String,
    },
    /// List licenses that end soon and have no renewal yet
    Expiring(Expiring),
    /// Count entries, licenses, customers and seats
    Stats,
    /// Write every entry as a line of JSON
    Export {
        #[command(flatten)]
        output: OutputFile,
    },
    /// Record artifacts that were issued elsewhere, or the entries of an export
    Import {
        /// License files, keys, tokens, or an export
        #[arg(required = true, value_name = "FILE")]
        files: Vec<Source>,
        /// Public keys of the signers; may be repeated
        #[arg(long, value_name = "FILE", required = true)]
        trust: Vec<Source>,
        /// Product file (TOML) [env: KEYGEN_PRODUCT_FILE; keygen.toml: product_file]
        /// [default: the built-in product]
        #[arg(long, value_name = "FILE")]
        product_file: Option<Source>,
    },
    /// Copy the ledger while other processes use it
    Backup {
        /// New file for the copy
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Verify that no entry was edited, removed or reordered
    Verify {
        /// Hash that `keygen ledger verify` printed before; it must still be in the chain
        #[arg(long, value_name = "HASH", value_parser = hash)]
        head: Option<[u8; 32]>,
    },
}

/// Filter, order and format of a list of licenses.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Part of the customer's or company's name [default: all customers]
    #[arg(long, value_name = "TEXT")]
    pub(crate) customer: Option<String>,
    /// Tier of the licenses [default: all tiers]
    #[arg(long, value_name = "TIER")]
    pub(crate) tier: Option<String>,
    /// Product code of the licenses [default: all products]
    #[arg(long, value_name = "CODE")]
    pub(crate) product: Option<String>,
    /// Status: active, future, expired, superseded or revoked [default: all]
    #[arg(long, value_name = "STATUS", value_parser = license_status)]
    pub(crate) status: Option<LicenseStatus>,
    /// Sort order
    #[arg(long, value_enum, default_value = "recorded")]
    pub(crate) sort: SortBy,
    /// Reverse the order
    #[arg(long)]
    pub(crate) reverse: bool,
    /// Maximum number of licenses [default: all]
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    #[command(flatten)]
    pub(crate) format: TableFormat,
}

/// Period, filter and format of a list of licenses that end soon.
#[derive(Debug, Args)]
pub(crate) struct Expiring {
    /// Days or hours from now until the last day of a license, such as 30d or 12h; the day on which
    /// the period ends counts as a whole
    #[arg(long, value_name = "SPAN", value_parser = duration, default_value = "30d")]
    pub(crate) within: TimeDelta,
    /// Also list licenses that ended at most this long ago, such as 90d [default: none]
    #[arg(long, value_name = "SPAN", value_parser = duration)]
    pub(crate) ended_within: Option<TimeDelta>,
    /// Part of the customer's or company's name [default: all customers]
    #[arg(long, value_name = "TEXT")]
    pub(crate) customer: Option<String>,
    /// Tier of the licenses [default: all tiers]
    #[arg(long, value_name = "TIER")]
    pub(crate) tier: Option<String>,
    /// Product code of the licenses [default: all products]
    #[arg(long, value_name = "CODE")]
    pub(crate) product: Option<String>,
    /// Also show the licenses of the period that are renewed, replaced or revoked, with the reason;
    /// --json always contains them
    #[arg(long, conflicts_with = "csv")]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) format: TableFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum SortBy {
    #[value(alias = "entered")]
    Recorded,
    Customer,
    Expires,
    Tier,
}

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct TableFormat {
    /// Print comma-separated values (RFC 4180)
    #[arg(long)]
    pub(crate) csv: bool,
}
