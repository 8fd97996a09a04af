//! Opening, pragmas, migrations, locks and backups.

use std::sync::Arc;

use rusqlite::Connection;

use super::{directory, open};
use crate::clock::{ManualClock, ServerClock, SystemServerClock};
use crate::domain::{PageRequest, PoolId, TenantId};
use crate::store::conformance::{self, acquire, session};
use crate::store::sqlite::writer::FailureScope;
use crate::store::sqlite::{SqliteStore, schema};
use crate::store::{AdministrationStore, LicenseStore, SeatStore, ServerStore, ServerStoreError};

fn pragmas(db: &Connection) -> (String, i64, i64, i64) {
    let text = |name: &str| db.pragma_query_value(None, name, |row| row.get(0)).unwrap();
    let number = |name: &str| db.pragma_query_value(None, name, |row| row.get(0)).unwrap();
    // The number 2 means FULL.
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
        .run(FailureScope::Request, |batch| Ok(pragmas(batch.db)))
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
    let beside = SqliteStore::open_beside(directory.path(), Arc::new(SystemServerClock)).unwrap();
    let written = beside
        .writer
        .run(FailureScope::Request, |batch| Ok(pragmas(batch.db)))
        .await
        .unwrap();
    assert_eq!(written, expected);
}

#[tokio::test]
async fn a_second_server_is_refused_until_the_first_has_closed() {
    let directory = directory();
    let store = open(directory.path());
    let second = || SqliteStore::open(directory.path(), Arc::new(SystemServerClock));
    let error = second().unwrap_err();
    assert!(matches!(error, ServerStoreError::Locked(_)), "{error:?}");
    let text = license_core::with_causes(&error).to_string();
    assert!(
        text.contains(&format!("process {}", std::process::id())),
        "{text}"
    );
    store.close().await.unwrap();
    assert!(matches!(store.check().await, Err(ServerStoreError::Closed)));
    second().unwrap();
}

