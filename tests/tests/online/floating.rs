//! Licenses that require a floating seat, and the processes that hold one.
#![cfg(unix)]

use std::path::Path;

use license_client::testing::TestMachine;
use license_client::{Client, FeatureMatrix, HeldSeat, TrustSet};
use license_tests::tools::{self, faketime, license_at_time};
use license_tests::{Run, RunOutput, Scratch, copy_files, programs};
use serde_json::{Value, json};

use super::fake::wait_for;
use super::site::{Site, client_on};
use super::workplace::{Workplace, end_lease, send_receipt};

const TERMS: &str = "--tier team --seats 2 --offline --perpetual --floating";

/// A feature of the license that the base tier does not have.
const FEATURE: &str = "team_analytics";

/// Returns a run of `license` with this working directory.
fn license_in<'w>(workplace: &'w Workplace, project: &str, arguments: &[&str]) -> Run<'w> {
    let script = "cd \"$1\" && shift && exec \"$@\"";
    Run::new("sh", &workplace.machine)
        .args(["-c", script, "sh"])
        .arg(workplace.project(project))
        .arg(programs::license())
        .args(arguments)
}

/// Checks the feature in a project, and returns the exit code.
fn check_in(workplace: &Workplace, project: &str) -> Option<i32> {
    license_in(workplace, project, &["check", FEATURE])
        .run()
        .code
}

/// Runs a command with `license run` for a project.
fn run_in(workplace: &Workplace, project: &str, command: &[&str]) -> RunOutput {
    let license = programs::license().to_str().unwrap();
    let words = command.iter().map(|word| word.replace("LICENSE", license));
    let path = workplace.project(project);
    let run = Run::license(&workplace.machine).args(["run", "--project"]);
    run.arg(path).arg("--").args(words).run()
}

/// Reads the only seat in the file, changes it, and writes it again.
fn edit_seat(machine: &Scratch, change: impl FnOnce(&mut Value)) {
    let mut file: Value = serde_json::from_str(&machine.read("state/seats.json")).unwrap();
    change(&mut file["seats"][0]);
    machine.write("state/seats.json", file.to_string());
}

#[test]
fn the_command_of_license_run_and_its_children_have_the_features_of_the_license() {
    let site = Site::new(TERMS);
    let server = site.start();
    let workplace = Workplace::new(&site, &server);
    let denied = workplace.license(&["check", FEATURE]).expect_code(1);
    assert!(denied.stdout.contains("SEAT_REQUIRED"), "{denied:?}");
    let status = workplace.license(&["status"]).expect_code(1).all_output();
    assert!(status.contains("license run -- PROGRAM"), "{status}");
    run_in(&workplace, "one", &["LICENSE", "check", FEATURE]).expect_code(0);
    // The working directory of the command does not matter, and a run inside a run has a seat of
    // its own project.
    let script = format!("cd / && exec LICENSE check {FEATURE}");
    run_in(&workplace, "one", &["sh", "-c", &script]).expect_code(0);
    for project in ["one", "two"] {
        let path = workplace.project(project);
        let path = path.to_str().unwrap();
        let inner = ["LICENSE", "run", "--project", path, "--"];
        let check = ["LICENSE", "check", FEATURE];
        run_in(&workplace, "one", &[&inner[..], &check].concat()).expect_code(0);
        // The end of the inner run ends its own seat only.
        let script = format!("LICENSE run --project {path} -- true && LICENSE check {FEATURE}");
        run_in(&workplace, "one", &["sh", "-c", &script]).expect_code(0);
    }
    let status = run_in(&workplace, "one", &["LICENSE", "status", "--json"]).expect_code(0);
    let status = status.json();
    assert_eq!(status["seat"]["stored_by"], "run", "{status}");
    assert!(!workplace.machine.file("state/seats.json").exists());
    // The variable alone is worth nothing, and neither is a seat of another session.
    for value in ["sess_0", &format!("sess_{}", "0".repeat(32))] {
        let run = Run::license(&workplace.machine).args(["check", FEATURE]);
        let run = run.env("CODITECT_LICENSE_SEAT", value).run();
        assert_eq!(run.code, Some(1), "{value}: {run:?}");
    }
}

