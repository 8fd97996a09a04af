//! The reason why the state directory is unknown.

use std::path::{Path, PathBuf};

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
    #[error("{variable}: expected an absolute path, found {}", quoted(value))]
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

/// Quotes the value of a variable. Shows only the beginning of a value that may be a key that was
/// pasted by mistake.
fn quoted(value: &Path) -> String {
    format!("{:?}", shown_path(value))
}

/// Returns the path for a message. Only the beginning of a relative path is shown if it is long,
/// because it may be a key that was pasted by mistake.
pub(crate) fn shown_path(path: &Path) -> String {
    /// A line of PEM has 64 characters.
    const LONG: usize = 40;
    const BEGINNING: usize = 12;
    let text = path.as_os_str().to_string_lossy();
    let is_long = text.chars().nth(LONG).is_some() || text.contains(char::is_control);
    if path.is_absolute() || !is_long {
        return text.into_owned();
    }
    let beginning: String = text.chars().take(BEGINNING).collect();
    format!("{beginning}…")
}

impl StateDirError {
    /// Returns whether the system is at fault, because it has no home directory for the user.
    pub(crate) fn is_fault_of_system(&self) -> bool {
        matches!(self, Self::NoHome { .. })
    }
}
