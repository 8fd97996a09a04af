//! Which files a table names, however many there are.

use license_terminal::{Exit, Failure};
use rusqlite::Connection;

/// A set of names in a private database, which SQLite keeps in a temporary file once it outgrows a page cache of 2 MB
/// (<https://sqlite.org/inmemorydb.html#temp_db>).
pub(super) struct Names {
    db: Connection,
}

impl Names {
    pub(super) fn new() -> Result<Self, Failure> {
        let made = Connection::open("").and_then(|db| {
            // It is gone with the process, so that nothing of it has to be safe.
            db.execute_batch(
                "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
                 CREATE TABLE names (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID; BEGIN;",
            )?;
            Ok(Self { db })
        });
        made.map_err(|error| not_kept(&error))
    }

    /// Whether the name is new. Names that differ in case alone are one file on some systems.
    pub(super) fn insert(&self, name: &str) -> Result<bool, Failure> {
        let inserted = self
            .db
            .prepare_cached("INSERT OR IGNORE INTO names VALUES (?1)")
            .and_then(|mut insert| insert.execute([name.to_lowercase()]));
        inserted
            .map(|count| count > 0)
            .map_err(|error| not_kept(&error))
    }
}

fn not_kept(error: &rusqlite::Error) -> Failure {
    let message = format!("a temporary file of names can't be kept: {error}");
    Failure::new(Exit::Machine, "IO", message).hint("make room where TMPDIR points to")
}
