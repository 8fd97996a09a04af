//! Problems with files in the state directory. They are reported, and most of them stop nothing.

mod lists;
mod statements;

use std::path::{Path, PathBuf};

use thiserror::Error;

pub use self::lists::{ListFault, ListProblem, StaleList};
pub use self::statements::StatementProblem;
use crate::sealed::SealError;
use crate::store::StoreError;

/// A problem with the state that a machine keeps.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StateProblem {
    /// A sealed file cannot be opened.
    #[error("{}", sealed(path, source, aside.as_deref()))]
    Sealed {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: SealError,
        /// Where it was moved; `None` where nothing can be written.
        aside: Option<PathBuf>,
    },
    /// A file cannot be read.
    #[error("what this machine remembers can't be read")]
    Store(#[source] StoreError),
    /// Nothing can be kept: what is counted is forgotten when the program ends.
    #[error("nothing can be kept")]
    NotKept(#[source] StoreError),
    /// The journal of usage reports cannot be used, which stops nothing.
    #[error("usage report: {0}")]
    Journal(Box<StateProblem>),
    /// A problem with a revocation list, which stops nothing.
    #[error(transparent)]
    Revocations(Box<ListProblem>),
    /// A problem with the trust statements.
    #[error(transparent)]
    Trust(Box<StatementProblem>),
}

fn sealed(path: &Path, source: &SealError, aside: Option<&Path>) -> String {
    let path = path.display();
    match (source, aside) {
        (SealError::OtherMachine { .. }, Some(aside)) => {
            let aside = aside.display();
            format!("{path} is another machine's, and is kept for it as {aside}")
        }
        (SealError::OtherMachine { .. }, None) => format!("{path} is another machine's"),
        _ => format!("{path} can't be used{}", set_aside_as(aside)),
    }
}

/// Returns `, and was set aside as …` for a file that was moved, else nothing.
pub(crate) fn set_aside_as(aside: Option<&Path>) -> String {
    match aside {
        Some(aside) => format!(", and was set aside as {}", aside.display()),
        None => String::new(),
    }
}
