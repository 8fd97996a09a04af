//! Floating seats over HTTP.

use std::thread;
use std::time::Duration;

use license_core::{TrustSet, Unverified};
use license_tests::server::{Administrator, Server, license_server};
use license_tests::{Vendor, keygen, words};
use serde_json::{Value, json};

use super::site::{Site, TERMS, issue};

/// Returns the only pool.
fn pool(administrator: &Administrator<'_>) -> Value {
    administrator.get("/api/v1/pools").expect(200)["items"][0].clone()
}

#[test]
fn a_seat_is_granted_held_renewed_denied_and_released() {
    let site = Site::new(TERMS);
    let server = site.start(&[]);
    assert_eq!(server.get("/readyz").expect(200)["status"], "ready");
    let [first, second, third] = [1, 2, 3].map(|number| site.session(number));
    let granted = first.acquire(&server, false).expect(201);
    let seq = &granted["seq"];
    let held = first.acquire(&server, false).expect(200);
    assert_eq!(&held["seq"], seq, "the same session has the same lease");
    second.acquire(&server, false).expect(201);
    let denied = third.acquire(&server, false);
    let problem = denied.expect_problem(409, "NO_SEAT");
    assert_eq!(problem["usage"]["held"], 2, "{problem}");
    assert_eq!(problem["holders"].as_array().unwrap().len(), 2, "{problem}");
    assert!(denied.header("retry-after").parse::<u32>().unwrap() > 0);
    let renewed = first.heartbeat(&server, seq).expect(200);
    assert_eq!(
        (&renewed["seq"], &renewed["session"]),
        (seq, &json!(first.id()))
    );
    let wrong = first.release_with(&server, seq, &"0".repeat(64));
    wrong.expect_problem(403, "SECRET_MISMATCH");
    assert_eq!(first.release(&server, seq).expect(200)["freed"], true);
    assert_eq!(first.release(&server, seq).expect(200)["freed"], false);
    first
        .heartbeat(&server, seq)
        .expect_problem(409, "LEASE_LOST");
    third.acquire(&server, false).expect(201);
}

#[test]
fn a_lease_proves_the_seat_with_the_key_of_the_vendor_only() {
    let site = Site::new(TERMS);
    let server = site.start(&[]);
    let granted = site.session(1).acquire(&server, false).expect(201);
    let trust = TrustSet::parse(&Vendor::shared().trust).unwrap();
    let license = Unverified::parse(&site.license.token())
        .unwrap()
        .verify(&trust)
        .unwrap();
    let lease = Unverified::parse(granted["lease"].as_str().unwrap()).unwrap();
    let lease = license.verify_lease(&lease).unwrap();
    assert_eq!(lease.session().to_string(), site.session(1).id());
    assert_eq!(lease.seq(), granted["seq"].as_u64().unwrap());
    assert_eq!(lease.pool(), granted["pool"].as_str().unwrap());
}

#[test]
fn a_freed_seat_goes_to_the_first_in_the_queue() {
    let site = Site::new(TERMS);
    let server = site.start(&[]);
    let [first, second, third, fourth] = [1, 2, 3, 4].map(|number| site.session(number));
    let seq = first.acquire(&server, false).expect(201)["seq"].clone();
    second.acquire(&server, false).expect(201);
    let ticket = |response: Value| response["ticket"].as_str().unwrap().to_owned();
    let third_place = third.acquire(&server, true).expect(202);
    let fourth_place = fourth.acquire(&server, true).expect(202);
    assert_eq!(
        (&third_place["position"], &fourth_place["position"]),
        (&1.into(), &2.into())
    );
    let (third_ticket, fourth_ticket) = (ticket(third_place), ticket(fourth_place));
    // The long poll returns as soon as the seat is free.
    let seat = thread::scope(|scope| {
        let waiting = scope.spawn(|| third.poll(&server, &third_ticket, 30));
        assert_eq!(first.release(&server, &seq).expect(200)["freed"], true);
        waiting.join().unwrap()
    });
    assert_eq!(seat.expect(201)["session"], third.id());
    assert_eq!(
        fourth.poll(&server, &fourth_ticket, 0).expect(200)["position"],
        1
    );
    let too_long = fourth.poll(&server, &fourth_ticket, 31);
    let problem = too_long.expect_problem(400, "MALFORMED");
    assert_eq!(problem["expected"], "a number from 0 to 30", "{problem}");
    // A ticket belongs to its session.
    third
        .poll(&server, &fourth_ticket, 0)
        .expect_problem(404, "UNKNOWN_TICKET");
    assert_eq!(fourth.cancel(&server, &fourth_ticket).status, 204);
    fourth
        .poll(&server, &fourth_ticket, 0)
        .expect_problem(404, "UNKNOWN_TICKET");
}

#[test]
fn events_tell_the_place_and_end_with_the_seat() {
    let site = Site::new("--tier team --seats 1 --offline --perpetual");
    let server = site.start(&[]);
    let [first, second] = [1, 2].map(|number| site.session(number));
    let seq = first.acquire(&server, false).expect(201)["seq"].clone();
    let place = second.acquire(&server, true).expect(202);
    let ticket = place["ticket"].as_str().unwrap();
    let events = thread::scope(|scope| {
        let events = scope.spawn(|| second.events(&server, ticket));
        assert_eq!(first.release(&server, &seq).expect(200)["freed"], true);
        events.join().unwrap()
    });
    assert_eq!(
        (events.status, events.header("content-type")),
        (200, "text/event-stream")
    );
    let names = events
        .body
        .lines()
        .filter_map(|line| line.strip_prefix("event: "));
    let names: Vec<&str> = names.collect();
    assert_eq!(names.last(), Some(&"seat"), "{}", events.body);
    assert!(events.body.contains(&second.id()), "{}", events.body);
}

