//! A server that is killed forgets no grant that it acknowledged over HTTP.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use license_tests::server::Server;

use super::histories::live::Live;
use super::site::{SeatRequest, Site, number};

/// The number of concurrent clients.
const CLIENTS: u32 = 8;

/// The number of seats that a client keeps. It releases its oldest seat for another one, because a
/// server with many seats takes long to start.
const KEPT: usize = 100;

/// The acknowledged grants.
#[derive(Default)]
struct Acknowledged {
    /// The sessions that hold a seat, by fencing number.
    open: BTreeMap<u64, u32>,
    /// The number of grants, including those that were released.
    grants: usize,
}

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
    let acknowledged = Mutex::new(Acknowledged::default());
    let repeated = AtomicU32::new(0);
    let count = || acknowledged.lock().unwrap().grants;
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                // A request without a response is repeated. It never costs a second seat.
                let send = |request: SeatRequest<'_>| loop {
                    if let Some(response) = live.try_send(|server| request.try_send(server)) {
                        return response;
                    }
                };
                let mut kept = VecDeque::new();
                while !is_done.load(Ordering::SeqCst) {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    let granted = send(site.session(number).acquire_request(false));
                    match granted.status {
                        200 => repeated.fetch_add(1, Ordering::SeqCst),
                        201 => 0,
                        _ => panic!("{granted:?}"),
                    };
                    let seq = granted.json()["seq"].as_u64().unwrap();
                    {
                        let mut acknowledged = acknowledged.lock().unwrap();
                        let former = acknowledged.open.insert(seq, number);
                        assert_eq!(former, None, "{seq} was granted twice");
                        acknowledged.grants += 1;
                    }
                    kept.push_back((seq, number));
                    if kept.len() > KEPT {
                        let (seq, number) = kept.pop_front().unwrap();
                        let released = send(site.session(number).release_request(&seq.into()));
                        released.expect(200);
                        acknowledged.lock().unwrap().open.remove(&seq);
                    }
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
                let newest = acknowledged.open.iter().rev().take(60);
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
    let Acknowledged { open, grants } = acknowledged.into_inner().unwrap();
    let last = open.keys().next_back().copied();
    assert_eq!(
        last,
        u64::try_from(grants).ok(),
        "the fencing numbers have gaps"
    );
    let open = open.into_iter();
    let open: BTreeMap<u64, String> = open
        .map(|(seq, number)| (seq, site.session(number).id()))
        .collect();
    let found = live.with(|server| leases(server, &authorization));
    assert_eq!(found, open);
    let sessions: BTreeSet<&String> = found.values().collect();
    assert_eq!(sessions.len(), found.len(), "a session has two seats");
    let headers = [("authorization", authorization.as_str())];
    let audit = live.with(|server| server.send("GET", "/api/v1/audit/verification", &headers, ""));
    assert_eq!(audit.expect(200)["is_intact"], true);
    let repeated = repeated.into_inner();
    println!(
        "{kills} kills, {grants} acknowledged grants, {repeated} of them after a lost response"
    );
}
