//! Measurements of seats, by hand:
//! `cargo test --release -p license-server --lib measure -- --ignored --nocapture`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use license_seats::{Heartbeat, PoolTerms, Release, SeatCommand, SeatReply, Seq};
use license_test_services::TestDatabase;

use super::open;
use crate::clock::SystemServerClock;
use crate::domain::{PoolId, TenantId};
use crate::store::conformance::{acquire_command, instance, secret, session};
use crate::store::sqlite::SqliteStore;
use crate::store::{PoolRequest, ServerStore};

/// How long each rate is measured.
const SPAN: Duration = Duration::from_secs(5);

/// The number of callers at the same time.
const CALLERS: u32 = 256;

async fn apply(store: &dyn ServerStore, pool: u32, command: SeatCommand) -> Option<SeatReply> {
    let request = PoolRequest {
        pool: PoolId::parse(&format!("pool-{pool}")).unwrap(),
        terms: Arc::new(PoolTerms::with_capacity(1_000_000)),
        license_left: None,
        command,
    };
    let reply = store.apply(&TenantId::site(), request, None).await.unwrap();
    reply.outcome.reply.ok()
}

async fn acquire(store: &dyn ServerStore, pool: u32, number: u32) -> Seq {
    match apply(store, pool, acquire_command(number, None)).await {
        Some(SeatReply::Seat(grant)) => grant.lease.seq,
        other => panic!("expected a seat, found {other:?}"),
    }
}

async fn heartbeat(store: &dyn ServerStore, pool: u32, number: u32, seq: Seq) {
    let (session, instance) = (session(number), instance(number));
    let command = SeatCommand::Heartbeat(Heartbeat {
        session,
        instance,
        seq,
    });
    apply(store, pool, command).await.unwrap();
}

/// Returns how many acquires and releases a second callers complete in a number of pools.
async fn rate(stores: &[Arc<dyn ServerStore>], pools: u32) -> u64 {
    let done = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let mut running = tokio::task::JoinSet::new();
    for (caller, store) in (0..CALLERS).zip(stores.iter().cycle()) {
        let (store, done, pool) = (Arc::clone(store), Arc::clone(&done), caller % pools);
        running.spawn(async move {
            while start.elapsed() < SPAN {
                let seq = acquire(&*store, pool, caller).await;
                let release = SeatCommand::Release(Release {
                    session: session(caller),
                    instance: instance(caller),
                    seq,
                    secret: secret(),
                });
                apply(&*store, pool, release).await.unwrap();
                done.fetch_add(2, Ordering::Relaxed);
            }
        });
    }
    running.join_all().await;
    done.load(Ordering::Relaxed) * 1000 / u64::try_from(start.elapsed().as_millis()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn rates_of_sqlite_and_postgresql() {
    let Some(database) = TestDatabase::create() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(SystemServerClock);
    let sqlite: Arc<dyn ServerStore> =
        Arc::new(SqliteStore::open(directory.path(), clock).unwrap());
    let first: Arc<dyn ServerStore> = Arc::new(open(&database).await);
    for pools in [1, 100] {
        let one = rate(&[Arc::clone(&sqlite)], pools).await;
        println!("{pools} pools, SQLite: {one} commands/s");
        let one = rate(&[Arc::clone(&first)], pools).await;
        println!("{pools} pools, PostgreSQL, one node: {one} commands/s");
    }
    let second: Arc<dyn ServerStore> = Arc::new(open(&database).await);
    first.check().await.unwrap();
    for pools in [1, 100] {
        let both = rate(&[Arc::clone(&first), Arc::clone(&second)], pools).await;
        println!("{pools} pools, PostgreSQL, two nodes: {both} commands/s");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn the_time_of_a_command_grows_with_the_number_of_leases() {
    let Some(database) = TestDatabase::create() else {
        return;
    };
    let nodes: [Arc<dyn ServerStore>; 2] = [
        Arc::new(open(&database).await),
        Arc::new(open(&database).await),
    ];
    nodes[0].check().await.unwrap();
    for (pool, leases) in [(0, 100), (1, 1_000), (2, 10_000), (3, 100_000)] {
        let mut filling = tokio::task::JoinSet::new();
        for caller in 0..CALLERS {
            let node = Arc::clone(&nodes[0]);
            filling.spawn(async move {
                let mut number = caller;
                while number < leases {
                    acquire(&*node, pool, number).await;
                    number += CALLERS;
                }
            });
        }
        filling.join_all().await;
        let own = acquire(&*nodes[0], pool, 0).await;
        let start = Instant::now();
        heartbeat(&*nodes[1], pool, 0, own).await;
        let load = start.elapsed();
        let mut spans = [Vec::new(), Vec::new()];
        for (alternates, spans) in [false, true].into_iter().zip(&mut spans) {
            for number in 0..100 {
                let node = &nodes[if alternates { number % 2 } else { 0 }];
                let start = Instant::now();
                heartbeat(&**node, pool, 0, own).await;
                spans.push(start.elapsed());
            }
            spans.sort();
        }
        let [one, two] = spans.map(|spans| spans[50]);
        println!("{leases} leases: rows read in {load:?}, one node {one:?}, alternating {two:?}");
    }
}
