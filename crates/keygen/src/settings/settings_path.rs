//! The path of the settings file.
//!
//! A file in the working directory is never read by itself. A directory can come from a customer or
//! from an archive, and the file could name a PKCS#11 module, which is code.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use license_cli_support::{Failure, Origin};

use crate::args::SettingsFileArgs;

/// The variable with the path of the settings file.
pub(super) const VARIABLE: &str = "KEYGEN_CONFIG";
/// The name of the settings file.
const NAME: &str = "keygen.toml";

/// The path of the settings file, and where the path comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SettingsPath {
    /// `None` with `--no-config`, or for a user without a configuration directory.
    path: Option<PathBuf>,
    origin: Origin,
}

impl SettingsPath {
    /// Returns the path of the option, the variable or the user's configuration directory.
    pub(super) fn new(options: &SettingsFileArgs, read: impl Fn(&str) -> Option<OsString>) -> Self {
        let variable = || read(VARIABLE).filter(|value| !value.is_empty());
        if options.no_config {
            let origin = Origin::Option;
            return Self { path: None, origin };
        }
        let (path, origin) = if let Some(path) = &options.config {
            (Some(path.clone()), Origin::Option)
        } else if let Some(path) = variable() {
            (Some(path.into()), Origin::Variable(VARIABLE.to_owned()))
        } else {
            (default_path(), Origin::Default)
        };
        Self { path, origin }
    }

    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Returns whether the file exists.
    pub(crate) fn exists(&self) -> bool {
        // A link without a target is an error when the file is read.
        let found = |path: &Path| path.symlink_metadata().is_ok();
        self.path().is_some_and(found)
    }

    /// Returns the path of the file to read. Only the default file may be missing.
    pub(super) fn to_read(&self) -> Option<&Path> {
        let is_named = self.origin != Origin::Default;
        self.path().filter(|_| is_named || self.exists())
    }

    /// Adds the variable to the failure of a file that it names.
    pub(super) fn explain(&self, failure: Failure) -> Failure {
        match self.origin.variable() {
            Some(variable) => failure.with_remark(&format!("file from {variable}")),
            None => failure,
        }
    }

    /// Returns a hint. If the working directory has a settings file, the hint states that the file
    /// is not read.
    pub(super) fn hint_about(&self, hint: &str) -> String {
        if self.origin == Origin::Default && Path::new(NAME).exists() {
            format!("{hint}; {NAME} in this directory is read only with --config {NAME}")
        } else {
            hint.to_owned()
        }
    }
}

/// Returns the default path on this platform, such as `~/.config/keygen/keygen.toml`.
fn default_path() -> Option<PathBuf> {
    let directories = directories::BaseDirs::new()?;
    Some(directories.config_dir().join("keygen").join(NAME))
}
