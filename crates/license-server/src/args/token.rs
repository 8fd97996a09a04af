//! The commands for API tokens.

use clap::Subcommand;

/// Commands for API tokens of administrators.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Create a token, and print it once
    Create {
        /// Name of the token, such as the person or program that uses it
        #[arg(long, value_name = "NAME")]
        name: String,
        /// Roles and permissions of the token, separated by commas, such as auditor,seats:manage
        #[arg(
            long,
            value_name = "SCOPES",
            value_delimiter = ',',
            default_value = "owner"
        )]
        scope: Vec<String>,
        /// Days until the token expires [default: never]
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3650))]
        days: Option<u32>,
    },
    /// List the tokens, without their secrets
    List,
    /// Revoke a token, and the tokens that were created with it
    Revoke {
        /// Id of the token, as `license-server token list` shows it
        #[arg(value_name = "ID")]
        id: String,
    },
}
