//! The story of a site with five seats, from the request to the vendor to the end of the license.

use std::thread;
use std::time::Duration;

use license_core::{TrustSet, Unverified};
use license_tests::server::{Administrator, Response, Server, license_server};
use license_tests::vendor::IssuedLicense;
use license_tests::{Run, Scratch, Vendor, keygen, tools, words};
use serde_json::{Value, json};

use super::site::{Session, Site, issue};

/// A session with the fencing number of its seat.
struct Seated {
    session: Session,
    seq: Value,
}

impl Seated {
    fn heartbeat(&self, server: &Server) -> Response {
        self.session.heartbeat(server, &self.seq)
    }
}

/// Lets a session acquire a seat that is free.
fn sit(site: &Site, server: &Server, number: u32) -> Seated {
    let session = site.session(number);
    let seq = session.acquire(server, false).expect(201)["seq"].clone();
    Seated { session, seq }
}

/// Asks again until there is a result. The answers in between are the patience of the test.
fn wait_for<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let found = (0..600).find_map(|_| {
        thread::sleep(Duration::from_millis(100));
        ask()
    });
    found.unwrap()
}

/// Returns the only pool.
fn pool(administrator: &Administrator<'_>) -> Value {
    administrator.get("/api/v1/pools").expect(200)["items"][0].clone()
}

/// Sets short leases, so that the story does not take minutes. Returns the path of the pool.
fn with_short_leases(administrator: &Administrator<'_>) -> String {
    // The server notices the license of another process within a second.
    let name = wait_for(|| pool(administrator)["pool"].as_str().map(str::to_owned));
    let base = format!("/api/v1/pools/{name}");
    let policy = json!({"lifetime_seconds": 15, "renew_seconds": 5});
    let set = administrator.send("PUT", &format!("{base}/policy"), &policy);
    assert_eq!(set.expect(200)["lifetime_seconds"], 15);
    base
}

/// Starts a server, lets the vendor certify it, and installs the license while the server runs.
fn open_site() -> (Site, Server, String) {
    let scratch = Scratch::new();
    let server = Server::start(&scratch, &[]);
    assert_eq!(server.get("/readyz").expect(503)["status"], "no license");
    let authorization = server.administrator().authorization;
    let vendor = Vendor::shared().workstation();
    let terms = words("--tier team --seats 5 --offline --perpetual");
    let license = issue(&vendor, &scratch, &terms);
    scratch.write("trust.jwks", &Vendor::shared().trust);
    let site = Site {
        scratch,
        vendor,
        license,
        variables: Vec::new(),
    };
    site.install(&site.license.file, &["trust.jwks"]);
    wait_for(|| (server.get("/readyz").status == 200).then_some(()));
    (site, server, authorization)
}

