//! Options of the commands that answer machine requests and end activations.

use clap::{ArgGroup, Args};
use license_cli_support::{OutputFile, Source};

use super::signing::SigningArgs;
use super::value::reason;

/// Options of the commands that answer a machine request.
#[derive(Debug, Args)]
pub(crate) struct AnswerArgs {
    /// Request that `license` wrote, as text or a picture of its QR code; - for standard input
    #[arg(value_name = "REQUEST")]
    pub(crate) request: Source,
    #[command(flatten)]
    pub(crate) signing: SigningArgs,
    /// Write a QR code to the terminal, or as an image with --out x.png; an answer is too long to
    /// read out over the phone
    #[arg(long)]
    pub(crate) qr: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Activate {
    /// License that the request names, if it is not in the ledger
    #[arg(long, value_name = "FILE")]
    pub(crate) license: Option<Source>,
    /// Public keys that are not in the ledger; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Vec<Source>,
    /// Sign a new answer even if the request already has one
    #[arg(long)]
    pub(crate) reissue: bool,
    /// Activate even if the license has no free device
    #[arg(long)]
    pub(crate) over_device_limit: bool,
    #[command(flatten)]
    pub(crate) answer: AnswerArgs,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("proof").required(true).args(["receipt", "activation"]))]
pub(crate) struct Release {
    /// Receipt that `license deactivate` wrote, as text or a picture of its QR code (- for standard
    /// input); or the id of an activation whose machine is lost (needs --reason)
    #[arg(value_name = "RECEIPT|ACTIVATION_ID")]
    pub(crate) receipt: Option<Source>,
    /// Activation to end because its machine is lost (needs --reason)
    #[arg(long, value_name = "ACTIVATION_ID")]
    pub(crate) activation: Option<String>,
    /// Reason for the ledger and the revocation list, if there is no receipt
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub(crate) reason: Option<String>,
    /// Record the release even if the clock contradicts the ledger
    #[arg(long)]
    pub(crate) force: bool,
    /// Check everything and show the result, but record nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Bundle {
    /// Files with licenses, validation tokens or other signed artifacts; - for standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<Source>,
    /// Public keys that are not in the ledger; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Vec<Source>,
    /// Product file (TOML) [env: KEYGEN_PRODUCT_FILE; keygen.toml: product_file]
    /// [default: the built-in product]
    #[arg(long, value_name = "FILE")]
    pub(crate) product_file: Option<Source>,
    #[command(flatten)]
    pub(crate) output: OutputFile,
}
