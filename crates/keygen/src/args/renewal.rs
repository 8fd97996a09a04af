//! Options of what changes a license that was minted before.

use std::num::NonZeroU32;

use clap::{ArgGroup, Args};
use license_cli_support::Source;
use license_core::{Date, Quota, Tier, Timestamp};

use super::value::{count, quota, tier};
use super::{KeyArgs, Out};

/// The license that is changed.
#[derive(Debug, Args)]
pub(crate) struct Former {
    /// The license: a file, a token, - for standard input, or an id or key that the ledger knows
    #[arg(value_name = "LICENSE")]
    pub(crate) license: Source,
    /// Public keys that signed it, if the ledger does not know them; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Vec<Source>,
    /// A product file (TOML) instead of the built-in one
    #[arg(long, value_name = "FILE")]
    pub(crate) product_file: Option<Source>,
    /// When it counts as issued, instead of now
    #[arg(long, value_parser = Timestamp::parse, value_name = "TIME")]
    pub(crate) issued_at: Option<Timestamp>,
}

#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("term").required(true).multiple(true).args(["until", "days", "perpetual", "maintenance_until"])
)]
pub(crate) struct Renew {
    #[command(flatten)]
    pub(crate) former: Former,
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    /// It holds through this day in UTC
    #[arg(long, value_parser = Date::parse, value_name = "YYYY-MM-DD")]
    pub(crate) until: Option<Date>,
    /// It holds for so many days more
    #[arg(
        long,
        value_name = "N",
        value_parser = count,
        allow_negative_numbers = true,
        conflicts_with_all = ["until", "perpetual"]
    )]
    pub(crate) days: Option<NonZeroU32>,
    /// It never expires
    #[arg(long, conflicts_with = "until")]
    pub(crate) perpetual: bool,
    /// Versions built through this day are covered
    #[arg(long, value_parser = Date::parse, value_name = "YYYY-MM-DD")]
    pub(crate) maintenance_until: Option<Date>,
    #[command(flatten)]
    pub(crate) out: Out,
}

#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("more").required(true).multiple(true)
        .args(["tier", "seats", "devices", "add_feature", "quota", "anew"])
)]
pub(crate) struct Upgrade {
    #[command(flatten)]
    pub(crate) former: Former,
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    /// A higher tier
    #[arg(long, value_parser = tier)]
    pub(crate) tier: Option<Tier>,
    /// Named or concurrent users
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    pub(crate) seats: Option<NonZeroU32>,
    /// Machines that may be activated
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    pub(crate) devices: Option<NonZeroU32>,
    /// Add a feature; may be repeated
    #[arg(long, value_name = "FEATURE")]
    pub(crate) add_feature: Vec<String>,
    /// Set a quota, -1 for unlimited; may be repeated
    #[arg(long, value_parser = quota, value_name = "NAME=N")]
    pub(crate) quota: Vec<(String, Quota)>,
    /// Say the same again, signed with --key: for when the key that signed it is retired
    #[arg(long)]
    pub(crate) anew: bool,
    #[command(flatten)]
    pub(crate) out: Out,
}
