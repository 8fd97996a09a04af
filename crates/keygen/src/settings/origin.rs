//! Values of settings, with the place that each comes from.

use std::fmt;
use std::path::PathBuf;

use license_cli_support::{Failure, show_path};

use super::Setting;

/// The place that a value comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Origin {
    /// An option of the command line.
    Option,
    /// An environment variable.
    Variable(&'static str),
    /// A line of the settings file.
    File { path: PathBuf, line: usize },
    /// No place has a value.
    #[default]
    Default,
}

impl Origin {
    /// Adds the origin of a value to the failure that the value caused.
    ///
    /// The value of an option needs no remark, because the user sees it in the command.
    pub(crate) fn explain(&self, setting: Setting, failure: Failure) -> Failure {
        match self {
            Self::Option | Self::Default => failure,
            origin => failure.with_remark(&format!("{} from {origin}", setting.member())),
        }
    }

    /// Returns the name of the kind of place, for JSON.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Option => "option",
            Self::Variable(_) => "variable",
            Self::File { .. } => "file",
            Self::Default => "default",
        }
    }

    pub(crate) fn variable(&self) -> Option<&'static str> {
        match self {
            Self::Variable(name) => Some(name),
            _ => None,
        }
    }

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SettingValue<T> {
    pub(crate) value: T,
    pub(crate) origin: Origin,
}

impl<T> SettingValue<T> {
    /// Returns the value of an option.
    pub(crate) fn option(value: T) -> Self {
        let origin = Origin::Option;
        Self { value, origin }
    }

    /// Converts the value.
    pub(crate) fn map<U>(self, convert: impl FnOnce(T) -> U) -> SettingValue<U> {
        SettingValue {
            value: convert(self.value),
            origin: self.origin,
        }
    }
}
