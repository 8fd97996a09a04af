//! Settings: values of options that a user sets once, with the place that each value comes from.

mod file;
mod path;
mod unknown;

use std::fmt;
use std::path::PathBuf;

pub use file::{InsecurePlace, SettingsEntry, SettingsFile, SettingsFormat};
pub use path::SettingsPath;
pub use unknown::unknown_variables;

use crate::escape::show_path;
use crate::failure::Failure;

/// The place that a value comes from.
///
/// ```
/// use license_cli_support::Origin;
///
/// let line = Origin::File { path: "keygen.toml".into(), line: 3 };
/// assert_eq!(line.to_string(), "keygen.toml, line 3");
/// assert_eq!(line.kind(), "file");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// An option of the command line.
    Option,
    /// An environment variable, by its name.
    Variable(String),
    /// A line of the settings file.
    File {
        /// The path of the file.
        path: PathBuf,
        /// The number of the line, from 1.
        line: usize,
    },
    /// No place has a value.
    #[default]
    Default,
}

impl Origin {
    /// Adds the origin of a value to the failure that the value caused. `setting` is the name of
    /// the setting.
    ///
    /// The value of an option needs no remark, because the user sees it in the command.
    #[must_use]
    pub fn explain(&self, setting: &str, failure: Failure) -> Failure {
        match self {
            Self::Option | Self::Default => failure,
            origin => failure.with_remark(&format!("{setting} from {origin}")),
        }
    }

    /// Returns the name of the kind of place, for JSON.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Option => "option",
            Self::Variable(_) => "variable",
            Self::File { .. } => "file",
            Self::Default => "default",
        }
    }

    /// Returns the environment variable, if the value comes from one.
    #[must_use]
    pub fn variable(&self) -> Option<&str> {
        match self {
            Self::Variable(name) => Some(name),
            _ => None,
        }
    }

    /// Returns the line of the settings file, if the value comes from one.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::File { line, .. } => Some(*line),
            _ => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option => formatter.write_str("option"),
            Self::Variable(name) => formatter.write_str(name),
            Self::File { path, line } => write!(formatter, "{}, line {line}", show_path(path)),
            Self::Default => formatter.write_str("default"),
        }
    }
}

/// A value and its origin.
///
/// ```
/// use license_cli_support::{Origin, SettingValue};
///
/// let port = SettingValue::option("80").map(str::len);
/// assert_eq!((port.value, port.origin), (2, Origin::Option));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingValue<T> {
    /// The value.
    pub value: T,
    /// The place that the value comes from.
    pub origin: Origin,
}

impl<T> SettingValue<T> {
    /// Returns the value of an option.
    pub fn option(value: T) -> Self {
        let origin = Origin::Option;
        Self { value, origin }
    }

    /// Converts the value.
    pub fn map<U>(self, convert: impl FnOnce(T) -> U) -> SettingValue<U> {
        SettingValue {
            value: convert(self.value),
            origin: self.origin,
        }
    }
}
