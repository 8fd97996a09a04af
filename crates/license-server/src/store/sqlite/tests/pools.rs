//! Pools with batches that fail, and with clocks that jump.

use std::sync::Arc;

use super::{directory, manual_clock, open};
use crate::clock::ManualClock;
use crate::domain::{PageRequest, PoolId, TenantId};
use crate::store::conformance::{acquire, acquire_command, grant};
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::writer::{Batch, FailureScope};
use crate::store::{PoolRequest, SeatStore, ServerStore, ServerStoreError};

/// Lets lease time pass, in steps of at most one second.
async fn pass(store: &SqliteStore, clock: &ManualClock, seconds: u32) {
    for _ in 0..seconds {
        clock.advance_ms(1000);
        store.check().await.unwrap();
    }
}

/// Runs three requests in one batch: an acquire, `second`, and another acquire. Returns their
/// results.
async fn batch(
    store: &Arc<SqliteStore>,
    failure_scope: FailureScope,
    second: impl FnOnce(&mut Batch<'_>) -> Result<(), ServerStoreError> + Send + 'static,
) -> [bool; 3] {
    let (tenant, pool) = (TenantId::site(), PoolId::parse("pool").unwrap());
    // The writer waits in one batch until the other requests are in its channel.
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let (started, has_started) = tokio::sync::oneshot::channel();
    let blocking = Arc::clone(store);
    let blocking = tokio::spawn(async move {
        let block = move |_: &mut Batch<'_>| {
            started.send(()).unwrap();
            wait.recv().unwrap();
            Ok(())
        };
        let running = blocking.writer.run(FailureScope::Request, block);
        running.await.unwrap();
    });
    has_started.await.unwrap();
    let spawn_acquire = |number| {
        let (store, tenant, pool) = (Arc::clone(store), tenant.clone(), pool.clone());
        tokio::spawn(async move {
            let request = request(pool, number);
            store.apply(&tenant, request, None).await.is_ok()
        })
    };
    let one = spawn_acquire(1);
    tokio::task::yield_now().await;
    let two = {
        let store = Arc::clone(store);
        tokio::spawn(async move {
            let result = store.writer.run(failure_scope, second).await;
            result.is_ok()
        })
    };
    tokio::task::yield_now().await;
    let three = spawn_acquire(3);
    tokio::task::yield_now().await;
    release.send(()).unwrap();
    blocking.await.unwrap();
    [one.await.unwrap(), two.await.unwrap(), three.await.unwrap()]
}

/// Returns the request of a session for a seat.
fn request(pool: PoolId, session: u32) -> PoolRequest {
    PoolRequest {
        pool,
        terms: Arc::new(license_seats::PoolTerms::with_capacity(10)),
        license_left: None,
        command: acquire_command(session, None),
    }
}

async fn held(store: &SqliteStore) -> usize {
    let (tenant, pool) = (TenantId::site(), PoolId::parse("pool").unwrap());
    let rows = store
        .leases(&tenant, &pool, &PageRequest::first())
        .await
        .unwrap();
    let view = store.pool(&tenant, &pool).await.unwrap();
    let in_memory = view.map_or(0, |view| view.usage.held);
    assert_eq!(usize::try_from(in_memory).unwrap(), rows.items.len());
    rows.items.len()
}

#[tokio::test]
async fn a_request_that_fails_does_not_affect_the_others_of_its_batch() {
    let directory = directory();
    let store = Arc::new(open(directory.path()));
    let fails = |batch: &mut Batch<'_>| {
        let renumber = "UPDATE pools SET next_seq = next_seq + 5";
        batch.db.execute(renumber, [])?;
        Err(ServerStoreError::NotOwner)
    };
    let results = batch(&store, FailureScope::Request, fails).await;
    assert_eq!(results, [true, false, true]);
    assert_eq!(held(&store).await, 2);
    let (tenant, pool) = (TenantId::site(), PoolId::parse("pool").unwrap());
    let next = grant(&acquire(&*store, &tenant, &pool, 10, 4).await);
    assert_eq!(next.lease.seq.0, 3);
}

/// Grants the seat of session 2, and then fails.
fn grants_and_fails(batch: &mut Batch<'_>) -> Result<(), ServerStoreError> {
    let pools = batch.pools.as_mut().unwrap();
    let request = request(PoolId::parse("pool").unwrap(), 2);
    let site = TenantId::site();
    let granted = pools.apply(batch.db, &site, request, batch.now, batch.wall);
    assert!(granted?.0.outcome.reply.is_ok());
    Err(ServerStoreError::NotOwner)
}

#[tokio::test]
async fn a_pool_that_a_failed_request_discards_keeps_the_counters_of_its_batch() {
    let directory = directory();
    let store = Arc::new(open(directory.path()));
    let results = batch(&store, FailureScope::Request, grants_and_fails).await;
    assert_eq!(results, [true, false, true]);
    assert_eq!(held(&store).await, 2);
    let stored = "SELECT next_seq, held, json_extract(counters, '$.next_seq') FROM pools";
    let db = rusqlite::Connection::open(store.path()).unwrap();
    let stored = db.query_row(stored, [], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    });
    assert_eq!(stored.unwrap(), (3, 2, 3));
    let (tenant, pool) = (TenantId::site(), PoolId::parse("pool").unwrap());
    let next = grant(&acquire(&*store, &tenant, &pool, 10, 4).await);
    assert_eq!(next.lease.seq.0, 3);
}

