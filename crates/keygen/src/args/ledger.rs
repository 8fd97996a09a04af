//! Options of what looks into the ledger and enters what hands nothing out.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use license_cli_support::Source;
use license_issuer::ledger::LicenseStatus;

use super::Out;
use super::value::{hash, reason, span, standing};

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// The license id, or a short enterprise key
    #[arg(value_name = "LICENSE_ID")]
    pub(crate) license: String,
    /// Why, for the ledger and the revocation list
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub(crate) reason: String,
    /// Revoke a license that the ledger does not know
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// List licenses and enterprise keys
    List(List),
    /// Show all that was entered about a license, signing key or machine
    Show {
        /// The license id, a license key, an activation's id or nonce, a signing key's id, or a machine's digest
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Write a license, enterprise key or activation again, as it was minted: for a customer who has lost it
    Resend {
        /// The license id, a license key, or an activation's id or nonce
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        out: Out,
    },
    /// Find licenses by a part of any id, key, customer or company, or of an activation's id, machine or nonce; a license key may have a
    /// typing error
    Find {
        /// What to look for
        text: String,
    },
    /// List licenses that end soon
    Expiring {
        /// Days or hours from now, such as 30d or 12h
        #[arg(long, value_name = "SPAN", value_parser = span, default_value = "30d")]
        within: u64,
        #[command(flatten)]
        form: Form,
    },
    /// Count what there is
    Stats,
    /// Write every entry as a line of JSON
    Export {
        #[command(flatten)]
        out: Out,
    },
    /// Enter licenses, enterprise keys, check-ins and activations that were minted elsewhere, or an export of another ledger
    Import {
        /// License files, keys, tokens, or an export
        #[arg(required = true, value_name = "FILE")]
        files: Vec<Source>,
        /// The public keys that signed them; may be repeated
        #[arg(long, value_name = "FILE", required = true)]
        trust: Vec<Source>,
        /// A product file (TOML) instead of the built-in one
        #[arg(long, value_name = "FILE")]
        product_file: Option<Source>,
    },
    /// Copy the ledger as it is at this moment
    Backup {
        /// Where the copy goes; it never replaces a file
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Find any entry that was edited, removed or reordered
    Verify {
        /// A hash that the chain ended with before, and must still hold
        #[arg(long, value_name = "HASH", value_parser = hash)]
        head: Option<[u8; 32]>,
    },
}

/// Which licenses to list, and how.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only customers or companies whose name holds this
    #[arg(long, value_name = "TEXT")]
    pub(crate) customer: Option<String>,
    /// Only this tier
    #[arg(long, value_name = "TIER")]
    pub(crate) tier: Option<String>,
    /// Only this product
    #[arg(long, value_name = "CODE")]
    pub(crate) product: Option<String>,
    /// Only active, future, expired, superseded or revoked ones
    #[arg(long, value_name = "STATUS", value_parser = standing)]
    pub(crate) status: Option<LicenseStatus>,
    /// The order
    #[arg(long, value_enum, default_value = "entered")]
    pub(crate) sort: SortBy,
    /// The other way round
    #[arg(long)]
    pub(crate) reverse: bool,
    /// At most so many
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    #[command(flatten)]
    pub(crate) form: Form,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum SortBy {
    /// As they were entered
    Entered,
    /// By customer
    Customer,
    /// By their end
    Expires,
    /// By tier
    Tier,
}

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Form {
    /// Print comma-separated values (RFC 4180)
    #[arg(long)]
    pub(crate) csv: bool,
}
