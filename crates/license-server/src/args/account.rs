//! The commands for accounts of people.

use clap::Subcommand;

/// Commands for an administrator who cannot sign in.
#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Create an account in the organization of the server, and print a link that sets its password
    /// once within an hour
    Create {
        /// E-mail address of the person
        #[arg(long, value_name = "ADDRESS")]
        email: String,
        /// Name of the person
        #[arg(long, value_name = "NAME")]
        name: String,
        /// Role of the person: owner, administrator, license_manager, billing, auditor or member
        #[arg(long, value_name = "ROLE", default_value = "owner")]
        role: String,
    },
    /// Print a link that sets a new password, and works once within an hour
    ResetPassword {
        /// E-mail address of the account
        #[arg(long, value_name = "ADDRESS")]
        email: String,
    },
    /// Stop requiring one-time codes of an account, after the loss of a device
    DisableTotp {
        /// E-mail address of the account
        #[arg(long, value_name = "ADDRESS")]
        email: String,
    },
}