#[tokio::test]
async fn a_request_without_a_savepoint_fails_its_batch_once() {
    let directory = directory();
    let store = Arc::new(open(directory.path()));
    let results = batch(&store, FailureScope::Batch, grants_and_fails).await;
    assert_eq!(results, [false, false, false]);
    assert_eq!(held(&store).await, 0);
    // From now on, each request has a savepoint.
    let results = batch(&store, FailureScope::Batch, grants_and_fails).await;
    assert_eq!(results, [true, false, true]);
    assert_eq!(held(&store).await, 2);
}

#[tokio::test]
async fn a_request_that_fails_before_it_changes_rows_needs_no_savepoint() {
    let directory = directory();
    let store = Arc::new(open(directory.path()));
    let fails = |_: &mut Batch<'_>| Err(ServerStoreError::NotOwner);
    let results = batch(&store, FailureScope::Batch, fails).await;
    assert_eq!(results, [true, false, true]);
    assert_eq!(held(&store).await, 2);
}

#[tokio::test]
async fn the_next_tick_finds_the_leases_of_a_pool_that_was_discarded() {
    let directory = directory();
    let clock = manual_clock();
    let store = SqliteStore::open(directory.path(), Arc::<ManualClock>::clone(&clock)).unwrap();
    let (tenant, pool) = (TenantId::site(), PoolId::parse("pool").unwrap());
    acquire(&store, &tenant, &pool, 10, 1).await;
    assert!(store.due_pools(&tenant).await.unwrap().is_empty());
    let fails = store.writer.run(FailureScope::Batch, grants_and_fails);
    assert!(fails.await.is_err());
    assert!(store.due_pools(&tenant).await.unwrap().is_empty());
    pass(&store, &clock, 200).await;
    assert_eq!(store.due_pools(&tenant).await.unwrap(), [pool]);
}

#[tokio::test]
async fn counters_that_the_database_refuses_stop_the_other_pools_once() {
    let directory = directory();
    let store = Arc::new(open(directory.path()));
    let (tenant, pool) = (TenantId::site(), PoolId::parse("pool").unwrap());
    acquire(&*store, &tenant, &pool, 10, 4).await;
    let refuse = "CREATE TRIGGER damaged BEFORE UPDATE ON pools WHEN NEW.pool = 'pool'
                  BEGIN SELECT RAISE(ABORT, 'damaged'); END";
    let db = rusqlite::Connection::open(store.path()).unwrap();
    db.execute_batch(refuse).unwrap();
    let acquires_elsewhere = |batch: &mut Batch<'_>| {
        let pools = batch.pools.as_mut().unwrap();
        let request = request(PoolId::parse("other").unwrap(), 2);
        pools.apply(batch.db, &TenantId::site(), request, batch.now, batch.wall)?;
        Ok(())
    };
    let results = batch(&store, FailureScope::Batch, acquires_elsewhere).await;
    assert_eq!(results, [false, false, false]);
    let results = batch(&store, FailureScope::Batch, acquires_elsewhere).await;
    assert_eq!(results, [false, true, false]);
    assert_eq!(held(&store).await, 1);
}

#[tokio::test]
async fn a_damaged_pool_does_not_stop_the_ticks_of_the_others() {
    let directory = directory();
    let clock = manual_clock();
    let store = SqliteStore::open(directory.path(), Arc::<ManualClock>::clone(&clock)).unwrap();
    let (tenant, pool) = (TenantId::site(), PoolId::parse("pool").unwrap());
    let other = PoolId::parse("other").unwrap();
    acquire(&store, &tenant, &pool, 10, 1).await;
    acquire(&store, &tenant, &other, 10, 1).await;
    let damage = store.writer.run(FailureScope::Request, |batch| {
        let lose = "DELETE FROM leases WHERE pool = 'pool'";
        assert_eq!(batch.db.execute(lose, [])?, 1);
        Ok(())
    });
    damage.await.unwrap();
    let fails = store.writer.run(FailureScope::Batch, grants_and_fails);
    assert!(fails.await.is_err());
    pass(&store, &clock, 200).await;
    assert_eq!(store.due_pools(&tenant).await.unwrap(), [other]);
}

#[tokio::test]
async fn a_batch_that_is_not_committed_grants_nothing() {
    let directory = directory();
    let store = Arc::new(open(directory.path()));
    let rolls_back = |batch: &mut Batch<'_>| Ok(batch.db.execute_batch("ROLLBACK")?);
    let results = batch(&store, FailureScope::Request, rolls_back).await;
    assert_eq!(results, [false, false, false]);
    assert_eq!(held(&store).await, 0);
    let (tenant, pool) = (TenantId::site(), PoolId::parse("pool").unwrap());
    let first = grant(&acquire(&*store, &tenant, &pool, 10, 1).await);
    assert_eq!(first.lease.seq.0, 1);
}

