//! Nodes with Redis.

mod proxy;

use std::sync::Arc;
use std::time::Duration;

use license_seats::{Heartbeat, PoolTerms, SeatCommand, SeatGrant, SeatReply, Seq};
use license_test_services::{RedisData, RedisServer, TestDatabase};

use self::proxy::Proxy;
use super::{add_lease_time, config, manual_clock};
use crate::clock::{ManualClock, SystemServerClock};
use crate::domain::{PageRequest, PoolId, TenantDeletion, TenantId};
use crate::store::conformance::{self, acquire, acquire_command, grant, instance, session};
use crate::store::postgres::PostgresStore;
use crate::store::redis::RedisConfig;
use crate::store::{
    AdministrationStore, MemberStore, PoolReply, PoolRequest, SeatStore, ServerStore,
};

fn pool() -> PoolId {
    PoolId::parse("pool").unwrap()
}

/// Nodes of one database, whose clock the test sets.
struct Nodes {
    database: TestDatabase,
    clock: Arc<ManualClock>,
    stores: Vec<PostgresStore>,
}

impl Nodes {
    /// Opens a node for each URL of Redis, and waits until Redis is on.
    async fn open(database: TestDatabase, urls: &[String]) -> Self {
        let mut nodes = Self {
            database,
            clock: manual_clock(),
            stores: Vec::new(),
        };
        for url in urls {
            let clock: Arc<ManualClock> = Arc::clone(&nodes.clock);
            let redis = RedisConfig::parse(url, None).unwrap().patient();
            let config = config(&nodes.database);
            let opened = PostgresStore::open(&config, Some(&redis), clock, Arc::new(()));
            nodes.stores.push(opened.await.unwrap());
        }
        nodes.turned_on().await;
        nodes
    }

    /// Lets time pass on the lease clock.
    async fn pass(&self, millis: i64) {
        add_lease_time(&self.stores[0], millis).await;
        self.step().await;
    }

    /// Lets each node read the lease clock, and report.
    async fn step(&self) {
        for store in &self.stores {
            store.keeper.step(true).await.unwrap();
        }
    }

    /// Lets time pass at all nodes.
    async fn wait(&self, seconds: u32) {
        for _ in 0..seconds {
            self.clock.advance_ms(1_000);
            self.step().await;
        }
    }

    fn is_on(&self) -> bool {
        let mut states = self.stores.iter().map(PostgresStore::redis_is_on);
        states.all(|is_on| is_on == Some(true))
    }

