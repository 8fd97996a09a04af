//! The place of a license, on which the advice about the license depends.

use crate::embedded::command;

/// Where the license of a decision is stored.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LicensePlace {
    /// Whether the license is installed, and not only a file on the command line.
    pub(crate) is_installed: bool,
    /// Whether the license is in the directory of the administrator.
    pub(crate) is_for_all_users: bool,
    /// Whether a replaced license can be restored.
    pub(crate) has_replaced: bool,
}

/// How to activate a license.
pub(crate) const ACTIVATION: &str = concat!(
    "send the output of ",
    command!("request"),
    " to the vendor, then install the answer with ",
    command!("activate FILE")
);

impl LicensePlace {
    /// Returns how to activate the license.
    pub(crate) fn activation(self) -> &'static str {
        if !self.is_for_all_users {
            return ACTIVATION;
        }
        concat!(
            "send the output of ",
            command!("request"),
            " to the vendor, then install the answer for all users, as root, with ",
            command!("activate --system FILE"),
            ", or for this user with ",
            command!("activate FILE")
        )
    }
}
