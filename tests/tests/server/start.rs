//! The first start, and what it leaves in the data directory.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use license_test_services::TestDatabase;
use license_tests::server::{Server, StartingServer, agent, free_port, license_server, send};
use license_tests::{Scratch, Vendor, words};
use rusqlite::Connection;

#[test]
fn a_server_without_a_configuration_starts_and_says_what_to_do() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch, &[]);
    let start = &server.start;
    let request = start["request"].as_str().unwrap();
    let request = std::fs::read_to_string(request).unwrap();
    assert!(
        request.starts_with("-----BEGIN LICENSE SERVER REQUEST-----\n"),
        "{request}"
    );
    assert!(
        start["setup_url"]
            .as_str()
            .unwrap()
            .starts_with(server.url())
    );
    assert_eq!(start["has_license"], false);
    assert_eq!(server.get("/healthz").expect(200)["status"], "ok");
    assert_eq!(server.get("/readyz").expect(503)["status"], "no license");
    let metrics = format!("http://{}/metrics", start["metrics"].as_str().unwrap());
    let metrics = server.send("GET", &metrics, &[], "");
    let line = r#"license_http_requests_total{method="GET",route="/healthz",status="200"} 1"#;
    assert!(metrics.body.contains(line), "{}", metrics.body);
    assert_eq!(
        server.get("/metrics").status,
        404,
        "metrics have their own listener"
    );
}

#[test]
fn keys_and_the_data_directory_belong_to_their_owner_only() {
    let scratch = Scratch::new();
    let listen = ["--tls", "on"];
    let server = Server::start(&scratch, &listen);
    assert_eq!(scratch.mode("data"), 0o700);
    for file in ["server.key", "server.db", "tls.key"] {
        assert_eq!(scratch.mode(&format!("data/{file}")), 0o600, "{file}");
    }
    assert!(server.stop().success());
}

#[test]
fn the_key_stays_when_the_server_starts_again() {
    let scratch = Scratch::new();
    Server::start(&scratch, &[]).stop();
    let key = scratch.read("data/server.key");
    Server::start(&scratch, &[]).stop();
    assert_eq!(scratch.read("data/server.key"), key);
}

#[test]
fn what_others_can_access_is_refused() {
    let scratch = Scratch::new();
    license_server(&scratch).arg("init").run().expect_code(0);
    let set_mode = |file: &str, mode| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(scratch.file(file), permissions).unwrap();
    };
    set_mode("data", 0o755);
    let error = license_server(&scratch).arg("run").run().expect_failure(2);
    assert!(error.message.contains("mode 755"), "{error:?}");
    assert!(error.hint.contains("chmod 700"), "{error:?}");
    set_mode("data", 0o700);
    set_mode("data/server.key", 0o644);
    let error = license_server(&scratch).arg("run").run().expect_failure(4);
    assert!(error.hint.contains("chmod 600"), "{error:?}");
    set_mode("data/server.key", 0o600);
    let server = Server::start(&scratch, &[]);
    assert!(server.stop().success());
}

#[test]
fn a_second_server_names_the_first() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch, &[]);
    let second = license_server(&scratch).args(["run", "--listen", "127.0.0.1:0"]);
    let second = second.args(["--metrics-listen", "off"]).run();
    let error = second.expect_failure(4);
    assert!(
        error.message.contains(&server.id().to_string()),
        "{error:?}"
    );
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn a_server_that_waits_for_its_database_answers_its_probes() {
    let scratch = Scratch::new();
    assert!(Server::start(&scratch, &[]).stop().success());
    let database = Connection::open(scratch.file("data/server.db")).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    let address = format!("127.0.0.1:{}", free_port());
    let arguments = ["--listen", &address];
    let starting = StartingServer::new(license_server(&scratch), &scratch, &arguments);
    let agent = agent(Duration::from_secs(60));
    let get = |path: &str| send(&agent, "GET", &format!("http://{address}{path}"), &[], "");
    let health = loop {
        // The port is closed until the server has read its settings.
        match get("/healthz") {
            Ok(response) => break response,
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    assert_eq!(health.expect(200)["status"], "ok");
    assert_eq!(get("/readyz").unwrap().expect(503)["status"], "starting");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| get("/api/v1/pools").unwrap());
        std::thread::sleep(Duration::from_millis(100));
        assert!(!waiting.is_finished());
        database.execute_batch("ROLLBACK").unwrap();
        assert_eq!(waiting.join().unwrap().expect(401)["code"], "UNAUTHORIZED");
    });
    let server = starting.wait(&scratch);
    assert_eq!(server.get("/readyz").expect(503)["status"], "no license");
    assert!(server.stop().success());
}

