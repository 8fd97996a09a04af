//! Options of `keygen revocations`.

use std::num::NonZeroU32;

use clap::Args;
use license_cli_support::Source;
use license_core::Timestamp;

use super::value::count;
use super::{KeyArgs, Out};

#[derive(Debug, Args)]
pub(crate) struct Revocations {
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    /// The next list is issued within so many days: later, verifiers warn that this one is outdated
    #[arg(
        long,
        value_name = "N",
        value_parser = count,
        default_value = "30",
        allow_negative_numbers = true
    )]
    pub(crate) valid_days: NonZeroU32,
    /// A product file (TOML) instead of the built-in one
    #[arg(long, value_name = "FILE")]
    pub(crate) product_file: Option<Source>,
    /// When it counts as issued, instead of now
    #[arg(long, value_parser = Timestamp::parse, value_name = "TIME")]
    pub(crate) issued_at: Option<Timestamp>,
    #[command(flatten)]
    pub(crate) out: Out,
}
