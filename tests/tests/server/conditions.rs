//! Clients under bad conditions: cut networks, pauses, forks, jumps of clocks and signals.
//!
//! The scenarios mostly wait for the end of leases, so they run side by side in one test. A panic
//! names its scenario, because the thread has this name.
#![cfg(unix)]

mod clocks;
mod forks;
pub(super) mod holder;
mod interruptions;
mod signals;

use std::thread;
use std::time::Duration;

use license_tests::server::Server;
use serde_json::{Value, json};

const SCENARIOS: [(&str, fn()); 6] = [
    (
        "a client behind a cut network stops before its seat is granted again",
        interruptions::networks,
    ),
    (
        "a paused client stops before its seat is granted again",
        interruptions::pauses,
    ),
    (
        "a pause of server and client ends no seat",
        interruptions::pauses_with_the_server,
    ),
    ("no clock ends a seat", clocks::jumps),
    ("a child process has no seat of its parent", forks::child),
    (
        "each signal releases the seat or leaves it to its lease",
        signals::all_orders,
    ),
];

#[test]
fn clients_keep_their_promises_under_bad_conditions() {
    let failed: Vec<&str> = thread::scope(|scope| {
        let start = |&(name, scenario): &(&'static str, fn())| {
            let thread = thread::Builder::new().name(name.to_owned());
            (name, thread.spawn_scoped(scope, scenario).unwrap())
        };
        let running: Vec<_> = SCENARIOS.iter().map(start).collect();
        let ended = running
            .into_iter()
            .filter_map(|(name, thread)| thread.join().is_err().then_some(name));
        ended.collect()
    });
    assert!(failed.is_empty(), "{failed:#?}");
}

/// Calls a function until it returns a value. No test asserts how long that takes.
#[track_caller]
pub(super) fn wait_for<T>(mut found: impl FnMut() -> Option<T>) -> T {
    for _ in 0..1200 {
        if let Some(found) = found() {
            return found;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("waited a minute");
}

/// Sets the shortest lifetime of leases that a server permits, 10 seconds. Returns the header
/// `Authorization` of an administrator.
pub(super) fn shorten_leases(server: &Server) -> String {
    let administrator = server.administrator();
    let policy = json!({"lifetime_seconds": 10, "renew_seconds": 2});
    let pool = pool(server, &administrator.authorization);
    let path = format!("/api/v1/pools/{}/policy", pool["pool"].as_str().unwrap());
    administrator.send("PUT", &path, &policy).expect(200);
    administrator.authorization
}

/// Returns the only pool.
fn pool(server: &Server, authorization: &str) -> Value {
    let pools = server.as_administrator(authorization).get("/api/v1/pools");
    pools.expect(200)["items"][0].clone()
}
