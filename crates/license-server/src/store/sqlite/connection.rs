//! Connections to the database. Each connection is opened by [`open`].

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::schema;
use crate::store::ServerStoreError;

/// How long a connection waits for another process that writes to the database.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The size of the write-ahead log, in pages of 4 KiB, at which SQLite copies the log into the
/// database.
const LOG_PAGES: i64 = 4 * 1024;

/// The page cache of a connection, in KiB. The system caches the database too.
const CACHE_KIB: i64 = 512;

/// The number of pages of 4 KiB from which a transaction writes changed pages before its commit,
/// although the cache is full.
const SPILL_PAGES: i64 = 2000;

/// The number of prepared statements that a connection keeps, which is more than there are queries.
const STATEMENTS: usize = 128;

/// Whether a connection may change the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConnectionAccess {
    /// The connection creates the database if it does not exist.
    Create,
    /// The connection changes an existing database.
    Write,
    /// The connection only reads.
    Read,
}

/// Opens a connection, and sets its pragmas. SQLite keeps most pragmas for each connection, so no
/// other function opens a connection.
pub(super) fn open(path: &Path, access: ConnectionAccess) -> Result<Connection, ServerStoreError> {
    // A read-only connection could not recover the write-ahead log of a crashed process.
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if access == ConnectionAccess::Create {
        flags |= OpenFlags::SQLITE_OPEN_CREATE;
    }
    let db = Connection::open_with_flags(path, flags).map_err(|error| not_found(path, error))?;
    db.busy_timeout(BUSY_TIMEOUT)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    // SQLite would plan some queries again for each value (the query planner stability guarantee).
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // The database of another program stays unchanged.
    schema::version(&db, path)?;
    set_pragmas(&db, access)?;
    Ok(db)
}

/// Sets the pragmas of a connection. With `synchronous=FULL`, a committed transaction is on the
/// disk (<https://sqlite.org/pragma.html#pragma_synchronous>).
fn set_pragmas(db: &Connection, access: ConnectionAccess) -> Result<(), rusqlite::Error> {
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", true)?;
    db.pragma_update(None, "trusted_schema", false)?;
    db.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    // SQLite counts a negative number in KiB, and a positive one in pages.
    db.pragma_update(None, "cache_size", -CACHE_KIB)?;
    db.pragma_update(None, "cache_spill", SPILL_PAGES)?;
    db.pragma_update(None, "query_only", access == ConnectionAccess::Read)
}

fn not_found(path: &Path, error: rusqlite::Error) -> ServerStoreError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::CannotOpen) if !path.exists() => ServerStoreError::Missing {
            path: path.to_owned(),
        },
        _ => error.into(),
    }
}
