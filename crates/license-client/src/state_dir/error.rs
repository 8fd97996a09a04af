//! The reason why the state directory is unknown.

use std::path::PathBuf;

use thiserror::Error;

/// The reason why the state directory is unknown.
///
/// ```
/// use license_client::StateDir;
///
/// let error = StateDir::resolve("CODITECT", |_| None, None).err();
/// let error = error.ok_or("expected an error")?;
/// assert_eq!(
///     error.to_string(),
///     "expected a home directory or CODITECT_HOME in the environment, found neither"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StateDirError {
    /// The variable contains a relative path. Its meaning would depend on the working directory.
    #[error("{variable}: expected an absolute path, found {value:?}")]
    NotAbsolute {
        /// The environment variable, such as `CODITECT_HOME` or `HOME`.
        variable: String,
        /// Its value.
        value: PathBuf,
    },
    /// The user has no home directory, and the variable with the path of the state directory is not
    /// set.
    #[error("expected a home directory or {variable} in the environment, found neither")]
    NoHome {
        /// The environment variable to set, such as `CODITECT_HOME`.
        variable: String,
    },
    /// The product code contains characters other than ASCII letters and digits, so it cannot be
    /// part of a directory name.
    #[error("expected a product code of ASCII letters and digits, found other characters")]
    NotAProductCode,
}

impl StateDirError {
    /// Returns whether the system is at fault, because it has no home directory for the user.
    pub(crate) fn is_fault_of_system(&self) -> bool {
        matches!(self, Self::NoHome { .. })
    }
}