#[test]
fn a_site_lends_its_seats_through_crashes_shrinking_and_revocation() {
    let (site, server, authorization) = open_site();
    let administrator = server.as_administrator(&authorization);
    let base = with_short_leases(&administrator);

    // A first session comes and goes, so the server knows how long seats are held.
    let visitor = sit(&site, &server, 9);
    assert_eq!(
        visitor.session.release(&server, &visitor.seq).expect(200)["freed"],
        true
    );

    // Five sessions take the five seats. The sixth waits.
    let mut seated: Vec<Seated> = (1..=5).map(|number| sit(&site, &server, number)).collect();
    let sixth = site.session(6);
    let denied = sixth.acquire(&server, false).expect_problem(409, "NO_SEAT");
    assert_eq!(denied["holders"].as_array().unwrap().len(), 5, "{denied}");
    let place = sixth.acquire(&server, true).expect(202);
    assert_eq!(
        (&place["position"], &place["waiting"]),
        (&1.into(), &1.into())
    );
    assert!(place["estimate_seconds"].is_i64(), "{place}");
    let ticket = place["ticket"].as_str().unwrap();

    // The client of the fifth session crashes: it sends nothing more. Then the server is killed.
    let crashed = seated.pop().unwrap();
    server.kill();
    let server = site.start(&[]);
    let administrator = server.as_administrator(&authorization);
    for one in &seated {
        assert_eq!(
            one.heartbeat(&server).expect(200)["seq"],
            one.seq,
            "no seat is lost"
        );
    }
    let found = pool(&administrator);
    assert_eq!(
        (&found["held"], &found["waiting"]),
        (&5.into(), &1.into()),
        "{found}"
    );

    // The others renew their leases. The seat of the crashed client goes to the sixth session.
    let granted = wait_for(|| {
        seated.iter().for_each(|one| {
            one.heartbeat(&server).expect(200);
        });
        let answer = sixth.poll(&server, ticket, 1);
        (answer.status == 201).then(|| answer.json())
    });
    let seq = granted["seq"].clone();
    seated.push(Seated {
        session: sixth,
        seq,
    });
    let lost = crashed.heartbeat(&server).expect_problem(409, "LEASE_LOST");
    assert_eq!(lost["ended"]["reason"], "reclaimed", "{lost}");

    // A renewal has three seats. No session loses a seat, and no session gets one.
    let upgrade = "upgrade --key vendor.key acme.lic --seats 3 --force --out smaller.lic";
    keygen(&site.vendor, &words(upgrade)).expect_code(0);
    site.install(&site.vendor.read("smaller.lic"), &[]);
    let found = wait_for(|| {
        seated.iter().for_each(|one| {
            one.heartbeat(&server).expect(200);
        });
        Some(pool(&administrator)).filter(|found| found["capacity"] == 3)
    });
    assert_eq!(
        (&found["held"], &found["is_over_capacity"]),
        (&5.into(), &true.into())
    );
    let seventh = site.session(7);
    seventh
        .acquire(&server, false)
        .expect_problem(409, "NO_SEAT");

    // The administrator ends a lease at once, and another one softly. Both users learn why.
    let end = |one: &Seated, mode: &str, reason: &str| {
        let path = format!("{base}/leases/{}/end", one.session.id());
        administrator
            .post(&path, &json!({"mode": mode, "reason": reason}))
            .expect(200)
    };
    let hard = end(&seated[0], "hard", "laptop stolen");
    assert!(hard["overlap_seconds"].as_i64().unwrap() > 0, "{hard}");
    let lost = seated[0]
        .heartbeat(&server)
        .expect_problem(409, "LEASE_LOST");
    assert_eq!(lost["ended"]["note"], "laptop stolen", "{lost}");
    let soft = end(&seated[1], "soft", "moved to another team");
    assert!(soft["free_in_seconds"].as_i64().unwrap() > 0, "{soft}");
    let refused = wait_for(|| {
        seated[2..].iter().for_each(|one| {
            one.heartbeat(&server).expect(200);
        });
        let answer = seated[1].heartbeat(&server);
        (answer.status == 409).then(|| answer.json())
    });
    assert!(["NOT_RENEWABLE", "LEASE_LOST"].contains(&refused["code"].as_str().unwrap()));
    assert!(
        refused.to_string().contains("moved to another team"),
        "{refused}"
    );
    let audit = administrator.get("/api/v1/audit").expect(200);
    let reasons = audit["items"].as_array().unwrap().iter();
    let reasons = reasons.filter(|entry| entry["action"] == "lease.end");
    let reasons: Vec<&Value> = reasons.map(|entry| &entry["details"]["reason"]).collect();
    assert_eq!(reasons.len(), 2, "{audit}");
    let verification = administrator.get("/api/v1/audit/verification").expect(200);
    assert_eq!(verification["is_intact"], true);

    // A session releases its seat. Now two of three seats are held, and the seventh gets one.
    let released = seated.remove(2);
    assert_eq!(
        released.session.release(&server, &released.seq).expect(200)["freed"],
        true
    );
    let seventh = wait_for(|| {
        seated[2..].iter().for_each(|one| {
            one.heartbeat(&server).expect(200);
        });
        let answer = seventh.acquire(&server, false);
        (answer.status == 201).then(|| answer.json())
    });
    assert_eq!(seventh["session"], site.session(7).id());

    // The vendor revokes the license. Leases are not renewed, and a seat can still be released.
    let holder = seated.pop().unwrap();
    revoke(&site);
    let refused = wait_for(|| {
        let answer = holder.heartbeat(&server);
        (answer.status == 409).then_some(answer)
    });
    refused.expect_problem(409, "LICENSE_ENDED");
    let body = json!({"license_key": site.license.key(), "machine_id": "machine-1"});
    let reply = server.post("/api/v1/licenses/validate", &body).expect(200);
    assert_eq!(
        (&reply["valid"], &reply["code"]),
        (&false.into(), &"REVOKED".into()),
        "{reply}"
    );
    holder.session.release(&server, &holder.seq).expect(200);
    assert!(server.stop().success());
}

