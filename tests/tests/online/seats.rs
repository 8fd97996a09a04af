//! Validation and floating seats of a real `license-server`.

use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use license_client::{Code, OnlineClient, OnlineSettings, OnlineStatus, Outcome, SeatEvent};
use serde_json::json;

use super::fake::{event, wait_for};
use super::site::{Site, client_on, pool};
use super::workplace::shorten_leases;

/// The terms of a license with two seats that needs no check-in.
const SEATS: &str = "--tier team --seats 2 --offline --perpetual";

const PATIENCE: Duration = Duration::from_secs(60);

/// Creates the directory of a project.
fn project(site: &Site, name: &str) -> PathBuf {
    let path = site.scratch.file(name);
    fs::create_dir_all(path.join(".git")).unwrap();
    path
}

#[test]
fn a_license_that_checks_in_is_validated_by_the_site_server() {
    let site = Site::new("--tier team --seats 2 --days 365");
    let server = site.start();
    let client = site.client(&server);
    let status = client.online_status();
    let OnlineStatus::Validated(verdict) = &*status else {
        panic!("{status:?}");
    };
    assert!(verdict.is_valid && verdict.is_signed);
    assert_eq!(
        (verdict.code.as_str(), verdict.tier.as_str()),
        ("VALID", "TEAM")
    );
    server.stop();
    let decision = client.decide().unwrap();
    assert_eq!(
        (decision.outcome(), decision.code()),
        (Outcome::Licensed, Code::Valid)
    );
}

#[test]
fn a_license_that_the_vendor_revoked_is_denied_after_the_next_validation() {
    let site = Site::new("--tier team --seats 2 --days 365");
    let server = site.start();
    let client = site.client(&server);
    site.revoke();
    let verdict = wait_for("the server to read the list", || {
        client.validate().ok().filter(|verdict| !verdict.is_valid)
    });
    assert_eq!(verdict.code, "REVOKED");
    assert!(verdict.is_signed);
    let decision = client.decide().unwrap();
    assert_eq!(
        (decision.outcome(), decision.code()),
        (Outcome::Denied, Code::Revoked)
    );
}

#[test]
fn a_license_that_the_server_does_not_have_is_refused_with_a_code() {
    let (site, other) = (Site::new(SEATS), Site::new(SEATS));
    let server = site.start();
    let error = client_on(&other.machine, &server).validate().unwrap_err();
    assert_eq!(error.code(), "UNKNOWN_LICENSE", "{error}");
    assert!(!error.is_unreachable() && error.hint().is_some());
}

#[test]
fn a_project_has_one_seat_however_many_links_and_processes_use_it() {
    let site = Site::new(SEATS);
    let server = site.start();
    let administrator = server.administrator();
    let client = site.client(&server);
    let path = project(&site, "project");
    let first = client.seat(&path).unwrap().acquire().unwrap();
    #[cfg(unix)]
    {
        let link = site.scratch.file("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let second = site.client(&server).seat(&link).unwrap().acquire().unwrap();
        assert_eq!(first.session(), second.session());
        let leases = [&first, &second].map(|seat| seat.lease().unwrap().seq());
        assert_eq!(leases[0], leases[1], "both have the same grant");
        assert_eq!(pool(&administrator)["held"], 1);
        assert!(
            !second.release().unwrap(),
            "the first process still uses the seat"
        );
    }
    assert!(first.is_valid());
    assert_eq!(pool(&administrator)["held"], 1);
    assert!(first.release().unwrap());
    assert_eq!(pool(&administrator)["held"], 0);
}

#[test]
fn a_denial_explains_itself_and_a_seat_can_be_waited_for() {
    let site = Site::new("--tier team --seats 1 --offline --perpetual");
    let server = site.start();
    let (here, there) = (site.client(&server), site.another_machine());
    let other = client_on(&there, &server);
    let path = project(&site, "project");
    let held = here.seat(&path).unwrap().user("ann").acquire().unwrap();
    let error = other.seat(&path).unwrap().acquire().unwrap_err();
    assert_eq!(error.code(), "NO_SEAT", "{error}");
    assert!(!error.is_unreachable());
    let facts = &error.problem().unwrap().facts;
    assert_eq!(facts["usage"]["held"], 1, "{facts:?}");
    assert_eq!(facts["holders"][0]["user"], "ann", "{facts:?}");
    // The wait ends with the patience of the caller, or by its callback.
    let request = other.seat(&path).unwrap();
    let ended = request
        .wait(PATIENCE, |_| ControlFlow::Break(()))
        .unwrap_err();
    assert_eq!(ended.code(), "WAIT_ENDED", "{ended}");
    let request = other.seat(&path).unwrap();
    let ended = request.wait(Duration::ZERO, |_| ControlFlow::Continue(()));
    assert_eq!(ended.unwrap_err().code(), "WAIT_ENDED");
    let (sender, places) = mpsc::channel();
    let seat = thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            other.seat(&path).unwrap().wait(PATIENCE, |place| {
                sender.send(place.clone()).unwrap();
                ControlFlow::Continue(())
            })
        });
        let place = places.recv_timeout(PATIENCE).unwrap();
        assert_eq!(
            (place.position, place.waiting),
            (1, 1),
            "earlier waits left the queue"
        );
        assert!(held.release().unwrap());
        waiting.join().unwrap().unwrap()
    });
    assert!(seat.is_valid());
}

