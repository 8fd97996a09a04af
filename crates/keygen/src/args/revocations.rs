//! Options of `keygen revocations`.

use std::num::NonZeroU32;

use clap::Args;

use super::signing::SigningArgs;
use super::value::count;

#[derive(Debug, Args)]
pub(crate) struct Revocations {
    /// Days until the next list is due, after which verifiers warn
    #[arg(
        long,
        value_name = "N",
        value_parser = count,
        default_value = "30",
        allow_negative_numbers = true
    )]
    pub(crate) valid_days: NonZeroU32,
    #[command(flatten)]
    pub(crate) signing: SigningArgs,
}
