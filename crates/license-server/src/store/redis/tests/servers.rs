//! Connections: settings, failures and failovers of Redis.

use std::time::Duration;

use license_test_services::RedisData;
use zeroize::Zeroizing;

use super::*;
use crate::store::SharedTokens;

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(
        DateTime::from_timestamp_millis(0).unwrap(),
    ))
}

/// Waits until a server has a connection to its Redis again.
async fn connected(node: &Node) -> Arc<str> {
    for _ in 0..200 {
        if let Ok(server) = node.renewals.server() {
            return server;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!(
        "expected a connection to Redis, found {:?}",
        node.renewals.server()
    );
}

#[tokio::test]
async fn settings_with_which_redis_could_lose_data_are_refused() {
    let Some(server) = RedisServer::start(&["--maxmemory-policy", "allkeys-lru"]) else {
        return;
    };
    let refused = |url: String, password: Option<&'static str>| async move {
        let password = password.map(|password| Zeroizing::new(password.to_owned()));
        let config = RedisConfig::parse(&url, password.as_ref()).unwrap();
        open(&config, clock()).await.err().unwrap()
    };
    let error = refused(server.url(), None).await;
    assert_eq!(
        error.to_string(),
        "expected maxmemory_policy `noeviction` of Redis, found `allkeys-lru`"
    );
    assert!(error.hint().unwrap().contains("noeviction"));
    server.config_set("maxmemory-policy", "noeviction");
    let replica = RedisServer::start(&[]).unwrap();
    replica.replica_of(&server);
    let error = refused(replica.url(), None).await;
    assert_eq!(
        error.to_string(),
        "expected role `master` of Redis, found `slave`"
    );
    let error = refused(server.url(), Some("wrong-secret")).await;
    assert!(matches!(error, RedisStoreError::Command(_)), "{error:?}");
    assert!(!format!("{error:?}").contains("secret"));
}

#[tokio::test]
async fn a_redis_that_is_restarted_is_another_one() {
    let Some(mut server) = RedisServer::start(&[]) else {
        return;
    };
    let (mut database, mut node, epoch) = one_seat(&server).await;
    let beat = heartbeat(1, 1, 1);
    server.kill();
    assert!(is_missed(&node.answer(&beat, at(20)).await));
    let batch = node.batch(
        &mut database,
        &epoch,
        SeatCommand::Tick,
        at(21),
        Fault::None,
    );
    assert!(batch.await.unwrap_err().is_disconnected());
    // Even with its data, which may lack the last writes.
    server.restart(RedisData::Kept);
    let found = connected(&node).await;
    assert_ne!(found, epoch.server);
    node.permit(&epoch, at(22));
    assert!(is_missed(&node.answer(&beat, at(22)).await));
    // The servers turn Redis off, and later on again.
    node.apply(
        &mut database,
        &RedisEpoch::default(),
        SeatCommand::Tick,
        at(23),
    )
    .await;
    let epoch = node.epoch(7);
    node.apply(&mut database, &epoch, SeatCommand::Tick, at(24))
        .await;
    node.permit(&epoch, at(25));
    assert_eq!(until(&node.renew(&beat, at(25)).await), 145);
}

#[tokio::test]
async fn a_primary_that_was_a_replica_meanwhile_is_another_one() {
    let Some(server) = RedisServer::start(&[]) else {
        return;
    };
    let (mut database, mut node, epoch) = one_seat(&server).await;
    let other = RedisServer::start(&[]).unwrap();
    server.replica_of(&other);
    server.promote();
    let batch = node.batch(
        &mut database,
        &epoch,
        SeatCommand::Tick,
        at(21),
        Fault::None,
    );
    assert!(batch.await.unwrap_err().is_disconnected());
    assert_ne!(connected(&node).await, epoch.server);
}

#[tokio::test]
async fn a_redis_that_does_not_answer_delays_a_heartbeat_only_a_little() {
    let Some(server) = RedisServer::start(&[]) else {
        return;
    };
    let (mut database, mut node, epoch) = one_seat(&server).await;
    let beat = heartbeat(1, 1, 1);
    server.pause();
    assert!(is_missed(&node.answer(&beat, at(20)).await));
    let batch = node.batch(
        &mut database,
        &epoch,
        SeatCommand::Tick,
        at(21),
        Fault::None,
    );
    assert!(batch.await.unwrap_err().is_disconnected());
    server.resume();
    // The same process with the same history.
    assert_eq!(connected(&node).await, epoch.server);
}

#[tokio::test]
async fn a_redis_that_is_missing_at_the_start_is_used_later() {
    let Some(mut server) = RedisServer::start(&[]) else {
        return;
    };
    let database = Database::new(PoolTerms::with_capacity(1));
    server.kill();
    let node = Node::open(&server, &database).await;
    assert!(node.renewals.server().unwrap_err().is_disconnected());
    server.restart(RedisData::Kept);
    connected(&node).await;
}

#[tokio::test]
async fn tokens_are_kept_for_one_to_two_generations() {
    let Some(server) = RedisServer::start(&[]) else {
        return;
    };
    let config = RedisConfig::parse(&server.url(), None).unwrap();
    let (_, tokens) = open(&config, clock()).await.unwrap();
    assert_eq!(tokens.token("name").await, None);
    tokens.put_token("name", "token").await;
    for _ in 0..2 {
        assert_eq!(tokens.token("name").await.as_deref(), Some("token"));
        tokens.rotate().await;
    }
    assert_eq!(tokens.token("name").await, None);
    tokens.rotate().await;
    assert_eq!(server.command(&["DBSIZE"]), "0");
}

/// Heartbeats per second of one server: `cargo test --release -p license-server --lib
/// measured_heartbeats -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures; it has no expected result"]
async fn measured_heartbeats_per_second() {
    let Some(server) = RedisServer::start(&[]) else {
        return;
    };
    let (_, node, _) = one_seat(&server).await;
    let node = Arc::new(node);
    let start = std::time::Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    const TASKS: u32 = 64;
    const EACH: u32 = 2_000;
    for _ in 0..TASKS {
        let node = Arc::clone(&node);
        tasks.spawn(async move {
            for _ in 0..EACH {
                node.renew(&heartbeat(1, 1, 1), at(20)).await;
            }
        });
    }
    tasks.join_all().await;
    let rate = f64::from(TASKS * EACH) / start.elapsed().as_secs_f64();
    println!("{rate:.0} heartbeats per second in Redis");
}
