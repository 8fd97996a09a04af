//! The commands for users of licenses.

use clap::Subcommand;

/// Commands for the users whom the server assigns to licenses.
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Assign a user to a license and its renewals
    Assign {
        /// Id of the license, as `license-server status` shows it
        #[arg(value_name = "LICENSE")]
        license: String,
        /// E-mail address of the user
        #[arg(value_name = "EMAIL")]
        email: String,
    },
    /// End the assignment of a user; seats of the user end with their next renewal
    Unassign {
        /// Id of the license
        #[arg(value_name = "LICENSE")]
        license: String,
        /// E-mail address or id of the user
        #[arg(value_name = "USER")]
        user: String,
    },
    /// List the users of a license
    List {
        /// Id of the license
        #[arg(value_name = "LICENSE")]
        license: String,
    },
}
