//! Answers to clients and operators whose license, lease, token, report or data is not as they
//! believe.

use std::time::Instant;

use license_core::time::{from_system_time, parse_instant, unix_seconds};
use license_core::usage::{OpenPeriod, UsageCounts};
use license_core::{ProductCode, TrustSet, Unverified};
use license_tests::server::{Server, license_server};
use license_tests::{Run, Vendor, programs};
use serde_json::{Value, json};

use super::site::{Site, TERMS};

const REPORTS: &str = "/api/v1/usage-reports";

/// Returns a usage report of a machine.
fn report(chain: u8) -> String {
    let product = ProductCode::parse("CODITECT").unwrap();
    let mut period = OpenPeriod::new(None, [chain; 16], 0);
    let counts = UsageCounts::quota_used("commands_per_day", 3);
    period.add(
        None,
        &counts,
        parse_instant("2027-01-15T12:00:00Z").unwrap(),
    );
    let closed = period.close(product, Some("mach_00"), 0, || Some([9; 16]));
    license_core::usage::write(product, &closed.unwrap(), false)
}

#[test]
fn a_usage_report_needs_an_installed_license_and_a_bounded_size() {
    let (site, other) = (Site::new(TERMS), Site::new(TERMS));
    let server = site.start(&[]);
    let administrator = server.administrator();
    let submit = |authorization: Option<&str>, body: &str| {
        let header = authorization.map(|value| ("authorization", value));
        server.send("POST", REPORTS, header.as_slice(), body)
    };
    let body = |text: &str| json!({ "file": text }).to_string();
    let (own, foreign) = (site.authorization(), other.authorization());
    let own = Some(own.as_str());
    let one = body(&report(1));
    submit(None, &one).expect_problem(401, "UNAUTHORIZED");
    submit(Some(&foreign), &one).expect_problem(401, "UNKNOWN_LICENSE");
    submit(Some(&administrator.authorization), &one).expect_problem(401, "UNAUTHORIZED");
    // The size of a report, in bytes, on each side of the limit.
    let sized = |size: usize| {
        let empty = body("").len();
        body(&"x".repeat(size - empty))
    };
    submit(own, &sized(1 << 20)).expect_problem(400, "MALFORMED");
    submit(own, &sized((1 << 20) + 1)).expect_problem(413, "TOO_LARGE");
    assert_eq!(submit(own, &one).expect(200)["stored"], 1);
    assert_eq!(submit(own, &one).expect(200)["known"], 1);
    let listed = administrator.get(REPORTS).expect(200);
    let license = &site.license.claims()["jti"];
    assert_eq!(&listed["items"][0]["license"], license, "{listed}");
    let exported = administrator.get(&format!("{REPORTS}/export"));
    assert_eq!((exported.status, exported.body), (200, report(1)));
    assert_eq!(exported.headers["x-last-report"], "1");
    let delete = |query: &str| {
        let path = format!("{REPORTS}{query}");
        administrator.send("DELETE", &path, &Value::Null)
    };
    delete("").expect_problem(400, "BAD_REQUEST");
    assert_eq!(delete("?through=1").expect(200)["deleted"], 1);
    assert_eq!(delete("?through=1").expect(200)["deleted"], 0);
    let audit = administrator.get("/api/v1/audit").expect(200);
    let entries = audit["items"].as_array().unwrap();
    let deletions = entries
        .iter()
        .filter(|entry| entry["action"] == "usage.delete");
    assert_eq!(deletions.count(), 1, "{audit}");
}

#[test]
fn every_route_of_seats_has_a_clear_answer_after_the_license_was_removed() {
    let site = Site::new(TERMS);
    let server = site.start(&[]);
    let administrator = server.administrator();
    let [first, second, third] = [1, 2, 3].map(|number| site.session(number));
    let seq = first.acquire(&server, false).expect(201)["seq"].clone();
    second.acquire(&server, false).expect(201);
    let ticket = third.acquire(&server, true).expect(202)["ticket"].clone();
    let ticket = ticket.as_str().unwrap();
    let claims = site.license.claims();
    let license = claims["jti"].as_str().unwrap();
    let pool = administrator.get("/api/v1/pools").expect(200)["items"][0]["pool"].clone();
    let pool = format!("/api/v1/pools/{}", pool.as_str().unwrap());
    let removed = administrator.send(
        "DELETE",
        &format!("/api/v1/licenses/{license}"),
        &Value::Null,
    );
    assert!([200, 204].contains(&removed.status), "{removed:?}");
    for response in [
        first.acquire(&server, false),
        first.heartbeat(&server, &seq),
        first.release(&server, &seq),
        first.borrow(&server, &seq),
        first.return_seat(&server, &seq),
        third.poll(&server, ticket, 0),
        third.poll(&server, ticket, 30),
        third.events(&server, ticket),
        third.cancel(&server, ticket),
    ] {
        let problem = response.expect_problem(401, "UNKNOWN_LICENSE");
        assert!(problem["hint"].is_string(), "{problem}");
    }
    let validate = json!({"license_key": site.license.key(), "machine_id": "m"});
    let invalid = server.post("/api/v1/licenses/validate", &validate);
    invalid.expect_problem(401, "UNKNOWN_LICENSE");
    let end = format!("{pool}/leases/{}/end", first.id());
    for response in [
        administrator.get(&pool),
        administrator.get(&format!("{pool}/leases")),
        administrator.get(&format!("{pool}/queue")),
        administrator.get(&format!("{pool}/policy")),
        administrator.post(&end, &json!({"mode": "hard", "reason": "x"})),
    ] {
        response.expect_problem(404, "NOT_FOUND");
    }
    let pools = administrator.get("/api/v1/pools").expect(200);
    assert_eq!(pools["items"], json!([]));
    assert_eq!(server.get("/readyz").expect(503)["status"], "no license");
}

