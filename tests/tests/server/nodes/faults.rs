//! Faults of nodes, of the services and of the network between them.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use license_test_services::{RedisData, RedisServer};

use super::clients::Clients;
use super::cluster::Cluster;
use super::link::Link;

/// How long a fault lasts, unless it is over at once.
const SHORT: Duration = Duration::from_secs(2);

/// The number of grants after which the clients are at work again.
const GRANTS: usize = 4;

/// A fault of the nodes, the services or the network.
pub(super) struct Fault {
    pub(super) name: &'static str,
    pub(super) happen: fn(&mut Cluster, &Clients),
    /// Whether the fault also happens in the short form of the test.
    pub(super) is_short: bool,
    /// Whether renewals must be in Redis before.
    pub(super) is_of_redis: bool,
}

/// The faults, in the order in which they happen.
pub(super) const FAULTS: [Fault; 14] = [
    short("a node is killed and started", kill_node),
    long("a node is stopped and started", stop_node),
    short(
        "nodes are paused, one of which advances the lease clock",
        pause_nodes,
    ),
    long("clients lose a node", cut_clients),
    short("a node loses PostgreSQL", cut_postgres),
    short(
        "packets between a node and PostgreSQL are dropped",
        stall_postgres,
    ),
    short("PostgreSQL is killed and restarted", kill_postgres),
    of_redis(short(
        "nodes are replaced one after the other",
        replace_nodes,
    )),
    of_redis(short("Redis is flushed", flush_redis)),
    of_redis(short("Redis fails over to an old replica", fail_over)),
    of_redis(long("Redis restarts without its data", restart_redis)),
    of_redis(long("a node loses Redis", cut_redis)),
    of_redis(long(
        "packets between a node and Redis are dropped",
        stall_redis,
    )),
    short("an old dump of the database is restored", restore),
];

const fn long(name: &'static str, happen: fn(&mut Cluster, &Clients)) -> Fault {
    Fault {
        name,
        happen,
        is_short: false,
        is_of_redis: false,
    }
}

const fn short(name: &'static str, happen: fn(&mut Cluster, &Clients)) -> Fault {
    Fault {
        is_short: true,
        ..long(name, happen)
    }
}

const fn of_redis(fault: Fault) -> Fault {
    Fault {
        is_of_redis: true,
        ..fault
    }
}

/// Prints how long it takes until these nodes serve again.
fn measure(cluster: &Cluster, of: &str, nodes: &[usize]) {
    let elapsed = cluster.wait_for_service(nodes);
    println!("  {of}: service after {} ms", elapsed.as_millis());
}

/// Lets the clients work for a while, and checks that they get seats.
#[track_caller]
pub(super) fn let_work(clients: &Clients) {
    let before = clients.journal.len();
    let start = Instant::now();
    while clients.journal.len() < before + GRANTS {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "no client gets a seat"
        );
        thread::sleep(Duration::from_millis(10));
    }
}

fn kill_node(cluster: &mut Cluster, clients: &Clients) {
    cluster.nodes[0].kill();
    measure(cluster, "the other node", &[1]);
    let_work(clients);
    cluster.nodes[0].start();
    measure(cluster, "the started node", &[0]);
}

fn stop_node(cluster: &mut Cluster, _: &Clients) {
    cluster.nodes[1].stop();
    measure(cluster, "the other node", &[0]);
    cluster.nodes[1].start();
    measure(cluster, "the started node", &[1]);
}

/// Each node in turn, because one of them advances the lease clock.
fn pause_nodes(cluster: &mut Cluster, clients: &Clients) {
    for [paused, other] in [[0, 1], [1, 0]] {
        cluster.nodes[paused].with(|server| server.signal("STOP"));
        measure(cluster, "the other node", &[other]);
        // Another node advances the clock after three seconds.
        thread::sleep(2 * SHORT);
        let_work(clients);
        cluster.nodes[paused].with(|server| server.signal("CONT"));
        measure(cluster, "the resumed node", &[paused]);
    }
}

fn cut_clients(cluster: &mut Cluster, clients: &Clients) {
    interrupt(cluster, clients, 0, Link::cut, |cluster| {
        &cluster.nodes[0].from_clients
    });
    interrupt(cluster, clients, 0, Link::stall, |cluster| {
        &cluster.nodes[0].from_clients
    });
}