#[test]
fn a_dropped_seat_is_free_at_once() {
    let site = Site::new("--tier team --seats 1 --offline --perpetual");
    let server = site.start();
    let client = site.client(&server);
    let [one, two] = ["one", "two"].map(|name| project(&site, name));
    let seat = client.seat(&one).unwrap().acquire().unwrap();
    assert_eq!(
        client.seat(&two).unwrap().acquire().unwrap_err().code(),
        "NO_SEAT"
    );
    drop(seat);
    assert!(client.seat(&two).unwrap().acquire().unwrap().is_valid());
}

/// Sets the shortest lifetime of leases that a server permits.
fn short_leases(
    server: &license_tests::server::Server,
) -> license_tests::server::Administrator<'_> {
    let administrator = server.administrator();
    shorten_leases(&administrator);
    administrator
}

#[test]
fn a_paused_server_makes_a_seat_late_and_a_killed_one_forgets_nothing() {
    let site = Site::new(SEATS);
    let server = site.start();
    short_leases(&server);
    let client = site.client(&server);
    let (sender, events) = mpsc::channel();
    let request = client.seat(project(&site, "project")).unwrap();
    let seat = request.on_event(move |event| sender.send(event.clone()).unwrap());
    let seat = seat.acquire().unwrap();
    server.signal("STOP");
    event(&events, |event| matches!(event, SeatEvent::Late { .. }));
    assert!(!seat.is_valid());
    server.signal("CONT");
    event(&events, |event| matches!(event, SeatEvent::Recovered));
    let seq = seat.lease().unwrap().seq();
    let address = server.address().to_string();
    server.kill();
    let _server = site.restart(&address);
    let renewed = seat.lease().unwrap().issued_at();
    let _ = wait_for("a renewal by the new process", || {
        seat.lease().filter(|lease| lease.issued_at() > renewed)
    });
    assert_eq!(seat.lease().unwrap().seq(), seq, "the grant is the same");
    wait_for("a valid lease", || seat.is_valid().then_some(()));
}

#[test]
fn an_administrator_ends_a_seat_and_its_holder_learns_why() {
    let site = Site::new(SEATS);
    let server = site.start();
    let administrator = short_leases(&server);
    let client = site.client(&server);
    let (sender, events) = mpsc::channel();
    let request = client.seat(project(&site, "project")).unwrap();
    let seat = request.on_event(move |event| sender.send(event.clone()).unwrap());
    let seat = seat.acquire().unwrap();
    let id = pool(&administrator)["pool"].as_str().unwrap().to_owned();
    let end = format!("/api/v1/pools/{id}/leases/{}/end", seat.session());
    let body = json!({"mode": "hard", "reason": "laptop lost"});
    administrator.post(&end, &body).expect(200);
    let lost = event(&events, |event| matches!(event, SeatEvent::Lost { .. }));
    let SeatEvent::Lost { code, .. } = &lost else {
        panic!("{lost:?}");
    };
    assert_eq!(code, "LEASE_LOST");
    assert!(!seat.is_valid());
    assert!(
        client
            .seat(seat.root().path())
            .unwrap()
            .acquire()
            .unwrap()
            .is_valid()
    );
}

#[test]
fn a_server_states_that_it_is_ready() {
    let site = Site::new(SEATS);
    let server = site.start();
    let manager = site.machine.manager();
    let settings = OnlineSettings::new().server(server.url());
    let online = OnlineClient::new(&manager, &settings).unwrap();
    assert_eq!(online.check_servers().unwrap(), server.url());
    server.stop();
    assert!(online.check_servers().unwrap_err().is_unreachable());
}

#[test]
fn an_enrollment_token_is_sent_if_it_is_set() {
    let site = Site::new(SEATS);
    let token = "enrollment-secret-of-the-site";
    site.scratch.write_private("enrollment", token);
    let path = site.scratch.file("enrollment");
    let path = path.to_str().unwrap();
    let server =
        license_tests::server::Server::start(&site.scratch, &["--enrollment-token-file", path]);
    let acquire = |settings: OnlineSettings| {
        let client = site.machine.builder().online(settings.server(server.url()));
        let client = client.build().unwrap();
        client.seat(project(&site, "project")).unwrap().acquire()
    };
    let error = acquire(OnlineSettings::new()).unwrap_err();
    assert_eq!(error.code(), "NOT_ENROLLED", "{error}");
    let seat = acquire(OnlineSettings::new().enrollment_token(token)).unwrap();
    assert!(seat.is_valid());
}
