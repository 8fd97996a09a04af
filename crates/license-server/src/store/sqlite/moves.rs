//! The rows of a database that moves to another one.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use license_issuer::files::LockedFile;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, Rows, Statement, params};

use super::queries::query;
use super::values::{bad_row, millis};
use super::{backup, connection, location, requests, schema};
use crate::domain::TenantId;
use crate::store::ServerStoreError;
use crate::store::rows::{ColumnValues, RowBlock, TABLES};

/// The database of a stopped server, whose rows move to another database.
///
/// The value has the lock of the data directory, so no server can start meanwhile.
pub struct MovingDatabase {
    db: Connection,
    path: PathBuf,
    _lock: LockedFile,
}

impl MovingDatabase {
    /// Opens the database of a stopped server.
    ///
    /// # Errors
    ///
    /// Returns [`ServerStoreError::Locked`] if a server runs, [`ServerStoreError::Missing`] if
    /// there is no database, and [`ServerStoreError::Moved`] if the database was moved before.
    pub fn open(directory: &Path, now: DateTime<Utc>) -> Result<Self, ServerStoreError> {
        let path = location::database(directory);
        if !path.exists() {
            return Err(ServerStoreError::Missing { path });
        }
        location::refuse_network(directory)?;
        let lock = location::lock(directory, super::START_PATIENCE)?;
        let mut db = connection::open(&path, connection::ConnectionAccess::Write)?;
        schema::migrate(&mut db)?;
        refuse_moved(&db)?;
        requests::forget_interrupted(&db)?;
        backup::resume(&mut db, now)?;
        Ok(Self {
            db,
            path,
            _lock: lock,
        })
    }

    /// Returns the path of the database.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Begins a move, or continues the one that was interrupted. Returns the id of the move.
    ///
    /// # Errors
    ///
    /// Returns an error if the database cannot be written.
    pub fn begin(&self, id: &str, target: &str) -> Result<String, ServerStoreError> {
        self.db.execute(query!("move_begin"), params![id, target])?;
        let begun = self
            .db
            .query_row(query!("move_get"), [], |row| row.get(0))?;
        Ok(begun)
    }

    /// Ends the move. No server can use the database after it.
    ///
    /// # Errors
    ///
    /// Returns an error if the database cannot be written.
    pub fn finish(&self, now: DateTime<Utc>) -> Result<(), ServerStoreError> {
        self.db.execute(query!("move_finish"), [millis(now)])?;
        Ok(())
    }

    /// Returns the connection.
    #[cfg(test)]
    pub(in crate::store) fn db(&self) -> &Connection {
        &self.db
    }

    /// Returns the tenants that have rows.
    pub(in crate::store) fn tenants(&self) -> Result<Vec<TenantId>, ServerStoreError> {
        let selects = TABLES.map(|table| format!("SELECT tenant FROM {table}"));
        let mut statement = self.db.prepare(&selects.join(" UNION "))?;
        let tenants = statement.query_map([], |row| {
            let id: String = row.get(0)?;
            Ok(TenantId::from_column(&id))
        })?;
        Ok(tenants.collect::<Result<_, _>>()?)
    }

    /// Returns the reading of the lease clock, and the first fencing number of new pools.
    pub(in crate::store) fn clocks(&self) -> Result<(i64, i64), ServerStoreError> {
        let now = self
            .db
            .query_row(query!("clock_read"), [], |row| row.get(0))?;
        let first = self
            .db
            .query_row(query!("fencing_get"), [], |row| row.get(0))?;
        Ok((now, first))
    }