fn cut_postgres(cluster: &mut Cluster, clients: &Clients) {
    interrupt(cluster, clients, 0, Link::cut, |cluster| {
        &cluster.nodes[0].to_postgres
    });
}

fn stall_postgres(cluster: &mut Cluster, clients: &Clients) {
    interrupt(cluster, clients, 1, Link::stall, |cluster| {
        &cluster.nodes[1].to_postgres
    });
}

fn cut_redis(cluster: &mut Cluster, clients: &Clients) {
    interrupt(cluster, clients, 0, Link::cut, |cluster| {
        redis_link(cluster, 0)
    });
}

fn stall_redis(cluster: &mut Cluster, clients: &Clients) {
    interrupt(cluster, clients, 1, Link::stall, |cluster| {
        redis_link(cluster, 1)
    });
}

fn redis_link(cluster: &Cluster, node: usize) -> &Link {
    cluster.nodes[node].to_redis.as_ref().unwrap()
}

/// Interrupts a link of a node. The other node works meanwhile.
fn interrupt(
    cluster: &Cluster,
    clients: &Clients,
    node: usize,
    how: fn(&Link),
    link: fn(&Cluster) -> &Link,
) {
    how(link(cluster));
    measure(cluster, "the other node", &[1 - node]);
    thread::sleep(SHORT);
    let_work(clients);
    link(cluster).heal();
    measure(cluster, "both nodes", &[node, 1 - node]);
}

fn kill_postgres(cluster: &mut Cluster, _: &Clients) {
    cluster.postgres.kill();
    thread::sleep(SHORT / 2);
    cluster.postgres.restart();
    measure(cluster, "both nodes", &[0, 1]);
}

/// A rolling upgrade, as of the chart's Deployment: each new node is ready before an old one stops.
fn replace_nodes(cluster: &mut Cluster, clients: &Clients) {
    let held = [cluster.hold(), cluster.hold()];
    let before = clients.unprocessed();
    for node in 0..cluster.nodes.len() {
        let start = Instant::now();
        cluster.replace(node);
        println!("  replaced after {} ms", start.elapsed().as_millis());
        for (session, seq) in &held {
            cluster.renew(session, seq);
        }
        let_work(clients);
    }
    // A request that reaches a node is processed, also if the node is about to stop.
    assert_eq!(clients.unprocessed(), before);
}

fn flush_redis(cluster: &mut Cluster, _: &Clients) {
    redis(cluster).flush();
    measure(cluster, "both nodes", &[0, 1]);
}

fn restart_redis(cluster: &mut Cluster, clients: &Clients) {
    let server = cluster.redis.as_mut().unwrap();
    server.kill();
    measure(cluster, "both nodes without Redis", &[0, 1]);
    let_work(clients);
    cluster.redis.as_mut().unwrap().restart(RedisData::Lost);
    measure(cluster, "both nodes", &[0, 1]);
}

/// The replica received nothing for a while before the failover.
fn fail_over(cluster: &mut Cluster, clients: &Clients) {
    let Some(replica) = RedisServer::start(&[]) else {
        return;
    };
    replica.replica_of(redis(cluster));
    replica.promote();
    let_work(clients);
    cluster.redis.as_mut().unwrap().kill();
    let target = address(&replica.url());
    for node in 0..cluster.nodes.len() {
        redis_link(cluster, node).redirect(target);
    }
    cluster.redis = Some(replica);
    measure(cluster, "both nodes", &[0, 1]);
}

/// The nodes forget what happened after the dump, so they grant no new seat until the clients that
/// they may have forgotten have stopped.
fn restore(cluster: &mut Cluster, clients: &Clients) {
    let dump = cluster.scratch.file("dump.sql");
    cluster.database.dump(&dump);
    let_work(clients);
    clients.permit_forgetting();
    cluster.database.restore(&dump);
    measure(cluster, "both nodes", &[0, 1]);
}

fn redis(cluster: &Cluster) -> &RedisServer {
    cluster.redis.as_ref().unwrap()
}

fn address(url: &str) -> SocketAddr {
    let (_, address) = url.rsplit_once('@').unwrap();
    address.parse().unwrap()
}
