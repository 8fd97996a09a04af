//! A server that is killed between the ledger and the database.

use std::thread;
use std::time::Duration;

use license_tests::server::{Response, Server};
use serde_json::Value;

use super::{ISSUE, VendorSite, order, validate};

/// The number of times that the server is killed.
const KILLS: u32 = 6;

fn issue(server: &Server, authorization: &str, key: &str) -> Response {
    let headers = [("authorization", authorization), ("idempotency-key", key)];
    server.send("POST", ISSUE, &headers, &order(key).to_string())
}

#[test]
fn a_repetition_gets_the_license_of_the_first_request_even_after_a_kill() {
    let site = VendorSite::new();
    let server = site.start();
    let authorization = server.administrator().authorization;
    let first = issue(&server, &authorization, "first").expect(200);
    assert_eq!(issue(&server, &authorization, "first").expect(200), first);
    server.kill();
    // The response was lost: the server was killed after the ledger, and before the database.
    let database = rusqlite::Connection::open(site.scratch.file("data/server.db")).unwrap();
    let forget =
        "DELETE FROM idempotent_requests; DELETE FROM licenses; DELETE FROM ledger_positions";
    database.execute_batch(forget).unwrap();
    drop(database);
    let server = site.start();
    let again = issue(&server, &authorization, "first").expect(200);
    assert_eq!(
        (&again["id"], &again["repeated"]),
        (&first["id"], &true.into()),
        "{again}"
    );
    assert_eq!(again["file"], first["file"]);
    assert_eq!(validate(&server, &first["key"]).expect(200)["valid"], true);
    assert_eq!(site.count(), 1);
    site.verify_ledger();
}

#[test]
fn nothing_is_lost_and_nothing_is_issued_twice_when_the_server_is_killed() {
    let site = VendorSite::new();
    let mut server = site.start();
    let authorization = server.administrator().authorization;
    for round in 0..KILLS {
        let keys: Vec<String> = (0..4)
            .map(|number| format!("order-{round}-{number}"))
            .collect();
        let url = server.url().to_owned();
        thread::scope(|scope| {
            for key in &keys {
                let (url, authorization) = (&url, &authorization);
                scope.spawn(move || send(url, authorization, key));
            }
            thread::sleep(Duration::from_millis(u64::from(round) * 15));
            server.signal("KILL");
        });
        server.kill();
        server = site.start();
        let licenses: Vec<Value> = keys
            .iter()
            .map(|key| issue(&server, &authorization, key).expect(200))
            .collect();
        for license in &licenses {
            assert_eq!(
                validate(&server, &license["key"]).expect(200)["valid"],
                true
            );
        }
    }
    assert_eq!(site.count(), usize::try_from(KILLS).unwrap() * 4);
    site.verify_ledger();
    let headers = [("authorization", authorization.as_str())];
    let verified = server.send("GET", "/api/v1/audit/verification", &headers, "");
    assert_eq!(verified.expect(200)["is_intact"], true);
}

/// Sends an order to a server that may be killed meanwhile.
fn send(url: &str, authorization: &str, key: &str) {
    let request = ureq::post(format!("{url}{ISSUE}"))
        .header("authorization", authorization)
        .header("idempotency-key", key)
        .header("content-type", "application/json");
    // The connection ends with the server.
    let _ = request.send(order(key).to_string());
}
