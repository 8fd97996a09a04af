//! Opening, pragmas, migrations, locks and backups.

use std::sync::Arc;

use rusqlite::Connection;

use super::{directory, open};
use crate::clock::SystemClock;
use crate::domain::{PageRequest, PoolId, TenantId};
use crate::store::conformance::{acquire, session};
use crate::store::sqlite::{SqliteStore, schema};
use crate::store::{AdministrationStore, SeatStore, Store, StoreError};

fn pragmas(db: &Connection) -> (String, i64, i64, i64) {
    let text = |name: &str| db.pragma_query_value(None, name, |row| row.get(0)).unwrap();
    let number = |name: &str| db.pragma_query_value(None, name, |row| row.get(0)).unwrap();
    // The number 2 stands for FULL.
    (
        text("journal_mode"),
        number("synchronous"),
        number("foreign_keys"),
        number("busy_timeout"),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn every_connection_has_the_pragmas() {
    let directory = directory();
    let store = open(directory.path());
    let expected = ("wal".to_owned(), 2, 1, 10_000);
    let written = store
        .writer
        .run(|batch| Ok(pragmas(batch.db)))
        .await
        .unwrap();
    assert_eq!(written, expected);
    // The readers wait for each other, so that each uses its own connection.
    let barrier = Arc::new(std::sync::Barrier::new(3));
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let (readers_of_store, barrier) = (store.readers.clone(), Arc::clone(&barrier));
        readers.spawn(async move {
            let read = move |db: &Connection| {
                barrier.wait();
                let query_only: i64 =
                    db.pragma_query_value(None, "query_only", |row| row.get(0))?;
                assert!(db.execute("DELETE FROM leases", []).is_err());
                Ok((pragmas(db), query_only))
            };
            readers_of_store.run(read).await.unwrap()
        });
    }
    for found in readers.join_all().await {
        assert_eq!(found, (expected.clone(), 1));
    }
    let beside = SqliteStore::open_beside(directory.path(), Arc::new(SystemClock)).unwrap();
    let written = beside
        .writer
        .run(|batch| Ok(pragmas(batch.db)))
        .await
        .unwrap();
    assert_eq!(written, expected);
}

#[tokio::test]
async fn a_second_server_is_refused_until_the_first_has_closed() {
    let directory = directory();
    let store = open(directory.path());
    let second = || SqliteStore::open(directory.path(), Arc::new(SystemClock));
    let error = second().unwrap_err();
    assert!(matches!(error, StoreError::Locked(_)), "{error:?}");
    let text = license_core::with_causes(&error).to_string();
    assert!(
        text.contains(&format!("process {}", std::process::id())),
        "{text}"
    );
    store.close().await.unwrap();
    assert!(matches!(store.check().await, Err(StoreError::Closed)));
    second().unwrap();
}

#[tokio::test]
async fn a_command_beside_the_server_changes_everything_but_seats() {
    let directory = directory();
    let beside = || SqliteStore::open_beside(directory.path(), Arc::new(SystemClock));
    assert!(matches!(beside(), Err(StoreError::Missing { .. })));
    let (tenant, pool) = (TenantId::site(), PoolId::parse("pool").unwrap());
    let store = open(directory.path());
    acquire(&store, &tenant, &pool, 2, 1).await;
    let beside = beside().unwrap();
    let view = beside.pool(&tenant, &pool).await.unwrap().unwrap();
    assert_eq!((view.usage.held, view.usage.capacity), (1, 2));
    assert!(matches!(
        beside.due_pools(&tenant).await,
        Err(StoreError::NotOwner)
    ));
    let secret = crate::domain::SecretDigest::new("secret");
    assert!(
        beside
            .begin_setup(&tenant, secret, license_core::time::MAX)
            .await
            .unwrap()
    );
    assert!(
        store
            .check_setup(&tenant, secret, license_core::time::MIN)
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn the_state_survives_a_restart() {
    let directory = directory();
    let (tenant, pool) = (TenantId::site(), PoolId::parse("pool").unwrap());
    let store = open(directory.path());
    for number in 0..3 {
        acquire(&store, &tenant, &pool, 3, number).await;
    }
    let before = store
        .leases(&tenant, &pool, &PageRequest::first())
        .await
        .unwrap();
    store.close().await.unwrap();
    let store = open(directory.path());
    let after = store
        .leases(&tenant, &pool, &PageRequest::first())
        .await
        .unwrap();
    let leases = |page: crate::domain::Page<crate::store::LeaseRow>| -> Vec<_> {
        page.items.into_iter().map(|row| row.lease).collect()
    };
    assert_eq!(leases(after), leases(before));
    let again = acquire(&store, &tenant, &pool, 3, 1).await;
    assert!(!crate::store::conformance::grant(&again).is_new);
    let other = acquire(&store, &tenant, &pool, 4, 9).await;
    let other = crate::store::conformance::grant(&other);
    assert_eq!(
        (other.lease.seq.0, other.lease.holder.session),
        (4, session(9))
    );
}

#[test]
fn a_database_of_another_program_stays_unchanged() {
    let directory = directory();
    let path = directory.path().join("server.db");
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("CREATE TABLE t (a); PRAGMA application_id = 7;")
        .unwrap();
    drop(other);
    let before = std::fs::read(&path).unwrap();
    let opened = SqliteStore::open(directory.path(), Arc::new(SystemClock));
    assert!(
        matches!(opened, Err(StoreError::NotAServer { .. })),
        "{opened:?}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), before);
    std::fs::write(&path, "no database, but a text that is long enough").unwrap();
    let opened = SqliteStore::open(directory.path(), Arc::new(SystemClock));
    assert!(
        matches!(opened, Err(StoreError::NotAServer { .. })),
        "{opened:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_its_lock_file_cannot_commit_beside_another() {
    let directory = directory();
    let (tenant, pool) = (TenantId::site(), PoolId::parse("pool").unwrap());
    let first = open(directory.path());
    acquire(&first, &tenant, &pool, 2, 1).await;
    // A person takes the lock file for a leftover.
    std::fs::remove_file(directory.path().join("server.lock")).unwrap();
    let second = open(directory.path());
    second.check().await.unwrap();
    let refused = first.check().await.unwrap_err();
    let StoreError::NotCommitted(cause) = &refused else {
        panic!("{refused:?}");
    };
    assert!(matches!(**cause, StoreError::TakenOver), "{refused:?}");
    second.check().await.unwrap();
    acquire(&second, &tenant, &pool, 2, 2).await;
    let view = second.pool(&tenant, &pool).await.unwrap().unwrap();
    assert_eq!(view.usage.held, 2);
}

#[test]
fn a_newer_database_is_refused() {
    let directory = directory();
    drop(open(directory.path()));
    let path = directory.path().join("server.db");
    let db = Connection::open(&path).unwrap();
    db.pragma_update(None, "user_version", schema::SUPPORTED + 1)
        .unwrap();
    drop(db);
    let opened = SqliteStore::open(directory.path(), Arc::new(SystemClock));
    assert!(
        matches!(opened, Err(StoreError::Newer { .. })),
        "{opened:?}"
    );
    assert!(opened.unwrap_err().hint().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_consistent_while_the_server_writes() {
    let (directory, elsewhere) = (directory(), directory());
    let store = Arc::new(open(directory.path()));
    let (tenant, pool) = (TenantId::site(), PoolId::parse("pool").unwrap());
    let writing = {
        let (store, tenant, pool) = (Arc::clone(&store), tenant.clone(), pool.clone());
        tokio::spawn(async move {
            for number in 0..500 {
                acquire(&*store, &tenant, &pool, 1000, number).await;
            }
        })
    };
    for number in 0..3 {
        let directory = elsewhere.path().join(number.to_string());
        std::fs::create_dir(&directory).unwrap();
        let path = directory.join("server.db");
        store.back_up(&path).await.unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let exists = store.back_up(&path).await;
        assert!(
            matches!(exists, Err(StoreError::BackupExists { .. })),
            "{exists:?}"
        );
        // Loading the pool checks its counters against its leases.
        let copy = open(&directory);
        if let Some(view) = copy.pool(&tenant, &pool).await.unwrap() {
            acquire(&copy, &tenant, &pool, 1000, 1000).await;
            assert!(view.usage.held <= 500);
        }
    }
    writing.await.unwrap();
}
