//! The deletion of an organization.

use rusqlite::Connection;

use super::{directory, open};
use crate::domain::{TenantDeletion, TenantId};
use crate::store::{MemberStore, conformance};

/// Returns the tables and columns of the rows of tenants, and of accounts.
fn columns(db: &Connection) -> Vec<(String, String, String)> {
    let sql = "SELECT t.name, c.name, c.type FROM sqlite_schema t, pragma_table_info(t.name) c
        WHERE t.type = 'table' AND (t.name = 'accounts' OR EXISTS
            (SELECT 1 FROM pragma_table_info(t.name) WHERE name = 'tenant'))";
    let mut statement = db.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

/// Returns the number of rows of a tenant in each table.
fn counts(db: &Connection, tables: &[String], tenant: &TenantId) -> Vec<i64> {
    let count = |table: &String| {
        let sql = format!("SELECT count(*) FROM {table} WHERE tenant = ?1");
        db.query_row(&sql, [tenant.as_str()], |row| row.get(0))
    };
    tables.iter().map(count).map(Result::unwrap).collect()
}

#[tokio::test]
async fn a_deleted_organization_has_no_row_in_any_table() {
    let directory = directory();
    let store = open(directory.path());
    let db = Connection::open(directory.path().join("server.db")).unwrap();
    db.execute_batch("PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = ON")
        .unwrap();
    let columns = columns(&db);
    let mut tables: Vec<_> = columns.iter().map(|(table, ..)| table.clone()).collect();
    tables.sort();
    tables.dedup();
    tables.retain(|table| table != "accounts");
    assert!(tables.len() > 30, "{tables:?}");
    let (deleted, other) = (conformance::tenant(), conformance::tenant());
    for tenant in [&deleted, &other] {
        db.execute_batch(&conformance::fill(&columns, tenant))
            .unwrap();
        assert_eq!(counts(&db, &tables, tenant), vec![1; tables.len()]);
    }
    let outcome = store
        .delete_tenant(&deleted, None, conformance::audit("organization.delete"))
        .await
        .unwrap();
    assert_eq!(outcome, TenantDeletion::Deleted);
    assert_eq!(counts(&db, &tables, &deleted), vec![0; tables.len()]);
    assert_eq!(counts(&db, &tables, &other), vec![1; tables.len()]);
    // The trail of another organization can still not be deleted.
    let refused = db.execute("DELETE FROM audit", []).unwrap_err();
    assert!(refused.to_string().contains("append-only"), "{refused}");
}