    /// Waits until all nodes are connected, and Redis is turned on.
    async fn turned_on(&self) {
        for _ in 0..60 {
            self.wait(1).await;
            if self.is_on() {
                return;
            }
            // The connection is established again in real time.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("expected that Redis is turned on");
    }

    async fn acquire(&self, node: usize, number: u32) -> PoolReply {
        let site = TenantId::site();
        acquire(&self.stores[node], &site, &pool(), 2, number).await
    }

    async fn heartbeat(&self, node: usize, number: u32, seq: u64) -> SeatGrant {
        let heartbeat = heartbeat(number, seq);
        let site = TenantId::site();
        let applied = self.stores[node].apply(&site, heartbeat, None);
        grant(&applied.await.unwrap())
    }

    /// Runs the ticks that are due. Returns the kinds of all events of seats.
    async fn events(&self) -> Vec<String> {
        let site = TenantId::site();
        for store in &self.stores {
            for pool in store.due_pools(&site).await.unwrap() {
                let mut tick = heartbeat(0, 0);
                tick.pool = pool;
                tick.command = SeatCommand::Tick;
                store.apply(&site, tick, None).await.unwrap();
            }
        }
        let page = PageRequest::new(None, Some(PageRequest::MAX_LIMIT));
        let events = self.stores[0].events(&site, &page).await.unwrap();
        events.items.into_iter().map(|event| event.kind).collect()
    }

    /// Returns the version of the pool in the database.
    fn version(&self) -> String {
        self.database.superuser_sql("SELECT version FROM pools")
    }

    async fn close(self) {
        for store in self.stores {
            store.close().await.unwrap();
        }
    }
}

fn heartbeat(number: u32, seq: u64) -> PoolRequest {
    PoolRequest {
        pool: pool(),
        terms: Arc::new(PoolTerms::with_capacity(2)),
        license_left: None,
        command: SeatCommand::Heartbeat(Heartbeat {
            session: session(number),
            instance: instance(number),
            seq: Seq(seq),
        }),
    }
}

/// Starts PostgreSQL, Redis and two nodes.
async fn two_nodes(redis: &RedisServer) -> Option<Nodes> {
    let database = TestDatabase::create()?;
    Some(Nodes::open(database, &[redis.url(), redis.url()]).await)
}

#[tokio::test]
async fn the_store_conforms_with_redis() {
    let (Some(redis), Some(database)) = (RedisServer::start(&[]), TestDatabase::create()) else {
        return;
    };
    let nodes = Nodes::open(database, &[redis.url()]).await;
    conformance::check(&nodes.stores[0]).await;
    assert!(nodes.is_on());
    assert_ne!(redis.command(&["DBSIZE"]), "0");
    nodes.close().await;
}

#[tokio::test]
async fn heartbeats_at_any_node_keep_a_seat_without_a_change_of_the_database() {
    let Some(redis) = RedisServer::start(&[]) else {
        return;
    };
    let Some(nodes) = two_nodes(&redis).await else {
        return;
    };
    let granted = grant(&nodes.acquire(0, 1).await).lease.until;
    nodes.acquire(0, 2).await;
    let version = nodes.version();
    let mut until = granted;
    for node in [1, 0, 1, 0] {
        nodes.pass(40_000).await;
        let renewed = nodes.heartbeat(node, 1, 1).await.lease.until;
        assert!(renewed > until);
        until = renewed;
        if node == 0 {
            // The other seat would be late otherwise, and its heartbeats would be commands.
            nodes.heartbeat(node, 2, 2).await;
        }
    }
    assert_eq!(nodes.version(), version);
    // Lists and counts have the renewals, at each node.
    for store in &nodes.stores {
        let site = TenantId::site();
        let page = store.leases(&site, &pool(), &PageRequest::first()).await;
        let page = page.unwrap().items;
        assert!(page.iter().all(|row| row.lease.until >= until));
        let view = store.pool(&site, &pool()).await.unwrap().unwrap();
        assert_eq!((view.usage.held, view.usage.late), (2, 0));
    }
    // The ticks that are due by the times in the database do nothing.
    assert!(!nodes.events().await.contains(&"seat.late".to_owned()));
    assert_eq!(nodes.version(), version);
    // No other session gets a seat, until a holder has stopped.
    assert!(nodes.acquire(1, 3).await.outcome.reply.is_err());
    nodes.pass(60_000).await;
    nodes.heartbeat(1, 1, 1).await;
    nodes.pass(65_000).await;
    assert!(nodes.events().await.contains(&"seat.late".to_owned()));
    assert!(nodes.acquire(1, 3).await.outcome.reply.is_ok());
    nodes.close().await;
}

/// Renews a seat in Redis, loses the renewal, and expects that the seat is not granted again before
/// its holder has stopped.
async fn keeps_its_seat_after(redis: &mut RedisServer, lose: impl FnOnce(&mut RedisServer)) {
    let Some(nodes) = two_nodes(redis).await else {
        return;
    };
    nodes.acquire(0, 1).await;
    nodes.acquire(0, 2).await;
    nodes.pass(100_000).await;
    let version = nodes.version();
    nodes.heartbeat(1, 1, 1).await;
    assert_eq!(nodes.version(), version);
    lose(redis);
    // The holder uses its seat for 120 s. The database knows only 20 s.
    for _ in 0..5 {
        nodes.pass(23_000).await;
        assert!(nodes.acquire(0, 3).await.outcome.reply.is_err());
    }
    // The loss was found 23 s later, and 124 s after that, all holders have certainly stopped.
    nodes.pass(40_000).await;
    assert!(nodes.acquire(1, 3).await.outcome.reply.is_ok());
    nodes.turned_on().await;
    // The first command of an epoch gives Redis the pool.
    nodes.heartbeat(0, 3, 3).await;
    let version = nodes.version();
    nodes.heartbeat(1, 3, 3).await;
    assert_eq!(nodes.version(), version);
    nodes.close().await;
}

#[tokio::test]
async fn a_seat_is_not_granted_again_after_redis_has_lost_everything() {
    if let Some(mut redis) = RedisServer::start(&[]) {
        keeps_its_seat_after(&mut redis, |redis| redis.flush()).await;
    }
}

#[tokio::test]
async fn a_seat_is_not_granted_again_after_redis_was_killed() {
    if let Some(mut redis) = RedisServer::start(&[]) {
        let lose = |redis: &mut RedisServer| {
            redis.kill();
            redis.restart(RedisData::Lost);
        };
        keeps_its_seat_after(&mut redis, lose).await;
    }
}

#[tokio::test]
async fn a_seat_is_not_granted_again_after_a_failover_to_a_replica_that_lags() {
    let (Some(redis), Some(database)) = (RedisServer::start(&[]), TestDatabase::create()) else {
        return;
    };
    let mut proxy = Proxy::start(&redis.url()).await;
    let nodes = Nodes::open(database, &[proxy.url(), proxy.url()]).await;
    nodes.acquire(0, 1).await;
    nodes.acquire(0, 2).await;
    let replica = RedisServer::start(&[]).unwrap();
    replica.replica_of(&redis);
    replica.promote();
    // The replica gets no more changes.
    nodes.pass(100_000).await;
    nodes.heartbeat(1, 1, 1).await;
    proxy.switch(Some(&replica.url()));
    for _ in 0..5 {
        nodes.pass(23_000).await;
        assert!(nodes.acquire(0, 3).await.outcome.reply.is_err());
    }
    nodes.turned_on().await;
    nodes.pass(40_000).await;
    assert!(nodes.acquire(1, 3).await.outcome.reply.is_ok());
    nodes.close().await;
}

#[tokio::test]
async fn a_node_that_cannot_reach_redis_turns_it_off_for_all() {
    let (Some(redis), Some(database)) = (RedisServer::start(&[]), TestDatabase::create()) else {
        return;
    };
    let mut proxy = Proxy::start(&redis.url()).await;
    let nodes = Nodes::open(database, &[redis.url(), proxy.url()]).await;
    nodes.acquire(0, 1).await;
    proxy.switch(None);
    // The other node continues until the first command that needs a reservation.
    nodes.heartbeat(0, 1, 1).await;
    assert!(nodes.acquire(1, 2).await.outcome.reply.is_ok());
    nodes.step().await;
    assert_eq!(nodes.stores[0].redis_is_on(), Some(false));
    nodes.heartbeat(0, 1, 1).await;
    nodes.heartbeat(1, 2, 2).await;
    // Redis stays off while one node does not reach it.
    nodes.wait(12).await;
    assert_eq!(nodes.stores[0].redis_is_on(), Some(false));
    proxy.switch(Some(&redis.url()));
    nodes.turned_on().await;
    nodes.close().await;
}

#[tokio::test]
async fn a_value_that_no_node_wrote_turns_redis_off() {
    let Some(redis) = RedisServer::start(&[]) else {
        return;
    };
    let Some(nodes) = two_nodes(&redis).await else {
        return;
    };
    nodes.acquire(0, 1).await;
    let key = "ls:{site/pool}:leases";
    redis.command(&["HSET", key, &session(1).to_string(), "{}"]);
    // The client notices nothing.
    let renewed = nodes.heartbeat(0, 1, 1).await;
    assert_eq!(renewed.lease.seq, Seq(1));
    nodes.step().await;
    assert!(!nodes.is_on());
    nodes.turned_on().await;
    nodes.heartbeat(1, 1, 1).await;
    assert!(nodes.is_on());
    nodes.close().await;
}

#[tokio::test]
async fn a_deleted_organization_has_no_key_and_no_seat_at_any_node() {
    let Some(redis) = RedisServer::start(&[]) else {
        return;
    };
    let Some(nodes) = two_nodes(&redis).await else {
        return;
    };
    let tenant = conformance::tenant();
    nodes.acquire(0, 1).await;
    acquire(&nodes.stores[0], &tenant, &pool(), 2, 1).await;
    let keys = |tenant: &str| redis.command(&["KEYS", &format!("ls:{{{tenant}/*")]);
    assert!(keys(tenant.as_str()).contains(":seats") && keys("site").contains(":seats"));
    let renewed = nodes.stores[1].apply(&tenant, heartbeat(1, 1), None).await;
    grant(&renewed.unwrap());
    let audit = conformance::audit("organization.delete");
    let deleted = nodes.stores[1].delete_tenant(&tenant, None, audit);
    assert_eq!(deleted.await.unwrap(), TenantDeletion::Deleted);
    assert_eq!(keys(tenant.as_str()), "");
    assert!(keys("site").contains(":seats"), "another organization");
    // The other node had the pool in memory.
    for store in &nodes.stores {
        let late = store.apply(&tenant, heartbeat(1, 1), None).await;
        let is_renewed = late.is_ok_and(|reply| reply.outcome.reply.is_ok());
        assert!(!is_renewed);
        assert!(store.is_deleted(&tenant).await.unwrap());
    }
    nodes.heartbeat(0, 1, 1).await;
    nodes.close().await;
}

/// Heartbeats per second with and without Redis, in 100 pools and 64 tasks: `cargo test --release
/// -p license-server --lib measured_heartbeats -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures; it has no expected result"]
async fn measured_heartbeats_of_a_node() {
    const TASKS: u32 = 64;
    const EACH: u32 = 500;
    let (Some(redis), Some(database)) = (RedisServer::start(&[]), TestDatabase::create()) else {
        return;
    };
    let redis = RedisConfig::parse(&redis.url(), None).unwrap();
    let clock = Arc::new(SystemServerClock);
    let config = config(&database);
    let store = PostgresStore::open(&config, Some(&redis), clock, Arc::new(()));
    let store = Arc::new(store.await.unwrap());
    for with_redis in [false, true] {
        while store.redis_is_on() != Some(with_redis) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let mut tasks = tokio::task::JoinSet::new();
        let start = std::time::Instant::now();
        for task in 0..TASKS {
            let store = Arc::clone(&store);
            tasks.spawn(async move {
                let mut request = heartbeat(task, 1);
                request.pool = PoolId::parse(&format!("pool-{task}")).unwrap();
                let beat = request.command.clone();
                request.command = acquire_command(task, None);
                let site = TenantId::site();
                store.apply(&site, request.clone(), None).await.unwrap();
                request.command = beat;
                for _ in 0..EACH {
                    let reply = store.apply(&site, request.clone(), None).await.unwrap();
                    assert!(matches!(reply.outcome.reply, Ok(SeatReply::Seat(_))));
                }
            });
        }
        tasks.join_all().await;
        let rate = f64::from(TASKS * EACH) / start.elapsed().as_secs_f64();
        println!("{rate:.0} heartbeats per second, Redis: {with_redis}");
    }
}
