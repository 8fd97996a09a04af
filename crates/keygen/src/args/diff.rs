//! Options of `keygen diff`.

use clap::Args;
use license_cli_support::Source;

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// First license: a file (or -), token, enterprise key, or id or key in the ledger
    #[arg(value_name = "BEFORE")]
    pub(crate) before: Source,
    /// Second license, in any form that BEFORE accepts
    #[arg(value_name = "NOW")]
    pub(crate) after: Source,
    /// Public keys for verification; may be repeated [default: the signing keys in the ledger]
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Vec<Source>,
    /// Product file (TOML) [env: KEYGEN_PRODUCT_FILE; keygen.toml: product_file]
    /// [default: the built-in product]
    #[arg(long, value_name = "FILE")]
    pub(crate) product_file: Option<Source>,
}