#[test]
fn a_server_whose_port_is_taken_creates_no_key() {
    let scratch = Scratch::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap().to_string();
    let run = license_server(&scratch).args(["run", "--listen", &address]);
    let error = run
        .args(["--metrics-listen", "off"])
        .run()
        .expect_failure(4);
    assert!(error.message.contains(&address), "{error:?}");
    assert!(!scratch.file("data/server.key").exists());
}

#[test]
fn one_of_two_servers_ends_if_the_lock_file_was_removed() {
    let scratch = Scratch::new();
    let first = Server::start(&scratch, &[]);
    // A person takes the lock file for a leftover.
    std::fs::remove_file(scratch.file("data/server.lock")).unwrap();
    // The second one could end before it is ready, so the first one stands still until then. It must
    // not stand still while it writes, because then the second one could not start.
    let database = Connection::open(scratch.file("data/server.db")).unwrap();
    database.busy_timeout(Duration::from_secs(10)).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    first.signal("STOP");
    database.execute_batch("ROLLBACK").unwrap();
    drop(database);
    let second = Server::start(&scratch, &[]);
    first.signal("CONT");
    let mut servers = vec![first, second];
    // The one that commits first continues. Usually this is the second one.
    let (ended, status) = loop {
        let mut all = servers.iter_mut().enumerate();
        if let Some(found) = all.find_map(|(index, one)| Some((index, one.try_wait()?))) {
            break found;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(status.code(), Some(4));
    drop(servers.remove(ended));
    let other = servers.remove(0);
    assert_eq!(other.get("/readyz").status, 503);
    assert!(other.stop().success());
}

#[test]
fn a_port_that_is_taken_is_named() {
    let scratch = Scratch::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for option in ["--listen", "--metrics-listen"] {
        let other = if option == "--listen" {
            "--metrics-listen"
        } else {
            "--listen"
        };
        let run = license_server(&scratch).args(["run", option, &address, other, "127.0.0.1:0"]);
        let error = run.run().expect_failure(4);
        assert!(error.message.contains(&address), "{error:?}");
        assert!(error.hint.contains(option), "{error:?}");
    }
}

#[test]
fn init_writes_a_request_and_keeps_an_existing_key() {
    let scratch = Scratch::new();
    let first = license_server(&scratch).args(["init", "--json"]).run();
    let first = first.expect_code(0).json();
    assert_eq!(first["created"], true);
    let again = license_server(&scratch).args(["init", "--json", "--out", "again.request"]);
    let again = again.run().expect_code(0).json();
    assert_eq!(
        (&again["kid"], &again["created"]),
        (&first["kid"], &false.into())
    );
    let request = scratch.read("again.request");
    assert!(
        request.contains("BEGIN LICENSE SERVER REQUEST"),
        "{request}"
    );
}

#[test]
fn init_lets_a_role_use_the_tables_of_another_one() {
    let scratch = Scratch::new();
    let init = |role: &str| license_server(&scratch).args(["init", "--grant-to", role]);
    let refused = init("servers").run().expect_failure(2);
    assert!(refused.message.contains("SQLite"), "{refused:?}");
    assert!(!scratch.file("data").exists());
    let Some(database) = TestDatabase::create() else {
        return;
    };
    let owner = database.name();
    let role = format!("{owner}_servers");
    database.superuser_sql(&format!("CREATE ROLE {role} LOGIN PASSWORD 'guess_me'"));
    let grant = |role: &str| {
        let run = init(role).env("LICENSE_SERVER_DATABASE", database.url());
        run.run()
    };
    for wrong in ["unknown", owner, "a\"; DROP TABLE licenses; --"] {
        let refused = grant(wrong).expect_failure(2);
        assert_eq!(refused.code, "DATABASE_SETTING");
        assert!(!format!("{refused:?}").contains("guess_me"), "{refused:?}");
    }
    grant(&role).expect_code(0);
    let (_, address) = database.url().split_once('@').unwrap();
    let url = format!("postgres://{role}:guess_me@{address}");
    let run = license_server(&scratch).env("LICENSE_SERVER_DATABASE", &url);
    let server = Server::start_with(run, &scratch, &[]);
    server.administrator().get("/api/v1/licenses").expect(200);
    assert!(server.stop().success());
    database.superuser_sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn a_refused_license_leaves_no_trust_set() {
    let scratch = Scratch::new();
    license_server(&scratch).arg("init").run().expect_code(0);
    // The license certifies no server.
    let license = Vendor::shared().issue(&words("--tier team --offline --perpetual"));
    scratch.write("trust.jwks", &Vendor::shared().trust);
    scratch.write("acme.lic", &license.file);
    let install = license_server(&scratch).args(["install", "trust.jwks", "acme.lic"]);
    let refused = install.run().expect_failure(2);
    assert_eq!(refused.code, "NOT_CERTIFIED");
    let hint = format!("{refused:?}");
    assert!(hint.contains("data/server.request"), "{hint}");
    assert!(!scratch.file("data/trust.jwks").exists());
}

#[test]
fn a_key_is_imported_once_and_never_replaced() {
    let scratch = Scratch::new();
    let init = |options: &str| {
        let run = license_server(&scratch).args(words("init --json"));
        run.args(words(options)).run()
    };
    let _ = init("--data-dir data").expect_code(0);
    let import = |directory: &str| {
        init(&format!(
            "--import-key data/server.key --data-dir {directory}"
        ))
    };
    assert_eq!(import("node").expect_code(0).json()["created"], true);
    assert_eq!(import("node").expect_code(0).json()["created"], false);
    assert_eq!(scratch.mode("node/server.key"), 0o600);
    let key = scratch.read("data/server.key");
    assert_eq!(scratch.read("node/server.key"), key);

    let _ = init("--data-dir other").expect_code(0);
    let own = scratch.read("other/server.key");
    assert_eq!(import("other").expect_json_failure(2), "EXISTS");
    assert_eq!(scratch.read("other/server.key"), own);
    scratch.write("data/server.key", key.get(..key.len() / 2).unwrap());
    assert_eq!(import("cut").expect_json_failure(4), "MALFORMED");
    assert!(!scratch.file("cut/server.key").exists());
    assert!(!scratch.file("cut/server.key.imported").exists());
    assert_eq!(init("--out -").expect_json_failure(2), "USAGE");
}

#[test]
fn a_file_that_cannot_be_installed_is_a_warning_on_request() {
    let scratch = Scratch::new();
    let install = || license_server(&scratch).args(words("install --warn missing.lic wrong.lic"));
    scratch.write("wrong.lic", "no license");
    // An error of the server itself is no warning.
    let failed = install().run().expect_failure(4);
    assert_eq!(failed.code, "NOT_INITIALIZED");
    license_server(&scratch).arg("init").run().expect_code(0);
    let warned = install().run().expect_code(0).stderr;
    assert!(
        warned.contains("cannot read missing.lic") && warned.contains("add the vendor's trust set"),
        "{warned}"
    );
}