#[test]
fn a_program_with_the_library_counts_the_seat_of_license_run() {
    let site = Site::new(TERMS);
    let server = site.start();
    let workplace = Workplace::new(&site, &server);
    let program = std::env::current_exe().unwrap();
    let child = [
        program.to_str().unwrap(),
        "--ignored",
        "--exact",
        "floating::the_program_with_the_library",
    ];
    let granted = run_in(&workplace, "one", &child);
    assert_eq!(granted.code, Some(0), "{granted:?}");
    let without = Run::new(child[0], &workplace.machine)
        .args(&child[1..])
        .run();
    assert_eq!(without.code, Some(101), "{without:?}");
}

#[test]
#[ignore = "another test runs it as the command of `license run`"]
fn the_program_with_the_library() {
    let trust = std::fs::read_to_string("trust.jwks").unwrap();
    let client = Client::builder(TrustSet::parse(&trust).unwrap())
        .product(FeatureMatrix::built_in())
        .build()
        .unwrap();
    assert!(client.allows(FEATURE).unwrap());
}

#[test]
fn a_client_counts_its_own_seats_while_they_are_valid() {
    let site = Site::new(TERMS);
    let server = site.start();
    let administrator = server.administrator();
    let client = site.client(&server);
    let other = client_on(&site.machine, &server);
    let allows = |client: &Client| client.allows(FEATURE).unwrap();
    assert!(!allows(&client));
    let project = project_directory();
    let seat = client.seat(project.path()).unwrap().acquire().unwrap();
    assert!(allows(&client) && !allows(&other));
    assert_eq!(client.decide().unwrap().code().as_str(), "VALID");
    // A context with a lease of its own replaces the seat of the client.
    let lease = seat.lease().unwrap();
    let ended = client
        .context()
        .lease_until(&lease, client.context().clock());
    assert!(!client.allows_in(&ended, FEATURE).unwrap());
    seat.release().unwrap();
    assert!(!allows(&client));
    let seat = client.seat(project.path()).unwrap().acquire().unwrap();
    assert!(allows(&client));
    drop(seat);
    assert!(!allows(&client));
    // A lost seat counts until its holder learns of the loss.
    super::workplace::shorten_leases(&administrator);
    let _seat = client.seat(project.path()).unwrap().acquire().unwrap();
    assert!(allows(&client));
    end_lease(&administrator);
    wait_for("the loss", || (!allows(&client)).then_some(()));
}

fn project_directory() -> Scratch {
    let project = Scratch::new();
    project.write("project.txt", "");
    project
}

#[test]
fn a_stored_seat_counts_in_its_project_only() {
    let site = Site::new(TERMS);
    let server = site.start();
    let workplace = Workplace::new(&site, &server);
    let acquire = || {
        license_in(&workplace, "one", &["seat", "acquire"])
            .run()
            .expect_code(0)
    };
    acquire();
    assert_eq!(check_in(&workplace, "one"), Some(0));
    assert_eq!(check_in(&workplace, "two"), Some(1));
    assert_eq!(workplace.machine.mode("state/seats.json"), 0o600);
    let stored_by = "stored by `license seat acquire`";
    for command in ["status", "explain", "doctor"] {
        let shown = license_in(&workplace, "one", &[command])
            .run()
            .expect_code(0);
        assert!(
            shown.stdout.replace('\n', " ").contains("sess_"),
            "{shown:?}"
        );
        let words: Vec<&str> = shown.stdout.split_whitespace().collect();
        assert!(words.join(" ").contains(stored_by), "{shown:?}");
    }
    let doctor = license_in(&workplace, "two", &["doctor"])
        .run()
        .expect_code(0);
    assert!(doctor.stdout.contains("no seat is held here"), "{doctor:?}");
    // A file and another machine are not affected.
    let file = workplace.machine.file("acme.lic");
    let file = file.to_str().unwrap();
    let trust = workplace.machine.file("trust.jwks");
    let verify = ["verify", "--trust", trust.to_str().unwrap(), file];
    license_in(&workplace, "one", &verify).run().expect_code(1);
    let elsewhere = [
        "check",
        FEATURE,
        "--machine",
        "fp1:id=0123456789abcdef01234567",
    ];
    license_in(&workplace, "one", &elsewhere)
        .run()
        .expect_code(1);
    license_in(&workplace, "one", &["seat", "release"])
        .run()
        .expect_code(0);
    assert_eq!(check_in(&workplace, "one"), Some(1));
}

