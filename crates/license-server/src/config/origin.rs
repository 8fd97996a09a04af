//! Values of settings, with the place that each comes from.

use std::fmt;
use std::path::PathBuf;

use license_cli_support::show_path;

/// The place that a value comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Origin {
    /// An option of the command line.
    Option,
    /// An environment variable.
    Variable(String),
    /// A line of the settings file.
    File { path: PathBuf, line: usize },
    /// No place has a value.
    #[default]
    Default,
}

impl Origin {
    /// Returns the name of the kind of place, for JSON.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Option => "option",
            Self::Variable(_) => "variable",
            Self::File { .. } => "file",
            Self::Default => "default",
        }
    }

    /// Returns the environment variable, if the value comes from one.
    pub(crate) fn variable(&self) -> Option<&str> {
        match self {
            Self::Variable(name) => Some(name),
            _ => None,
        }
    }

    /// Returns the line of the settings file, if the value comes from one.
    pub(crate) fn line(&self) -> Option<usize> {
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SettingValue {
    /// The text of the value. It is empty if no place has a value and there is no default.
    pub(crate) text: String,
    pub(crate) origin: Origin,
}
