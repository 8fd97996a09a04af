//! Wall clocks that jump, servers that are paused, and servers that are down: no seat ends.

use std::thread;
use std::time::Duration;

use license_tests::server::{Server, license_server};
use license_tests::tools;
use serde_json::{Value, json};

use super::site::{Site, number};

/// One seat. The license was issued before each date to which the tests set the clock.
const TERMS: &str = "--tier team --seats 1 --offline --perpetual --issued-at 2000-01-01T00:00:00Z";

/// The shortest lifetime of a lease that the server accepts, in seconds.
const LIFETIME: u64 = 10;

/// A time in seconds that is longer than the lifetime and the margin of 2.01 s.
const AFTER_THE_LIFETIME: u64 = 13;

/// A seat of the first session.
struct Held<'s> {
    site: &'s Site,
    seq: Value,
}

impl<'s> Held<'s> {
    fn new(site: &'s Site, server: &Server) -> Self {
        let administrator = server.administrator();
        let pools = administrator.get("/api/v1/pools").expect(200);
        let pool = pools["items"][0]["pool"].as_str().unwrap();
        let policy = json!({"lifetime_seconds": LIFETIME, "renew_seconds": 3});
        let path = format!("/api/v1/pools/{pool}/policy");
        administrator.send("PUT", &path, &policy).expect(200);
        let granted = site.session(1).acquire(server, false).expect(201);
        assert_eq!(granted["valid_for_seconds"], LIFETIME);
        let seq = granted["seq"].clone();
        Self { site, seq }
    }

    /// Checks that the seat was not granted again, and that its holder can renew it.
    #[track_caller]
    fn expect_held(&self, server: &Server) {
        let denied = self.site.session(2).acquire(server, false);
        denied.expect_problem(409, "NO_SEAT");
        let renewed = self.site.session(1).heartbeat(server, &self.seq);
        assert_eq!(renewed.expect(200)["seq"], self.seq);
    }
}

/// Returns how long the servers are paused or down.
fn pause() -> Duration {
    Duration::from_secs(number("LICENSE_TESTS_SERVER_PAUSE", AFTER_THE_LIFETIME))
}

#[test]
fn a_pause_ends_no_seat() {
    let site = Site::new(TERMS);
    let server = site.start(&[]);
    let held = Held::new(&site, &server);
    server.signal("STOP");
    thread::sleep(pause());
    server.signal("CONT");
    held.expect_held(&server);
}

#[test]
fn a_server_that_is_down_ends_no_seat() {
    let site = Site::new(TERMS);
    let server = site.start(&[]);
    let held = Held::new(&site, &server);
    server.kill();
    thread::sleep(pause());
    let server = site.start(&[]);
    held.expect_held(&server);
}

/// The other tests would pass for any lifetime. This one shows that the lifetime is in effect.
#[test]
fn a_running_server_grants_the_seat_again_after_the_lifetime() {
    let site = Site::new(TERMS);
    let server = site.start(&[]);
    let held = Held::new(&site, &server);
    held.expect_held(&server);
    thread::sleep(Duration::from_secs(AFTER_THE_LIFETIME));
    site.session(2).acquire(&server, false).expect(201);
    let lost = site.session(1).heartbeat(&server, &held.seq);
    lost.expect_problem(409, "LEASE_LOST");
}

/// Returns whether the server has noticed that its wall clock jumped by a number of days.
pub(super) fn has_noticed(log: &str, days: i64) -> bool {
    let seconds = log.lines().filter_map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["seconds"].as_i64()
    });
    let expected = days * 24 * 60 * 60;
    seconds
        .into_iter()
        .any(|found| (found - expected).abs() < 600)
}

/// Returns the year of the response to a request.
fn year(server: &Server) -> i64 {
    let response = server.get("/healthz");
    let date = response.header("date").split(' ').nth(3);
    date.unwrap().parse().unwrap()
}

#[test]
fn a_wall_clock_that_jumps_ten_years_ends_no_seat() {
    let Some(clock) = tools::WallClock::new() else {
        return;
    };
    let site = Site::new(TERMS);
    let start = || {
        let run = clock.run(license_server(&site.scratch));
        Server::start_with(run, &site.scratch, &[])
    };
    let mut server = start();
    let present = year(&server);
    let held = Held::new(&site, &server);
    let days = 3650;
    // The clock of the running server jumps.
    for offset in [days, -days] {
        clock.set(offset);
        let has_jumped = (0..600).any(|_| {
            held.expect_held(&server);
            thread::sleep(Duration::from_millis(50));
            has_noticed(&site.scratch.read("server.log"), offset)
        });
        assert!(has_jumped, "the log does not show a jump of {offset} days");
    }
    clock.set(0);
    held.expect_held(&server);
    // The server starts again at another time. Leap days can change the year.
    for offset in [days, -days, 0] {
        server.kill();
        clock.set(offset);
        server = start();
        assert!((year(&server) - present - offset / 365).abs() <= 1);
        held.expect_held(&server);
    }
}