#[test]
fn an_edited_file_proves_no_seat_for_longer_than_the_lease() {
    let site = Site::new(TERMS);
    let server = site.start();
    let workplace = Workplace::new(&site, &server);
    license_in(&workplace, "one", &["seat", "acquire"])
        .run()
        .expect_code(0);
    let machine = &workplace.machine;
    let original = machine.read("state/seats.json");
    let code = |change: &dyn Fn(&mut Value)| {
        machine.write("state/seats.json", &original);
        edit_seat(machine, change);
        check_in(&workplace, "one")
    };
    assert_eq!(code(&|_| {}), Some(0));
    // Without the end by the clock of the boot, the dates of the lease count.
    assert_eq!(
        code(&|seat| {
            seat.as_object_mut().unwrap().remove("ends");
        }),
        Some(0)
    );
    let is_linux = cfg!(target_os = "linux");
    if is_linux {
        let later = |seat: &mut Value| {
            let millis = seat["ends"]["millis"].as_u64().unwrap();
            seat["ends"]["millis"] = json!(millis + 60 * 60 * 1000);
        };
        assert_eq!(code(&later), Some(1), "more than a lifetime ahead");
        let other_boot = |seat: &mut Value| seat["ends"]["boot"] = json!("0".repeat(32));
        assert_eq!(code(&other_boot), Some(1), "the machine was restarted");
        assert_eq!(
            code(&|seat| seat["ends"]["millis"] = json!(1)),
            Some(1),
            "ended"
        );
    }
    let forged = |seat: &mut Value| {
        let lease = seat["lease"].as_str().unwrap();
        let (content, _) = lease.rsplit_once('.').unwrap();
        seat["lease"] = json!(format!("{content}.AAAA"));
    };
    assert_eq!(code(&forged), Some(1));
    assert_eq!(code(&|seat| seat["lease"] = json!("a.b.c")), Some(1));
    // A lease of another session of the same machine.
    let other = license_in(&workplace, "two", &["seat", "acquire", "--json"]).run();
    let other = other.expect_code(0).json()["lease"].clone();
    assert_eq!(code(&|seat| seat["lease"] = other.clone()), Some(1));
    machine.write("state/seats.json", "{");
    assert_eq!(check_in(&workplace, "one"), Some(1));
}

#[test]
fn the_wall_clock_ends_a_stored_seat_only_a_day_after_its_dates() {
    let Some(faketime) = faketime() else {
        return;
    };
    let site = Site::new(TERMS);
    let server = site.start();
    let workplace = Workplace::new(&site, &server);
    let acquired = license_in(&workplace, "one", &["seat", "acquire", "--json"]).run();
    let session = acquired.expect_code(0).json()["session"].clone();
    // The variable names the session, so the working directory does not matter.
    let code = |time: &str| {
        let run = license_at_time(faketime, &workplace.machine, time).args(["check", FEATURE]);
        let run = run.env("CODITECT_LICENSE_SEAT", session.as_str().unwrap());
        run.run().code
    };
    if cfg!(target_os = "linux") {
        assert_eq!(code("-20h"), Some(0));
        assert_eq!(code("+20h"), Some(0));
    }
    assert_eq!(code("+30h"), Some(1));
}

const LOAN: &str = "--tier team --seats 2 --offline --perpetual --floating \
                    --quota borrow_days=7 --quota borrow_seats=1";

