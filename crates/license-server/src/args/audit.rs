//! Options of `license-server audit`.

use clap::{Args, Subcommand};
use license_cli_support::{Destination, Source};

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Write the entries as JSON Lines, also while the server runs
    Export(AuditExport),
    /// Verify an export, without the server
    Verify(AuditVerify),
    /// Verify the trail, and sign its end with the key of the server
    Checkpoint {
        /// New file for the checkpoint; - for standard output
        #[arg(long, value_name = "FILE", default_value = "-")]
        out: Destination,
        /// Organization whose trail is used [default: that of the server]
        #[arg(long, value_name = "ID")]
        tenant: Option<String>,
    },
}

/// Options of `license-server audit export`.
#[derive(Debug, Args)]
#[command(about = None, long_about = None)]
pub(crate) struct AuditExport {
    /// New file for the entries; - for standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub(crate) out: Destination,
    /// Number of the first entry
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) from: u64,
    /// Number of the last entry [default: that of the newest one]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) through: Option<u64>,
    /// Organization whose trail is used [default: that of the server]
    #[arg(long, value_name = "ID")]
    pub(crate) tenant: Option<String>,
}

/// Options of `license-server audit verify`.
#[derive(Debug, Args)]
#[command(about = None, long_about = None)]
pub(crate) struct AuditVerify {
    /// Export; - for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: Source,
    /// Checkpoint whose entry the export must have
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Option<Source>,
    /// Id of the key that must have signed the checkpoint, as `license-server status` shows it
    #[arg(long, value_name = "ID", requires = "checkpoint")]
    pub(crate) server_key: Option<String>,
}
