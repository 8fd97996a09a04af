//! Problems with revocation lists.

use std::path::{Path, PathBuf};

use license_core::Code;
use license_core::encoding::TextError;
use license_core::jose::{MAX_LIST_BYTES, ParseError};
use license_core::trust::{KeyId, VerifyError};
use thiserror::Error;

use super::quarantined_as;
use crate::store::StoreError;

/// A problem with a stored revocation list. It does not prevent other work.
///
/// ```
/// use license_client::{ListProblem, StateProblem};
///
/// /// Returns whether the vendor must send a revocation list again.
/// fn needs_list(problem: &StateProblem) -> bool {
///     match problem {
///         StateProblem::Revocations(problem) => {
///             matches!(**problem, ListProblem::Missing { .. } | ListProblem::Damaged { .. })
///         }
///         _ => false,
///     }
/// }
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ListProblem {
    /// The file cannot be read.
    #[error("cannot read the revocation list")]
    Store(#[source] StoreError),
    /// The file is damaged.
    #[error("{}: the revocation list is damaged{}", path.display(), quarantined_as(quarantined.as_deref()))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The damage.
        source: Box<ListFault>,
        /// The path of the quarantined file. `None` if the file was not moved.
        quarantined: Option<PathBuf>,
    },
    /// All stored lists of a key are older than a list that was seen before. The stored lists apply
    /// nevertheless.
    #[error(transparent)]
    Stale(StaleList),
    /// A list that was seen before is missing.
    #[error(
        "expected revocation list {seq} or later of key {key}, which was installed here, found none"
    )]
    Missing {
        /// The key that signed the missing list.
        key: KeyId,
        /// The number of the missing list.
        seq: u64,
    },
}

impl ListProblem {
    /// Returns the reason code, if there is one.
    ///
    /// ```
    /// use license_client::ListProblem;
    ///
    /// /// Prints a problem for a log.
    /// fn log(problem: &ListProblem) {
    ///     match problem.code() {
    ///         Some(code) => eprintln!("{code}: {problem}"),
    ///         None => eprintln!("{problem}"),
    ///     }
    /// }
    /// ```
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Stale(stale) => Some(stale.code()),
            Self::Missing { .. } => Some(Code::StaleList),
            Self::Damaged { source, .. } => Some(source.code()),
            Self::Store(_) => None,
        }
    }

    /// Returns the path of the file with the problem, if the problem has one.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::Store(error) => Some(error.path()),
            Self::Damaged { path, .. } => Some(path),
            Self::Stale(_) | Self::Missing { .. } => None,
        }
    }
}

/// The reason why a file with revocation lists counts as damaged.
///
/// ```
/// use license_client::ListFault;
///
/// assert_eq!(ListFault::NotText.code().as_str(), "MALFORMED");
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ListFault {
    /// The file is too large, or is not a regular file.
    #[error("expected a text file of at most {MAX_LIST_BYTES} bytes")]
    NotText,
    /// The file is not text.
    #[error(transparent)]
    Text(TextError),
    /// The file does not consist of tokens.
    #[error(transparent)]
    Parse(ParseError),
    /// A list in the file does not verify.
    #[error(transparent)]
    Verify(VerifyError),
}

impl ListFault {
    /// Returns the reason code.
    ///
    /// ```
    /// use license_client::{Code, ListFault};
    ///
    /// assert_eq!(ListFault::NotText.code(), Code::Malformed);
    /// ```
    pub fn code(&self) -> Code {
        match self {
            Self::NotText | Self::Text(_) => Code::Malformed,
            Self::Parse(error) => error.code(),
            Self::Verify(error) => error.code(),
        }
    }
}

/// A list is older than a list that was seen before, or has the same number but other content.
///
/// ```
/// use license_client::InstallationError;
///
/// /// Explains the refusal of a revocation list.
/// fn explain(error: &InstallationError) -> Option<String> {
///     match error {
///         InstallationError::StaleList(stale) => {
///             Some(format!("list {} was installed, found list {}", stale.expected, stale.found))
///         }
///         _ => None,
///     }
/// }
/// # assert_eq!(explain(&InstallationError::NoMachine), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected revocation list {}, found {}", self.expectation(), self.observation())]
#[non_exhaustive]
pub struct StaleList {
    /// The key that signed the list.
    pub key: KeyId,
    /// The highest number of a list of this key that was seen before.
    pub expected: u64,
    /// The number of the list.
    pub found: u64,
}

impl StaleList {
    /// Returns the reason code.
    ///
    /// ```
    /// use license_client::StaleList;
    ///
    /// /// Prints a refusal for a log.
    /// fn log(stale: &StaleList) {
    ///     eprintln!("{}: {stale}", stale.code());
    /// }
    /// ```
    pub const fn code(&self) -> Code {
        Code::StaleList
    }

    pub(crate) fn new(key: KeyId, expected: u64, found: u64) -> Self {
        Self {
            key,
            expected,
            found,
        }
    }

    fn expectation(&self) -> String {
        let Self { key, expected, .. } = self;
        if self.expected == self.found {
            format!("{expected} of key {key} as it was first seen here")
        } else {
            format!("{expected} or later of key {key}")
        }
    }

    fn observation(&self) -> String {
        if self.expected == self.found {
            "another list with the same number".to_owned()
        } else {
            self.found.to_string()
        }
    }
}
