//! Sets of names that may not fit into memory.

use rusqlite::Connection;

use crate::errors::BackendError;

/// The error of a set of names that cannot be stored.
#[derive(Debug, thiserror::Error)]
#[error("cannot write a temporary file of names")]
pub struct NameSetError(#[source] BackendError);

/// A set of names in a private database. SQLite moves the set into a temporary file when the set
/// outgrows a page cache of 2 MB (<https://sqlite.org/inmemorydb.html#temp_db>).
#[derive(Debug)]
pub struct NameSet {
    db: Connection,
}

impl NameSet {
    /// Creates an empty set.
    ///
    /// # Errors
    ///
    /// Returns an error if the database cannot be created.
    pub fn new() -> Result<Self, NameSetError> {
        let created = Connection::open("").and_then(|db| {
            // The set is temporary, so it need not survive a crash.
            db.execute_batch(
                "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
                 CREATE TABLE names (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID; BEGIN;",
            )?;
            Ok(Self { db })
        });
        created.map_err(|error| NameSetError(Box::new(error)))
    }

    /// Inserts a name, and returns whether it is new. Letter case does not matter, because some
    /// file systems ignore it.
    ///
    /// # Errors
    ///
    /// Returns an error if the database cannot be written.
    pub fn insert(&self, name: &str) -> Result<bool, NameSetError> {
        let inserted = self
            .db
            .prepare_cached("INSERT OR IGNORE INTO names VALUES (?1)")
            .and_then(|mut insert| insert.execute([name.to_lowercase()]));
        inserted
            .map(|count| count > 0)
            .map_err(|error| NameSetError(Box::new(error)))
    }
}
