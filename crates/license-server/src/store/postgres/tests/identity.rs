//! Databases that were restored.

use std::sync::Arc;

use license_seats::SeatReply;
use license_test_services::TestDatabase;

use super::{add_lease_time, manual_clock, open_manual};
use crate::domain::{PageRequest, PoolId, TenantId};
use crate::store::conformance::{acquire, acquire_command, grant};
use crate::store::postgres::PostgresStore;
use crate::store::{AdministrationStore, PoolReply, ServerStore};

fn pool() -> (TenantId, PoolId) {
    (TenantId::site(), PoolId::parse("pool").unwrap())
}

async fn take(store: &PostgresStore, number: u32) -> PoolReply {
    let (tenant, pool) = pool();
    acquire(store, &tenant, &pool, 3, number).await
}

/// Returns the reason code of a denial, or `""`.
async fn denied(store: &PostgresStore, number: u32) -> &'static str {
    let reply = take(store, number).await.outcome.reply;
    reply.map_or_else(|denial| denial.reason.code(), |_| "")
}

async fn restores(store: &PostgresStore) -> usize {
    let (tenant, _) = pool();
    let events = store.events(&tenant, &PageRequest::first()).await.unwrap();
    let restores = events.items.iter();
    restores
        .filter(|event| event.kind == "database.restore")
        .count()
}

#[tokio::test]
async fn a_restored_dump_grants_nothing_for_a_lifetime_and_repeats_no_fencing_number() {
    let Some(database) = TestDatabase::create() else {
        return;
    };
    let clock = manual_clock();
    let store = open_manual(&database, &clock).await;
    assert_eq!(grant(&take(&store, 1).await).lease.seq.0, 1);
    store.close().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let dump = directory.path().join("dump");
    database.dump(&dump);
    // A start of the same database changes nothing.
    let store = open_manual(&database, &clock).await;
    assert_eq!(restores(&store).await, 0);
    assert_eq!(grant(&take(&store, 2).await).lease.seq.0, 2);
    add_lease_time(&store, 100_000).await;
    store.close().await.unwrap();

    database.restore(&dump);
    let (first, second) = tokio::join!(
        open_manual(&database, &clock),
        open_manual(&database, &clock)
    );
    assert_eq!(
        restores(&first).await,
        1,
        "one of two nodes finds the restore"
    );
    // The seat that the backup knows is renewed, and no new seat is granted.
    assert_eq!(grant(&take(&first, 1).await).lease.seq.0, 1);
    assert_eq!(denied(&second, 2).await, "ON_HOLD");
    add_lease_time(&first, 122_120).await;
    assert_eq!(denied(&first, 3).await, "ON_HOLD");
    let waiting = {
        let (tenant, pool) = pool();
        let ticket = license_seats::TicketId::from_bytes([9; 16]);
        let request = crate::store::PoolRequest {
            pool,
            terms: Arc::new(license_seats::PoolTerms::with_capacity(3)),
            license_left: None,
            command: acquire_command(3, Some(ticket)),
        };
        let store: &dyn ServerStore = &second;
        store.apply(&tenant, request, None).await.unwrap()
    };
    assert!(matches!(waiting.outcome.reply, Ok(SeatReply::Queued(_))));
    add_lease_time(&first, 1).await;
    let (tenant, pool) = pool();
    for store in [&first, &second] {
        store.check().await.unwrap();
    }
    // A tick serves the queue after the hold.
    let owner = if first.keeper.is_owner() {
        &first
    } else {
        &second
    };
    let due = {
        use crate::store::SeatStore;
        owner.due_pools(&tenant).await.unwrap()
    };
    assert_eq!(due, [pool]);
    let granted = grant(&take(&second, 3).await);
    let raised = u64::try_from(crate::clock::ServerClock::wall(&*clock).timestamp_micros());
    assert!(granted.is_new && granted.lease.seq.0 >= raised.unwrap());
    // The lease of the backup was extended, so it is not late yet.
    let (tenant, pool) = (TenantId::site(), PoolId::parse("pool").unwrap());
    let view = crate::store::SeatStore::pool(&second, &tenant, &pool).await;
    assert_eq!(view.unwrap().unwrap().usage.held, 2);
    first.close().await.unwrap();
    second.close().await.unwrap();
}

#[tokio::test]
async fn a_lease_clock_behind_that_of_a_node_is_a_restore() {
    let Some(database) = TestDatabase::create() else {
        return;
    };
    let store = open_manual(&database, &manual_clock()).await;
    add_lease_time(&store, 50_000).await;
    assert_eq!(denied(&store, 1).await, "");
    add_lease_time(&store, -1).await;
    // The command that finds the restore is answered too.
    assert_eq!(denied(&store, 2).await, "ON_HOLD");
    assert_eq!(denied(&store, 1).await, "");
    assert_eq!(restores(&store).await, 1);
    // The background task of the node finds it too, and does not repeat the restore.
    store.check().await.unwrap();
    assert_eq!(restores(&store).await, 1);
}
