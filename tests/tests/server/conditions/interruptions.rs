//! Clients that cannot reach their server for longer than a lease, or cannot run.

use std::thread;
use std::time::Duration;

use license_tests::server::{Server, license_server};
use license_tests::tools::{Cut, Freezer, Namespace};
use rustix::time::{ClockId, clock_gettime};
use serde_json::Value;

use super::super::site::{Site, number};
use super::holder::{Holder, Machine, signal};
use super::shorten_leases;

const TWO_SEATS: &str = "--tier team --seats 2 --offline --perpetual";

/// Two clients hold both seats. Each of them is interrupted right after its grant, and a third one
/// asks for a seat until it has one.
struct Interrupted {
    /// The client that acquired its seat first. Its seat is granted to the third client.
    first: Holder,
    /// The seat of this client is late, and no other session needs it.
    second: Holder,
    /// The line that the third client has logged about its grant.
    granted: Value,
    third: Holder,
}

impl Interrupted {
    /// Starts the clients with `start`, and interrupts the first two with `interrupt`.
    fn new(mut start: impl FnMut(&str) -> Holder, interrupt: [&dyn Fn(&Holder); 2]) -> Self {
        let [interrupt_first, interrupt_second] = interrupt;
        let mut first = start("first");
        first.wait_for("acquired");
        interrupt_first(&first);
        let mut second = start("second");
        second.wait_for("acquired");
        interrupt_second(&second);
        let mut third = start("third");
        let granted = third.wait_for("acquired");
        // No client was renewed in between, so the lease of the second one ends soon.
        let until = last_until(&second);
        while now() <= until {
            thread::sleep(Duration::from_millis(20));
        }
        Self {
            first,
            second,
            granted,
            third,
        }
    }

    /// Checks what the clients have logged after the end of the interruptions.
    #[track_caller]
    fn check(mut self) {
        let Self {
            first,
            second,
            granted,
            third,
        } = &mut self;
        let lost = first.wait_for("lost");
        assert_eq!(lost["code"], "LEASE_LOST", "{lost}");
        let detail = lost["detail"].as_str().unwrap();
        assert!(
            detail.contains("ended at 2") && detail.contains("another session needed the seat"),
            "{detail}"
        );
        // The server granted the seat after the third client had sent its request.
        let sent = seconds(&granted["sent"]);
        let invalid = first.wait_for("invalid");
        let last_valid = seconds(&invalid["last_valid"]);
        assert!(last_valid < sent, "{invalid} {granted}");
        let until = last_until(first);
        assert!(until < sent, "{until} {granted}");
        assert!(first.all("valid").is_empty(), "a lost seat is never valid");
        let [late] = first.all("late").try_into().unwrap();
        assert!(
            seconds(&late["at"]) <= seconds(&lost["at"]),
            "{late} {lost}"
        );
        // The late seat is the same as before.
        second.wait_for("recovered");
        second.wait_for("valid");
        assert!(second.all("lost").is_empty());
        let acquired = &second.all("acquired")[0];
        for renewed in second.all("renewed") {
            assert_eq!(renewed["seq"], acquired["seq"]);
        }
        assert!(third.all("lost").is_empty());
        let Self {
            first,
            second,
            third,
            ..
        } = self;
        [first, second, third].into_iter().for_each(Holder::end);
    }
}

/// Returns the time of the boot-time clock in seconds.
fn now() -> f64 {
    let time = clock_gettime(ClockId::Boottime);
    let (seconds, nanos) = (time.tv_sec.try_into(), time.tv_nsec.try_into());
    Duration::new(seconds.unwrap(), nanos.unwrap()).as_secs_f64()
}

