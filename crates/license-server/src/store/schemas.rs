//! The stores have the same tables, with a short list of differences.

use std::collections::BTreeSet;
use std::sync::Arc;

use license_test_services::TestDatabase;
use rusqlite::Connection;

use super::postgres::{PostgresConfig, PostgresStore};
use super::sqlite::SqliteStore;
use crate::clock::SystemServerClock;

/// Beginnings of the lines that only the SQLite store has.
const ONLY_SQLITE: [&str; 3] = [
    // Backups of PostgreSQL are made with its own programs.
    "backup_marks: ",
    // Only a move from SQLite to PostgreSQL exists.
    "moves: ",
    // A statement can be longer than an index entry of PostgreSQL.
    "trust_statements: unique (tenant, armor)",
];

/// Beginnings of the lines that only the PostgreSQL store has, which several servers share.
const ONLY_POSTGRES: [&str; 17] = [
    "database_identity: ",
    "idempotent_requests: column node ",
    "lease_clock: column epoch ",
    "lease_clock: column owner ",
    "lease_clock: column restored_lease ",
    // SQLite sorts the machines of a license instead.
    "machines: index (tenant, license, last_seen)",
    "nodes: ",
    "pool_changes: ",
    "pools: column deadline_lease ",
    "pools: column lifted_to ",
    "pools: column now_lease ",
    "pools: column redis_epoch ",
    "pools: column version ",
    "pools: index (tenant, deadline_lease)",
    "redis_epoch: ",
    "schema_version: ",
    // The nodes have no common directory.
    "tenants: column ",
];

/// Returns the columns, keys and indexes of the SQLite store, one a line.
fn of_sqlite() -> BTreeSet<String> {
    let directory = tempfile::tempdir().unwrap();
    SqliteStore::open(directory.path(), Arc::new(SystemServerClock)).unwrap();
    let db = Connection::open(directory.path().join("server.db")).unwrap();
    let mut statement = db.prepare(include_str!("schemas/sqlite.sql")).unwrap();
    let lines = statement.query_map([], |row| row.get(0)).unwrap();
    lines.map(Result::unwrap).collect()
}

/// Returns a database with the tables of the PostgreSQL store.
async fn postgres() -> Option<TestDatabase> {
    let database = TestDatabase::create()?;
    let config = PostgresConfig::parse(database.url(), None).unwrap();
    let opened =
        PostgresStore::open(&config, None, Arc::new(SystemServerClock), Arc::new(())).await;
    opened.unwrap();
    Some(database)
}

/// Returns the columns, keys and indexes of the PostgreSQL store, one a line.
fn of_postgres(database: &TestDatabase) -> BTreeSet<String> {
    let lines = database.sql(include_str!("schemas/postgres.sql"));
    lines.lines().map(str::to_owned).collect()
}

/// Returns the lines that are missing in `other`, except those with an expected beginning. Also
/// returns the expected beginnings that no such line has.
fn differences(
    lines: &BTreeSet<String>,
    other: &BTreeSet<String>,
    expected: &[&str],
) -> Vec<String> {
    let missing: Vec<&String> = lines.difference(other).collect();
    let is_expected = |line: &str| expected.iter().any(|beginning| line.starts_with(beginning));
    let unexpected = missing.iter().filter(|line| !is_expected(line));
    let unexpected = unexpected.map(|line| line.to_string());
    let is_found = |beginning: &str| missing.iter().any(|line| line.starts_with(beginning));
    let obsolete = expected.iter().filter(|beginning| !is_found(beginning));
    let obsolete = obsolete.map(|beginning| format!("remove from the list: {beginning}"));
    unexpected.chain(obsolete).collect()
}

#[tokio::test]
async fn both_stores_have_the_same_tables() {
    let Some(database) = postgres().await else {
        return;
    };
    let (sqlite, postgres) = (of_sqlite(), of_postgres(&database));
    assert!(
        sqlite.contains("licenses: primary key (tenant, id)"),
        "{sqlite:#?}"
    );
    let only_sqlite = differences(&sqlite, &postgres, &ONLY_SQLITE);
    let only_postgres = differences(&postgres, &sqlite, &ONLY_POSTGRES);
    assert!(
        only_sqlite.is_empty() && only_postgres.is_empty(),
        "only SQLite: {only_sqlite:#?}\nonly PostgreSQL: {only_postgres:#?}"
    );
}

#[tokio::test]
async fn every_table_with_a_tenant_has_a_policy_that_includes_the_owner() {
    let Some(database) = postgres().await else {
        return;
    };
    let unprotected = "SELECT c.relname FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant'
        WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
        AND NOT (c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (
            SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polcmd = '*'
            AND pg_get_expr(p.polqual, p.polrelid) = $$(tenant = current_setting('license_server.tenant'::text, true))$$))";
    assert_eq!(database.sql(unprotected), "");
    database.sql("ALTER TABLE licenses NO FORCE ROW LEVEL SECURITY");
    assert_eq!(database.sql(unprotected), "licenses");
}
