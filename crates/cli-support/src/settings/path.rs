//! The path of the settings file.
//!
//! A file in the working directory is never read by itself. The directory can come from a customer
//! or from an archive, and the file could name code or another server.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::Origin;
use crate::failure::Failure;

/// The path of the settings file, and where the path comes from.
///
/// ```
/// use license_cli_support::SettingsPath;
///
/// let path = SettingsPath::new("keygen", "KEYGEN_CONFIG", None, |_| Some("a.toml".into()));
/// assert_eq!(path.path(), Some("a.toml".as_ref()));
/// assert_eq!(path.origin().variable(), Some("KEYGEN_CONFIG"));
/// assert_eq!(SettingsPath::none().path(), None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingsPath {
    path: Option<PathBuf>,
    origin: Origin,
}

impl SettingsPath {
    /// Returns the path of the option, of the variable, or in the user's configuration directory,
    /// such as `~/.config/keygen/keygen.toml`. A user without such a directory has no path. `read`
    /// returns the value of a variable. An empty variable counts as not set.
    pub fn new(
        program: &str,
        variable: &str,
        option: Option<&Path>,
        read: impl Fn(&str) -> Option<OsString>,
    ) -> Self {
        if let Some(path) = option {
            return Self {
                path: Some(path.to_owned()),
                origin: Origin::Option,
            };
        }
        if let Some(path) = read(variable).filter(|value| !value.is_empty()) {
            return Self {
                path: Some(path.into()),
                origin: Origin::Variable(variable.to_owned()),
            };
        }
        let directories = directories::BaseDirs::new();
        let path = directories.map(|found| {
            let directory = found.config_dir().join(program);
            directory.join(format!("{program}.toml"))
        });
        Self {
            path,
            origin: Origin::Default,
        }
    }

    /// Returns the absence of a settings file, by an option.
    #[must_use]
    pub fn none() -> Self {
        Self {
            path: None,
            origin: Origin::Option,
        }
    }

    /// Returns the path. `None` means no settings file.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Returns where the path comes from.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Returns whether the file exists. A link without a target exists, and is an error when the
    /// file is read.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.path()
            .is_some_and(|path| path.symlink_metadata().is_ok())
    }

    /// Returns the path of the file to read. Only the default file may be missing.
    #[must_use]
    pub fn to_read(&self) -> Option<&Path> {
        let is_named = self.origin != Origin::Default;
        self.path().filter(|_| is_named || self.exists())
    }

    /// Adds the variable to the failure of a file that it names.
    #[must_use]
    pub fn explain(&self, failure: Failure) -> Failure {
        match self.origin.variable() {
            Some(variable) => failure.with_remark(&format!("file from {variable}")),
            None => failure,
        }
    }
}
