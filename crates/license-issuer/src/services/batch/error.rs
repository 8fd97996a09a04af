//! The reasons why a batch stopped.

use std::io;
use std::path::PathBuf;

use crate::errors::DeliveryError;
use crate::services::issue::IssueError;
use crate::services::transaction::TransactionError;

/// The reason why a batch stopped. `E` is the error type of the caller's functions.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError<E: std::error::Error + 'static> {
    /// A row cannot be read, or a step of issuing failed.
    #[error(transparent)]
    Issue(#[from] IssueError<E>),
    /// The file of a row exists and was not issued from these orders.
    #[error("{} already exists and was not issued from these orders", .0.display())]
    ForeignFile(PathBuf),
    /// The file of a row is not the license that was issued for the row.
    #[error("{} differs from the license that was issued for its row", .0.display())]
    DamagedFile(PathBuf),
    /// Another process renewed, replaced or revoked a license that a row replaces.
    #[error("license {0} was renewed, replaced or revoked by another process")]
    Replaced(String),
    /// A file or directory cannot be read or created.
    #[error("cannot {action} {}", .path.display())]
    Io {
        /// The action: `read` or `write`.
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// The error of the file system.
        source: io::Error,
    },
    /// A signing thread panicked.
    #[error("a signing thread failed")]
    Thread,
}

impl<E: std::error::Error + 'static> From<TransactionError> for BatchError<E> {
    fn from(error: TransactionError) -> Self {
        match error {
            TransactionError::Delivery(DeliveryError::Exists(path)) => Self::ForeignFile(path),
            error => Self::Issue(error.into()),
        }
    }
}
