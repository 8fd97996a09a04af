//! The options of the commands that create, copy and fill a data directory.

use std::path::PathBuf;

use clap::Args;
use license_cli_support::{Destination, Source};

/// Options of `license-server init`.
#[derive(Debug, Args)]
// Prevents clap from using the sentence above as the description of the command.
#[command(about = None, long_about = None)]
pub(crate) struct Init {
    /// File for the request to the vendor; - for standard output [default: server.request in the
    /// data directory]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<Destination>,
    /// Create a new key for new licenses; the server keeps its earlier keys for their licenses
    #[arg(long)]
    pub(crate) new_key: bool,
    /// Copy the key of this file to the data directory, unless it has this key already: the key of
    /// another node of the same server, or a key in a mounted secret
    #[arg(long, value_name = "FILE", conflicts_with = "new_key")]
    pub(crate) import_key: Option<PathBuf>,
    /// Let this role of PostgreSQL use the tables, without owning them; the setting database has the
    /// URL of their owner
    #[arg(long, value_name = "ROLE")]
    pub(crate) grant_to: Option<String>,
    /// Size of the key in bits
    #[arg(long, value_name = "BITS", default_value = "2048", value_parser = ["2048", "3072"])]
    pub(crate) bits: String,
}

/// Options of `license-server backup`.
#[derive(Debug, Args)]
#[command(about = None, long_about = None)]
pub(crate) struct Backup {
    /// New directory for the copy
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

/// Options of `license-server migrate`.
#[derive(Debug, Args)]
#[command(about = None, long_about = None)]
pub(crate) struct Migrate {
    /// Data directory with the SQLite database [default: the setting data_dir]
    #[arg(long, value_name = "DIR")]
    pub(crate) from: Option<PathBuf>,
    /// URL of the empty PostgreSQL database [default: the setting database]
    #[arg(long, value_name = "URL")]
    pub(crate) to: Option<String>,
}

/// Options of `license-server install`.
#[derive(Debug, Args)]
#[command(about = None, long_about = None)]
pub(crate) struct Install {
    /// Files with licenses, revocation lists, trust statements or public keys; - for standard input
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<Source>,
    /// Only warn about each file that is missing or refused, such as in a script before the start
    /// of the server
    #[arg(long)]
    pub(crate) warn: bool,
}
