//! `license run` with a real `license-server`: seats, the queue, signals and crashes.
#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader};

use license_tests::Run;

use super::fake::wait_for;
use super::site::Site;
use super::workplace::{Workplace, end_lease, shorten_leases, signal, wait_for_pool};

const ONE_SEAT: &str = "--tier team --seats 1 --offline --perpetual";
const TWO_SEATS: &str = "--tier team --seats 2 --offline --perpetual";

/// A command that ends only by a signal.
const FOREVER: &str = "exec sleep 100000";

#[test]
fn the_exit_code_is_that_of_the_command() {
    let site = Site::new(ONE_SEAT);
    let server = site.start();
    let administrator = server.administrator();
    let workplace = Workplace::new(&site, &server);
    for (script, code) in [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)] {
        let mut holder = workplace.start("project", "", script);
        assert_eq!(holder.code(), Some(code), "{}", workplace.log("project"));
        wait_for_pool(&administrator, 0, 0);
    }
    workplace.machine.write("not-executable", "");
    for (command, code) in [("no-such-command", 127), ("./not-executable", 126)] {
        let run = Run::license(&workplace.machine).args(["run", "--", command]);
        let output = run.run().expect_code(code);
        assert!(output.stderr.contains(command), "{output:?}");
    }
    wait_for_pool(&administrator, 0, 0);
}

#[test]
fn the_command_gets_its_arguments_output_and_directory_unchanged() {
    let site = Site::new(ONE_SEAT);
    let server = site.start();
    let workplace = Workplace::new(&site, &server);
    let run = Run::license(&workplace.machine).args(["run", "--json", "--"]);
    let run = run.args([
        "sh",
        "-c",
        "cat; printf '%s|' \"$@\" --help; pwd",
        "sh",
        "a b",
        "--wait",
    ]);
    let output = run.stdin("input ").run().expect_code(0);
    let directory = fs::canonicalize(workplace.machine.path()).unwrap();
    let expected = format!("input a b|--wait|--help|{}\n", directory.display());
    assert_eq!(output.stdout, expected);
}

#[test]
fn a_third_project_waits_for_one_of_two_seats_and_gets_it_at_once() {
    let site = Site::new(TWO_SEATS);
    let server = site.start();
    let administrator = server.administrator();
    let workplace = Workplace::new(&site, &server);
    let mut first = workplace.start("one", "", FOREVER);
    let mut second = workplace.start("two", "", FOREVER);
    wait_for_pool(&administrator, 2, 0);
    let mut denied = workplace.start("four", "", "exit 0");
    assert_eq!(denied.code(), Some(1));
    let log = workplace.log("four");
    assert!(
        log.contains("NO_SEAT") && log.contains("2 of 2 seats are held, by "),
        "{log}"
    );
    let mut third = workplace.start("three", "--wait 10m", "exit 5");
    wait_for_pool(&administrator, 2, 1);
    first.signal("TERM");
    assert_eq!(first.code(), Some(143));
    assert_eq!(third.code(), Some(5), "{}", workplace.log("three"));
    let log = workplace.log("three");
    assert!(log.contains("position 1 of 1"), "{log}");
    // `first` did not leave its seat to its end: two holders of two seats, one after the other.
    second.signal("INT");
    assert_eq!(second.code(), Some(130));
    wait_for_pool(&administrator, 0, 0);
}

#[test]
fn a_project_has_one_seat_through_a_symbolic_link() {
    let site = Site::new(ONE_SEAT);
    let server = site.start();
    let administrator = server.administrator();
    let workplace = Workplace::new(&site, &server);
    let mut holder = workplace.start("project", "", FOREVER);
    wait_for_pool(&administrator, 1, 0);
    let link = workplace.machine.file("link");
    std::os::unix::fs::symlink(workplace.machine.file("project"), &link).unwrap();
    let link = link.to_str().unwrap();
    let run = ["run", "--project", link, "--", "true"];
    workplace.license(&run).expect_code(0);
    wait_for_pool(&administrator, 1, 0);
    holder.signal("TERM");
    assert_eq!(holder.code(), Some(143));
    wait_for_pool(&administrator, 0, 0);
}

#[test]
fn a_command_may_finish_its_work_after_sigterm_before_its_seat_is_free() {
    let site = Site::new(ONE_SEAT);
    let server = site.start();
    let administrator = server.administrator();
    let workplace = Workplace::new(&site, &server);
    let script = "trap 'while [ ! -e go ]; do sleep 0.05; done; exit 3' TERM; \
                  touch ready; while :; do sleep 0.05; done";
    let mut holder = workplace.start("project", "", script);
    wait_for("the command", || {
        workplace.machine.file("ready").exists().then_some(())
    });
    holder.signal("TERM");
    wait_for_pool(&administrator, 1, 0);
    workplace.machine.write("go", "");
    assert_eq!(holder.code(), Some(3));
    wait_for_pool(&administrator, 0, 0);
}