fn seconds(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

/// Returns the latest end of the lease that a client has logged.
fn last_until(holder: &Holder) -> f64 {
    let mut entries = holder.all("acquired");
    entries.extend(holder.all("renewed"));
    let ends = entries.iter().map(|entry| seconds(&entry["until"]));
    ends.fold(0.0, f64::max)
}

/// The server and each client have a network of their own. The connections are over TLS.
pub(super) fn networks() {
    let rounds = number("LICENSE_TESTS_SERVER_PARTITIONS", 1);
    let Some(office) = Namespace::new() else {
        return;
    };
    let [Some(one), Some(two), Some(three)] = [(); 3].map(|()| Namespace::new()) else {
        return;
    };
    let clients = [one, two, three];
    let cables: Vec<_> = (1..)
        .zip(&clients)
        .map(|(number, client)| office.connect(client, number))
        .collect();
    let site = Site::new(TWO_SEATS);
    let server = site.start(&[]);
    shorten_leases(&server);
    server.stop();
    let names: Vec<String> = cables.iter().map(|cable| cable.server_address()).collect();
    let listen = ["--listen", "0.0.0.0:8443", "--tls-names", &names.join(",")];
    let run = office.run(license_server(&site.scratch));
    let _server = Server::start_with(run, &site.scratch, &listen);
    let certificate = site.scratch.file("data/tls.crt");
    let machine = Machine::new(&site);
    for round in 0..rounds {
        let kinds = match round % 2 {
            0 => [Cut::Down, Cut::Dropped],
            _ => [Cut::Dropped, Cut::Down],
        };
        let mut next = cables.iter().zip(&clients);
        let start = |name: &str| {
            let (cable, client) = next.next().unwrap();
            let url = format!("https://{}:8443", cable.server_address());
            let name = format!("{name}-{round}");
            let run = machine.application(&name, &url);
            let run = run.env("CODITECT_LICENSE_SERVER_CA_FILE", &certificate);
            machine.start(&name, client.run(run))
        };
        let cut = |position: usize| cables[position].cut(kinds[position]);
        let interrupted = Interrupted::new(start, [&|_| cut(0), &|_| cut(1)]);
        for (cable, kind) in cables.iter().zip(kinds) {
            cable.heal(kind);
        }
        interrupted.check();
    }
}

/// A stopped process is in the state of a process in a suspended machine, except for the clocks.
/// Container runtimes pause a container with a frozen control group.
pub(super) fn pauses() {
    let freezer = Freezer::new();
    let site = Site::new(TWO_SEATS);
    let server = site.start(&[]);
    shorten_leases(&server);
    let machine = Machine::new(&site);
    let start = |name: &str| machine.start(name, machine.application(name, server.url()));
    let stop = |holder: &Holder| signal(holder.id().into(), "STOP");
    let freeze = |holder: &Holder| match &freezer {
        Some(freezer) => {
            freezer.add(holder.id());
            freezer.freeze();
        }
        None => stop(holder),
    };
    let interrupted = Interrupted::new(start, [&stop, &freeze]);
    let Interrupted { first, second, .. } = &interrupted;
    for holder in [first, second] {
        assert!(holder.all("late").is_empty(), "the process does not run");
        signal(holder.id().into(), "CONT");
    }
    if let Some(freezer) = &freezer {
        freezer.thaw();
    }
    interrupted.check();
}

/// The server is paused for longer than a lease, and one of its clients too.
pub(super) fn pauses_with_the_server() {
    // The group is removed after its processes have ended.
    let freezer = Freezer::new();
    let site = Site::new(TWO_SEATS);
    let server = site.start(&[]);
    shorten_leases(&server);
    let machine = Machine::new(&site);
    let start = |name: &str| machine.start(name, machine.application(name, server.url()));
    let (mut running, mut paused) = (start("running"), start("paused"));
    running.wait_for("acquired");
    paused.wait_for("acquired");
    match &freezer {
        Some(freezer) => {
            freezer.add(server.id());
            freezer.freeze();
        }
        None => server.signal("STOP"),
    }
    signal(paused.id().into(), "STOP");
    running.wait_for("late");
    let until = last_until(&paused);
    while now() <= until {
        thread::sleep(Duration::from_millis(20));
    }
    match &freezer {
        Some(freezer) => freezer.thaw(),
        None => server.signal("CONT"),
    }
    // For the server, almost no time has passed.
    let denied = site.session(1).acquire(&server, false);
    denied.expect_problem(409, "NO_SEAT");
    signal(paused.id().into(), "CONT");
    for mut holder in [running, paused] {
        holder.wait_for("late");
        holder.wait_for("recovered");
        holder.wait_for("valid");
        assert!(holder.all("lost").is_empty());
        let acquired = &holder.all("acquired")[0];
        for renewed in holder.all("renewed") {
            assert_eq!(renewed["seq"], acquired["seq"]);
        }
        holder.end();
    }
}
