//! The primary of the database fails, and a standby takes its place.
#![cfg(unix)]

use std::time::Duration;

use license_test_services::PostgresServer;
use license_tests::Scratch;
use license_tests::server::{Server, agent, license_server};
use serde_json::json;

use super::conditions::wait_for;
use super::site::Site;

const DATABASE: &str = "LICENSE_SERVER_DATABASE";

/// The time limit of a request that gets no response.
const BRIEF: Duration = Duration::from_millis(500);

/// Returns the URL of a database with the hosts of both clusters.
fn of_both(url: &str, standby: &PostgresServer) -> String {
    let (start, name) = url.rsplit_once('/').unwrap();
    let other = standby.url(name);
    let (_, place) = other.rsplit_once('@').unwrap();
    let (address, _) = place.split_once('/').unwrap();
    format!("{start},{address}/{name}")
}

fn is_ready(server: &Server) -> Option<()> {
    (server.get("/readyz").status == 200).then_some(())
}

#[test]
fn servers_follow_a_promoted_standby_which_has_what_was_replicated_synchronously() {
    let Some(mut primary) = PostgresServer::start() else {
        return;
    };
    let database = primary.create_database();
    let standby = primary.start_standby();
    let url = of_both(database.url(), &standby);
    primary.configure("synchronous_standby_names", "*");
    let replication = || {
        let state = "SELECT sync_state FROM pg_stat_replication";
        primary.superuser_sql("postgres", state)
    };
    wait_for(|| (replication() == "sync").then_some(()));

    let terms = "--tier team --seats 6 --offline --perpetual";
    let site = Site::with_variables(terms, vec![(DATABASE, url.clone())]);
    let first = site.start(&[]);
    let authorization = first.administrator().authorization;
    let other = Scratch::new();
    other.write("key", site.scratch.read("data/server.key"));
    let run = || license_server(&other).env(DATABASE, &url);
    let init = run().args(["init", "--import-key", "key"]).run();
    init.expect_code(0);
    let second = Server::start_with(run(), &other, &[]);
    let servers = [&first, &second];
    let granted = [1, 2, 3, 4].map(|number| {
        let session = site.session(number);
        let server = servers[usize::from(number % 2 == 0)];
        let seq = session.acquire(server, false).expect(201)["seq"].clone();
        (session, seq)
    });

    // While the standby receives nothing, no grant is acknowledged.
    standby.configure("primary_conninfo", "");
    wait_for(|| replication().is_empty().then_some(()));
    let late = site.session(5);
    let request = late.acquire_request(false);
    let unanswered = request.try_send_to(&agent(BRIEF), first.url());
    assert!(
        matches!(unanswered, Err(ureq::Error::Timeout(_))),
        "{unanswered:?}"
    );
    // Without a synchronous standby, the grant is acknowledged, and the standby lacks it.
    primary.configure("synchronous_standby_names", "");
    let seq = wait_for(|| {
        let answer = late.acquire(&first, false);
        let is_granted = matches!(answer.status, 200 | 201);
        is_granted.then(|| answer.json()["seq"].clone())
    });

    primary.kill();
    standby.promote();
    for server in servers {
        wait_for(|| is_ready(server));
        for (session, seq) in &granted {
            let renewed = session.heartbeat(server, seq).expect(200);
            assert_eq!(renewed["seq"], *seq);
            let again = session.acquire(server, false).expect(200);
            assert_eq!(again["seq"], *seq);
        }
        // The lost lease is not renewed, and no other session gets its seat while its holder may
        // use it.
        late.heartbeat(server, &seq)
            .expect_problem(409, "LEASE_LOST");
        for session in [&late, &site.session(6)] {
            let held = session.acquire(server, false);
            held.expect_problem(503, "ON_HOLD");
        }
    }
    let administrator = second.as_administrator(&authorization);
    let audit = administrator.get("/api/v1/audit").expect(200);
    let entries = audit["items"].as_array().unwrap().iter();
    let restores = entries.filter(|entry| entry["action"] == json!("database.restore"));
    assert_eq!(restores.count(), 1, "{audit}");
    let verified = administrator.get("/api/v1/audit/verification").expect(200);
    assert_eq!(verified["is_intact"], true);
}
