//! Pools that two nodes use, and batches that fail.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use license_core::session::SessionId;
use license_seats::{PoolTerms, Release, SeatCommand, SeatReply, TicketId};
use license_test_services::TestDatabase;
use tokio::sync::mpsc;

use super::{add_lease_time, open};
use crate::domain::{PageRequest, PoolId, TenantId};
use crate::store::conformance::{self, acquire, acquire_command, grant, instance, secret, session};
use crate::store::postgres::PostgresStore;
use crate::store::{PoolReply, PoolRequest, SeatStore, ServerStore, ServerStoreError};

fn key() -> (TenantId, PoolId) {
    (TenantId::site(), PoolId::parse("pool").unwrap())
}

/// Acquires a seat of a pool with 1000 seats.
async fn take(store: &PostgresStore, number: u32) -> PoolReply {
    let (tenant, pool) = key();
    acquire(store, &tenant, &pool, 1000, number).await
}

async fn try_apply(
    store: &PostgresStore,
    seats: u32,
    command: SeatCommand,
) -> Result<PoolReply, ServerStoreError> {
    let (tenant, pool) = key();
    let request = PoolRequest {
        pool,
        terms: Arc::new(PoolTerms::with_capacity(seats)),
        license_left: None,
        command,
    };
    store.apply(&tenant, request, None).await
}

/// Returns the fencing number of each open lease.
async fn leases(store: &PostgresStore) -> BTreeMap<SessionId, u64> {
    let (tenant, pool) = key();
    let (mut leases, mut page) = (BTreeMap::new(), PageRequest::new(None, Some(500)));
    loop {
        let found = store.leases(&tenant, &pool, &page).await.unwrap();
        let rows = found.items.iter();
        leases.extend(rows.map(|row| (row.lease.holder.session, row.lease.seq.0)));
        let Some(next) = found.next else {
            return leases;
        };
        page = PageRequest::new(Some(next), Some(500));
    }
}

/// Opens two nodes that know each other.
async fn two_nodes(database: &TestDatabase) -> [PostgresStore; 2] {
    let nodes = [open(database).await, open(database).await];
    nodes[0].check().await.unwrap();
    assert!(nodes[0].keeper.has_others() && nodes[1].keeper.has_others());
    nodes
}

