//! A server that is killed forgets no grant that it acknowledged over HTTP.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use license_tests::server::Server;

use super::histories::live::Live;
use super::site::{Site, number};

/// The number of concurrent clients.
const CLIENTS: u32 = 8;

/// Returns all leases of the only pool: sessions by fencing number.
fn leases(server: &Server, authorization: &str) -> BTreeMap<u64, String> {
    let get = |path: &str| {
        let headers = [("authorization", authorization)];
        server.send("GET", path, &headers, "").expect(200)
    };
    let pool = get("/api/v1/pools")["items"][0]["pool"].clone();
    let path = format!("/api/v1/pools/{}/leases?limit=500", pool.as_str().unwrap());
    let mut found = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let page = get(&format!("{path}{cursor}"));
        for lease in page["items"].as_array().unwrap() {
            let session = lease["session"].as_str().unwrap().to_owned();
            let seq = lease["seq"].as_u64().unwrap();
            let former = found.insert(seq, session);
            assert_eq!(former, None, "{seq} was granted twice");
        }
        let Some(next) = page["next"].as_str() else {
            return found;
        };
        cursor = format!("&cursor={next}");
    }
}

#[test]
fn every_acknowledged_grant_survives_kills_of_the_server() {
    // The full run has 300 kills.
    let kills = number("LICENSE_TESTS_SERVER_KILLS", 5);
    let site = Site::new("--tier team --seats 1000000 --offline --perpetual");
    let live = Live::start(&site);
    let authorization = live.with(|server| server.administrator().authorization);
    let next = AtomicU32::new(1);
    let is_done = AtomicBool::new(false);
    let acknowledged = Mutex::new(BTreeMap::new());
    let repeated = AtomicU32::new(0);
    let count = || acknowledged.lock().unwrap().len();
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while !is_done.load(Ordering::SeqCst) {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    let session = site.session(number);
                    // A request without a response is repeated. It never costs a second seat.
                    let granted = loop {
                        let request = session.acquire_request(false);
                        if let Some(granted) = live.try_send(|server| request.try_send(server)) {
                            break granted;
                        }
                    };
                    match granted.status {
                        200 => repeated.fetch_add(1, Ordering::SeqCst),
                        201 => 0,
                        _ => panic!("{granted:?}"),
                    };
                    let seq = granted.json()["seq"].as_u64().unwrap();
                    let former = acknowledged.lock().unwrap().insert(seq, number);
                    assert_eq!(former, None, "{seq} was granted twice");
                }
            });
        }
        for kill in 0..kills {
            let before = count();
            let grants = 20 + usize::try_from(kill * 7 % 40).unwrap();
            while count() < before + grants {
                thread::sleep(Duration::from_millis(1));
            }
            live.kill_and_start();
            let newest: Vec<(u64, u32)> = {
                let acknowledged = acknowledged.lock().unwrap();
                let newest = acknowledged.iter().rev().take(60);
                newest.map(|(seq, number)| (*seq, *number)).collect()
            };
            // The newest grants are there: the same seats again. The end of the test compares all.
            for (seq, number) in newest {
                let again = live.with(|server| site.session(number).acquire(server, false));
                assert_eq!(again.expect(200)["seq"], seq, "grant {seq} is lost");
            }
        }
        is_done.store(true, Ordering::SeqCst);
    });
    let acknowledged = acknowledged.into_inner().unwrap().into_iter();
    let acknowledged: BTreeMap<u64, String> = acknowledged
        .map(|(seq, number)| (seq, site.session(number).id()))
        .collect();
    let found = live.with(|server| leases(server, &authorization));
    assert_eq!(found, acknowledged);
    let sessions: std::collections::BTreeSet<&String> = found.values().collect();
    assert_eq!(sessions.len(), found.len(), "a session has two seats");
    let last = found.keys().next_back().copied();
    assert_eq!(
        last,
        u64::try_from(found.len()).ok(),
        "the fencing numbers have gaps"
    );
    let headers = [("authorization", authorization.as_str())];
    let audit = live.with(|server| server.send("GET", "/api/v1/audit/verification", &headers, ""));
    assert_eq!(audit.expect(200)["is_intact"], true);
    let repeated = repeated.into_inner();
    println!(
        "{kills} kills, {} acknowledged grants, {repeated} of them after a lost response",
        found.len()
    );
}
