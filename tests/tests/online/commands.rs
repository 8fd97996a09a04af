//! `license config`, `validate`, `seat` and `wait` with a real `license-server`.

use license_tests::server::{Server, free_port};
use license_tests::{Run, Scratch, license, words};

use super::site::{Site, pool};
use super::workplace::{Workplace, end_lease};

/// The terms of a license with two seats that needs no check-in.
const SEATS: &str = "--tier team --seats 2 --offline --perpetual";

/// The terms of a license that needs check-ins.
const CHECK_IN: &str = "--tier team --seats 2 --days 365";

#[test]
fn a_setting_is_shown_with_its_origin_and_a_variable_takes_precedence() {
    let machine = Scratch::new();
    let url = "https://licenses.acme.example:8443";
    let set = license(&machine, &["config", "set", "server-url", url]).expect_code(0);
    assert!(set.stdout.contains("online.toml"), "{set:?}");
    let shown = license(&machine, &["config", "--json"])
        .expect_code(0)
        .json();
    let setting = &shown["settings"]["server-url"];
    assert_eq!(
        (&setting["value"], &setting["source"]),
        (&url.into(), &"user".into())
    );
    let with_variable = |args: &[&str]| {
        let run = Run::license(&machine).args(args);
        run.env("CODITECT_LICENSE_SERVER", "https://other.example")
            .run()
            .expect_code(0)
    };
    let shown = with_variable(&["config", "show", "--json"]).json();
    let setting = &shown["settings"]["server-url"];
    assert_eq!(setting["value"], "https://other.example");
    assert_eq!(setting["variable"], "CODITECT_LICENSE_SERVER");
    let set = with_variable(&["config", "set", "server-url", url]);
    assert!(set.stderr.contains("takes precedence"), "{set:?}");
    license(&machine, &["config", "unset", "server-url"]).expect_code(0);
    let shown = license(&machine, &["config", "--json"]).json();
    assert!(shown["settings"]["server-url"]["value"].is_null());
}

#[test]
fn a_secret_setting_comes_from_standard_input_and_is_never_shown() {
    let machine = Scratch::new();
    let set = Run::license(&machine).args(["config", "set", "enrollment-token", "-"]);
    let set = set.stdin("enrollment-secret\n").run().expect_code(0);
    assert!(!set.all_output().contains("enrollment-secret"), "{set:?}");
    assert!(
        machine
            .read("state/online.toml")
            .contains("enrollment-secret")
    );
    #[cfg(unix)]
    assert_eq!(machine.mode("state/online.toml"), 0o600);
    for args in [&["config"][..], &["config", "--json"]] {
        let shown = license(&machine, args).expect_code(0);
        assert!(
            !shown.all_output().contains("enrollment-secret"),
            "{shown:?}"
        );
        assert!(shown.stdout.contains("***"), "{shown:?}");
    }
}

#[test]
fn a_setting_that_cannot_be_used_is_refused_and_changes_nothing() {
    let machine = Scratch::new();
    let set = |name: &str, value: &str| license(&machine, &["config", "set", name, value]);
    for (name, value) in [
        ("server-url", "licenses.acme.example"),
        ("timeout", "soon"),
        ("allow-http", "yes"),
    ] {
        let error = set(name, value).expect_failure(2);
        assert_eq!(error.code, "ONLINE_SETTING", "{error:?}");
        assert!(error.message.contains(name), "{error:?}");
    }
    let unknown = set("server", "https://a.example").expect_failure(2);
    assert!(unknown.text().contains("server-url"), "{unknown:?}");
    assert!(!machine.file("state/online.toml").exists());
    // A relative path means the working directory of the command.
    set("ca-file", "ca.pem").expect_code(0);
    let path = machine.path().join("ca.pem");
    let stored = machine.read("state/online.toml");
    assert!(stored.contains(path.to_str().unwrap()), "{stored}");
}

#[test]
fn commands_for_a_server_name_the_setting_that_is_missing() {
    let machine = Scratch::new();
    for command in [
        "validate",
        "seat acquire",
        "seat status",
        "seat release",
        "seat borrow --for 1d",
        "seat return",
        "run -- true",
        "wait",
    ] {
        let error = license(&machine, &words(command)).expect_failure(2);
        assert_eq!(error.code, "NO_SERVER", "{command}: {error:?}");
        assert!(error.hint.contains("config set server-url"), "{error:?}");
    }
}

#[test]
fn a_valid_license_is_validated_and_an_unreachable_server_is_no_denial() {
    let site = Site::new(CHECK_IN);
    let server = site.start();
    let workplace = Workplace::new(&site, &server);
    let valid = workplace.license(&["validate", "--json"]).expect_code(0);
    let valid = valid.json();
    assert_eq!(valid["decision"], "licensed", "{valid}");
    let verdict = &valid["server_verdict"];
    assert_eq!(
        (&verdict["is_valid"], &verdict["is_signed"]),
        (&true.into(), &true.into())
    );
    let text = workplace.license(&["validate"]).expect_code(0);
    assert!(text.stdout.contains("valid: TEAM license"), "{text:?}");
    server.stop();
    let error = workplace.license(&["validate"]).expect_failure(4);
    assert_eq!(error.code, "SERVER_UNREACHABLE", "{error:?}");
    assert!(
        error.message.contains("the cached license is valid for"),
        "{error:?}"
    );
    workplace.license(&["status"]).expect_code(0);
}