#[test]
fn a_lost_response_loses_no_lease_token() {
    let site = Site::new(TERMS);
    let server = site.start(&[]);
    let session = site.session(1);
    let granted = session.acquire(&server, false).expect(201);
    let seq = &granted["seq"];
    let trust = TrustSet::parse(&Vendor::shared().trust).unwrap();
    let license = site.license.token();
    let license = Unverified::parse(&license).unwrap().verify(&trust).unwrap();
    let id_of = |seat: &Value| {
        let token = Unverified::parse(seat["lease"].as_str().unwrap()).unwrap();
        license.verify_lease(&token).unwrap().id().to_string()
    };
    let heartbeat = |token: &str| {
        let more = json!({ "token": token });
        session.heartbeat_with(&server, seq, &more).expect(200)
    };
    let first = id_of(&granted);
    assert!(heartbeat(&first)["lease"].is_null());
    // The response to the second acquire is lost, and with it the newest token.
    session.acquire(&server, false).expect(200);
    let third = id_of(&heartbeat(&first));
    assert!(heartbeat(&third)["lease"].is_null());
    let long = json!({ "token": "x".repeat(65) });
    session
        .heartbeat_with(&server, seq, &long)
        .expect_problem(400, "BAD_REQUEST");
}

#[test]
fn a_restored_backup_never_repeats_a_fencing_number() {
    let site = Site::new(TERMS);
    let server = site.start(&[]);
    let [first, second] = [1, 2].map(|number| site.session(number));
    assert_eq!(first.acquire(&server, false).expect(201)["seq"], 1);
    let copy = site.scratch.file("copy");
    let backup = license_server(&site.scratch)
        .args(["backup", "--out"])
        .arg(&copy);
    backup.run().expect_code(0);
    assert_eq!(second.acquire(&server, false).expect(201)["seq"], 2);
    server.kill();
    let copy = copy.to_str().unwrap();
    let start = || {
        let run = Run::new(programs::license_server(), &site.scratch);
        Server::start_with(run, &site.scratch, &["--data-dir", copy])
    };
    let server = start();
    // The session whose seat the backup has keeps its number.
    assert_eq!(first.acquire(&server, false).expect(200)["seq"], 1);
    let seq = second.acquire(&server, false).expect(201)["seq"].as_u64();
    let seq = seq.unwrap();
    assert!(seq > 1_000_000_000_000 && seq < (1 << 53), "{seq}");
    server.stop();
    let server = start();
    second.release(&server, &seq.into()).expect(200);
    assert_eq!(second.acquire(&server, false).expect(201)["seq"], seq + 1);
}

#[test]
fn a_lost_lease_names_its_time_and_reason() {
    let site = Site::new(TERMS);
    let server = site.start(&[]);
    let session = site.session(1);
    let now = || unix_seconds(from_system_time(std::time::SystemTime::now()).unwrap());
    let seq = session.acquire(&server, false).expect(201)["seq"].clone();
    let before = now();
    session.release(&server, &seq).expect(200);
    let after = now();
    let lost = session.heartbeat(&server, &seq);
    let lost = lost.expect_problem(409, "LEASE_LOST");
    let at = lost["ended"]["at"].as_str().unwrap();
    let seconds = unix_seconds(parse_instant(at).unwrap());
    // Both clocks are read in milliseconds, so the whole second can be the one before or after.
    assert!((before..=after).contains(&seconds), "{lost}");
    let detail = format!("the lease {seq} ended at {at}: the last process released the seat");
    assert_eq!(lost["detail"], detail);
}

#[cfg(unix)]
#[test]
fn a_full_disk_is_reported_and_does_not_flood_the_log() {
    let site = Site::new("--tier team --seats 1000 --offline --perpetual");
    let size = std::fs::metadata(site.scratch.file("data/server.db")).unwrap();
    // `ulimit -f` counts in units of 512 bytes. The shell ignores the signal, so writes fail.
    let limit = size.len() / 512 + 64;
    let script = format!("trap '' XFSZ; ulimit -f {limit}; exec \"$0\" \"$@\"");
    let run = Run::new("/bin/sh", &site.scratch).args(["-c", &script]);
    let run = run.arg(programs::license_server());
    let run = run.env("LICENSE_SERVER_DATA_DIR", site.scratch.file("data"));
    let start = Instant::now();
    let server = Server::start_with(run, &site.scratch, &["--log", "error"]);
    let acquire = |number| site.session(number).acquire(&server, false);
    let is_full = |number: &u32| acquire(*number).status == 503;
    let failed = (0..1000).filter(is_full).count();
    assert!(failed > 10, "the disk is not full after {failed} failures");
    server.stop();
    let log = site.scratch.read("server.log");
    let minutes = usize::try_from(start.elapsed().as_secs() / 60).unwrap() + 1;
    for line in ["cannot commit", "storage failed"] {
        let count = log.matches(line).count();
        assert!(
            (1..=minutes).contains(&count),
            "{count} lines {line}: {log}"
        );
    }
}
