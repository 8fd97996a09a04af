//! Options of what mints licenses of special kinds.

use std::num::NonZeroU32;

use clap::Args;
use license_cli_support::Source;
use license_core::{Tier, Timestamp, UsageType};

use super::value::{count, tier, usage_type};
use super::{KeyArgs, Out};

#[derive(Debug, Args)]
pub(crate) struct Trial {
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    /// Who it is for: each customer gets one, whatever the case and spacing of the name
    #[arg(long, value_name = "NAME")]
    pub(crate) customer: String,
    /// Give this customer another one
    #[arg(long)]
    pub(crate) again: bool,
    /// Another tier than trials of the product have
    #[arg(long, value_parser = tier)]
    pub(crate) tier: Option<Tier>,
    /// Other days than trials of the product have: it holds through the end of the last in UTC
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    pub(crate) days: Option<NonZeroU32>,
    /// It never has to be validated
    #[arg(long)]
    pub(crate) offline: bool,
    /// Only for this kind of use: builder or runtime
    #[arg(long, value_parser = usage_type, value_name = "TYPE")]
    pub(crate) usage_type: Option<UsageType>,
    /// Only for this user; may be repeated
    #[arg(long, value_name = "USER")]
    pub(crate) user: Vec<String>,
    /// Only on this machine: the fingerprint or digest that `license machine` prints there; may be repeated
    #[arg(long, value_name = "MACHINE")]
    pub(crate) machine: Vec<String>,
    /// Only on machines that were activated: `keygen activate` answers their requests
    #[arg(long)]
    pub(crate) activation: bool,
    /// A product file (TOML) instead of the built-in one
    #[arg(long, value_name = "FILE")]
    pub(crate) product_file: Option<Source>,
    /// The vendor's name [default: the product's]
    #[arg(long, value_name = "NAME")]
    pub(crate) issuer: Option<String>,
    /// When it counts as issued, instead of now
    #[arg(long, value_parser = Timestamp::parse, value_name = "TIME")]
    pub(crate) issued_at: Option<Timestamp>,
    #[command(flatten)]
    pub(crate) out: Out,
}

#[derive(Debug, Args)]
pub(crate) struct Reassign {
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    /// The id or key of the license, which the ledger knows
    #[arg(value_name = "LICENSE_ID")]
    pub(crate) license: String,
    /// The user who gives up the place
    #[arg(long, value_name = "USER")]
    pub(crate) from: String,
    /// The user who gets it
    #[arg(long, value_name = "USER")]
    pub(crate) to: String,
    /// Do not wait for the product's cool-down
    #[arg(long)]
    pub(crate) waive_cool_down: bool,
    /// A product file (TOML) instead of the built-in one
    #[arg(long, value_name = "FILE")]
    pub(crate) product_file: Option<Source>,
    /// When it counts as issued, instead of now
    #[arg(long, value_parser = Timestamp::parse, value_name = "TIME")]
    pub(crate) issued_at: Option<Timestamp>,
    #[command(flatten)]
    pub(crate) out: Out,
}
