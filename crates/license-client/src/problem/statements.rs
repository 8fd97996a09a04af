//! Problems with trust statements.

use std::path::PathBuf;

use license_core::{BundleError, Code};
use thiserror::Error;

use super::set_aside_as;
use crate::store::StoreError;

/// A problem with the trust statements that are kept on this machine. It affects only what was
/// signed by keys that the statements introduce.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StatementProblem {
    /// The file cannot be read.
    #[error("the trust statements can't be read")]
    Store(#[source] StoreError),
    /// The file is damaged.
    #[error("{}: the trust statements are damaged{}", path.display(), set_aside_as(aside.as_deref()))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The damage; `None` if it is not text, or larger than any such file.
        source: Option<Box<BundleError>>,
        /// Where it was moved; `None` where it may not be moved.
        aside: Option<PathBuf>,
    },
}

impl StatementProblem {
    /// Returns the reason code, if there is one.
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
}
