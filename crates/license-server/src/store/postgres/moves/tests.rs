//! Moves from SQLite to PostgreSQL.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use license_test_services::TestDatabase;
use tempfile::TempDir;

use super::*;
use crate::clock::{ServerClock, SystemServerClock};
use crate::domain::PoolId;
use crate::store::sqlite::SqliteStore;
use crate::store::{AdministrationStore, SeatStore, ServerStore, SharedStore, conformance};

const FILES: MovedFiles<'static> = MovedFiles {
    id: "move-1",
    kid: "key-1",
    trust: Some("{}"),
};

fn clock() -> Arc<dyn ServerClock> {
    Arc::new(SystemServerClock)
}

/// Writes rows of all kinds, and stops the server.
async fn filled() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path(), clock()).unwrap();
    conformance::check(&store).await;
    let pool = PoolId::new(&conformance::id(1));
    conformance::acquire(&store, &TenantId::site(), &pool, 5, 1).await;
    store.close().await.unwrap();
    directory
}

fn source(directory: &Path) -> MovingDatabase {
    MovingDatabase::open(directory, clock().wall()).unwrap()
}

async fn import(
    config: &PostgresConfig,
    from: &MovingDatabase,
    id: &str,
) -> Result<MoveReport, ServerStoreError> {
    let files = MovedFiles { id, ..FILES };
    PostgresStore::import(config, from, files, clock().wall()).await
}

#[test]
fn the_tables_that_move_are_those_with_a_tenant() {
    let directory = tempfile::tempdir().unwrap();
    SqliteStore::open(directory.path(), clock()).unwrap();
    let db = rusqlite::Connection::open(directory.path().join("server.db")).unwrap();
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND EXISTS \
               (SELECT 1 FROM pragma_table_info(sqlite_schema.name) WHERE name = 'tenant')";
    let mut statement = db.prepare(sql).unwrap();
    let names = statement.query_map([], |row| row.get(0)).unwrap();
    let found: BTreeSet<String> = names.map(Result::unwrap).collect();
    assert_eq!(found, TABLES.map(str::to_owned).into());
}

#[tokio::test]
async fn all_rows_move_once() {
    let Some(database) = TestDatabase::create() else {
        return;
    };
    let config = PostgresConfig::parse(database.url(), None).unwrap();
    let directory = filled().await;
    let source = source(directory.path());
    assert_eq!(source.begin("move-1", "there").unwrap(), "move-1");
    let report = import(&config, &source, "move-1").await.unwrap();
    for (table, rows) in &report.rows {
        let sql = format!("SELECT count(*) FROM {table}");
        let found: u64 = database.superuser_sql(&sql).trim().parse().unwrap();
        assert_eq!(*rows, found, "{table}");
        // The suite leaves rows in these tables.
        let is_filled = [
            "accounts",
            "api_tokens",
            "audit",
            "audit_heads",
            "events",
            "leases",
            "licenses",
            "machines",
            "members",
            "pools",
            "tenants",
        ];
        assert!(*rows > 0 || !is_filled.contains(table), "{table}");
    }
    // Values are equal, byte by byte.
    let bodies = "SELECT body FROM leases ORDER BY body";
    let mut statement = source.db().prepare(bodies).unwrap();
    let expected = statement.query_map([], |row| row.get(0)).unwrap();
    let expected: Vec<String> = expected.map(Result::unwrap).collect();
    drop(statement);
    assert_eq!(database.superuser_sql(bodies).trim(), expected.join("\n"));
    let (now_lease, _) = source.clocks().unwrap();
    let moved = database.superuser_sql("SELECT now_lease FROM lease_clock");
    assert_eq!(moved.trim(), now_lease.to_string());
    let entries = "SELECT count(*) FROM audit WHERE tenant = 'site'";
    let entries: i64 = source
        .db()
        .query_row(entries, [], |row| row.get(0))
        .unwrap();

    // The numbers of events continue.
    let behind = "SELECT count(*) FROM tenants WHERE last_event < \
                  (SELECT max(seq) FROM events WHERE events.tenant = tenants.tenant)";
    assert_eq!(database.superuser_sql(behind).trim(), "0");

    // The process was killed before it marked the SQLite database. Its repetition copies nothing.
    assert_eq!(source.begin("move-2", "there").unwrap(), "move-1");
    assert_eq!(import(&config, &source, "move-1").await.unwrap(), report);
    // Another move finds rows.
    let refused = import(&config, &source, "move-2").await.unwrap_err();
    assert!(
        matches!(refused, ServerStoreError::NotEmpty { table: "tenants" }),
        "{refused:?}"
    );
    source.finish(clock().wall()).unwrap();
    drop(source);
    let opened = SqliteStore::open(directory.path(), clock()).unwrap_err();
    assert_eq!(opened.to_string(), "the database was moved to there");
    let opened = SqliteStore::open_beside(directory.path(), clock()).unwrap_err();
    assert!(
        matches!(opened, ServerStoreError::Moved { .. }),
        "{opened:?}"
    );

    let store = PostgresStore::open_beside(&config, clock()).await.unwrap();
    let tenant = TenantId::site();
    let audit = store.verify_audit(&tenant).await.unwrap();
    let found = i64::try_from(audit.entries).unwrap();
    // The move is an entry too.
    assert_eq!((audit.fault, found), (None, entries + 1));
    let key = store.server_key(&tenant).await.unwrap();
    assert_eq!(key.as_deref(), Some("key-1"));
    let trust = store.trust_set(&tenant).await.unwrap();
    assert_eq!(trust.as_deref(), Some("{}"));
}

#[tokio::test]
async fn a_move_that_fails_changes_neither_database() {
    let Some(database) = TestDatabase::create() else {
        return;
    };
    let config = PostgresConfig::parse(database.url(), None).unwrap();
    let directory = filled().await;
    let damage = rusqlite::Connection::open(directory.path().join("server.db")).unwrap();
    let sql = "DROP TRIGGER audit_stays; UPDATE audit SET subject = 'other' WHERE seq = 1";
    damage.execute_batch(sql).unwrap();
    drop(damage);
    let source = source(directory.path());
    source.begin("move-1", "there").unwrap();
    let refused = import(&config, &source, "move-1").await.unwrap_err();
    assert!(matches!(refused, ServerStoreError::Audit(_)), "{refused:?}");
    for table in TABLES.into_iter().chain(ACCOUNT_TABLES) {
        let sql = format!("SELECT count(*) FROM {table}");
        assert_eq!(database.superuser_sql(&sql).trim(), "0", "{table}");
    }
    drop(source);
    let store = SqliteStore::open(directory.path(), clock()).unwrap();
    let page = crate::domain::PageRequest::new(None, None);
    let pool = PoolId::new(&conformance::id(1));
    let leases = store.leases(&TenantId::site(), &pool, &page).await;
    assert_eq!(leases.unwrap().items.len(), 1);
}
