//! A site moves from SQLite to PostgreSQL, and then has two servers.

use std::thread;
use std::time::Duration;

use license_test_services::TestDatabase;
use license_tests::server::{Server, license_server};
use license_tests::{Run, Scratch, Vendor, words};
use serde_json::{Value, json};

use super::conditions::wait_for;
use super::site::{Session, Site, TERMS, issue};

/// Returns the URL of a database without its password, and the password.
fn without_password(url: &str) -> (String, String) {
    let (scheme, rest) = url.split_once("://").unwrap();
    let (credentials, place) = rest.rsplit_once('@').unwrap();
    let (role, password) = credentials.split_once(':').unwrap();
    (format!("{scheme}://{role}@{place}"), password.to_owned())
}

/// Returns a run of a command of a server with PostgreSQL.
fn command<'s>(scratch: &'s Scratch, database: &TestDatabase, arguments: &[&str]) -> Run<'s> {
    let run = license_server(scratch).env("LICENSE_SERVER_DATABASE", database.url());
    run.args(arguments)
}

/// Starts a server with PostgreSQL.
fn start(scratch: &Scratch, database: &TestDatabase) -> Server {
    Server::start_with(command(scratch, database, &[]), scratch, &[])
}

/// Moves the database of a site.
fn migrate<'s>(site: &'s Site, database: &TestDatabase) -> Run<'s> {
    let (url, password) = without_password(database.url());
    site.scratch.write_private("password", password);
    let run = license_server(&site.scratch).args(["migrate", "--json", "--to", &url]);
    run.args(["--database-password-file", "password"])
}

