//! Clocks of the client and of the server that jump while a seat is held.

use license_tests::server::{Server, license_server};
use license_tests::tools::{WallClock, has_time_namespaces};
use serde_json::Value;

use super::super::clock::has_noticed;
use super::super::site::Site;
use super::holder::{Holder, Machine};
use super::shorten_leases;

/// The license was issued before each date to which the clocks jump.
const TERMS: &str = "--tier team --seats 3 --offline --perpetual --issued-at 2000-01-01T00:00:00Z";

/// The wall clocks jump by ten years, those of client and server in opposite directions. A second
/// client runs in a time namespace, whose boot-time clock is ahead of that of the system.
pub(super) fn jumps() {
    let (Some(of_server), Some(of_client)) = (WallClock::new(), WallClock::new()) else {
        return;
    };
    let site = Site::new(TERMS);
    let machine = Machine::new(&site);
    let run = of_server.run(license_server(&site.scratch));
    let server = Server::start_with(run, &site.scratch, &[]);
    shorten_leases(&server);
    let run = machine.application("jumps", server.url());
    let mut holders = vec![machine.start("jumps", of_client.run(run))];
    if has_time_namespaces() {
        let run = machine.application("ahead", server.url());
        let words = ["unshare", "--time", "--boottime", "100000000", "--fork"];
        let words: Vec<&str> = words.into_iter().chain(["--kill-child", "--"]).collect();
        holders.push(machine.start("ahead", run.through(&words)));
    }
    let [first, ahead @ ..] = holders.as_mut_slice() else {
        panic!("a client runs");
    };
    let acquired = first.wait_for("acquired");
    for ahead in ahead {
        // Both clients have the same clock, except for the offset.
        let at = ahead.wait_for("acquired")["at"].as_f64().unwrap();
        assert!(at - acquired["at"].as_f64().unwrap() > 99_000_000.0);
    }
    let present = wall(&holders[0].wait_for("renewed"));
    for days in [3650, -3650] {
        of_client.set(days);
        of_server.set(-days);
        for holder in &mut holders {
            let count = holder.all("renewed").len();
            holder.wait_for_more("renewed", count);
        }
        let jump = wall(&holders[0].all("renewed").pop().unwrap()) - present;
        assert!((jump - days * 24 * 60 * 60).abs() < 600, "{jump}");
        assert!(has_noticed(&site.scratch.read("server.log"), -days));
    }
    for holder in holders {
        for event in ["late", "lost", "invalid"] {
            assert!(holder.all(event).is_empty(), "{:?}", holder.entries());
        }
        Holder::end(holder);
    }
}

/// Returns the time of the wall clock in seconds that a client has logged.
fn wall(entry: &Value) -> i64 {
    entry["wall"].as_i64().unwrap()
}