/// Revokes all licenses of the site, and installs the vendor's list.
fn revoke(site: &Site) {
    let revoke = [
        "revoke",
        "--customer",
        "ACME Ltd",
        "--reason",
        "charged back",
    ];
    keygen(&site.vendor, &revoke).expect_code(0);
    let list = "revocations --key vendor.key --out revocations.lic";
    keygen(&site.vendor, &words(list)).expect_code(0);
    site.scratch
        .write("revocations.lic", site.vendor.read("revocations.lic"));
    let install = license_server(&site.scratch).args(["install", "revocations.lic"]);
    install.run().expect_code(0);
}

/// Returns a run of the server in which the wall clock starts at a time, and the boot-time clock
/// stays that of the system. Returns `None` if `faketime` is not installed.
fn server_at<'s>(scratch: &'s Scratch, time: &str) -> Option<Run<'s>> {
    let faketime = tools::faketime()?.run(scratch);
    let library = faketime.args(["-f", "+0d", "sh", "-c", "printf %s \"$LD_PRELOAD\""]);
    let library = library.run().expect_code(0).stdout;
    let run = license_server(scratch)
        .env("LD_PRELOAD", library)
        .env("FAKETIME", time);
    let run = run.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    Some(run.env("NO_FAKE_STAT", "1"))
}

#[test]
fn a_lease_ends_with_the_license_and_a_renewal_continues_it() {
    let terms = "--tier team --seats 5 --offline --expires 2030-12-31";
    let site = Site::new(terms);
    let Some(run) = server_at(&site.scratch, "@2030-12-31 12:00:00") else {
        return;
    };
    let server = Server::start_with(run, &site.scratch, &[]);
    with_short_leases(&server.administrator());
    let first = sit(&site, &server, 1);
    let second = sit(&site, &server, 2);
    server.stop();
    let run = server_at(&site.scratch, "@2031-06-01 12:00:00").unwrap();
    let server = Server::start_with(run, &site.scratch, &[]);
    let third = site.session(3);
    third
        .acquire(&server, false)
        .expect_problem(409, "LICENSE_ENDED");
    // No heartbeat extends the lease.
    let refused = wait_for(|| {
        let answer = first.heartbeat(&server);
        (answer.status == 409).then_some(answer)
    });
    refused.expect_problem(409, "LICENSE_ENDED");
    // The renewal arrives. The leases that the server has not granted to others continue.
    let renew = "renew --key vendor.key acme.lic --until 2032-12-31 --force --out renewal.lic";
    keygen(&site.vendor, &words(renew)).expect_code(0);
    site.scratch
        .write("renewal.lic", site.vendor.read("renewal.lic"));
    let install = license_server(&site.scratch).args(["install", "renewal.lic"]);
    install.run().expect_code(0);
    let renewal = IssuedLicense {
        file: site.vendor.read("renewal.lic"),
        report: Value::Null,
    };
    let renewed = Session::new(&format!("License {}", renewal.token()), 1);
    let continued = wait_for(|| {
        let answer = renewed.acquire(&server, false);
        (answer.status != 409).then_some(answer)
    });
    assert_eq!(continued.expect(200)["seq"], first.seq);
    let trust = TrustSet::parse(&Vendor::shared().trust).unwrap();
    let token = renewal.token();
    let license = Unverified::parse(&token).unwrap();
    let license = license.verify(&trust).unwrap();
    let lease = continued.json()["lease"].as_str().unwrap().to_owned();
    assert!(
        license
            .verify_lease(&Unverified::parse(&lease).unwrap())
            .is_ok()
    );
    assert_eq!(
        second.session.release(&server, &second.seq).expect(200)["freed"],
        true
    );
}