#[tokio::test]
async fn a_request_that_fails_alone_changes_nothing() {
    let directory = directory();
    let store = open(directory.path());
    let (tenant, pool) = (TenantId::site(), PoolId::parse("pool").unwrap());
    acquire(&store, &tenant, &pool, 10, 1).await;
    let fails = store.writer.run(FailureScope::Request, |batch| {
        let changed = batch
            .db
            .execute("UPDATE pools SET next_seq = next_seq + 5", [])?;
        assert_eq!(changed, 1);
        Err::<(), _>(ServerStoreError::NotOwner)
    });
    assert!(matches!(fails.await, Err(ServerStoreError::NotOwner)));
    let next = grant(&acquire(&store, &tenant, &pool, 10, 2).await);
    assert_eq!(next.lease.seq.0, 2);
}

#[tokio::test]
async fn a_batch_that_changes_nothing_is_not_written_to_the_disk() {
    let directory = directory();
    let store = open(directory.path());
    let (tenant, pool) = (TenantId::site(), PoolId::parse("pool").unwrap());
    acquire(&store, &tenant, &pool, 10, 1).await;
    let log = || {
        let log = std::fs::metadata(directory.path().join("server.db-wal"));
        log.unwrap().len()
    };
    let before = log();
    for _ in 0..10 {
        assert!(store.pool(&tenant, &pool).await.unwrap().is_some());
        store.due_pools(&tenant).await.unwrap();
    }
    assert_eq!(log(), before);
    store.check().await.unwrap();
    assert!(log() > before, "a check tries the disk");
}

#[tokio::test]
async fn the_database_refuses_more_leases_than_seats() {
    let directory = directory();
    let store = open(directory.path());
    let (tenant, pool) = (TenantId::site(), PoolId::parse("pool").unwrap());
    acquire(&store, &tenant, &pool, 1, 1).await;
    let exceed = store.writer.run(FailureScope::Request, |batch| {
        batch.db.execute("UPDATE pools SET held = held + 1", [])?;
        Ok(())
    });
    assert!(matches!(exceed.await, Err(ServerStoreError::Database(_))));
    let same = store.writer.run(FailureScope::Request, |batch| {
        let copy = "INSERT INTO leases SELECT tenant, pool, session || 'x', seq, until_lease, body FROM leases";
        batch.db.execute(copy, [])?;
        Ok(())
    });
    assert!(matches!(same.await, Err(ServerStoreError::Database(_))));
}

#[tokio::test]
async fn no_jump_of_a_clock_ends_a_seat() {
    let directory = directory();
    let clock = manual_clock();
    let store = SqliteStore::open(directory.path(), Arc::<ManualClock>::clone(&clock)).unwrap();
    let (tenant, pool) = (TenantId::site(), PoolId::parse("pool").unwrap());
    acquire(&store, &tenant, &pool, 1, 1).await;
    let is_taken = || async {
        let reply = acquire(&store, &tenant, &pool, 1, 2).await;
        reply.outcome.reply.is_err()
    };
    for wall in ["2037-01-15", "2017-01-15", "2027-01-15"] {
        clock.set_wall(license_core::time::parse_instant(wall).unwrap());
        assert!(is_taken().await, "{wall}");
    }
    // An hour of suspend or of SIGSTOP counts as one second.
    clock.advance_boot_ms(3_600_000);
    assert!(is_taken().await);
    // After its lifetime and margin, the seat goes to the session that needs it.
    pass(&store, &clock, 119).await;
    assert!(is_taken().await);
    pass(&store, &clock, 4).await;
    assert!(!is_taken().await);
}

#[tokio::test]
async fn the_lease_clock_stands_still_while_the_server_is_down() {
    let directory = directory();
    let clock = manual_clock();
    let open = || SqliteStore::open(directory.path(), Arc::<ManualClock>::clone(&clock)).unwrap();
    let (tenant, pool) = (TenantId::site(), PoolId::parse("pool").unwrap());
    let store = open();
    acquire(&store, &tenant, &pool, 1, 1).await;
    pass(&store, &clock, 100).await;
    let before = store.lease_clock(&tenant).await.unwrap();
    store.close().await.unwrap();
    clock.advance_ms(3_600_000);
    let store = open();
    store.check().await.unwrap();
    // The start itself counts as a millisecond.
    let started = before.saturating_add(license_seats::LeaseSpan::from_millis(1));
    assert_eq!(store.lease_clock(&tenant).await.unwrap(), started);
    assert!(
        acquire(&store, &tenant, &pool, 1, 2)
            .await
            .outcome
            .reply
            .is_err()
    );
    pass(&store, &clock, 23).await;
    assert_eq!(
        store.due_pools(&tenant).await.unwrap(),
        std::slice::from_ref(&pool)
    );
    let granted = grant(&acquire(&store, &tenant, &pool, 1, 2).await);
    assert_eq!(granted.lease.seq.0, 2);
}
