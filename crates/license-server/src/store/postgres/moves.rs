//! The rows of a SQLite database that move to this one.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::json;
use tokio_postgres::types::ToSql;

use super::database::Database;
use super::queries::query;
use super::transaction::{Transaction, VisibleRows};
use super::values::{bad_row, column};
use super::{PostgresConfig, PostgresStore, audit, schema, tenants};
use crate::domain::{Actor, MoveReport, NewAuditEntry, TenantId};
use crate::store::ServerStoreError;
use crate::store::rows::{ACCOUNT_TABLES, ColumnValues, RowBlock, TABLES, Values};
use crate::store::sqlite::{MovingBlocks, MovingDatabase};

/// The action of the audit entry of a move.
const ACTION: &str = "database.move";

/// The values that move with the rows of a SQLite database.
#[derive(Clone, Copy, Debug)]
pub struct MovedFiles<'a> {
    /// The id of the move.
    pub id: &'a str,
    /// The id of the server's key.
    pub kid: &'a str,
    /// The public keys of the vendor, as a JWK Set.
    pub trust: Option<&'a str>,
}

impl PostgresStore {
    /// Copies all rows of a SQLite database into an empty PostgreSQL database, in one transaction.
    ///
    /// An audit entry states the move. If the entry of this move is there already, an earlier call
    /// was interrupted after its commit, and nothing is copied.
    ///
    /// # Errors
    ///
    /// Returns [`ServerStoreError::NotEmpty`] if the database has rows,
    /// [`ServerStoreError::Audit`] if the audit trail of the rows is damaged, and the errors of
    /// [`open`](Self::open). The database is then unchanged.
    pub async fn import(
        config: &PostgresConfig,
        from: &MovingDatabase,
        files: MovedFiles<'_>,
        now: DateTime<Utc>,
    ) -> Result<MoveReport, ServerStoreError> {
        let database = Database::new(config, Arc::new(()))?;
        schema::migrate(&database).await?;
        let mut transaction = database.begin_for_all().await?;
        let moved = move_rows(&mut transaction, from, files, now).await;
        let report = transaction.end(moved).await;
        database.close();
        report
    }
}

async fn move_rows(
    db: &mut Transaction,
    from: &MovingDatabase,
    files: MovedFiles<'_>,
    now: DateTime<Utc>,
) -> Result<MoveReport, ServerStoreError> {
    schema::lock(db).await?;
    // The transaction waits for SQLite, and no server waits for the transaction.
    db.batch("SET LOCAL idle_in_transaction_session_timeout = '60s'")
        .await?;
    let own = TenantId::site();
    let tenants = from.tenants()?;
    let others = tenants::all(db).await?;
    db.set_tenant(&own).await?;
    let values: [&(dyn ToSql + Sync); 3] = [&own.as_str(), &ACTION, &files.id];
    if db.query_opt(query!("move_find"), &values).await?.is_some() {
        return report(db, &tenants).await;
    }
    if !others.is_empty() {
        return Err(ServerStoreError::NotEmpty { table: "tenants" });
    }
    db.see(VisibleRows::AllTenants).await?;
    for table in ACCOUNT_TABLES {
        refuse_rows(db, table).await?;
        let mut source = from.account_table(table)?;
        copy(db, table, source.all_blocks()?).await?;
    }
    for tenant in &tenants {
        db.set_tenant(tenant).await?;
        for table in TABLES {
            refuse_rows(db, table).await?;
            let mut source = from.table(table)?;
            copy(db, table, source.blocks(tenant)?).await?;
        }
    }
    let (now_lease, first_seq) = from.clocks()?;
    db.execute(query!("move_clock"), &[&now_lease]).await?;
    db.execute(query!("move_fencing"), &[&first_seq]).await?;
    for tenant in &tenants {
        db.set_tenant(tenant).await?;
        // Each pool is due, so that the first tick computes the time of its next work.
        let values: [&(dyn ToSql + Sync); 3] = [&tenant.as_str(), &now_lease, &first_seq];
        db.execute(query!("move_pools"), &values).await?;
        // SQLite keeps the number of the newest event in its row.
        db.execute(query!("move_events"), &[&tenant.as_str()])
            .await?;
    }
    db.set_tenant(&own).await?;
    tenants::lock(db).await?;
    let values: [&(dyn ToSql + Sync); 3] = [&own.as_str(), &files.kid, &files.trust];
    db.execute(query!("move_files"), &values).await?;
    let entry = NewAuditEntry {
        actor: Actor::Console,
        action: ACTION,
        subject: files.id.to_owned(),
        before: None,
        details: json!({ "from": "sqlite", "to": "postgresql" }),
        at: now,
    };
    audit::append(db, &entry).await?;
    report(db, &tenants).await
}

