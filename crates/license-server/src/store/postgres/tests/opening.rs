//! Opening and migrating the database.

use std::sync::Arc;

use license_test_services::{PostgresServer, TestDatabase};

use super::{config, open};
use crate::clock::SystemServerClock;
use crate::domain::{Refusal, TenantId};
use crate::store::postgres::{PostgresConfig, PostgresStore, schema};
use crate::store::{LicenseStore, ServerStore, ServerStoreError, conformance};

async fn refused(config: &PostgresConfig) -> ServerStoreError {
    let opened = PostgresStore::open(config, None, Arc::new(SystemServerClock), Arc::new(()));
    opened.await.unwrap_err()
}

async fn beside(database: &TestDatabase) -> Result<PostgresStore, ServerStoreError> {
    PostgresStore::open_beside(&config(database), Arc::new(SystemServerClock)).await
}

#[tokio::test]
async fn servers_that_start_together_create_the_tables_once() {
    let Some(test) = TestDatabase::create() else {
        return;
    };
    let empty = beside(&test).await.unwrap_err();
    assert_eq!(
        empty.to_string(),
        "expected the tables of a license server, found an empty database"
    );
    let stores = futures_util::future::join(open(&test), open(&test));
    let (one, other) = stores.await;
    assert_ne!(one.node(), other.node());
    one.check().await.unwrap();
    other.check().await.unwrap();
    beside(&test).await.unwrap().check().await.unwrap();
    assert!(one.back_up("backup".as_ref()).await.is_err());
    one.close().await.unwrap();
    let closed = one.check().await;
    assert!(
        matches!(closed, Err(ServerStoreError::Closed)),
        "{closed:?}"
    );
    let text = format!("{other:?}");
    assert!(text.contains("postgres://127.0.0.1:"), "{text}");
}

#[tokio::test]
async fn a_database_of_another_version_is_refused() {
    let Some(test) = TestDatabase::create() else {
        return;
    };
    drop(open(&test).await);
    test.sql("UPDATE schema_version SET version = version + 1");
    let newer = refused(&config(&test)).await;
    let next = schema::SUPPORTED + 1;
    assert!(
        matches!(newer, ServerStoreError::Newer { found, .. } if found == next),
        "{newer:?}"
    );
    let newer = beside(&test).await.unwrap_err();
    assert!(matches!(newer, ServerStoreError::Newer { .. }), "{newer:?}");
}

#[tokio::test]
async fn a_migration_keeps_the_meaning_of_tokens() {
    let Some(test) = TestDatabase::create() else {
        return;
    };
    let insert = conformance::insert_old_tokens(|digest| format!("'\\x{digest}'"));
    test.sql(&format!(
        "{} SET license_server.tenant = 'site'; {insert}",
        schema::MIGRATIONS[0]
    ));
    conformance::old_tokens_keep_their_meaning(&open(&test).await).await;
    let tables = "SELECT relname FROM pg_class WHERE relrowsecurity AND NOT relforcerowsecurity";
    assert_eq!(test.sql(tables), "");
}

#[tokio::test]
async fn a_migration_keeps_the_payment_of_an_invoice() {
    let Some(test) = TestDatabase::create() else {
        return;
    };
    let insert = conformance::insert_old_invoice("'\\x07'");
    let before = schema::MIGRATIONS.split_at(13).0.concat();
    test.sql(&format!(
        "{before} UPDATE schema_version SET version = 13;
         SET license_server.tenant = 'site'; {insert}"
    ));
    conformance::old_invoice_keeps_its_payment(&open(&test).await).await;
    let tables = "SELECT relname FROM pg_class WHERE relrowsecurity AND NOT relforcerowsecurity";
    assert_eq!(test.sql(tables), "");
}

#[tokio::test]
async fn the_tables_of_another_program_stay_unchanged() {
    let Some(test) = TestDatabase::create() else {
        return;
    };
    test.sql("CREATE TABLE events (id bigint)");
    let found = refused(&config(&test)).await;
    assert_eq!(
        found.to_string(),
        "expected the tables of a license server in the schema public, found 1 other tables"
    );
    // A superuser created the schema `fresh`, in which the role can create no tables.
    test.superuser_sql("CREATE SCHEMA fresh; GRANT USAGE ON SCHEMA fresh TO PUBLIC");
    let url = format!("{}?options=-csearch_path%3Dfresh", test.url());
    let found = refused(&PostgresConfig::parse(&url, None).unwrap()).await;
    let text = found.to_string();
    assert!(
        text.starts_with("expected a role that can create tables in the schema fresh, found"),
        "{text}"
    );
}

#[tokio::test]
async fn a_dangerous_role_is_refused() {
    let Some(test) = TestDatabase::create() else {
        return;
    };
    let role = test.sql("SELECT current_user");
    for (change, expected) in [
        (
            format!("ALTER ROLE \"{role}\" BYPASSRLS"),
            format!("expected a role without BYPASSRLS, found the role {role} with BYPASSRLS"),
        ),
        (
            format!("ALTER ROLE \"{role}\" SUPERUSER"),
            format!("expected a role that is not a superuser, found the superuser {role}"),
        ),
        (
            format!(
                "ALTER ROLE \"{role}\" NOSUPERUSER NOBYPASSRLS;
                 ALTER ROLE \"{role}\" SET synchronous_commit = off"
            ),
            "expected synchronous_commit=on, found synchronous_commit=off".to_owned(),
        ),
    ] {
        test.superuser_sql(&change);
        assert_eq!(refused(&config(&test)).await.to_string(), expected);
    }
    test.superuser_sql(&format!("ALTER ROLE \"{role}\" RESET synchronous_commit"));
    open(&test).await;
}

#[tokio::test]
async fn a_database_that_was_out_of_reach_is_checked_again_and_its_password_is_never_shown() {
    let Some(mut server) = PostgresServer::start() else {
        return;
    };
    let test = server.create_database();
    let store = open(&test).await;
    let config = config(&test);
    let administer = |server: &PostgresServer, sql| server.superuser_sql("postgres", sql);
    administer(&server, "ALTER SYSTEM SET fsync = off");
    server.kill();
    // The connections of the pool are lost, and new ones are refused.
    let lost = store.check().await.unwrap_err();
    let refused = refused(&config).await;
    assert!(
        matches!(refused, ServerStoreError::Unreachable { .. }),
        "{refused:?}"
    );
    let password = test.url().split([':', '@']).nth(2).unwrap();
    for error in [lost, refused] {
        let text = format!("{error:?} {}", license_core::with_causes(&error));
        assert!(!text.contains(password), "{text}");
        let refusal = Refusal::from(error);
        assert_eq!(refusal.code, "STORAGE_FAILED");
    }
    // The setting is in effect after a restart. Each new connection is checked.
    server.restart();
    let refused = store.check().await.unwrap_err();
    assert_eq!(refused.to_string(), "expected fsync=on, found fsync=off");
    administer(&server, "ALTER SYSTEM RESET fsync");
    administer(&server, "SELECT pg_reload_conf()");
    while administer(&server, "SHOW fsync") != "on" {}
    store.check().await.unwrap();
    let tenant = TenantId::site();
    assert_eq!(store.content_version(&tenant).await.unwrap(), 0);
}