    /// Prepares to read the rows of a tenant in a table.
    pub(in crate::store) fn table(&self, table: &str) -> Result<MovingTable<'_>, ServerStoreError> {
        self.prepare(table, "tenant = ?1")
    }

    /// Prepares to read all rows of a table that belongs to no tenant.
    pub(in crate::store) fn account_table(
        &self,
        table: &str,
    ) -> Result<MovingTable<'_>, ServerStoreError> {
        self.prepare(table, "true")
    }

    fn prepare(&self, table: &str, condition: &str) -> Result<MovingTable<'_>, ServerStoreError> {
        let mut columns = self.db.prepare(query!("table_columns"))?;
        let columns = columns.query_map([table], |row| {
            let (name, kind): (String, String) = (row.get(0)?, row.get(1)?);
            Ok(ColumnValues::new(name, &kind))
        })?;
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let names: Vec<&str> = columns.iter().map(ColumnValues::name).collect();
        // The names are those of the schema. `key` and others are words of SQL, so they are quoted.
        let sql = format!(
            "SELECT \"{}\" FROM {table} WHERE {condition}",
            names.join("\", \"")
        );
        let statement = self.db.prepare(&sql)?;
        Ok(MovingTable { statement, columns })
    }
}

/// Refuses a database that was moved.
pub(super) fn refuse_moved(db: &Connection) -> Result<(), ServerStoreError> {
    let target: Option<String> = db
        .query_row(query!("move_target"), [], |row| row.get(0))
        .optional()?;
    target.map_or(Ok(()), |to| Err(ServerStoreError::Moved { to }))
}

/// Forgets a move that was interrupted, because a server uses the database again.
pub(super) fn forget(db: &Connection) -> Result<(), ServerStoreError> {
    refuse_moved(db)?;
    db.execute(query!("move_forget"), [])?;
    Ok(())
}

/// The rows of a table.
pub(in crate::store) struct MovingTable<'a> {
    statement: Statement<'a>,
    /// The columns, without values.
    columns: Vec<ColumnValues>,
}

impl MovingTable<'_> {
    /// Returns the rows of a tenant in blocks.
    pub(in crate::store) fn blocks(
        &mut self,
        tenant: &TenantId,
    ) -> Result<MovingBlocks<'_>, ServerStoreError> {
        Ok(MovingBlocks {
            rows: self.statement.query([tenant.as_str()])?,
            empty: &self.columns,
        })
    }

    /// Returns all rows in blocks.
    pub(in crate::store) fn all_blocks(&mut self) -> Result<MovingBlocks<'_>, ServerStoreError> {
        Ok(MovingBlocks {
            rows: self.statement.query([])?,
            empty: &self.columns,
        })
    }
}

/// The blocks of rows of a table.
pub(in crate::store) struct MovingBlocks<'a> {
    rows: Rows<'a>,
    empty: &'a [ColumnValues],
}

impl MovingBlocks<'_> {
    /// Returns the next block. `None`: there are no more rows.
    pub(in crate::store) fn next(&mut self) -> Result<Option<RowBlock>, ServerStoreError> {
        let mut block = RowBlock::new(self.empty.to_vec());
        while !block.is_full() {
            let Some(row) = self.rows.next()? else {
                break;
            };
            add(&mut block, row)?;
        }
        Ok((block.rows() > 0).then_some(block))
    }
}

fn add(block: &mut RowBlock, row: &Row<'_>) -> Result<(), ServerStoreError> {
    let mut bytes = 0_usize;
    for (index, column) in block.columns_mut().iter_mut().enumerate() {
        let value = row.get_ref(index)?;
        let size = match value {
            ValueRef::Text(text) => text.len(),
            ValueRef::Blob(blob) => blob.len(),
            _ => 8,
        };
        bytes = bytes.saturating_add(size);
        let is_accepted = match value {
            ValueRef::Null => column.push_null(),
            ValueRef::Integer(number) => column.push_integer(number),
            ValueRef::Text(text) => column.push_text(text),
            ValueRef::Blob(blob) => column.push_blob(blob),
            ValueRef::Real(_) => false,
        };
        if !is_accepted {
            return Err(bad_row("moves", format!("a value of {}", column.name())));
        }
    }
    block.added(bytes);
    Ok(())
}
