//! Errors of the database.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use license_issuer::files::LockError;

use crate::domain::{Refusal, RefusalKind, ServerCode};
use crate::log_limit;
use crate::store::redis::RedisStoreError;

/// The reason why the database cannot be opened, read or written.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ServerStoreError {
    /// Another server uses the data directory.
    #[error("another server uses the data directory")]
    Locked(#[source] Arc<LockError>),
    /// Another server has changed the seats meanwhile, for example after a person removed the lock
    /// file of this server.
    #[error("another server has taken over the data directory")]
    TakenOver,
    /// The data directory is on a network file system.
    #[error(
        "expected a local file system for {}, found {kind}", directory.display()
    )]
    NetworkFileSystem {
        /// The data directory.
        directory: PathBuf,
        /// The name of the file system.
        kind: String,
    },
    /// The data directory has no database.
    #[error("{} does not exist", path.display())]
    Missing {
        /// The path of the database.
        path: PathBuf,
    },
    /// A newer version of the program wrote the database.
    #[error("expected a database of version {supported} or older, found version {found}")]
    Newer {
        /// The version of the database.
        found: i64,
        /// The version that this program supports.
        supported: i64,
    },
    /// An older version of the program wrote the database, and a running server prevents its
    /// migration.
    #[error("expected a database of version {supported}, found version {found}")]
    Older {
        /// The version of the database.
        found: i64,
        /// The version that this program supports.
        supported: i64,
    },
    /// The file is not a database of a license server.
    #[error("{} is not a database of a license server", path.display())]
    NotAServer {
        /// The path of the database.
        path: PathBuf,
    },
    /// The database is damaged.
    #[error("the database is damaged")]
    Damaged(#[source] Arc<rusqlite::Error>),
    /// A row has a value that the program did not write.
    #[error("table {table} has a row that is not accepted: {found}")]
    BadRow {
        /// The table.
        table: &'static str,
        /// The value.
        found: String,
    },
    /// Only the running server may change seats.
    #[error("only the running server may change seats")]
    NotOwner,
    /// The requests of a batch were not committed.
    #[error("the change was not committed")]
    NotCommitted(#[source] Arc<ServerStoreError>),
    /// The store was closed.
    #[error("the server is shutting down")]
    Closed,
    /// The caller sent a cursor of another list.
    #[error("expected a cursor of this list, found `{found}`")]
    Cursor {
        /// The cursor.
        found: String,
    },
    /// The destination of a backup exists.
    #[error("{} exists", path.display())]
    BackupExists {
        /// The destination.
        path: PathBuf,
    },
    /// The server keeps no more rows of this kind.
    #[error("expected {limit}, found {found}")]
    LimitReached {
        /// The limit.
        limit: String,
        /// The rows that are stored.
        found: String,
    },
    /// The disk has no space for the change.
    #[error("the disk of the database is full")]
    DiskFull,
    /// A file cannot be read or written.
    #[error("cannot access {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: Arc<io::Error>,
    },
    /// Redis cannot be used.
    #[error("Redis cannot be used")]
    Redis(#[source] RedisStoreError),
    /// SQLite cannot read or write the database.
    #[error("cannot read or write the database")]
    Database(#[source] Arc<rusqlite::Error>),
}

impl ServerStoreError {
    /// Creates the error of a file.
    pub(crate) fn io(path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Io {
            path: path.into(),
            source: Arc::new(source),
        }
    }

    /// Returns whether the disk of the database is full.
    pub(crate) fn is_disk_full(&self) -> bool {
        match self {
            Self::DiskFull => true,
            Self::NotCommitted(cause) => cause.is_disk_full(),
            _ => false,
        }
    }

    /// Returns the kind of the error, by which repeated log lines are counted.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::NotCommitted(cause) => cause.kind(),
            Self::DiskFull => "disk_full",
            Self::Damaged(_) | Self::BadRow { .. } => "damaged",
            Self::Closed => "closed",
            _ => "storage",
        }
    }

    /// Returns the next step of the operator.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Locked(_) | Self::TakenOver => {
                "stop the other server, or give another directory with --data-dir"
            }
            Self::NetworkFileSystem { .. } => {
                "give a directory on a local disk with --data-dir; SQLite needs shared memory and locks \
                 that network file systems do not provide"
            }
            Self::Missing { .. } => "create the data directory with `license-server init`",
            Self::Newer { .. } => "use the newer version of license-server",
            Self::Older { .. } => "restart the server with this version first",
            Self::NotAServer { .. } => {
                "give the data directory of a license server with --data-dir"
            }
            Self::Damaged(_) | Self::BadRow { .. } => {
                "stop the server, and restore the latest backup"
            }
            Self::DiskFull => "free space on the disk of the data directory",
            Self::BackupExists { .. } => "give the name of a new file",
            Self::Cursor { .. } => "start from the first page",
            Self::Redis(error) => return error.hint().map(str::to_owned),
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

impl From<rusqlite::Error> for ServerStoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseCorrupt) => Self::Damaged(Arc::new(error)),
            Some(rusqlite::ErrorCode::DiskFull) => Self::DiskFull,
            _ => Self::Database(Arc::new(error)),
        }
    }
}

impl From<ServerStoreError> for Refusal {
    /// Converts the error into an answer for a client, without paths and rows.
    fn from(error: ServerStoreError) -> Self {
        match &error {
            ServerStoreError::Cursor { found } => Self::new(
                RefusalKind::BadRequest,
                ServerCode::BadCursor,
                "the cursor does not belong to this list",
            )
            .values("a cursor of this list", found)
            .hint("start from the first page"),
            ServerStoreError::NotCommitted(cause)
                if matches!(**cause, ServerStoreError::TakenOver) =>
            {
                Self::new(
                    RefusalKind::Unavailable,
                    ServerCode::TakenOver,
                    "another server has taken over the data directory",
                )
                .hint("repeat the request at the other server")
            }
            ServerStoreError::LimitReached { limit, found } => Self::new(
                RefusalKind::Conflict,
                ServerCode::LimitReached,
                "the server keeps no more of these for the license",
            )
            .values(limit, found)
            .hint("the administrator of the server exports and deletes the stored ones"),
            _ => {
                if let Some(repeated) = log_limit::pass(error.kind()) {
                    let error = license_core::with_causes(&error);
                    tracing::error!(%error, repeated, "storage failed");
                }
                let detail = if error.is_disk_full() {
                    "the disk of the server is full"
                } else {
                    "the database cannot be read or written"
                };
                Self::new(RefusalKind::Unavailable, ServerCode::StorageFailed, detail)
                    .hint("repeat the request later; the log of the server has the cause")
            }
        }
    }
}