#[test]
fn a_signal_in_the_queue_leaves_the_queue_without_running_the_command() {
    let site = Site::new(ONE_SEAT);
    let server = site.start();
    let administrator = server.administrator();
    let workplace = Workplace::new(&site, &server);
    let mut holder = workplace.start("one", "", FOREVER);
    wait_for_pool(&administrator, 1, 0);
    let mut waiting = workplace.start("two", "--wait 10m", "touch ran");
    wait_for_pool(&administrator, 1, 1);
    waiting.signal("TERM");
    assert_eq!(waiting.code(), Some(143));
    wait_for_pool(&administrator, 1, 0);
    assert!(!workplace.machine.file("ran").exists());
    // The wait ends with its time limit, too.
    let mut late = workplace.start("three", "--wait 0s", "touch ran");
    assert_eq!(late.code(), Some(1));
    assert!(workplace.log("three").contains("WAIT_ENDED"));
    holder.signal("TERM");
    assert_eq!(holder.code(), Some(143));
}

#[test]
fn the_seat_of_a_killed_process_is_free_when_another_one_needs_it() {
    let site = Site::new(ONE_SEAT);
    let server = site.start();
    let administrator = server.administrator();
    shorten_leases(&administrator);
    let workplace = Workplace::new(&site, &server);
    let mut killed = workplace.start("one", "", "echo $$; exec sleep 100000");
    let mut line = String::new();
    let stdout = killed.child.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    let orphan: u32 = line.trim().parse().unwrap();
    killed.signal("KILL");
    assert_eq!(killed.code(), None);
    // The command of a killed process continues without a seat.
    signal(orphan, "TERM");
    let mut next = workplace.start("two", "--wait 10m", "exit 6");
    assert_eq!(next.code(), Some(6), "{}", workplace.log("two"));
    wait_for_pool(&administrator, 0, 0);
}

#[test]
fn a_lost_seat_stops_the_command_or_only_warns() {
    let site = Site::new(ONE_SEAT);
    let server = site.start();
    let administrator = server.administrator();
    shorten_leases(&administrator);
    let workplace = Workplace::new(&site, &server);
    let mut stopped = workplace.start("one", "--on-loss stop", FOREVER);
    wait_for_pool(&administrator, 1, 0);
    end_lease(&administrator);
    assert_eq!(stopped.code(), Some(143), "{}", workplace.log("one"));
    let log = workplace.log("one");
    assert!(
        log.contains("LEASE_LOST") && log.contains("stopping"),
        "{log}"
    );
    let script = "while [ ! -e go ]; do sleep 0.05; done; exit 4";
    let mut warned = workplace.start("two", "--on-loss warn", script);
    wait_for_pool(&administrator, 1, 0);
    end_lease(&administrator);
    wait_for("the warning", || {
        workplace.log("two").contains("LEASE_LOST").then_some(())
    });
    workplace.machine.write("go", "");
    assert_eq!(warned.code(), Some(4), "{}", workplace.log("two"));
}

#[test]
fn a_restart_of_the_server_ends_no_seat_and_the_seat_is_released_afterwards() {
    let site = Site::new(ONE_SEAT);
    let server = site.start();
    let administrator = server.administrator();
    let token = administrator.authorization.clone();
    let address = server.address().to_string();
    let workplace = Workplace::new(&site, &server);
    let script = "touch started; while [ ! -e go ]; do sleep 0.05; done; exit 2";
    let mut holder = workplace.start("project", "", script);
    // The server counts the seat before the client has its answer.
    let started = workplace.machine.file("started");
    wait_for("the command to start", || started.exists().then_some(()));
    server.kill();
    let server = site.restart(&address);
    let held = || {
        let headers = [("authorization", token.as_str())];
        let pools = server.send("GET", "/api/v1/pools", &headers, "");
        pools.expect(200)["items"][0]["held"].clone()
    };
    assert_eq!(held(), 1);
    workplace.machine.write("go", "");
    assert_eq!(holder.code(), Some(2), "{}", workplace.log("project"));
    assert_eq!(held(), 0);
}

#[test]
fn an_unreachable_server_runs_no_command_and_a_release_without_it_is_a_warning() {
    let site = Site::new(ONE_SEAT);
    let server = site.start();
    let workplace = Workplace::new(&site, &server);
    let script = "touch started; while [ ! -e go ]; do sleep 0.05; done; exit 0";
    let mut holder = workplace.start("one", "", script);
    // The server counts the seat before the client has its answer.
    let started = workplace.machine.file("started");
    wait_for("the command to start", || started.exists().then_some(()));
    server.kill();
    workplace.machine.write("go", "");
    assert_eq!(holder.code(), Some(0));
    let log = workplace.log("one");
    assert!(log.contains("ends with its lease"), "{log}");
    let error = workplace.license(&["run", "--", "touch", "ran"]);
    assert_eq!(error.expect_failure(4).code, "SERVER_UNREACHABLE");
    assert!(!workplace.machine.file("ran").exists());
}
