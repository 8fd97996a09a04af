//! Options of the commands that replace an issued license.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{ArgGroup, Args};
use license_cli_support::Source;
use license_core::chrono::NaiveDate;
use license_core::{Tier, time};

use super::signing::{EntitlementArgs, SigningArgs};
use super::value::{count, tier};

/// The license that is replaced.
#[derive(Debug, Args)]
pub(crate) struct PreviousLicenseArgs {
    /// License to replace: a file (or -), a token, or an id or key in the ledger
    #[arg(value_name = "LICENSE")]
    pub(crate) license: Source,
    /// Public keys that are not in the ledger; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Vec<Source>,
}

/// Changes of the content of the license that is replaced.
#[derive(Debug, Args)]
pub(crate) struct ChangeArgs {
    #[command(flatten)]
    pub(crate) entitlements: EntitlementArgs,
    /// Add what the tier now has in the product file; the license loses nothing
    #[arg(long)]
    pub(crate) refresh: bool,
    /// Request of the customer's new license server, or its public key; it replaces the old one
    #[arg(long, value_name = "FILE")]
    pub(crate) server_key: Option<Source>,
    /// Remove the key of the customer's license server from the license
    #[arg(long, conflicts_with = "server_key")]
    pub(crate) no_server_key: bool,
    #[command(flatten)]
    pub(crate) signing: SigningArgs,
}

#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("licenses").required(true).args(["license", "from"]),
    group = ArgGroup::new("term").required(true).multiple(true).args(["until", "days", "perpetual", "maintenance_until"]),
    mut_arg("server_key", |server| server.conflicts_with("from"))
)]
pub(crate) struct Renew {
    /// License to renew: a file (or -), a token, or an id or key in the ledger
    #[arg(value_name = "LICENSE")]
    pub(crate) license: Option<Source>,
    /// Renew each license of a list, such as the output of `keygen ledger expiring` with --csv or
    /// --json; LIST must be a file, because it is read several times; licenses that already have a
    /// successor are skipped
    #[arg(long, value_name = "LIST")]
    pub(crate) from: Option<PathBuf>,
    /// Public keys that are not in the ledger; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Vec<Source>,
    /// New last day of the license (UTC)
    #[arg(long, value_parser = time::parse_date, value_name = "YYYY-MM-DD")]
    pub(crate) until: Option<NaiveDate>,
    /// Days to add to the term
    #[arg(
        long,
        value_name = "N",
        value_parser = count,
        allow_negative_numbers = true,
        conflicts_with_all = ["until", "perpetual"]
    )]
    pub(crate) days: Option<NonZeroU32>,
    /// Issue a license that never expires
    #[arg(long, conflicts_with = "until")]
    pub(crate) perpetual: bool,
    /// Latest build date that the license covers (UTC)
    #[arg(long, value_parser = time::parse_date, value_name = "YYYY-MM-DD")]
    pub(crate) maintenance_until: Option<NaiveDate>,
    #[command(flatten)]
    pub(crate) changes: ChangeArgs,
}

#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("change").required(true).multiple(true)
        .args([
            "tier", "seats", "devices", "add_feature", "remove_feature", "quota", "user",
            "remove_user", "refresh", "server_key", "no_server_key", "reissue",
        ])
)]
pub(crate) struct Upgrade {
    #[command(flatten)]
    pub(crate) previous: PreviousLicenseArgs,
    /// The same tier or a higher one
    #[arg(long, value_parser = tier)]
    pub(crate) tier: Option<Tier>,
    /// User to add to the named users of the license; may be repeated
    #[arg(long, value_name = "USER")]
    pub(crate) user: Vec<String>,
    /// Named user to remove from the license (needs --force); may be repeated
    #[arg(long, value_name = "USER")]
    pub(crate) remove_user: Vec<String>,
    /// Issue again without changes, for example with a new signing key
    #[arg(long)]
    pub(crate) reissue: bool,
    #[command(flatten)]
    pub(crate) changes: ChangeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Reassign {
    /// License to change: a file, or an id or key in the ledger
    #[arg(value_name = "LICENSE")]
    pub(crate) license: String,
    /// User to remove from the license
    #[arg(long, value_name = "USER")]
    pub(crate) from: String,
    /// User to add to the license
    #[arg(long, value_name = "USER")]
    pub(crate) to: String,
    /// Ignore the cool-down of the product; the ledger records the waiver
    #[arg(long)]
    pub(crate) waive_cool_down: bool,
    #[command(flatten)]
    pub(crate) signing: SigningArgs,
}
