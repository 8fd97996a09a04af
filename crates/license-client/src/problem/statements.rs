//! Problems with trust statements.

use std::path::{Path, PathBuf};

use license_core::Code;
use license_core::license::VerifiedLicensesError;
use thiserror::Error;

use super::quarantined_as;
use crate::store::StoreError;

/// A problem with the stored trust statements. The problem affects only artifacts that are signed
/// with a key that a statement introduces or retires.
///
/// ```
/// use license_client::{StateProblem, StatementProblem};
///
/// /// Returns whether the vendor must send the trust statements again.
/// fn needs_statements(problem: &StateProblem) -> bool {
///     match problem {
///         StateProblem::Trust(problem) => matches!(**problem, StatementProblem::Damaged { .. }),
///         _ => false,
///     }
/// }
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StatementProblem {
    /// The file cannot be read.
    #[error("cannot read the trust statements")]
    Store(#[source] StoreError),
    /// The file is damaged.
    #[error("{}: the trust statements are damaged{}", path.display(), quarantined_as(quarantined.as_deref()))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The damage. `None` if the file is not UTF-8 or is too large.
        source: Option<Box<VerifiedLicensesError>>,
        /// The path of the quarantined file. `None` if the file was not moved.
        quarantined: Option<PathBuf>,
    },
}

impl StatementProblem {
    /// Returns the reason code, if there is one.
    ///
    /// ```
    /// use license_client::{Code, StatementProblem};
    ///
    /// /// Returns whether the signature of a stored statement is wrong.
    /// fn is_forged(problem: &StatementProblem) -> bool {
    ///     problem.code() == Some(Code::BadSignature)
    /// }
    /// ```
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Store(_) => None,
            Self::Damaged { source, .. } => Some(
                source
                    .as_ref()
                    .map_or(Code::Malformed, |source| source.code()),
            ),
        }
    }

    /// Returns the path of the file with the problem.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::Store(error) => Some(error.path()),
            Self::Damaged { path, .. } => Some(path),
        }
    }
}