#[test]
fn a_borrowed_seat_works_without_the_server_until_it_is_returned_with_a_receipt() {
    let site = Site::new(LOAN);
    let server = site.start();
    let administrator = server.administrator();
    let token = administrator.authorization.clone();
    let address = server.address().to_string();
    let workplace = Workplace::new(&site, &server);
    let seat = |arguments: &[&str]| license_in(&workplace, "one", arguments).run();
    let refused = seat(&["seat", "borrow", "--for", "8d"]).expect_failure(1);
    assert_eq!(refused.code, "BORROW_DURATION", "{refused:?}");
    assert!(refused.hint.contains("--for 7d"), "{refused:?}");
    assert_eq!(
        super::site::pool(&administrator)["held"],
        0,
        "nothing is left"
    );
    assert!(!workplace.machine.file("state/seats.json").exists());
    seat(&["seat", "return"]).expect_failure(1);
    let borrowed = seat(&["seat", "borrow", "--for", "2d"]).expect_code(0);
    assert!(
        borrowed.stdout.contains("without the network"),
        "{borrowed:?}"
    );
    let longer = seat(&["seat", "borrow", "--for", "3d", "--json"]).expect_code(0);
    assert_eq!(longer.json()["mode"], "borrowed");
    // A repetition never shortens the loan.
    let longer = seat(&["seat", "borrow", "--for", "1d", "--json"]).expect_code(0);
    let left = longer.json()["valid_for_seconds"].as_u64().unwrap();
    assert!(left > 2 * 24 * 60 * 60, "{left}");
    let other = license_in(&workplace, "two", &["seat", "borrow", "--for", "1d"]).run();
    assert_eq!(other.expect_failure(1).code, "BORROW_LIMIT");
    let pool = super::site::pool(&administrator);
    assert_eq!((&pool["held"], &pool["borrowed"]), (&json!(1), &json!(1)));

    server.stop();
    assert_eq!(check_in(&workplace, "one"), Some(0));
    assert_eq!(check_in(&workplace, "two"), Some(1));
    run_in(&workplace, "one", &["LICENSE", "check", FEATURE]).expect_code(0);
    let status = seat(&["seat", "status", "--json"]).expect_code(0).json();
    assert_eq!(status["lease"], longer.json()["lease"], "{status}");
    assert_eq!(status["unconfirmed"], "SERVER_UNREACHABLE", "{status}");
    assert_eq!(
        seat(&["seat", "release"]).expect_failure(1).code,
        "SEAT_BORROWED"
    );
    // Nothing of the seat depends on the boot of the machine.
    let file = workplace.machine.read("state/seats.json");
    assert!(!file.contains("boot"), "{file}");
    if let Some(faketime) = faketime() {
        let session = status["session"].as_str().unwrap();
        for (time, code) in [("+2d", 0), ("+4d", 1)] {
            let run = license_at_time(faketime, &workplace.machine, time);
            let run = run
                .args(["check", FEATURE])
                .env("CODITECT_LICENSE_SEAT", session);
            // A later time is recorded, so the program uses a copy of the state.
            let copy = workplace.machine.file("copy");
            copy_files(&workplace.machine.state(), &copy);
            let run = run.env("CODITECT_HOME", copy);
            assert_eq!(run.run().code, Some(code), "{time}");
        }
    }
    let unreachable = seat(&["seat", "return"]).expect_failure(4);
    assert!(unreachable.hint.contains("--receipt"), "{unreachable:?}");
    assert_eq!(check_in(&workplace, "one"), Some(0));

    seat(&["seat", "return", "--receipt", "seat.receipt"]).expect_code(0);
    let receipt = workplace.machine.read("one/seat.receipt");
    assert_eq!(check_in(&workplace, "one"), Some(1));
    workplace.machine.write("state/seats.json", &file);
    assert_eq!(
        check_in(&workplace, "one"),
        Some(1),
        "a copy of the file changes nothing"
    );
    assert_eq!(run_in(&workplace, "one", &["true"]).code, Some(4));
    let again = seat(&["seat", "return", "--receipt", "-"]).expect_code(0);
    assert!(again.stdout.contains("LICENSE DEACTIVATION"), "{again:?}");

    let server = site.restart(&address);
    let administrator = server.as_administrator(&token);
    let body = json!({ "file": receipt });
    let returned = match tools::curl() {
        Some(_) => send_receipt(&server, &workplace),
        None => server.post("/api/v1/deactivations", &body).expect(200),
    };
    assert_eq!(returned, json!({ "freed": true }));
    assert_eq!(super::site::pool(&administrator)["borrowed"], 0);
    let again = server.post("/api/v1/deactivations", &body);
    again.expect_problem(404, "NOT_FOUND");
    // The session gets a seat like any other again.
    seat(&["seat", "acquire"]).expect_code(0);
    assert_eq!(check_in(&workplace, "one"), Some(0));
}

