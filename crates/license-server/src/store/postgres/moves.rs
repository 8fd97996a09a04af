//! The rows of a SQLite database that move to this one.

use chrono::{DateTime, Utc};
use serde_json::json;
use tokio_postgres::types::ToSql;

use super::database::Database;
use super::queries::query;
use super::transaction::Transaction;
use super::values::{bad_row, column};
use super::{PostgresConfig, PostgresStore, audit, schema, tenants};
use crate::domain::{Actor, AuditReport, MoveReport, NewAuditEntry, TenantId};
use crate::store::ServerStoreError;
use crate::store::rows::{ColumnValues, RowBlock, TABLES, Values};
use crate::store::sqlite::MovingDatabase;

/// The action of the audit entry of a move.
const ACTION: &str = "database.move";

/// What moves with the rows of a SQLite database.
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
        let tenant = TenantId::site();
        from.refuse_other_tenants(&tenant)?;
        let database = Database::new(config, std::sync::Arc::new(()))?;
        schema::migrate(&database).await?;
        let transaction = database.begin(&tenant).await?;
        let moved = move_rows(&transaction, from, &tenant, files, now).await;
        let report = transaction.end(moved).await;
        database.close();
        report
    }
}

async fn move_rows(
    db: &Transaction,
    from: &MovingDatabase,
    tenant: &TenantId,
    files: MovedFiles<'_>,
    now: DateTime<Utc>,
) -> Result<MoveReport, ServerStoreError> {
    schema::lock(db).await?;
    // The transaction waits for SQLite, and no server waits for the transaction.
    db.batch("SET LOCAL idle_in_transaction_session_timeout = '60s'")
        .await?;
    let mut rows = Vec::new();
    if db
        .query_opt(query!("move_find"), &[&tenant.as_str(), &ACTION, &files.id])
        .await?
        .is_some()
    {
        for table in TABLES {
            rows.push((table, count(db, table).await?));
        }
        return report(db, rows).await;
    }
    for table in TABLES {
        if count(db, table).await? > 0 {
            return Err(ServerStoreError::NotEmpty { table });
        }
    }
    for table in TABLES {
        rows.push((table, copy(db, from, table, tenant).await?));
    }
    let (now_lease, first_seq) = from.clocks()?;
    db.execute(query!("move_clock"), &[&now_lease]).await?;
    db.execute(query!("move_fencing"), &[&first_seq]).await?;
    // Each pool is due, so the first tick computes the time of its next work.
    db.execute(
        query!("move_pools"),
        &[&tenant.as_str(), &now_lease, &first_seq],
    )
    .await?;
    tenants::lock(db).await?;
    db.execute(
        query!("move_files"),
        &[&tenant.as_str(), &files.kid, &files.trust],
    )
    .await?;
    let entry = NewAuditEntry {
        actor: Actor::Console,
        action: ACTION,
        subject: files.id.to_owned(),
        details: json!({ "from": "sqlite", "to": "postgresql" }),
        at: now,
    };
    audit::append(db, &entry).await?;
    report(db, rows).await
}

/// Verifies the audit trail, and returns the numbers of rows with it.
async fn report(
    db: &Transaction,
    rows: Vec<(&'static str, u64)>,
) -> Result<MoveReport, ServerStoreError> {
    let audit: AuditReport = audit::verify(db).await?;
    match audit.fault {
        Some(fault) => Err(ServerStoreError::Audit(fault)),
        None => Ok(MoveReport {
            rows,
            audit_entries: audit.entries,
        }),
    }
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

/// Copies the rows of a table. Returns their number.
async fn copy(
    db: &Transaction,
    from: &MovingDatabase,
    table: &'static str,
    tenant: &TenantId,
) -> Result<u64, ServerStoreError> {
    let mut source = from.table(table)?;
    let mut blocks = source.blocks(tenant)?;
    let mut total = 0_u64;
    while let Some(block) = blocks.next()? {
        let inserted = insert(db, table, &block).await?;
        if column(inserted) != i64::try_from(block.rows()).unwrap_or(i64::MAX) {
            return Err(bad_row(table, format!("{inserted} inserted rows")));
        }
        total = total.saturating_add(inserted);
    }
    Ok(total)
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
    let values = columns.iter().map(|column| match column.values() {
        Values::Integers(values) => values as &(dyn ToSql + Sync),
        Values::Texts(values) => values,
        Values::Blobs(values) => values,
    });
    let values: Vec<_> = values.collect();
    db.execute_text(&sql, &values).await
}
