//! The tables of a ledger, and the migrations from older versions.

use rusqlite::{Connection, TransactionBehavior};

use crate::errors::LedgerError;

/// The migrations. Each migration creates version N from version N-1, in one transaction. A
/// released migration never changes.
const MIGRATIONS: [&str; 3] = [V1, V2, V3];

/// `entries` is the ledger: a hash chain that only grows. `intents` are the pending artifacts. A
/// pending artifact exists from before its staging file is written until the file has its final
/// name, so that recovery can complete the delivery or roll it back.
const V1: &str = "
CREATE TABLE entries (
  seq       INTEGER PRIMARY KEY,
  at        INTEGER NOT NULL,
  kind      TEXT NOT NULL,
  subject   TEXT NOT NULL,
  delivered INTEGER NOT NULL CHECK (delivered IN (0, 1)),
  body      TEXT NOT NULL,
  artefact  TEXT NOT NULL,
  hash      BLOB NOT NULL UNIQUE
) STRICT;
CREATE TRIGGER entries_stay BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER entries_last BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE INDEX entries_by_subject ON entries (subject, kind);
CREATE INDEX entries_by_kind ON entries (kind, at);
CREATE INDEX entries_by_key ON entries (json_extract(body, '$.key')) WHERE kind = 'license';
CREATE INDEX entries_by_order ON entries (json_extract(body, '$.order')) WHERE kind = 'license';
CREATE INDEX entries_by_end ON entries (json_extract(body, '$.expires_at')) WHERE kind IN ('license', 'enterprise_key');
CREATE INDEX entries_by_customer ON entries (json_extract(body, '$.customer') COLLATE NOCASE) WHERE kind IN ('license', 'enterprise_key');

-- Replaced licenses and their successors, derived from the entries.
CREATE TABLE replaced (
  old TEXT NOT NULL,
  new TEXT NOT NULL,
  PRIMARY KEY (old, new)
) STRICT, WITHOUT ROWID;

CREATE TABLE intents (
  id       INTEGER PRIMARY KEY,
  at       INTEGER NOT NULL,
  kind     TEXT NOT NULL,
  subject  TEXT NOT NULL,
  body     TEXT NOT NULL,
  artefact TEXT NOT NULL,
  path     TEXT,
  passing  TEXT,
  replaces INTEGER NOT NULL DEFAULT 0,
  entered  INTEGER NOT NULL DEFAULT 0
) STRICT;

-- One row: the end of the chain, and the highest reserved serial.
CREATE TABLE head (
  only    INTEGER PRIMARY KEY CHECK (only = 1),
  entries INTEGER NOT NULL,
  hash    BLOB NOT NULL,
  serial  INTEGER NOT NULL
) STRICT;
INSERT INTO head VALUES (1, 0, zeroblob(32), 0);
";

/// Indexes for the trials of a customer, and for the usage entries of a chain.
const V2: &str = "
CREATE INDEX entries_by_trial ON entries (json_extract(body, '$.trial_of')) WHERE kind = 'license';
CREATE INDEX entries_by_chain ON entries (json_extract(body, '$.chain')) WHERE kind = 'usage';
";

/// Indexes for the answers to requests, and for the releases of activations.
const V3: &str = "
CREATE INDEX entries_by_nonce ON entries (json_extract(body, '$.nonce')) WHERE kind IN ('activation', 'clock_repair');
CREATE INDEX entries_by_activation ON entries (json_extract(body, '$.activation_id')) WHERE kind IN ('activation', 'release');
";

/// The version that the last migration creates.
const SUPPORTED: i64 = 3;

/// The id that distinguishes ledgers from other databases (`PRAGMA application_id`).
const APPLICATION_ID: i64 = 0x4C69_634C;

/// The version of a database, compared with this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// The database is empty.
    Empty,
    /// The ledger needs a migration.
    Older,
    /// The ledger has the version of this program.
    Current,
}

/// Returns the version of a database, without changing it.
pub(super) fn version(db: &Connection) -> Result<Version, LedgerError> {
    // The values are read in one snapshot, because another process may be creating the ledger.
    let read = db.unchecked_transaction()?;
    let pragma = |name: &str| read.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, found) = (pragma("application_id")?, pragma("user_version")?);
    let count = "SELECT count(*) FROM sqlite_schema";
    let objects: i64 = read.query_row(count, [], |row| row.get(0))?;
    let supported = SUPPORTED;
    match (application, objects) {
        (0, 0) => Ok(Version::Empty),
        (APPLICATION_ID, _) if found > supported => Err(LedgerError::Newer { found, supported }),
        (APPLICATION_ID, _) if found == supported => Ok(Version::Current),
        (APPLICATION_ID, 1..) => Ok(Version::Older),
        _ => Err(LedgerError::NotALedger),
    }
}

/// Migrates an empty database or an older ledger to the current version.
pub(super) fn migrate(db: &mut Connection) -> Result<(), LedgerError> {
    migrate_to(db, SUPPORTED)
}

fn migrate_to(db: &mut Connection, version: i64) -> Result<(), LedgerError> {
    for (number, step) in (1..=version).zip(MIGRATIONS) {
        let change = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let current: i64 = change.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if current < number {
            change.execute_batch(step)?;
            change.pragma_update(None, "application_id", APPLICATION_ID)?;
            change.pragma_update(None, "user_version", number)?;
        }
        change.commit()?;
    }
    Ok(())
}

/// Returns whether the tables, indexes and triggers are exactly those of the ledger's version.
pub(super) fn is_intact(db: &Connection) -> Result<bool, LedgerError> {
    let version = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let mut fresh = Connection::open_in_memory()?;
    migrate_to(&mut fresh, version)?;
    Ok(schema_objects(db)? == schema_objects(&fresh)?)
}

/// Returns the type, name and SQL text of everything in the schema.
fn schema_objects(db: &Connection) -> Result<Vec<[Option<String>; 3]>, LedgerError> {
    let sql = "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name";
    let mut statement = db.prepare(sql)?;
    let objects = statement.query_map([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]))?;
    Ok(objects.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests;
