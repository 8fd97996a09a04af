//! The lease clock, and the nodes that share it.

use license_test_services::TestDatabase;

use super::{manual_clock, open_manual};
use crate::clock::ManualClock;
use crate::domain::TenantId;
use crate::store::postgres::PostgresStore;
use crate::store::{SeatStore, ServerStore};

async fn lease_ms(store: &PostgresStore) -> u64 {
    let now = store.lease_clock(&TenantId::site()).await.unwrap();
    now.as_millis()
}

async fn pass(store: &PostgresStore, clock: &ManualClock, millis: u32) {
    clock.advance_ms(millis);
    store.check().await.unwrap();
}

#[tokio::test]
async fn another_node_takes_the_lease_clock_over_after_three_seconds_without_a_step() {
    let Some(database) = TestDatabase::create() else {
        return;
    };
    let clocks = [manual_clock(), manual_clock()];
    let first = open_manual(&database, &clocks[0]).await;
    let second = open_manual(&database, &clocks[1]).await;
    assert!(first.keeper.is_owner() && !second.keeper.is_owner());
    // A step is at most a second, as after a pause of the process.
    pass(&first, &clocks[0], 700).await;
    pass(&first, &clocks[0], 3_600_000).await;
    assert_eq!(lease_ms(&second).await, 1700);

    second.check().await.unwrap();
    pass(&second, &clocks[1], 2999).await;
    assert!(!second.keeper.is_owner());
    pass(&first, &clocks[0], 300).await;
    pass(&second, &clocks[1], 2999).await;
    assert!(!second.keeper.is_owner(), "the owner has made a step");
    pass(&second, &clocks[1], 2999).await;
    assert!(!second.keeper.is_owner());
    pass(&second, &clocks[1], 1).await;
    assert!(second.keeper.is_owner());
    assert_eq!(
        lease_ms(&first).await,
        2000,
        "the time without a step is lost"
    );
    pass(&second, &clocks[1], 400).await;
    assert_eq!(lease_ms(&first).await, 2400);

    // The former owner was only paused. It does not advance the clock any more.
    pass(&first, &clocks[0], 900).await;
    assert!(!first.keeper.is_owner());
    assert_eq!(lease_ms(&first).await, 2400);

    // An owner that stops hands the clock over at once.
    second.close().await.unwrap();
    first.check().await.unwrap();
    assert!(first.keeper.is_owner());
    pass(&first, &clocks[0], 100).await;
    assert_eq!(lease_ms(&first).await, 2500);
}

#[tokio::test]
async fn the_nodes_report_themselves_until_they_stop() {
    let Some(database) = TestDatabase::create() else {
        return;
    };
    let clock = manual_clock();
    let first = open_manual(&database, &clock).await;
    first.check().await.unwrap();
    assert!(!first.keeper.has_others());
    let second = open_manual(&database, &clock).await;
    first.check().await.unwrap();
    assert!(first.keeper.has_others());
    let nodes = first.nodes().await.unwrap();
    let mut found: Vec<_> = nodes
        .iter()
        .map(|node| (node.node.clone(), node.is_owner, node.version.as_str()))
        .collect();
    found.sort();
    let version = env!("CARGO_PKG_VERSION");
    let mut expected = vec![
        (first.node().clone(), true, version),
        (second.node().clone(), false, version),
    ];
    expected.sort();
    assert_eq!(found, expected);
    // A node that was killed is forgotten after a minute.
    second.close().await.unwrap();
    assert_eq!(first.nodes().await.unwrap().len(), 1);
    drop(open_manual(&database, &clock).await);
    super::add_lease_time(&first, 60_000).await;
    first.check().await.unwrap();
    assert_eq!(first.nodes().await.unwrap().len(), 2);
    super::add_lease_time(&first, 1).await;
    first.check().await.unwrap();
    assert_eq!(first.nodes().await.unwrap().len(), 1);
    assert!(!first.keeper.has_others());
}
