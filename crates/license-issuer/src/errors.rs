//! The errors of the ledger and of deliveries.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use crate::files::LockError;

/// An error of a storage backend, such as a database driver.
pub type BackendError = Box<dyn Error + Send + Sync>;

/// The reason why a ledger cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// There is no ledger at the given location.
    #[error("expected a ledger, found none")]
    Missing,
    /// The file is not a ledger.
    #[error("expected a ledger, found another file or a directory")]
    NotALedger,
    /// The database is damaged.
    #[error("expected an intact ledger, found a damaged database")]
    Damaged,
    /// A process crashed while it created or migrated the ledger. The next process that writes
    /// rolls the change back.
    #[error("expected a ledger without unfinished changes, found a change that was interrupted")]
    Interrupted,
    /// The ledger was opened for reading, or its file cannot be written.
    #[error("expected a ledger that can be written, found one that can only be read")]
    ReadOnly,
    /// Root would create the directory of the ledger below a directory of another user.
    #[error("expected a directory of root, found {}, which belongs to user {owner}", .path.display())]
    ForeignDirectory {
        /// The directory of the other user.
        path: PathBuf,
        /// The id of the other user.
        owner: u32,
    },
    /// A pending artifact has a staging file that recovery would not accept.
    #[error("expected a staging file in the directory of its destination, found {}", .0.display())]
    Staging(PathBuf),
    /// A later version of this program created the ledger.
    #[error("expected a ledger of version {supported} at most, found {found}")]
    Newer {
        /// The version of the ledger.
        found: i64,
        /// The latest version that this program can read.
        supported: i64,
    },
    /// All serials or sequence numbers are used.
    #[error("no serial or sequence number is left")]
    Full,
    /// A path that the ledger must store is not valid UTF-8.
    #[error("expected a path that is valid UTF-8")]
    NotText,
    /// The ledger contains a value that this program never writes.
    #[error("expected {expected} in the ledger, found {found}")]
    Inconsistent {
        /// The expected value.
        expected: &'static str,
        /// The value in the ledger.
        found: String,
    },
    /// The caller recorded an artifact without storing it as pending first.
    #[error("expected a pending artifact, found one that was never stored")]
    NotPending,
    /// The ledger cannot be locked for writing.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Another process keeps a lock of the database, such as an open transaction of the `sqlite3`
    /// program.
    #[error("the database of the ledger is locked by another process")]
    Busy,
    /// The file system refused an operation.
    #[error("cannot access the file of the ledger")]
    Io(#[source] io::Error),
    /// The database refused an operation.
    #[error("cannot access the database of the ledger")]
    Database(#[source] BackendError),
}

/// The reason why an artifact cannot be delivered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// The destination exists and must not be replaced.
    #[error("{} already exists", .0.display())]
    Exists(PathBuf),
    /// The destination is a symbolic link.
    #[error("{} is a symbolic link and is not replaced", .0.display())]
    SymbolicLink(PathBuf),
    /// The destination contains a private key.
    #[error("{} contains a private key, which is never replaced", .0.display())]
    PrivateKey(PathBuf),
    /// The destination is not a valid file name.
    #[error("{} is not a valid file name", .path.display())]
    Name {
        /// The destination.
        path: PathBuf,
        /// The error of the file system.
        source: io::Error,
    },
    /// The file system refused to write.
    #[error("cannot write {}", .path.display())]
    Write {
        /// The destination.
        path: PathBuf,
        /// The error of the file system.
        source: io::Error,
    },
    /// The artifact is recorded and staged, but does not have its final name.
    #[error("cannot rename {} to {}", .staging.display(), .path.display())]
    Publish {
        /// The staging file, which the next recovery renames.
        staging: PathBuf,
        /// The destination.
        path: PathBuf,
        /// The error of the file system.
        source: io::Error,
    },
}
