//! The place of a license, on which the advice about the license depends.

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
