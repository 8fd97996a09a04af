//! Options of `keygen diff`.

use clap::Args;
use license_cli_support::Source;

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The license of before: a license file, token or full enterprise key, - for standard input, or an id or key that the ledger knows
    #[arg(value_name = "BEFORE")]
    pub(crate) before: Source,
    /// The license of now, named in the same way
    #[arg(value_name = "NOW")]
    pub(crate) after: Source,
    /// Public keys that the licenses are verified with; may be repeated [default: the signing keys in the ledger]
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Vec<Source>,
    /// A product file (TOML) instead of the built-in one
    #[arg(long, value_name = "FILE")]
    pub(crate) product_file: Option<Source>,
}