#[tokio::test]
async fn a_command_beside_the_server_changes_everything_but_seats() {
    let directory = directory();
    let beside = || SqliteStore::open_beside(directory.path(), Arc::new(SystemServerClock));
    assert!(matches!(beside(), Err(ServerStoreError::Missing { .. })));
    let (tenant, pool) = (TenantId::site(), PoolId::parse("pool").unwrap());
    let store = open(directory.path());
    acquire(&store, &tenant, &pool, 2, 1).await;
    let beside = beside().unwrap();
    let view = beside.pool(&tenant, &pool).await.unwrap().unwrap();
    assert_eq!((view.usage.held, view.usage.capacity), (1, 2));
    assert!(matches!(
        beside.due_pools(&tenant).await,
        Err(ServerStoreError::NotOwner)
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
    let opened = SqliteStore::open(directory.path(), Arc::new(SystemServerClock));
    assert!(
        matches!(opened, Err(ServerStoreError::NotAServer { .. })),
        "{opened:?}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), before);
    std::fs::write(&path, "no database, but a text that is long enough").unwrap();
    let opened = SqliteStore::open(directory.path(), Arc::new(SystemServerClock));
    assert!(
        matches!(opened, Err(ServerStoreError::NotAServer { .. })),
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
    let ServerStoreError::NotCommitted(cause) = &refused else {
        panic!("{refused:?}");
    };
    assert!(
        matches!(**cause, ServerStoreError::TakenOver),
        "{refused:?}"
    );
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
    let opened = SqliteStore::open(directory.path(), Arc::new(SystemServerClock));
    assert!(
        matches!(opened, Err(ServerStoreError::Newer { .. })),
        "{opened:?}"
    );
    assert!(opened.unwrap_err().hint().is_some());
}

#[tokio::test]
async fn a_migration_keeps_the_meaning_of_tokens() {
    let directory = directory();
    let path = directory.path().join("server.db");
    crate::store::sqlite::location::create_private(&path).unwrap();
    let db = Connection::open(&path).unwrap();
    db.execute_batch(&schema::MIGRATIONS[..4].concat()).unwrap();
    let insert = conformance::insert_old_tokens(|digest| format!("x'{digest}'"));
    db.execute_batch(&insert).unwrap();
    db.pragma_update(None, "application_id", schema::APPLICATION_ID)
        .unwrap();
    db.pragma_update(None, "user_version", 4).unwrap();
    drop(db);
    conformance::old_tokens_keep_their_meaning(&open(directory.path())).await;
}

#[tokio::test]
async fn a_migration_keeps_licenses_and_what_they_replace() {
    let directory = directory();
    let path = directory.path().join("server.db");
    crate::store::sqlite::location::create_private(&path).unwrap();
    let db = Connection::open(&path).unwrap();
    let before = schema::MIGRATIONS.split_at(12).0;
    db.execute_batch(&before.concat()).unwrap();
    for number in [1, 2] {
        let id = conformance::id(number);
        let sql = format!(
            "INSERT INTO licenses (tenant, id, number, pool, key, product, customer, token, installed_at)
             VALUES ('site', '{id}', {number}, 'pool', 'KEY-{number}', 'P', 'C', 'token', 7)"
        );
        db.execute_batch(&sql).unwrap();
    }
    let (old, new) = (conformance::id(1), conformance::id(2));
    let sql = format!(
        "INSERT INTO superseded_licenses (tenant, license, successor) VALUES ('site', '{old}', '{new}')"
    );
    db.execute_batch(&sql).unwrap();
    db.pragma_update(None, "application_id", schema::APPLICATION_ID)
        .unwrap();
    db.pragma_update(None, "user_version", 12).unwrap();
    drop(db);
    let (store, tenant) = (open(directory.path()), TenantId::site());
    let successors = store.successors(&tenant, &old).await.unwrap();
    let found = successors.first().unwrap();
    assert_eq!((&found.id, found.number, &*found.token), (&new, 2, "token"));
    assert_eq!(*found.supersedes, *std::slice::from_ref(&old));
    let found = store.licenses_by_key(&tenant, "KEY-1").await.unwrap();
    assert!(found.len() == 1 && found[0].is_superseded);
    // The row about the replacement still ends with the license.
    let audit = conformance::audit("license.remove");
    assert!(store.remove_license(&tenant, &new, audit).await.unwrap());
    let found = store.license(&tenant, &old).await.unwrap().unwrap();
    assert!(!found.is_superseded);
}

#[tokio::test]
async fn a_migration_keeps_the_payment_of_an_invoice() {
    let directory = directory();
    let path = directory.path().join("server.db");
    crate::store::sqlite::location::create_private(&path).unwrap();
    let db = Connection::open(&path).unwrap();
    let before = schema::MIGRATIONS.split_at(17).0;
    db.execute_batch(&before.concat()).unwrap();
    db.execute_batch(&conformance::insert_old_invoice("x'07'"))
        .unwrap();
    db.pragma_update(None, "application_id", schema::APPLICATION_ID)
        .unwrap();
    db.pragma_update(None, "user_version", 17).unwrap();
    drop(db);
    conformance::old_invoice_keeps_its_payment(&open(directory.path())).await;
}

#[tokio::test]
async fn a_short_query_runs_on_the_thread_of_its_caller_if_a_connection_is_idle() {
    let directory = directory();
    let store = open(directory.path());
    let here = std::thread::current().id();
    let thread = async || {
        let query = |_: &Connection| Ok(std::thread::current().id());
        store.readers.run_short(query).await.unwrap()
    };
    assert_eq!(thread().await, here, "the connection of the start is idle");
    let idle = store.readers.take().unwrap();
    assert_ne!(thread().await, here, "another connection is opened");
    store.readers.put_back(idle);
    assert_eq!(thread().await, here);
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
            matches!(exists, Err(ServerStoreError::BackupExists { .. })),
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

#[tokio::test]
async fn fencing_numbers_after_a_restore_are_above_all_earlier_ones() {
    let (directory, elsewhere) = (directory(), directory());
    let (tenant, pool) = (TenantId::site(), PoolId::parse("pool").unwrap());
    let store = open(directory.path());
    let seq = async |store: &SqliteStore, pool: &PoolId, number| {
        let reply = acquire(store, &tenant, pool, 9, number).await;
        crate::store::conformance::grant(&reply).lease.seq.0
    };
    assert_eq!(seq(&store, &pool, 1).await, 1);
    store
        .back_up(&elsewhere.path().join("server.db"))
        .await
        .unwrap();
    // The backup changes nothing in the running server.
    assert_eq!(seq(&store, &pool, 2).await, 2);
    store.close().await.unwrap();
    assert_eq!(seq(&open(directory.path()), &pool, 3).await, 3);
    // A command that runs next to the server does not count as its first start.
    let clock = || Arc::new(SystemServerClock);
    drop(SqliteStore::open_beside(elsewhere.path(), clock()).unwrap());
    let before = u64::try_from(SystemServerClock.wall().timestamp_micros()).unwrap();
    let store = SqliteStore::open(elsewhere.path(), clock()).unwrap();
    let first = seq(&store, &pool, 2).await;
    assert!(first >= before && first < (1 << 53), "{first}");
    assert_eq!(
        seq(&store, &pool, 1).await,
        1,
        "the session keeps its lease"
    );
    // A pool that the backup does not have can have granted numbers too.
    let other = PoolId::parse("other").unwrap();
    assert_eq!(seq(&store, &other, 1).await, first);
    store.close().await.unwrap();
    assert_eq!(seq(&open(elsewhere.path()), &pool, 3).await, first + 1);
}

#[tokio::test]
async fn a_wrong_clock_does_not_repeat_numbers_after_a_restore() {
    let (directory, elsewhere) = (directory(), directory());
    let (tenant, pool) = (TenantId::site(), PoolId::parse("pool").unwrap());
    let store = open(directory.path());
    let copy = elsewhere.path().join("server.db");
    store.back_up(&copy).await.unwrap();
    // This clock has whole seconds, and the mark has milliseconds.
    let made = u64::try_from(SystemServerClock.wall().timestamp_micros()).unwrap();
    for (year, limit) in [("1990-01-01", made + 1_000_000), ("9000-01-01", 1 << 53)] {
        let directory = super::directory();
        std::fs::copy(&copy, directory.path().join("server.db")).unwrap();
        let clock = ManualClock::new(license_core::time::parse_instant(year).unwrap());
        let store = SqliteStore::open(directory.path(), Arc::new(clock)).unwrap();
        let reply = acquire(&store, &tenant, &pool, 1, 1).await;
        let seq = crate::store::conformance::grant(&reply).lease.seq.0;
        assert!(seq <= limit && seq > made - 600_000_000, "{year}: {seq}");
    }
}

#[tokio::test]
async fn a_full_disk_is_named_and_the_store_goes_on_when_it_has_space() {
    let directory = directory();
    let store = open(directory.path());
    let (tenant, pool) = (TenantId::site(), PoolId::parse("pool").unwrap());
    let set_pages = async |pages: i64| {
        let set = move |batch: &mut crate::store::sqlite::writer::Batch<'_>| {
            let sql = format!("PRAGMA max_page_count = {pages}");
            batch.db.query_row(&sql, [], |_| Ok(()))?;
            Ok(())
        };
        store.writer.run(FailureScope::Request, set).await.unwrap();
    };
    let acquire = async |number| {
        let request = crate::store::PoolRequest {
            pool: pool.clone(),
            terms: Arc::new(license_seats::PoolTerms::with_capacity(100_000)),
            license_left: None,
            command: crate::store::conformance::acquire_command(number, None),
        };
        store.apply(&tenant, request, None).await
    };
    store.check().await.unwrap();
    set_pages(1).await;
    let mut failed = None;
    for number in 0..2000 {
        if let Err(error) = acquire(number).await {
            failed = Some(error);
            break;
        }
    }
    let failed = failed.unwrap();
    assert!(failed.is_disk_full(), "{failed:?}");
    let refusal = crate::domain::Refusal::from(failed);
    assert_eq!(refusal.detail, "the disk of the server is full");
    // A check that needs no space does not hide the full disk.
    let checked = store.check().await;
    assert!(
        matches!(checked, Err(ServerStoreError::DiskFull)),
        "{checked:?}"
    );
    set_pages(1_000_000).await;
    acquire(2000).await.unwrap();
}
