//! Several nodes of one server: never more seats than the license has, no acknowledged grant is
//! lost, and a retry on another node costs no second seat, whatever fails.
#![cfg(unix)]

mod clients;
mod cluster;
mod faults;
mod journal;
mod link;

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Instant;

use serde_json::json;

use super::site::{Session, number};
use clients::Clients;
use cluster::{CAPACITY, Cluster};
use faults::{FAULTS, let_work};

/// The number of concurrent clients. Some of them find no seat.
const CLIENTS: u64 = 6;

#[test]
fn clients_of_several_nodes_keep_their_seats_whatever_fails() {
    // The full run has all faults, and several rounds with Redis and without.
    let rounds = number("LICENSE_TESTS_SERVER_NODES", 0);
    let is_short = rounds == 0;
    for round in 0..rounds.max(1) {
        run(round, is_short);
    }
}

/// Lets clients work while one fault after the other happens.
fn run(round: u64, is_short: bool) {
    let has_redis = round.is_multiple_of(2);
    let Some(mut cluster) = Cluster::start(2, has_redis) else {
        return;
    };
    let clients = Clients::new(cluster.urls(), cluster.license.clone(), CAPACITY);
    thread::scope(|scope| {
        let clients = &clients;
        let running: Vec<_> = (0..CLIENTS)
            .map(|client| scope.spawn(move || clients.run(round * CLIENTS + client)))
            .collect();
        // Also ends the clients if a fault panics.
        let _stop = StopOnDrop(clients);
        let_work(clients);
        for fault in FAULTS {
            if is_short && !fault.is_short || fault.is_of_redis && !has_redis {
                continue;
            }
            let start = Instant::now();
            println!("{}", fault.name);
            if fault.is_of_redis {
                cluster.wait_for_redis();
            }
            (fault.happen)(&mut cluster, clients);
            let_work(clients);
            clients.journal.check();
            let is_dead = running.iter().any(|client| client.is_finished());
            assert!(!is_dead, "a client has panicked: {}", fault.name);
            println!("  {} ms in all", start.elapsed().as_millis());
        }
    });
    clients.journal.check();
    let repeated = clients.repeated.load(Ordering::SeqCst);
    println!(
        "{} grants, {repeated} repeated on another node",
        clients.journal.len()
    );
    for (reason, count) in clients.failed.lock().unwrap().iter() {
        println!("  {count} requests without an answer: {reason}");
    }
    let headers = [("authorization", cluster.administrator.as_str())];
    for node in &cluster.nodes {
        let audit =
            node.with(|server| server.send("GET", "/api/v1/audit/verification", &headers, ""));
        assert_eq!(audit.expect(200)["is_intact"], true);
    }
    let twice = "SELECT count(*) - count(DISTINCT (tenant, pool, session)) FROM leases";
    assert_eq!(cluster.database.superuser_sql(twice), "0");
}

/// Stops the clients when it is dropped.
struct StopOnDrop<'c>(&'c Clients);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

#[test]
fn a_retry_on_another_node_gets_the_same_seat() {
    let Some(cluster) = Cluster::start(2, true) else {
        return;
    };
    let [one, two] = cluster.nodes.as_slice() else {
        panic!("two nodes");
    };
    for number in 1..=20 {
        let session = Session::new(&cluster.license, number);
        let acquire = |node: &cluster::Node| node.with(|server| session.acquire(server, false));
        // Both requests are on their way at the same time.
        let [first, second] = thread::scope(|scope| {
            let requests = [one, two].map(|node| scope.spawn(move || acquire(node)));
            requests.map(|request| request.join().unwrap())
        });
        let mut statuses = [first.status, second.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 201], "{first:?} {second:?}");
        let seq = &first.json()["seq"];
        assert_eq!(*seq, second.json()["seq"]);
        let renewed = two.with(|server| session.heartbeat(server, seq));
        assert_eq!(renewed.expect(200)["seq"], *seq);
        let released = one.with(|server| session.release(server, seq));
        assert_eq!(released.expect(200), json!({"freed": true}));
        // The response was lost, and the client asks the other node.
        let released = two.with(|server| session.release(server, seq));
        assert_eq!(released.expect(200), json!({"freed": false}));
    }
}
