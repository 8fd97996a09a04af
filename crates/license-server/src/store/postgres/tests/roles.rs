//! A server whose role does not own the tables.

use std::sync::Arc;

use license_test_services::TestDatabase;

use super::{config, open};
use crate::clock::SystemServerClock;
use crate::store::postgres::database::Database;
use crate::store::postgres::{PostgresConfig, PostgresStore, schema};
use crate::store::{AdministrationStore, LicenseStore, ServerStore, ServerStoreError, conformance};

/// A role that owns nothing.
struct ServerRole<'a> {
    database: &'a TestDatabase,
    name: String,
}

impl<'a> ServerRole<'a> {
    fn create(database: &'a TestDatabase) -> Self {
        let name = format!("{}_server", database.name());
        database.superuser_sql(&format!("CREATE ROLE {name} LOGIN PASSWORD 'guess me'"));
        Self { database, name }
    }

    fn config(&self) -> PostgresConfig {
        let (_, address) = self.database.url().split_once('@').unwrap();
        let url = format!("postgres://{}:guess%20me@{address}", self.name);
        PostgresConfig::parse(&url, None).unwrap()
    }

    async fn open(&self) -> Result<PostgresStore, ServerStoreError> {
        let clock = Arc::new(SystemServerClock);
        PostgresStore::open(&self.config(), None, clock, Arc::new(())).await
    }
}

/// Removes the role from the cluster, which other tests share.
impl Drop for ServerRole<'_> {
    fn drop(&mut self) {
        let name = &self.name;
        let sql = format!("DROP OWNED BY {name}; DROP ROLE {name}");
        self.database.superuser_sql(&sql);
    }
}

#[tokio::test]
async fn a_role_without_tables_serves_and_cannot_lift_the_policies() {
    let Some(test) = TestDatabase::create() else {
        return;
    };
    let role = ServerRole::create(&test);
    let owner = config(&test);
    PostgresStore::create_tables(&owner).await.unwrap();
    // Without the grants, the role sees no table.
    assert!(role.open().await.is_err());
    PostgresStore::grant(&owner, &role.name).await.unwrap();
    PostgresStore::grant(&owner, &role.name).await.unwrap();
    let store = role.open().await.unwrap();
    store.check().await.unwrap();
    let (tenant, other) = (conformance::tenant(), conformance::tenant());
    let records = vec![conformance::license(1, 1, &[])];
    let audit = conformance::audit("license.install");
    let installed = store.install_licenses(&tenant, records, audit).await;
    assert_eq!(installed.unwrap(), 1);
    let id = conformance::id(1);
    let removed = store.remove_license(&tenant, &id, conformance::audit("license.remove"));
    assert!(removed.await.unwrap());
    assert_eq!(store.verify_audit(&tenant).await.unwrap().entries, 2);
    store.close().await.unwrap();

    let database = Database::new(&role.config(), Arc::new(())).unwrap();
    for sql in [
        "ALTER TABLE licenses NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE licenses DISABLE ROW LEVEL SECURITY",
        "DROP POLICY own_rows ON licenses",
        "ALTER TABLE audit DISABLE TRIGGER ALL",
        "TRUNCATE audit",
        "DROP TABLE audit",
    ] {
        let db = database.begin(&other).await.unwrap();
        let refused = db.batch(sql).await.unwrap_err();
        let ServerStoreError::Postgres(error) = &refused else {
            panic!("{sql}: {refused:?}");
        };
        assert_eq!(error.code.as_deref(), Some("42501"), "{sql}: {error}");
        db.rollback().await;
    }
    let db = database.begin(&other).await.unwrap();
    let rows = db.query("SELECT tenant FROM licenses", &[]).await.unwrap();
    assert!(rows.is_empty());
    db.rollback().await;
}

#[tokio::test]
async fn only_the_owner_migrates_the_tables() {
    let Some(test) = TestDatabase::create() else {
        return;
    };
    let role = ServerRole::create(&test);
    let owner = config(&test);
    PostgresStore::create_tables(&owner).await.unwrap();
    PostgresStore::grant(&owner, &role.name).await.unwrap();
    let older = schema::SUPPORTED - 1;
    test.sql(&format!("UPDATE schema_version SET version = {older}"));
    let refused = role.open().await.unwrap_err();
    let expected = format!(
        "expected the owner of the tables, for their migration, found the role {}, which does not \
         own them",
        role.name
    );
    assert_eq!(refused.to_string(), expected);
    test.sql(&format!(
        "UPDATE schema_version SET version = {}",
        schema::SUPPORTED
    ));
    // A table of a later migration needs no further grant.
    test.sql("CREATE TABLE later (number bigint); INSERT INTO later VALUES (7)");
    let database = Database::new(&role.config(), Arc::new(())).unwrap();
    let db = database.begin_for_all().await.unwrap();
    let row = db.query_one("SELECT number FROM later", &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 7);
    db.rollback().await;
}

#[tokio::test]
async fn a_grant_needs_another_role_that_exists() {
    let Some(test) = TestDatabase::create() else {
        return;
    };
    drop(open(&test).await);
    let owner = config(&test);
    for (role, expected) in [
        ("role; DROP TABLE audit", "an existing role"),
        (test.name(), "another role than the owner of the tables"),
    ] {
        let refused = PostgresStore::grant(&owner, role).await.unwrap_err();
        let message = format!("expected {expected}, found the role {role}");
        assert_eq!(refused.to_string(), message);
    }
}
