//! Errors of the database.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use license_issuer::files::LockError;
use tokio_postgres::error::SqlState;

use crate::domain::{AuditFault, Refusal, RefusalKind, ServerCode};
use crate::log_limit;
use crate::store::redis::RedisStoreError;
use crate::store::tls::TlsFault;

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
    /// The database was moved to another one.
    #[error("the database was moved to {to}")]
    Moved {
        /// The name of the other database.
        to: String,
    },
    /// The database that is to get the rows of another one has rows.
    #[error("expected an empty database, found rows in the table {table}")]
    NotEmpty {
        /// The table.
        table: &'static str,
    },
    /// The audit trail is damaged.
    #[error("the audit trail is damaged")]
    Audit(#[source] AuditFault),
    /// Only the running server may change seats.
    #[error("only the running server may change seats")]
    NotOwner,
    /// The requests of a batch were not committed.
    #[error("the change was not committed")]
    NotCommitted(#[source] Arc<ServerStoreError>),
    /// Another request of the batch failed after it had changed rows.
    #[error("another request of the batch failed")]
    BatchFailed,
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
    /// The database is backed up with the tools of PostgreSQL.
    #[error("expected a SQLite database, found a PostgreSQL database")]
    BackupElsewhere,
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
    /// No connection to PostgreSQL can be established, or all connections are in use.
    #[error("cannot reach the database {database}")]
    Unreachable {
        /// The address of the database, without the role and the password.
        database: String,
        /// The error of the connection. `None` if all connections are in use.
        source: Option<PostgresError>,
    },
    /// A connection to PostgreSQL cannot be encrypted, or its certificate cannot be verified.
    #[error("cannot establish a TLS connection to the database {database}")]
    Tls {
        /// The address of the database, without the role and the password.
        database: String,
        /// The error of the connection.
        source: PostgresError,
        /// The next step of the operator.
        hint: &'static str,
    },
    /// The database, its role or a file of its TLS has a setting with which the server does not
    /// work.
    #[error("expected {expected}, found {found}")]
    Setting {
        /// The accepted setting.
        expected: String,
        /// The setting.
        found: String,
        /// The next step of the operator.
        hint: &'static str,
    },
    /// PostgreSQL cannot read or write the database.
    #[error("cannot read or write the database")]
    Postgres(#[source] PostgresError),
    /// The connection to PostgreSQL was lost during the commit, so the change may be stored.
    #[error("the connection to the database was lost during the commit; the change may be stored")]
    CommitUnknown(#[source] PostgresError),
    /// The database lacks changes that this server has seen, because it was restored from a backup.
    #[error("the database lacks changes that this server has seen")]
    Restored,
    /// A statement of the transaction failed, so PostgreSQL did not commit it.
    #[error("a statement of the transaction has failed")]
    Aborted,
}

/// An error of PostgreSQL or of the connection to it, without the values of rows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct PostgresError {
    /// The message.
    pub message: String,
    /// The SQLSTATE, if the database has sent the error.
    pub code: Option<String>,
}

impl From<tokio_postgres::Error> for PostgresError {
    /// Converts the error. Its details can contain a whole row, so they are omitted.
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(found) => {
                let code = found.code().code();
                Self {
                    message: format!("{} (SQLSTATE {code})", found.message()),
                    code: Some(code.to_owned()),
                }
            }
            None => Self {
                message: license_core::with_causes(&error).to_string(),
                code: None,
            },
        }
    }
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
            Self::Unreachable { .. } | Self::Tls { .. } => "unreachable",
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
            Self::Moved { .. } => {
                "name that database with --database; this directory has only the other files of the server"
            }
            Self::NotEmpty { .. } => "give a new database, in which no server has started",
            Self::Audit(_) => "restore the latest backup whose audit trail can be verified",
            Self::Newer { .. } => "use the newer version of license-server",
            Self::Older { .. } => "restart the server with this version first",
            Self::NotAServer { .. } => {
                "give the data directory of a license server with --data-dir"
            }
            Self::Damaged(_) | Self::BadRow { .. } => {
                "stop the server, and restore the latest backup"
            }
            Self::DiskFull => "free space on the disk of the database",
            Self::Unreachable { source: None, .. } => {
                "the database is slow, or a transaction holds its locks; repeat the command"
            }
            Self::Unreachable {
                source:
                    Some(PostgresError {
                        code: Some(code), ..
                    }),
                ..
            } if code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION.code() => {
                "check the role, and permit the connection in pg_hba.conf; if PostgreSQL asks for \
                 TLS, add sslmode=verify-full to the URL, and for a certificate sslcert=FILE and sslkey=FILE"
            }
            Self::Unreachable { .. } => {
                "start PostgreSQL, and check the address, the role and the password"
            }
            Self::Setting { hint, .. } | Self::Tls { hint, .. } => hint,
            Self::BackupExists { .. } => "give the name of a new file",
            Self::BackupElsewhere => {
                "back up the database with pg_dump as a superuser, or with pg_basebackup"
            }
            Self::Cursor { .. } => "start from the first page",
            Self::Redis(error) => return error.hint().map(str::to_owned),
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

impl From<TlsFault> for ServerStoreError {
    fn from(fault: TlsFault) -> Self {
        Self::Setting {
            expected: fault.expected,
            found: fault.found,
            hint: fault.hint,
        }
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

impl From<tokio_postgres::Error> for ServerStoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        if error.code() == Some(&SqlState::DISK_FULL) {
            Self::DiskFull
        } else {
            Self::Postgres(error.into())
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
