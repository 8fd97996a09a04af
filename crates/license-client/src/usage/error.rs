//! Why it cannot be said how the product is used.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::project::{is_too_long, unreadable};

/// Shows a slip of the keyboard, and not all of a text that was pasted in the wrong place.
const MAX_FOUND: usize = 32;

/// Why it cannot be said how the product is used.
#[derive(Debug)]
#[non_exhaustive]
pub enum UsageError {
    /// The environment variable says neither `builder` nor `runtime`.
    BadVariable {
        /// The variable, such as `CODITECT_USAGE_TYPE`.
        name: String,
        /// What it says, at most 32 characters of it.
        found: String,
    },
    /// `usage_type` in the project file says neither `builder` nor `runtime`.
    BadProjectFile {
        /// The file.
        path: PathBuf,
        /// What it says, at most 32 characters of it.
        found: String,
    },
    /// `usage_type` in the project file is no text.
    NotText {
        /// The file.
        path: PathBuf,
        /// The TOML type of it, such as `integer`.
        found: &'static str,
    },
    /// The project file is no TOML, whatever it may say.
    NotToml {
        /// The file.
        path: PathBuf,
        /// The line that cannot be read, counted from 1, if it is one.
        line: Option<usize>,
        /// What is wrong there.
        reason: String,
    },
    /// A folder, a pipe or a device is where the project file should be.
    NotAFile {
        /// What is no file.
        path: PathBuf,
    },
    /// The project file is larger than any page of settings.
    TooLarge {
        /// The file.
        path: PathBuf,
        /// How many bytes it may have.
        cap: usize,
    },
    /// The project file, or the root of the project, cannot be read.
    Unreadable {
        /// What cannot be read.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl UsageError {
    /// Whether a file could not be read because its path, or a name in it, is longer than the system takes.
    pub fn is_too_long(&self) -> bool {
        matches!(self, Self::Unreadable { source, .. } if is_too_long(source))
    }

    pub(super) fn bad_variable(name: String, value: &OsStr) -> Self {
        let found = beginning(&value.to_string_lossy());
        Self::BadVariable { name, found }
    }

    pub(super) fn bad_member(path: PathBuf, value: &toml::Value) -> Self {
        match value.as_str() {
            Some(text) => Self::BadProjectFile {
                path,
                found: beginning(text),
            },
            None => Self::NotText {
                path,
                found: value.type_str(),
            },
        }
    }

    pub(super) fn not_toml(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        let before = error.span().and_then(|span| text.get(..span.start));
        Self::NotToml {
            path: path.to_owned(),
            line: before.map(|before| before.matches('\n').count() + 1),
            reason: error.message().to_owned(),
        }
    }

    pub(super) fn not_utf8(path: &Path) -> Self {
        Self::NotToml {
            path: path.to_owned(),
            line: None,
            reason: "it is not in UTF-8".to_owned(),
        }
    }

    pub(super) fn unreadable(path: &Path, source: io::Error) -> Self {
        Self::Unreadable {
            path: path.to_owned(),
            source,
        }
    }
}

fn beginning(text: &str) -> String {
    text.chars().take(MAX_FOUND).collect()
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const EXPECTED: &str = "must be `builder` or `runtime`";
        match self {
            Self::BadVariable { name, found } => write!(f, "{name} {EXPECTED}, not {found:?}"),
            Self::BadProjectFile { path, found } => {
                let path = path.display();
                write!(f, "`usage_type` in {path} {EXPECTED}, not {found:?}")
            }
            Self::NotText { path, found } => {
                let path = path.display();
                write!(f, "`usage_type` in {path} {EXPECTED}, not of type {found}")
            }
            Self::NotToml { path, line, reason } => {
                write!(f, "{}", path.display())?;
                if let Some(line) = line {
                    write!(f, ", line {line}")?;
                }
                write!(f, ": no TOML: {reason}")
            }
            Self::NotAFile { path } => write!(f, "{} is not a regular file", path.display()),
            Self::TooLarge { path, cap } => {
                write!(f, "{} is larger than {cap} bytes", path.display())
            }
            Self::Unreadable { path, source } => unreadable(path, source, f),
        }
    }
}

impl std::error::Error for UsageError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable { source, .. } => Some(source),
            _ => None,
        }
    }
}