/// Kills moves at several moments. Each of them leaves all rows or none in PostgreSQL, and SQLite
/// can be used unless it has moved.
fn kill_moves(site: &Site, database: &TestDatabase) {
    for milliseconds in [5, 20, 40] {
        let log = std::fs::File::create(site.scratch.file("migrate.log")).unwrap();
        let mut child = migrate(site, database).start_with_stderr(log.into());
        thread::sleep(Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
        let tables = database.superuser_sql("SELECT to_regclass('leases')");
        if !tables.trim().is_empty() {
            let leases = database.superuser_sql("SELECT count(*) FROM leases");
            assert!(["0", "2"].contains(&leases.trim()), "{leases}");
        }
        let status = license_server(&site.scratch).args(["status", "--json"]);
        status.run().expect_code(0);
    }
}

#[test]
fn seats_that_are_held_stay_held_after_a_move_to_two_servers() {
    let Some(database) = TestDatabase::create() else {
        return;
    };
    let site = Site::new(TERMS);
    let server = site.start(&[]);
    let authorization = server.administrator().authorization;
    let (first, second, third) = (site.session(1), site.session(2), site.session(3));
    let seq = |session: &Session, server: &Server, status| {
        session.acquire(server, false).expect(status)["seq"].clone()
    };
    let seats = [seq(&first, &server, 201), seq(&second, &server, 201)];
    let ticket = third.acquire(&server, true).expect(202)["ticket"].clone();

    // A running server keeps its database.
    let refused = migrate(&site, &database).run();
    assert_eq!(refused.expect_json_failure(4), "BUSY");
    server.kill();
    kill_moves(&site, &database);
    let moved = migrate(&site, &database).run().expect_code(0);
    let report = moved.json();
    let rows = |table: &str| report["rows"][table].as_u64();
    let found = (rows("licenses"), rows("leases"), rows("tickets"));
    assert_eq!(found, (Some(1), Some(2), Some(1)), "{report}");
    let (_, password) = without_password(database.url());
    assert!(!moved.all_output().contains(&password), "{moved:?}");

    // Neither a server nor a command can use the old database, and a second move is refused.
    for arguments in [
        &[
            "run",
            "--json",
            "--listen",
            "127.0.0.1:0",
            "--metrics-listen",
            "off",
        ][..],
        &["status", "--json"],
    ] {
        let refused = license_server(&site.scratch).args(arguments).run();
        assert_eq!(refused.expect_json_failure(2), "DATABASE_MOVED");
    }
    let refused = migrate(&site, &database).run();
    assert_eq!(refused.expect_json_failure(2), "DATABASE_MOVED");

    // A second server needs the key of the first.
    let other = Scratch::new();
    let refused = command(&other, &database, &["init", "--json"]).run();
    assert_eq!(refused.expect_json_failure(2), "SERVER_KEY_MISMATCH");
    other.write_private("data/server.key", site.scratch.read("data/server.key"));
    command(&other, &database, &["init"]).run().expect_code(0);
    let servers = [start(&site.scratch, &database), start(&other, &database)];

    // Each server has the leases, the queue, the license, the trust set and the tokens.
    for server in &servers {
        assert_eq!(server.get("/readyz").expect(200)["status"], "ready");
        for (session, seq) in [&first, &second].into_iter().zip(&seats) {
            assert_eq!(session.heartbeat(server, seq).expect(200)["seq"], *seq);
            // A retry at another server never costs a second seat.
            let again = session.acquire(server, false).expect(200);
            assert_eq!(again["seq"], *seq);
        }
        let again = third.acquire(server, true).expect(202);
        assert_eq!(again["ticket"], ticket);
        let administrator = server.as_administrator(&authorization);
        let pool = administrator.get("/api/v1/pools").expect(200)["items"][0].clone();
        let counts = [&pool["held"], &pool["waiting"]];
        assert_eq!(counts, [&json!(2), &json!(1)], "{pool}");
        let audit = administrator.get("/api/v1/audit/verification").expect(200);
        assert_eq!(audit["fault"], Value::Null, "{audit}");
    }
    first.release(&servers[0], &seats[0]).expect(200);
    let path = ticket.as_str().unwrap();
    assert_eq!(third.poll(&servers[1], path, 10).expect(201)["seq"], 3);

    let status = command(&other, &database, &["status", "--json"]).run();
    let status = status.expect_code(0).json();
    let nodes = status["database"]["nodes"].as_array().unwrap().clone();
    let owners = nodes.iter().filter(|node| node["is_clock_owner"] == true);
    assert_eq!((nodes.len(), owners.count()), (2, 1), "{status}");
    assert_eq!(status["readiness"], "ready");
    assert!(!status.to_string().contains(&password), "{status}");
    let refused = command(&other, &database, &["backup", "--json", "--out", "copy"]).run();
    assert_eq!(refused.expect_json_failure(2), "USAGE");
}

#[test]
fn a_trust_set_and_a_license_of_one_server_are_those_of_all() {
    let Some(database) = TestDatabase::create() else {
        return;
    };
    let (one, other) = (Scratch::new(), Scratch::new());
    let init = |scratch| command(scratch, &database, &["init"]).run().expect_code(0);
    init(&one);
    let first = start(&one, &database);
    let refused = command(
        &other,
        &database,
        &[
            "run",
            "--json",
            "--listen",
            "127.0.0.1:0",
            "--metrics-listen",
            "off",
        ],
    )
    .run();
    assert_eq!(refused.expect_json_failure(2), "SERVER_KEY_MISMATCH");
    other.write_private("data/server.key", one.read("data/server.key"));
    let second = start(&other, &database);

    let vendor = Vendor::shared().workstation();
    let license = issue(&vendor, &one, &words(TERMS));
    one.write("trust.jwks", &Vendor::shared().trust);
    one.write("acme.lic", &license.file);
    let install = ["install", "--json", "trust.jwks", "acme.lic"];
    command(&one, &database, &install).run().expect_code(0);
    for server in [&first, &second] {
        wait_for(|| (server.get("/readyz").status == 200).then_some(()));
        let body = json!({"license_key": license.key(), "machine_id": "machine-1"});
        let answer = server.post("/api/v1/licenses/validate", &body).expect(200);
        assert_eq!(answer["code"], "VALID", "{answer}");
    }
    // Another vendor's keys are refused, and nothing changes.
    let others = Vendor::with_new_key("2048", "RS256");
    one.write("others.jwks", &others.trust);
    let refused = command(&one, &database, &["install", "--json", "others.jwks"]).run();
    assert_eq!(refused.expect_json_failure(2), "EXISTS");

    // A new key of one server is refused at the others until they have it.
    drop(first);
    let new_key = ["init", "--new-key"];
    command(&one, &database, &new_key).run().expect_code(0);
    drop(second);
    let refused = command(
        &other,
        &database,
        &[
            "run",
            "--json",
            "--listen",
            "127.0.0.1:0",
            "--metrics-listen",
            "off",
        ],
    )
    .run();
    assert_eq!(refused.expect_json_failure(2), "SERVER_KEY_MISMATCH");
    let earlier = std::fs::read_dir(one.file("data")).unwrap();
    let names = earlier.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    for name in names.filter(|name| name.starts_with("server") && name.ends_with(".key")) {
        let path = format!("data/{name}");
        other.write_private(&path, one.read(&path));
    }
    let second = start(&other, &database);
    assert_eq!(second.get("/readyz").expect(200)["status"], "ready");
}