#[test]
fn a_server_that_was_stopped_or_killed_forgets_no_seat_and_no_ticket() {
    let site = Site::new(TERMS);
    let server = site.start(&[]);
    let [first, second, third] = [1, 2, 3].map(|number| site.session(number));
    let seq = first.acquire(&server, false).expect(201)["seq"].clone();
    second.acquire(&server, false).expect(201);
    let place = third.acquire(&server, true).expect(202);
    let ticket = place["ticket"].as_str().unwrap();
    let check = |server: &Server| {
        assert_eq!(first.acquire(server, false).expect(200)["seq"], seq);
        assert_eq!(first.heartbeat(server, &seq).expect(200)["seq"], seq);
        assert_eq!(third.poll(server, ticket, 0).expect(200)["position"], 1);
        let refused = site.session(4).acquire(server, false);
        refused.expect_problem(409, "NO_SEAT");
    };
    server.kill();
    let server = site.start(&[]);
    check(&server);
    // As Kubernetes ends a pod, before another one has its volume.
    assert!(server.stop().success());
    check(&site.start(&[]));
}

#[test]
fn an_administrator_sees_who_holds_seats_and_ends_a_lease() {
    let site = Site::new(TERMS);
    let server = site.start(&[]);
    let administrator = server.administrator();
    let [first, second, third] = [1, 2, 3].map(|number| site.session(number));
    let seq = first.acquire(&server, false).expect(201)["seq"].clone();
    second.acquire(&server, false).expect(201);
    third.acquire(&server, true).expect(202);
    let found = pool(&administrator);
    assert_eq!(
        (&found["capacity"], &found["held"], &found["waiting"]),
        (&2.into(), &2.into(), &1.into())
    );
    let base = format!("/api/v1/pools/{}", found["pool"].as_str().unwrap());
    let leases = administrator.get(&format!("{base}/leases")).expect(200);
    let users: Vec<&Value> = leases["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["user"])
        .collect();
    assert!(
        users.contains(&&json!("user-1")) && users.contains(&&json!("user-2")),
        "{leases}"
    );
    let queue = administrator.get(&format!("{base}/queue")).expect(200);
    assert_eq!(queue["items"][0]["session"], third.id(), "{queue}");
    let end = format!("{base}/leases/{}/end", first.id());
    administrator
        .post(&end, &json!({"mode": "hard", "reason": " "}))
        .expect(400);
    administrator
        .post(&end, &json!({"mode": "now", "reason": "x"}))
        .expect(400);
    let ended = administrator.post(&end, &json!({"mode": "hard", "reason": "laptop lost"}));
    assert!(ended.expect(200)["overlap_seconds"].as_i64().unwrap() > 0);
    let lost = first
        .heartbeat(&server, &seq)
        .expect_problem(409, "LEASE_LOST");
    assert_eq!(lost["ended"]["note"], "laptop lost", "{lost}");
    let audit = administrator.get("/api/v1/audit").expect(200);
    let entries = audit["items"].as_array().unwrap();
    let entry = entries
        .iter()
        .find(|entry| entry["action"] == "lease.end")
        .unwrap();
    assert_eq!(entry["details"]["reason"], "laptop lost", "{entry}");
    assert_eq!(
        administrator.get("/api/v1/audit/verification").expect(200)["is_intact"],
        true
    );
}

#[test]
fn a_renewal_with_fewer_seats_takes_no_seat_away() {
    let site = Site::new(TERMS);
    let server = site.start(&[]);
    let administrator = server.administrator();
    let [first, second, third] = [1, 2, 3].map(|number| site.session(number));
    let seq = first.acquire(&server, false).expect(201)["seq"].clone();
    second.acquire(&server, false).expect(201);
    let upgrade = "upgrade --key vendor.key acme.lic --seats 1 --force --out smaller.lic";
    let upgrade = keygen(&site.vendor, &words(upgrade)).expect_code(0);
    assert!(upgrade.stderr.contains("LOSS"), "{upgrade:?}");
    // The console installs the license while the server runs.
    site.install(&site.vendor.read("smaller.lic"), &[]);
    // The server notices the change of another process within a second.
    let found = (0..1200).find_map(|_| {
        thread::sleep(Duration::from_millis(50));
        let found = pool(&administrator);
        (found["capacity"] == 1).then_some(found)
    });
    let found = found.unwrap();
    assert_eq!(
        (&found["held"], &found["is_over_capacity"]),
        (&2.into(), &true.into())
    );
    assert_eq!(first.heartbeat(&server, &seq).expect(200)["seq"], seq);
    third.acquire(&server, false).expect_problem(409, "NO_SEAT");
    first.release(&server, &seq).expect(200);
    third.acquire(&server, false).expect_problem(409, "NO_SEAT");
}

#[test]
fn a_license_of_another_server_or_vendor_is_refused() {
    let (site, other) = (Site::new(TERMS), Site::new(TERMS));
    let foreign = issue(&site.vendor, &other.scratch, &words(TERMS));
    site.scratch.write("foreign.lic", &foreign.file);
    let refused = license_server(&site.scratch)
        .args(["install", "foreign.lic"])
        .run();
    assert!(refused.stderr.contains("error: "), "{refused:?}");
    let json = license_server(&site.scratch)
        .args(["install", "--json", "foreign.lic"])
        .run();
    assert_eq!(json.json()["error"]["code"], "NOT_CERTIFIED");
    let server = site.start(&[]);
    let session = other.session(1);
    session
        .acquire(&server, false)
        .expect_problem(401, "UNKNOWN_LICENSE");
}
