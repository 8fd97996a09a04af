//! Problems with files in the state directory. All problems are reported. Most of them do not
//! prevent other work.

mod lists;
mod statements;

use std::path::{Path, PathBuf};

use license_core::chrono::{DateTime, Utc};
use license_core::{Code, LicenseId};
use thiserror::Error;

pub use self::lists::{ListFault, ListProblem, StaleList};
pub use self::statements::StatementProblem;
use crate::administrator::SystemDirError;
use crate::seal::SealError;
use crate::store::StoreError;

/// A problem with the state of this machine.
///
/// ```
/// # const TRUST: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
/// # ));
/// # let scratch = tempfile::tempdir()?;
/// # let client = license_client::Client::builder(license_client::TrustSet::parse(TRUST)?)
/// #     .product(license_client::FeatureMatrix::built_in())
/// #     .state_dir(scratch.path().join("state"))
/// #     .build()?;
/// use license_client::{StateProblem, with_causes};
///
/// for problem in &client.snapshot().problems {
///     match problem {
///         StateProblem::NotSaved(_) => eprintln!("the state directory is not writable"),
///         other => eprintln!("{}", with_causes(other)),
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StateProblem {
    /// A sealed file cannot be opened.
    #[error("{}", sealed(path, source, quarantined.as_deref()))]
    Sealed {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: SealError,
        /// The path of the quarantined file. `None` if the file is still in place.
        quarantined: Option<PathBuf>,
    },
    /// A state file cannot be read.
    #[error("cannot read the state of this machine")]
    Store(#[source] StoreError),
    /// The state cannot be saved. Counts are lost when the program ends.
    #[error("cannot save the state of this machine")]
    NotSaved(#[source] StoreError),
    /// The journal of usage reports cannot be used. This does not prevent other work.
    #[error("cannot use the journal of usage reports")]
    Journal(#[source] Box<StateProblem>),
    /// A problem with a revocation list. It does not prevent other work.
    #[error(transparent)]
    Revocations(Box<ListProblem>),
    /// A problem with the trust statements.
    #[error(transparent)]
    Trust(Box<StatementProblem>),
    /// The directory of the administrator is not used, because others can change it.
    #[error("cannot use the administrator's directory")]
    SystemDir(#[source] SystemDirError),
    /// The state of the machine was missing, and the clock is behind files of the operating system.
    /// Their time is used instead of the clock. `CLOCK_BEHIND` reports the difference.
    #[error(
        "the recorded time of this machine was missing, and files of the operating system were \
         written after the time of the clock; {}, from these files, is used instead",
        license_core::time::rfc3339(*time)
    )]
    TimeFromFiles {
        /// The time that is used instead of the clock.
        time: DateTime<Utc>,
    },
    /// The user's license file contains an activation that this machine did not request. Only
    /// activations that the state of the machine knows count there.
    #[error(
        "{}: the activation of license {license} does not count, because this machine has no record of it",
        path.display()
    )]
    UnknownActivation {
        /// The license file.
        path: PathBuf,
        /// The license.
        license: LicenseId,
    },
}

impl StateProblem {
    /// Returns the reason code, if there is one. A file that cannot be opened, read or written has
    /// no code.
    ///
    /// ```
    /// # const TRUST: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// # let scratch = tempfile::tempdir()?;
    /// # let client = license_client::Client::builder(license_client::TrustSet::parse(TRUST)?)
    /// #     .product(license_client::FeatureMatrix::built_in())
    /// #     .state_dir(scratch.path().join("state"))
    /// #     .build()?;
    /// for problem in &client.snapshot().problems {
    ///     if let Some(code) = problem.code() {
    ///         eprintln!("{code}: {problem}");
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Revocations(problem) => problem.code(),
            Self::Trust(problem) => problem.code(),
            Self::Journal(problem) => problem.code(),
            Self::TimeFromFiles { .. } => Some(Code::ClockBehind),
            Self::Sealed { .. }
            | Self::Store(_)
            | Self::NotSaved(_)
            | Self::SystemDir(_)
            | Self::UnknownActivation { .. } => None,
        }
    }

    /// Returns the path of the file with the problem, if the problem has one.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::Sealed { path, .. } | Self::UnknownActivation { path, .. } => Some(path),
            Self::SystemDir(error) => Some(&error.path),
            Self::Store(error) | Self::NotSaved(error) => Some(error.path()),
            Self::Journal(problem) => problem.file(),
            Self::Revocations(problem) => problem.file(),
            Self::Trust(problem) => problem.file(),
            Self::TimeFromFiles { .. } => None,
        }
    }
}

fn sealed(path: &Path, source: &SealError, quarantined: Option<&Path>) -> String {
    let path = path.display();
    match (source, quarantined) {
        (SealError::OtherMachine { .. }, Some(quarantined)) => {
            let quarantined = quarantined.display();
            format!("{path} belongs to another machine; it was renamed to {quarantined}")
        }
        (SealError::OtherMachine { .. }, None) => format!("{path} belongs to another machine"),
        _ => format!("cannot use {path}{}", quarantined_as(quarantined)),
    }
}

/// Returns `; it was quarantined as …` for a quarantined file, and otherwise an empty string.
pub(crate) fn quarantined_as(quarantined: Option<&Path>) -> String {
    match quarantined {
        Some(quarantined) => format!("; it was quarantined as {}", quarantined.display()),
        None => String::new(),
    }
}