#[tokio::test]
async fn two_nodes_answer_like_one_pool() {
    let Some(database) = TestDatabase::create() else {
        return;
    };
    let [first, second] = two_nodes(&database).await;
    let pass = async |number: u32| {
        if number.is_multiple_of(8) {
            add_lease_time(&first, 21_000).await;
        }
    };
    conformance::replay(&[&first, &second], pass).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_acquires_over_two_nodes_never_exceed_the_capacity() {
    let Some(database) = TestDatabase::create() else {
        return;
    };
    let [first, second] = two_nodes(&database).await;
    let nodes: [Arc<dyn ServerStore>; 2] = [Arc::new(first), Arc::new(second)];
    let setting = std::env::var("LICENSE_SERVER_ACQUIRES").ok();
    let acquires = setting.map_or(4_000, |text| text.parse().unwrap());
    let seats = (acquires / 100).max(1);
    let counts = conformance::concurrent_acquires(&nodes, 2 * seats, seats, acquires, |_| {});
    let counts = counts.await;
    println!("{counts:?} of {acquires} acquires, {seats} seats");
    assert_eq!(counts.granted + counts.denied, acquires);
    assert!(counts.denied > 0, "the pool was never full");
}

#[tokio::test]
async fn a_node_follows_the_log_of_the_other_and_reads_the_rows_without_it() {
    let Some(database) = TestDatabase::create() else {
        return;
    };
    let [first, second] = two_nodes(&database).await;
    for (number, node) in [(1, &first), (2, &second), (3, &first)] {
        assert_eq!(
            grant(&take(node, number).await).lease.seq.0,
            u64::from(number)
        );
    }
    // A node that follows the log does not read the rows, so it does not notice a damaged one.
    let damage = "UPDATE leases SET body = 'x' || body WHERE seq = 1";
    database.superuser_sql(damage);
    assert_eq!(grant(&take(&second, 4).await).lease.seq.0, 4);
    // Without the log, it reads the rows.
    assert_eq!(grant(&take(&first, 5).await).lease.seq.0, 5);
    database.superuser_sql("DELETE FROM pool_changes WHERE version = 5");
    let damaged = try_apply(&second, 1000, acquire_command(6, None)).await;
    assert!(damaged.is_err(), "{damaged:?}");
    database.superuser_sql("UPDATE leases SET body = substr(body, 2) WHERE seq = 1");
    assert_eq!(grant(&take(&second, 6).await).lease.seq.0, 6);
    assert_eq!(leases(&first).await.len(), 6);
}

#[tokio::test]
async fn a_batch_that_is_not_committed_grants_nothing() {
    let Some(database) = TestDatabase::create() else {
        return;
    };
    let store = open(&database).await;
    database.sql(
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
         'BEGIN RAISE EXCEPTION ''no commit''; END';
         CREATE CONSTRAINT TRIGGER no_commit AFTER INSERT ON leases DEFERRABLE INITIALLY DEFERRED
         FOR EACH ROW EXECUTE FUNCTION fail();",
    );
    let refused = try_apply(&store, 10, acquire_command(1, None)).await;
    assert!(
        matches!(refused, Err(ServerStoreError::NotCommitted(_))),
        "{refused:?}"
    );
    database.sql("DROP TRIGGER no_commit ON leases");
    assert_eq!(grant(&take(&store, 2).await).lease.seq.0, 1);
    assert_eq!(leases(&store).await.len(), 1);
}

#[tokio::test]
async fn a_command_that_fails_does_not_affect_the_others_of_its_batch() {
    let Some(database) = TestDatabase::create() else {
        return;
    };
    let store = open(&database).await;
    take(&store, 0).await;
    let (tenant, pool) = key();
    // PostgreSQL refuses this text in the audit trail.
    let mut refused = conformance::audit("seat.test");
    refused.subject = "a\0b".to_owned();
    let apply = async |number: u32| {
        let request = PoolRequest {
            pool: pool.clone(),
            terms: Arc::new(PoolTerms::with_capacity(1000)),
            license_left: None,
            command: acquire_command(number, None),
        };
        let audit = (number == 2).then(|| refused.clone());
        store.apply(&tenant, request, audit).await.is_ok()
    };
    // While the row of the pool is locked, the commands wait for one batch.
    let lock = store.database.begin(&tenant).await.unwrap();
    lock.query("SELECT 1 FROM pools FOR UPDATE", &[])
        .await
        .unwrap();
    let release = async {
        tokio::task::yield_now().await;
        lock.rollback().await;
    };
    let (first, second, third, fourth, ()) =
        tokio::join!(apply(1), apply(2), apply(3), apply(4), release);
    assert_eq!([first, second, third, fourth], [true, false, true, true]);
    assert_eq!(leases(&store).await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_killed_lose_no_acknowledged_grant() {
    let Some(database) = TestDatabase::create() else {
        return;
    };
    let nodes = two_nodes(&database).await.map(Arc::new);
    let mut running = tokio::task::JoinSet::new();
    for task in 0..8_u32 {
        let node = Arc::clone(&nodes[usize::from(task % 2 == 0)]);
        running.spawn(async move {
            let mut granted = Vec::new();
            for number in 0..60 {
                let number = task * 60 + number;
                let reply = try_apply(&node, 1000, acquire_command(number, None)).await;
                if let Ok(reply) = reply {
                    granted.push((session(number), grant(&reply).lease.seq.0));
                }
            }
            granted
        });
    }
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()";
    for _ in 0..10 {
        database.superuser_sql(kill);
        tokio::task::yield_now().await;
    }
    let granted: Vec<_> = running.join_all().await.into_iter().flatten().collect();
    assert!(!granted.is_empty());
    let rows = leases(&nodes[0]).await;
    for (session, seq) in granted {
        assert_eq!(rows.get(&session), Some(&seq));
    }
    // The pools in memory equal their rows.
    let (tenant, pool) = key();
    for node in &nodes {
        let view = node.pool(&tenant, &pool).await.unwrap().unwrap();
        assert_eq!(usize::try_from(view.usage.held).unwrap(), rows.len());
    }
}

#[tokio::test]
async fn an_offer_wakes_the_callers_of_the_other_node() {
    let Some(database) = TestDatabase::create() else {
        return;
    };
    let [first, second] = two_nodes(&database).await;
    let listeners = "SELECT count(*) FROM pg_stat_activity
                     WHERE datname = current_database() AND query LIKE 'LISTEN%' AND state = 'idle'";
    while database.superuser_sql(listeners).trim() != "2" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (sender, mut woken) = mpsc::unbounded_channel();
    second.on_ticket_change(Arc::new(move |ticket| sender.send(ticket).unwrap()));
    let held = grant(
        &try_apply(&first, 1, acquire_command(1, None))
            .await
            .unwrap(),
    );
    let ticket = TicketId::from_bytes([5; 16]);
    let waiting = try_apply(&first, 1, acquire_command(2, Some(ticket))).await;
    let waiting = waiting.unwrap().outcome.reply;
    assert!(matches!(waiting, Ok(SeatReply::Queued(_))), "{waiting:?}");
    let release = SeatCommand::Release(Release {
        session: session(1),
        instance: instance(1),
        seq: held.lease.seq,
        secret: secret(),
    });
    try_apply(&first, 1, release).await.unwrap();
    // The answer to LISTEN can arrive late. It wakes all callers.
    let mut received = woken.recv().await;
    while received == Some(None) {
        received = woken.recv().await;
    }
    assert_eq!(received, Some(Some(ticket)));
}

#[tokio::test]
async fn the_database_refuses_what_the_state_machine_would_not_do() {
    let Some(database) = TestDatabase::create() else {
        return;
    };
    let store = open(&database).await;
    take(&store, 1).await;
    take(&store, 2).await;
    let (tenant, _) = key();
    for (statement, expected) in [
        ("UPDATE pools SET held = ceiling + 1", "23514"),
        (
            "INSERT INTO leases SELECT tenant, pool, session, 7, until_lease, body FROM leases",
            "23505",
        ),
        (
            "INSERT INTO leases SELECT tenant, pool, session || 'x', seq, until_lease, body FROM leases",
            "23505",
        ),
    ] {
        let db = store.database.begin(&tenant).await.unwrap();
        let refused = db.execute(statement, &[]).await.unwrap_err();
        let ServerStoreError::Postgres(error) = &refused else {
            panic!("{statement}: {refused:?}");
        };
        assert_eq!(error.code.as_deref(), Some(expected), "{statement}");
    }
    assert_eq!(leases(&store).await.values().sum::<u64>(), 3);
}
