//! The commands for accounts of people.

use clap::Subcommand;

/// Commands for accounts of people, without a sign-in.
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
    /// Delete an account with its sessions, its memberships and the API tokens that it created
    Delete {
        /// E-mail address of the account
        #[arg(
            long,
            value_name = "ADDRESS",
            required_unless_present = "id",
            conflicts_with = "id"
        )]
        email: Option<String>,
        /// Id of the account, which the list of members shows. An account that only an identity
        /// provider lets in has no address
        #[arg(long, value_name = "ID")]
        id: Option<String>,
    },
    /// Stop requiring one-time codes of an account, after the loss of a device
    DisableTotp {
        /// E-mail address of the account
        #[arg(long, value_name = "ADDRESS")]
        email: String,
    },
}