/// Verifies the audit trails, and counts the rows.
async fn report(
    db: &mut Transaction,
    tenants: &[TenantId],
) -> Result<MoveReport, ServerStoreError> {
    let mut report = MoveReport {
        rows: TABLES.map(|table| (table, 0)).to_vec(),
        audit_entries: 0,
    };
    db.see(VisibleRows::AllTenants).await?;
    let mut account_rows = Vec::new();
    for table in ACCOUNT_TABLES {
        account_rows.push((table, count(db, table).await?));
    }
    for tenant in tenants {
        db.set_tenant(tenant).await?;
        let audit = audit::verify(db).await?;
        if let Some(fault) = audit.fault {
            return Err(ServerStoreError::Audit(fault));
        }
        report.audit_entries = report.audit_entries.saturating_add(audit.entries);
        for (table, rows) in &mut report.rows {
            *rows = rows.saturating_add(count(db, table).await?);
        }
    }
    report.rows.append(&mut account_rows);
    Ok(report)
}

/// Returns the number of rows of the tenant in a table.
async fn count(db: &Transaction, table: &'static str) -> Result<u64, ServerStoreError> {
    // The name is one of a fixed list, so it needs no escape.
    let sql = format!("SELECT count(*) FROM {table}");
    let rows = db.query_text(&sql, &[]).await?;
    let row = rows.first().ok_or(ServerStoreError::Aborted)?;
    let found: i64 = row.try_get(0)?;
    super::values::number(table, found)
}

/// Refuses a table that has rows.
async fn refuse_rows(db: &Transaction, table: &'static str) -> Result<(), ServerStoreError> {
    match count(db, table).await? {
        0 => Ok(()),
        _ => Err(ServerStoreError::NotEmpty { table }),
    }
}

/// Copies rows of a table.
async fn copy(
    db: &Transaction,
    table: &'static str,
    mut blocks: MovingBlocks<'_>,
) -> Result<(), ServerStoreError> {
    while let Some(block) = blocks.next()? {
        let inserted = insert(db, table, &block).await?;
        if column(inserted) != i64::try_from(block.rows()).unwrap_or(i64::MAX) {
            return Err(bad_row(table, format!("{inserted} inserted rows")));
        }
    }
    Ok(())
}

/// Inserts the rows of a block.
async fn insert(
    db: &Transaction,
    table: &'static str,
    block: &RowBlock,
) -> Result<u64, ServerStoreError> {
    let columns = block.columns();
    let names: Vec<&str> = columns.iter().map(ColumnValues::name).collect();
    let arrays = columns.iter().zip(1..).map(|(column, number)| {
        let kind = match column.values() {
            Values::Integers(_) => "bigint",
            Values::Texts(_) => "text",
            Values::Blobs(_) => "bytea",
        };
        format!("${number}::{kind}[]")
    });
    let arrays: Vec<String> = arrays.collect();
    // `key` and other names are words of SQL, so they are quoted.
    let sql = format!(
        "INSERT INTO {table} (\"{}\") SELECT * FROM unnest({})",
        names.join("\", \""),
        arrays.join(", ")
    );
    let values = columns.iter().map(|column| -> &(dyn ToSql + Sync) {
        match column.values() {
            Values::Integers(values) => values,
            Values::Texts(values) => values,
            Values::Blobs(values) => values,
        }
    });
    let values: Vec<_> = values.collect();
    db.execute_text(&sql, &values).await
}

#[cfg(test)]
mod tests;
