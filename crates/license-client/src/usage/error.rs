//! Reasons why the usage type is unknown.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use license_core::Code;
use license_core::session::UnreadablePath;
use thiserror::Error;

/// Maximum number of characters of a value in a message. This is enough to show a typo, but does
/// not show a whole text that was pasted by mistake.
const MAX_FOUND: usize = 32;

/// The reason why the usage type is unknown.
///
/// ```
/// # let scratch = tempfile::tempdir()?;
/// # let project = scratch.path();
/// use license_client::{ProcessEnvironment, ProductCode, detect_usage, find_project};
///
/// let root = find_project(project, ProductCode::parse("CODITECT")?, None)?;
/// let environment = ProcessEnvironment {
///     variable: Some("production".into()),
///     ..ProcessEnvironment::default()
/// };
/// let error = detect_usage(&root, &environment).err().ok_or("expected an error")?;
/// println!("{error}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UsageTypeError {
    /// The environment variable is neither `builder` nor `runtime`.
    #[error("{name}: expected `builder` or `runtime`, found {found:?}")]
    BadVariable {
        /// The variable, such as `CODITECT_USAGE_TYPE`.
        name: String,
        /// At most 32 characters of its value.
        found: String,
    },
    /// `usage_type` in the project file is neither `builder` nor `runtime`.
    #[error("`usage_type` in {}: expected `builder` or `runtime`, found {found:?}", path.display())]
    BadProjectFile {
        /// The file.
        path: PathBuf,
        /// At most 32 characters of the value.
        found: String,
    },
    /// `usage_type` in the project file is not text.
    #[error("`usage_type` in {}: expected text, found a value of type {found}", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// The TOML type of the value, such as `integer`.
        found: &'static str,
    },
    /// The project file is not valid TOML.
    #[error("{}{}: invalid TOML: {reason}", path.display(), in_line(*line))]
    NotToml {
        /// The file.
        path: PathBuf,
        /// The line with the error, counted from 1, if it is known.
        line: Option<usize>,
        /// The error.
        reason: String,
    },
    /// The path of the project file is a directory, a pipe or a device.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The project file is larger than the limit.
    #[error("{}: expected at most {cap} bytes, found more", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The maximum size in bytes.
        cap: usize,
    },
    /// The project file, or the root of the project, cannot be read.
    #[error(transparent)]
    Unreadable(#[from] UnreadablePath),
}

fn in_line(line: Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!(", line {line}"))
}

impl UsageTypeError {
    /// Returns the reason code. Returns `None` if the value of the variable is wrong, or if a path
    /// cannot be read.
    ///
    /// ```
    /// # let scratch = tempfile::tempdir()?;
    /// # let project = scratch.path();
    /// use license_client::{Code, ProcessEnvironment, ProductCode, detect_usage, find_project};
    ///
    /// # std::fs::create_dir(scratch.path().join(".coditect"))?;
    /// # let file = scratch.path().join(".coditect/project.toml");
    /// # std::fs::write(file, "usage_type = 'production'")?;
    /// // The file `.coditect/project.toml` contains `usage_type = 'production'`.
    /// let root = find_project(project, ProductCode::parse("CODITECT")?, None)?;
    /// let usage = detect_usage(&root, &ProcessEnvironment::default());
    /// let error = usage.err().ok_or("the project file is correct")?;
    /// assert_eq!(error.code(), Some(Code::Malformed));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn code(&self) -> Option<Code> {
        match self {
            Self::BadVariable { .. } | Self::Unreadable(_) => None,
            _ => Some(Code::Malformed),
        }
    }

    /// Returns whether the path, or a name in it, is longer than the system permits.
    ///
    /// ```
    /// use license_client::UsageTypeError;
    ///
    /// /// Returns advice for a user.
    /// fn advice(error: &UsageTypeError) -> Option<&'static str> {
    ///     error.is_too_long().then_some("use a shorter path")
    /// }
    /// ```
    pub fn is_too_long(&self) -> bool {
        matches!(self, Self::Unreadable(unreadable) if unreadable.is_too_long())
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
        UnreadablePath::new(path.to_owned(), source).into()
    }
}

fn beginning(text: &str) -> String {
    text.chars().take(MAX_FOUND).collect()
}
