//! Row-level security.

use std::sync::Arc;

use license_test_services::TestDatabase;

use super::{config, open};
use crate::domain::TenantId;
use crate::store::postgres::database::Database;
use crate::store::postgres::tenants;
use crate::store::postgres::transaction::Transaction;
use crate::store::{AdministrationStore, LicenseStore, ServerStoreError, conformance};

fn database(test: &TestDatabase) -> Database {
    Database::new(&config(test), Arc::new(())).unwrap()
}

/// Returns the tenants of all policies that the transaction sees, without a condition.
async fn visible(db: &Transaction) -> Vec<String> {
    let rows = db
        .query("SELECT tenant FROM seat_policies ORDER BY tenant", &[])
        .await
        .unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn insert(db: &Transaction, tenant: &TenantId) -> Result<u64, ServerStoreError> {
    let sql = "INSERT INTO seat_policies (tenant, pool, policy) VALUES ($1, 'pool', '{}')";
    db.execute(sql, &[&tenant.as_str()]).await
}

#[tokio::test]
async fn a_statement_without_a_condition_sees_and_changes_only_its_tenant() {
    let Some(test) = TestDatabase::create() else {
        return;
    };
    drop(open(&test).await);
    let database = database(&test);
    let (own, other) = (conformance::tenant(), conformance::tenant());
    for tenant in [&own, &other] {
        let db = database.begin(tenant).await.unwrap();
        insert(&db, tenant).await.unwrap();
        tenants::lock(&db).await.unwrap();
        db.commit().await.unwrap();
    }
    let db = database.begin(&own).await.unwrap();
    assert_eq!(visible(&db).await, [own.as_str()]);
    let changed = db
        .execute("UPDATE seat_policies SET policy = '[]'", &[])
        .await;
    assert_eq!(changed.unwrap(), 1);
    let deleted = db.execute("DELETE FROM seat_policies", &[]).await;
    assert_eq!(deleted.unwrap(), 1);
    db.rollback().await;

    // A row of another tenant can neither be inserted nor be given away.
    for sql in [
        "INSERT INTO seat_policies (tenant, pool, policy) VALUES ($1, 'other', '{}')",
        "UPDATE seat_policies SET tenant = $1",
    ] {
        let db = database.begin(&own).await.unwrap();
        let refused = db.execute(sql, &[&other.as_str()]).await.unwrap_err();
        let ServerStoreError::Postgres(error) = &refused else {
            panic!("{refused:?}");
        };
        assert_eq!(error.code.as_deref(), Some("42501"), "{error}");
        db.rollback().await;
    }

    // The owner of the tables sees nothing without a tenant.
    let count = "SELECT count(*) FROM seat_policies";
    assert_eq!(test.sql(count), "0");
    assert_eq!(test.superuser_sql(count), "2");

    // A transaction for all tenants can list them, and then work for each of them.
    let mut db = database.begin_for_all().await.unwrap();
    assert!(visible(&db).await.is_empty());
    let all = tenants::all(&db).await.unwrap();
    assert_eq!(all.len(), 2);
    for tenant in &all {
        db.set_tenant(tenant).await.unwrap();
        assert_eq!(visible(&db).await, [tenant.as_str()]);
    }
    // A transaction of one tenant lists only itself.
    let db = database.begin(&own).await.unwrap();
    assert_eq!(tenants::all(&db).await.unwrap(), [own]);
}

#[tokio::test]
async fn every_table_with_a_tenant_has_the_policy() {
    let Some(test) = TestDatabase::create() else {
        return;
    };
    drop(open(&test).await);
    let unprotected = "SELECT attrelid::regclass FROM pg_attribute
        JOIN pg_class ON pg_class.oid = attrelid
        WHERE attname = 'tenant' AND relkind = 'r' AND NOT (
          relrowsecurity AND relforcerowsecurity AND EXISTS (
            SELECT 1 FROM pg_policies
            WHERE tablename = relname AND policyname = 'own_rows' AND cmd = 'ALL'
              AND permissive = 'PERMISSIVE' AND qual LIKE '%license_server.tenant%'))";
    assert_eq!(test.sql(unprotected), "");
    // Only credentials, licenses, memberships and the list of tenants have a second policy.
    let others = "SELECT tablename, policyname, cmd FROM pg_policies WHERE policyname <> 'own_rows'
        ORDER BY tablename, policyname";
    let expected = "account_links|all_accounts|ALL\naccounts|all_accounts|ALL\n\
        accounts|of_members|SELECT\napi_tokens|by_secret|SELECT\n\
        identity_providers|by_id|SELECT\n\
        invitations|by_secret|SELECT\nlicenses|by_name|SELECT\nmembers|of_account|SELECT\n\
        recovery_codes|all_accounts|ALL\nsessions|all_accounts|ALL\n\
        tenants|list_of_tenants|SELECT\ntenants|of_account|SELECT";
    assert_eq!(test.sql(others), expected);
}

/// Returns the numbers of accounts, members, sessions and tenants that a transaction sees, without
/// a condition.
async fn people(db: &Transaction) -> [i64; 4] {
    let sql = "SELECT (SELECT count(*) FROM accounts), (SELECT count(*) FROM members),
        (SELECT count(*) FROM sessions), (SELECT count(*) FROM tenants)";
    let row = db.query_one(sql, &[]).await.unwrap();
    [0, 1, 2, 3].map(|index| row.get(index))
}

#[tokio::test]
async fn a_transaction_sees_the_people_of_its_tenant_or_the_tenants_of_its_person() {
    let Some(test) = TestDatabase::create() else {
        return;
    };
    drop(open(&test).await);
    let database = database(&test);
    let (own, other) = (conformance::tenant(), conformance::tenant());
    let all = database.begin_for_all().await.unwrap();
    for sql in [
        "INSERT INTO accounts (id, email, name, created_at) VALUES
           ('acc_1', 'a@x', 'a', 0), ('acc_2', 'b@x', 'b', 0), ('acc_3', 'c@x', 'c', 0)",
        "INSERT INTO sessions VALUES ('s', decode(repeat('00', 32), 'hex'), 'acc_1', NULL, 0, 0, 0, '', '')",
    ] {
        all.execute(sql, &[]).await.unwrap();
    }
    all.commit().await.unwrap();
    for (tenant, accounts) in [(&own, &["acc_1", "acc_2"][..]), (&other, &["acc_1"])] {
        let db = database.begin(tenant).await.unwrap();
        tenants::lock(&db).await.unwrap();
        for account in accounts {
            let sql = "INSERT INTO members VALUES ($1, $2, 'owner', 0)";
            db.execute(sql, &[&db.tenant(), account]).await.unwrap();
        }
        let members = i64::try_from(accounts.len()).unwrap();
        assert_eq!(people(&db).await[..3], [members, members, 0]);
        // The account of a member cannot be changed by its tenant.
        let changed = db.execute("UPDATE accounts SET name = 'x'", &[]).await;
        assert_eq!(changed.unwrap(), 0);
        db.commit().await.unwrap();
    }
    let id = crate::domain::AccountId::from_column("acc_1".to_owned());
    let db = database.begin_read_of_account(&id).await.unwrap();
    assert_eq!(people(&db).await, [0, 2, 0, 2]);
    let db = database.begin_for_all().await.unwrap();
    assert_eq!(people(&db).await, [3, 0, 1, 2]);
    // The owner of the tables sees nothing without a tenant.
    for table in [
        "accounts",
        "members",
        "sessions",
        "invitations",
        "recovery_codes",
    ] {
        let count = format!("SELECT count(*) FROM {table}");
        assert_eq!(test.sql(&count), "0", "{table}");
    }
}

#[tokio::test]
async fn the_audit_trail_cannot_be_changed() {
    let Some(test) = TestDatabase::create() else {
        return;
    };
    let store = open(&test).await;
    let tenant = conformance::tenant();
    let audit = conformance::audit("trust.import");
    store.trust_changed(&tenant, audit).await.unwrap();
    let database = database(&test);
    for (sql, table) in [
        ("UPDATE audit SET subject = 'other'", "audit"),
        ("DELETE FROM audit", "audit"),
        ("TRUNCATE audit", "audit"),
        ("UPDATE events SET subject = 'other'", "events"),
    ] {
        let db = database.begin(&tenant).await.unwrap();
        let refused = db.execute(sql, &[]).await.unwrap_err();
        let message = license_core::with_causes(&refused);
        let expected = format!("table {table} is append-only");
        assert!(message.contains(&expected), "{sql}: {message}");
    }
    let report = store.verify_audit(&tenant);
    assert_eq!(report.await.unwrap().entries, 1);
}
