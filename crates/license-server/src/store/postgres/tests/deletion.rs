//! The deletion of an organization.

use std::collections::BTreeSet;

use license_test_services::TestDatabase;

use super::open;
use crate::domain::{TenantDeletion, TenantId};
use crate::store::postgres::deletion::OWN_TABLES;
use crate::store::rows::TABLES;
use crate::store::{MemberStore, conformance};

/// The tables and columns of the rows of tenants, and of accounts.
const COLUMNS: &str = "SELECT table_name, column_name, data_type FROM information_schema.columns c
    WHERE table_schema = current_schema() AND (table_name = 'accounts' OR EXISTS
        (SELECT FROM information_schema.columns t WHERE t.table_schema = c.table_schema
         AND t.table_name = c.table_name AND t.column_name = 'tenant'))";

/// Drops the conditions of columns, which the values of the test do not meet.
const WITHOUT_CHECKS: &str = "DO $$ DECLARE c record; BEGIN
    FOR c IN SELECT conrelid::regclass AS t, conname FROM pg_constraint
        WHERE contype = 'c' AND connamespace = current_schema()::regnamespace
    LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.t, c.conname); END LOOP;
END $$";

#[tokio::test]
async fn a_deleted_organization_has_no_row_in_any_table() {
    let Some(test) = TestDatabase::create() else {
        return;
    };
    let store = open(&test).await;
    let lines = test.sql(COLUMNS);
    let columns = lines.lines().map(|line| {
        let mut parts = line.split('|').map(str::to_owned);
        let mut next = || parts.next().unwrap();
        (next(), next(), next())
    });
    let columns: Vec<_> = columns.collect();
    let tables: BTreeSet<_> = columns.iter().map(|(table, ..)| table.as_str()).collect();
    let expected = TABLES.into_iter().chain(OWN_TABLES).chain(["accounts"]);
    assert_eq!(tables, expected.collect());
    test.superuser_sql(WITHOUT_CHECKS);
    let tables: Vec<_> = tables
        .into_iter()
        .filter(|table| *table != "accounts")
        .collect();
    let counts = |tenant: &TenantId| {
        let counts = tables
            .iter()
            .map(|table| format!("SELECT count(*) FROM {table} WHERE tenant = '{tenant}'"));
        let counts = counts.collect::<Vec<_>>().join(" UNION ALL ");
        let found = test.superuser_sql(&counts);
        found.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let (deleted, other) = (conformance::tenant(), conformance::tenant());
    for tenant in [&deleted, &other] {
        test.superuser_sql(&conformance::fill(&columns, tenant));
        assert_eq!(counts(tenant), vec!["1"; tables.len()]);
    }
    let outcome = store
        .delete_tenant(&deleted, None, conformance::audit("organization.delete"))
        .await
        .unwrap();
    assert_eq!(outcome, TenantDeletion::Deleted);
    assert_eq!(counts(&deleted), vec!["0"; tables.len()]);
    assert_eq!(counts(&other), vec!["1"; tables.len()]);
}

#[tokio::test]
async fn a_change_that_waits_for_a_deletion_brings_nothing_back() {
    let Some(test) = TestDatabase::create() else {
        return;
    };
    let store = open(&test).await;
    for _ in 0..10 {
        let tenant = conformance::tenant();
        store
            .record(&tenant, conformance::audit("first"))
            .await
            .unwrap();
        let audit = conformance::audit("organization.delete");
        let (deleted, _) = tokio::join!(
            store.delete_tenant(&tenant, None, audit),
            store.record(&tenant, conformance::audit("second")),
        );
        assert_eq!(deleted.unwrap(), TenantDeletion::Deleted);
        let left = format!(
            "SELECT (SELECT count(*) FROM tenants WHERE tenant = '{tenant}')
                  + (SELECT count(*) FROM audit WHERE tenant = '{tenant}')
                  + (SELECT count(*) FROM events WHERE tenant = '{tenant}')"
        );
        assert_eq!(test.superuser_sql(&left), "0");
    }
}
