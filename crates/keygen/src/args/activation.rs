//! Options of what answers machines, and takes back what they were given.

use clap::{ArgGroup, Args};
use license_cli_support::Source;
use license_core::Timestamp;

use super::value::reason;
use super::{KeyArgs, Out};

#[derive(Debug, Args)]
pub(crate) struct Activate {
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    /// The activation request that `license request` has written on the machine; - is standard input
    #[arg(value_name = "REQUEST")]
    pub(crate) request: Source,
    /// The license that it names, if the ledger does not know it
    #[arg(long, value_name = "FILE")]
    pub(crate) license: Option<Source>,
    /// Public keys that signed the license, if the ledger does not know them; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Vec<Source>,
    /// Sign the answer to a request that was answered before again, with this key: where the key that signed it was retired
    #[arg(long)]
    pub(crate) anew: bool,
    /// Activate a machine more than the license allows
    #[arg(long)]
    pub(crate) over_device_limit: bool,
    /// A product file (TOML) instead of the built-in one
    #[arg(long, value_name = "FILE")]
    pub(crate) product_file: Option<Source>,
    /// When it counts as issued, instead of now
    #[arg(long, value_parser = Timestamp::parse, value_name = "TIME")]
    pub(crate) issued_at: Option<Timestamp>,
    #[command(flatten)]
    pub(crate) out: Out,
    /// Draw a QR code on the terminal, or write it as a picture with --out x.png
    #[arg(long)]
    pub(crate) qr: bool,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).args(["receipt", "activation"]))]
pub(crate) struct Release {
    /// The receipt that `license deactivate` has written on the machine; - is standard input
    #[arg(value_name = "RECEIPT")]
    pub(crate) receipt: Option<Source>,
    /// End this activation without a receipt, with --reason: its machine is gone, and can write none
    #[arg(long, value_name = "ACTIVATION_ID", requires = "reason")]
    pub(crate) activation: Option<String>,
    /// Why, for the ledger and the revocation list; --activation needs it
    #[arg(long, value_name = "TEXT", value_parser = reason, requires = "activation")]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ClockRepair {
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    /// The clock request that the machine has written; - is standard input
    #[arg(value_name = "REQUEST")]
    pub(crate) request: Source,
    /// A product file (TOML) instead of the built-in one
    #[arg(long, value_name = "FILE")]
    pub(crate) product_file: Option<Source>,
    /// What the machine's time is set back to, instead of now
    #[arg(long, value_parser = Timestamp::parse, value_name = "TIME")]
    pub(crate) issued_at: Option<Timestamp>,
    #[command(flatten)]
    pub(crate) out: Out,
    /// Draw a QR code on the terminal, or write it as a picture with --out x.png
    #[arg(long)]
    pub(crate) qr: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Bundle {
    /// Files of licenses, validations, activations, revocation lists, clock repairs and trust statements; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<Source>,
    /// Public keys that signed them, if the ledger does not know them; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Vec<Source>,
    /// A product file (TOML) instead of the built-in one
    #[arg(long, value_name = "FILE")]
    pub(crate) product_file: Option<Source>,
    #[command(flatten)]
    pub(crate) out: Out,
}