#[test]
fn a_borrowed_seat_is_returned_to_its_server() {
    let site = Site::new(LOAN);
    let server = site.start();
    let administrator = server.administrator();
    let workplace = Workplace::new(&site, &server);
    let seat = |arguments: &[&str]| license_in(&workplace, "one", arguments).run();
    // A seat that an earlier command took is borrowed, and stays after a refusal.
    seat(&["seat", "acquire"]).expect_code(0);
    seat(&["seat", "borrow", "--for", "8d"]).expect_failure(1);
    assert_eq!(super::site::pool(&administrator)["held"], 1);
    seat(&["seat", "borrow", "--for", "1d"]).expect_code(0);
    assert_eq!(super::site::pool(&administrator)["held"], 1);
    let file = workplace.machine.read("state/seats.json");
    let returned = seat(&["seat", "return", "--json"]).expect_code(0).json();
    assert_eq!(returned["freed"], true);
    assert_eq!(super::site::pool(&administrator)["held"], 0);
    workplace.machine.write("state/seats.json", &file);
    assert_eq!(check_in(&workplace, "one"), Some(1));
    // An administrator ends a loan, and the user learns why.
    seat(&["seat", "borrow", "--for", "1d"]).expect_code(0);
    seat(&["seat", "status"]).expect_code(0);
    end_lease(&administrator);
    let ended = seat(&["seat", "borrow", "--for", "2d"]).expect_failure(1);
    assert_eq!(ended.code, "LEASE_LOST", "{ended:?}");
    assert!(ended.message.contains("laptop lost"), "{ended:?}");
    assert_eq!(check_in(&workplace, "one"), Some(1));
}

#[test]
fn a_client_borrows_a_seat_for_other_clients_of_the_machine() {
    let site = Site::new(LOAN);
    let server = site.start();
    let client = site.client(&server);
    let project = project_directory();
    let day = std::time::Duration::from_secs(24 * 60 * 60);
    let request = client.seat(project.path()).unwrap();
    let borrowed = request.borrow(day).unwrap();
    assert!(borrowed.expires_in() > day / 2);
    let other = client_on(&site.machine, &server);
    server.stop();
    assert!(!other.allows(FEATURE).unwrap());
    let seat = other.seat(project.path()).unwrap().acquire().unwrap();
    assert!(other.allows(FEATURE).unwrap());
    assert!(!seat.release().unwrap(), "the seat stays borrowed");
    let _seat = other.seat(project.path()).unwrap().acquire().unwrap();
    let receipt = client.seat(project.path()).unwrap().return_with_receipt();
    assert!(receipt.unwrap().is_some());
    assert!(other.seat(project.path()).unwrap().acquire().is_err());
}

#[test]
fn a_manager_finds_no_seat_for_a_license_that_requires_none() {
    let machine = TestMachine::new(FeatureMatrix::built_in());
    machine.install(license_client::testing::license("PRO"));
    let snapshot = machine.manager().inspect(FeatureMatrix::built_in());
    let verified = snapshot.installed().unwrap().verified().clone();
    let seat: Option<HeldSeat> = machine.manager().held_seat(&verified, None, Path::new("."));
    assert!(seat.is_none());
}