#[test]
fn a_license_that_was_revoked_is_denied_by_the_server_and_afterwards_without_it() {
    let site = Site::new(CHECK_IN);
    let server = site.start();
    let workplace = Workplace::new(&site, &server);
    workplace.license(&["validate"]).expect_code(0);
    site.revoke();
    super::fake::wait_for("the server to read the list", || {
        (workplace.license(&["validate"]).code == Some(1)).then_some(())
    });
    let denied = workplace.license(&["validate", "--json"]).expect_code(1);
    assert_eq!(denied.json()["server_verdict"]["code"], "REVOKED");
    server.stop();
    workplace.license(&["status"]).expect_code(1);
}

#[test]
fn a_license_that_the_server_does_not_have_is_refused() {
    let (site, other) = (Site::new(SEATS), Site::new(SEATS));
    let server = site.start();
    let workplace = Workplace::new(&other, &server);
    let error = workplace.license(&["validate"]).expect_failure(1);
    assert_eq!(error.code, "UNKNOWN_LICENSE", "{error:?}");
}

#[test]
fn a_certificate_is_accepted_only_from_the_trusted_file() {
    let (site, other) = (Site::new(SEATS), Scratch::new());
    let server = Server::start(&site.scratch, &["--tls", "on"]);
    Server::start(&other, &["--tls", "on"]).stop();
    let workplace = Workplace::new(&site, &server);
    let refused = || workplace.license(&["validate"]).expect_failure(4);
    assert_eq!(refused().code, "SERVER_CERTIFICATE");
    let trust = |certificate: String| {
        workplace.machine.write("ca.pem", certificate);
        let set = words("config set ca-file ca.pem");
        workplace.license(&set).expect_code(0);
    };
    trust(other.read("data/tls.crt"));
    assert_eq!(refused().code, "SERVER_CERTIFICATE");
    trust(site.scratch.read("data/tls.crt"));
    workplace.license(&["validate"]).expect_code(0);
}

#[test]
fn a_shell_acquires_renews_and_releases_a_seat_in_separate_processes() {
    let site = Site::new(SEATS);
    let server = site.start();
    let administrator = server.administrator();
    let workplace = Workplace::new(&site, &server);
    let [one, two, three] = ["one", "two", "three"].map(|name| {
        let path = workplace.project(name);
        path.to_str().unwrap().to_owned()
    });
    let seat = |action: &str, path: &str| workplace.license(&["seat", action, path, "--json"]);
    let first = seat("acquire", &one).expect_code(0).json();
    assert!(first["valid_for_seconds"].as_u64().unwrap() > 0, "{first}");
    let again = seat("acquire", &one).expect_code(0).json();
    assert_eq!(first["seq"], again["seq"], "the same grant was renewed");
    assert_eq!(pool(&administrator)["held"], 1);
    seat("acquire", &two).expect_code(0);
    assert_eq!(seat("acquire", &three).expect_json_failure(1), "NO_SEAT");
    let status = seat("status", &one).expect_code(0).json();
    assert_eq!(
        (&status["seq"], &status["session"]),
        (&first["seq"], &first["session"])
    );
    assert_eq!(seat("status", &three).expect_json_failure(1), "NO_LEASE");
    #[cfg(unix)]
    assert_eq!(workplace.machine.mode("state/seats.json"), 0o600);
    let released = seat("release", &one).expect_code(0).json();
    assert_eq!(released["freed"], true);
    assert_eq!(pool(&administrator)["held"], 1);
    assert_eq!(seat("release", &one).expect_json_failure(1), "NO_LEASE");
    // An administrator ends the other seat.
    end_lease(&administrator);
    assert_eq!(seat("status", &two).expect_json_failure(1), "LEASE_LOST");
    assert_eq!(seat("status", &two).expect_json_failure(1), "NO_LEASE");
    assert!(!workplace.machine.file("state/seats.json").exists());
}

#[test]
fn a_container_waits_until_its_server_has_started() {
    let site = Site::new(SEATS);
    let workplace = Workplace::without_server(&site);
    let address = format!("127.0.0.1:{}", free_port());
    let url = format!("http://{address}");
    let wait = |limit: &str| {
        let args = ["wait", "--json", "--limit", limit, "--server-url"];
        Run::license(&workplace.machine).args(args).arg(&url)
    };
    let code = wait("0s").run().expect_json_failure(4);
    assert_eq!(code, "SERVER_UNREACHABLE");
    let waiting = wait("10m").start();
    let server = site.restart(&address);
    let output = waiting.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let ready: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&ready["server"], &ready["tier"]),
        (&url.into(), &"TEAM".into())
    );
    server.stop();
}
