//! The configuration: options, then variables, then the file.

use license_tests::server::{Server, license_server};
use license_tests::{Run, Scratch, Vendor};
use serde_json::Value;

fn check<'s>(scratch: &'s Scratch, arguments: &[&str]) -> Run<'s> {
    license_server(scratch).arg("check-config").args(arguments)
}

fn setting(report: &Value, name: &str) -> (Value, Value, Value) {
    let setting = &report["settings"][name];
    let member = |name: &str| setting[name].clone();
    (member("value"), member("source"), member("line"))
}

#[test]
fn an_option_takes_precedence_over_a_variable_and_a_variable_over_the_file() {
    let scratch = Scratch::new();
    let file = "listen = \"127.0.0.1:1\"\npeer_rate = 7\n# three\nallowed_networks = [\"10.0.0.0/8\", \"::1\"]\n";
    scratch.write_private("server.toml", file);
    let run = |arguments: &[&str]| {
        let run = check(&scratch, &["--json", "--config", "server.toml"]).args(arguments);
        run.env("LICENSE_SERVER_PEER_RATE", "8")
    };
    let report = run(&["--listen", "127.0.0.1:2"])
        .run()
        .expect_code(0)
        .json();
    assert_eq!(
        setting(&report, "listen"),
        ("127.0.0.1:2".into(), "option".into(), Value::Null)
    );
    assert_eq!(
        setting(&report, "peer_rate"),
        ("8".into(), "variable".into(), Value::Null)
    );
    let networks = ("10.0.0.0/8,::1".into(), "file".into(), 4.into());
    assert_eq!(setting(&report, "allowed_networks"), networks);
    assert_eq!(
        setting(&report, "tls"),
        ("auto".into(), "default".into(), Value::Null)
    );
    let unused: Vec<_> = report["unused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["setting"])
        .collect();
    assert_eq!(unused, ["listen", "peer_rate"]);
    let report = run(&[]).run().expect_code(0).json();
    assert_eq!(
        setting(&report, "listen"),
        ("127.0.0.1:1".into(), "file".into(), 1.into())
    );
}

#[test]
fn the_values_take_effect() {
    let scratch = Scratch::new();
    scratch.write_private(
        "server.toml",
        "peer_rate = 1\npublic_url = \"https://l.example/\"\n",
    );
    let run = license_server(&scratch).env("LICENSE_SERVER_CONFIG", "server.toml");
    let server = Server::start_with(run, &scratch, &[]);
    assert_eq!(server.url(), "https://l.example");
}

#[test]
fn a_value_that_is_not_acceptable_names_its_setting_and_its_place() {
    let scratch = Scratch::new();
    for (option, value, expected) in [
        ("--listen", "localhost", "an IP address and a port"),
        ("--metrics-listen", "nowhere", "127.0.0.1:9464, or off"),
        (
            "--peer-rate",
            "0",
            "per second from 1 to 4294967295, or off",
        ),
        ("--header-timeout", "0", "seconds from 1 to 3600"),
        ("--max-connections", "-1", "a whole number from 1"),
        ("--tls", "maybe", "auto, on or off"),
        ("--allowed-networks", "10.0.0.0/99", "a network such as"),
        ("--public-url", "ftp://a", "a URL such as"),
        (
            "--login-issuer",
            "http://login.example",
            "or http for this machine",
        ),
        (
            "--login-issuer",
            "https://login.example/?a=1",
            "without a query",
        ),
        (
            "--login-issuer",
            "https://ann@login.example",
            "a URL such as",
        ),
        ("--log-format", "xml", "auto, json or text"),
        ("--name", "\u{7}", "1 to 128 characters"),
    ] {
        let outcome = check(&scratch, &[option, value, "--json"]).run();
        assert_eq!(outcome.expect_json_failure(2), "USAGE", "{option}");
        let message = outcome.json()["error"]["message"]
            .as_str()
            .unwrap()
            .to_owned();
        let name = option.trim_start_matches('-').replace('-', "_");
        assert!(
            message.starts_with(&name) && message.contains(expected),
            "{message}"
        );
    }
    scratch.write_private("server.toml", "\nlisten = \"nowhere\"\n");
    let outcome = check(&scratch, &["--config", "server.toml"])
        .run()
        .expect_code(3);
    assert!(
        outcome.stderr.contains("server.toml, line 2"),
        "{outcome:?}"
    );
    let run = check(&scratch, &[])
        .env("LICENSE_SERVER_LISTEN", "nowhere")
        .run()
        .expect_code(2);
    assert!(run.stderr.contains("from LICENSE_SERVER_LISTEN"), "{run:?}");
}

#[test]
fn a_file_that_is_not_acceptable_names_its_line() {
    let scratch = Scratch::new();
    for (text, expected) in [
        ("listn = \"a\"\n", "did you mean `listen`?"),
        ("[server]\nlisten = \"a\"\n", "without sections"),
        ("listen = true\n", "a text or a number"),
        ("listen = \"\"\n", "an empty text"),
        ("listen =\n", "line 1"),
        ("listen = \"a\"\nlisten = \"b\"\n", "line 2"),
    ] {
        scratch.write_private("server.toml", text);
        let outcome = check(&scratch, &["--config", "server.toml"]).run();
        outcome.expect_failure(3);
        assert!(
            outcome.stderr.contains(expected),
            "{text}: {}",
            outcome.stderr
        );
    }
    check(&scratch, &["--config", "none.toml"])
        .run()
        .expect_failure(4);
    check(&scratch, &["--config", "home"])
        .run()
        .expect_failure(2);
    let path = scratch.write("open.toml", "");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    std::fs::set_permissions(path, open).unwrap();
    let error = check(&scratch, &["--config", "open.toml"])
        .run()
        .expect_failure(2);
    assert!(error.hint.contains("chmod go-w"), "{error:?}");
}

#[test]
fn an_unknown_variable_and_a_missing_file_are_reported() {
    let scratch = Scratch::new();
    let run = check(&scratch, &[]).env("LICENSE_SERVER_LISTN", "value-of-a-typo");
    let outcome = run.run().expect_code(0);
    assert!(
        outcome
            .stderr
            .contains("did you mean LICENSE_SERVER_LISTEN"),
        "{outcome:?}"
    );
    assert!(
        !outcome.all_output().contains("value-of-a-typo"),
        "{outcome:?}"
    );
    let missing = ["--tls-cert", "no.crt", "--tls-key", "no.key"];
    let outcome = check(&scratch, &missing).run().expect_code(4);
    assert!(outcome.stderr.contains("cannot read no.crt"), "{outcome:?}");
}

#[test]
fn a_provider_of_logins_needs_a_client_id_and_keys_that_can_be_used() {
    let scratch = Scratch::new();
    let issuer = ["--json", "--login-issuer", "https://login.example"];
    let client = ["--login-client-id", "license"];
    for (arguments, part) in [
        (&issuer[..], "expected login_client_id with login_issuer"),
        (
            &["--json", client[0], client[1]],
            "expected login_issuer with login_client_id",
        ),
        (
            &["--json", "--login-keys", "keys"],
            "expected login_issuer with login_keys",
        ),
    ] {
        let refused = check(&scratch, arguments).run();
        assert_eq!(refused.expect_json_failure(2), "USAGE");
        let message = refused.json()["error"]["message"].to_string();
        assert!(message.contains(part), "{message}");
    }
    let both = [&issuer[..], &client].concat();
    for (option, content, code) in [
        ("--login-keys", "{\"keys\": []}", "LOGIN_KEYS"),
        ("--login-keys", "not JSON", "LOGIN_KEYS"),
        ("--login-ca-file", "not PEM", "LOGIN_KEYS"),
    ] {
        scratch.write("file", content);
        let refused = check(&scratch, &[&both[..], &[option, "file"]].concat()).run();
        assert_eq!(refused.expect_json_failure(2), code, "{option} {content}");
    }
    scratch.write("keys", &Vendor::shared().trust);
    let with_keys = [&both[..], &["--login-keys", "keys"]].concat();
    check(&scratch, &with_keys).run().expect_code(0);
    check(&scratch, &both).run().expect_code(0);
}

#[test]
fn a_password_comes_from_a_variable_or_a_private_file() {
    let scratch = Scratch::new();
    let url = "postgres://server:hunter2@db.example/licenses";
    let database = [
        "--json",
        "--database",
        "postgres://server@db.example/licenses",
    ];
    let redis = ["--redis", "rediss://:hunter2@cache.example"];
    let refused = |run: Run<'_>, exit, code: &str| {
        let refused = run.run();
        assert_eq!(refused.expect_json_failure(exit), code);
        assert!(!refused.all_output().contains("hunter2"), "{refused:?}");
        refused.json()["error"]["message"].to_string()
    };
    // Other users can read the options of a process and the settings file.
    let message = refused(check(&scratch, &["--json", "--database", url]), 2, "USAGE");
    assert!(
        message.contains("postgres://server:…@db.example"),
        "{message}"
    );
    refused(check(&scratch, &database).args(redis), 2, "USAGE");
    scratch.write_private("server.toml", format!("database = \"{url}\"\n"));
    let run = check(&scratch, &["--json", "--config", "server.toml"]);
    refused(run, 3, "MALFORMED");
    scratch.write_private("server.toml", "database_password = \"hunter2\"\n");
    let run = check(&scratch, &["--json", "--config", "server.toml"]);
    let message = refused(run, 3, "MALFORMED");
    assert!(message.contains("contain no secret"), "{message}");

    let with_variable = |arguments: &[&str]| {
        let run = check(&scratch, arguments);
        run.env("LICENSE_SERVER_DATABASE", url)
    };
    let accepted = with_variable(&["--json"]).run().expect_code(0);
    let shown = "postgres://server:…@db.example/licenses";
    let found = setting(&accepted.json(), "database");
    assert_eq!(found, (shown.into(), "variable".into(), Value::Null));
    assert!(!accepted.all_output().contains("hunter2"), "{accepted:?}");
    let accepted = with_variable(&[]).run().expect_code(0);
    assert!(accepted.stdout.contains(shown), "{accepted:?}");
    assert!(!accepted.all_output().contains("hunter2"), "{accepted:?}");

    scratch.write("open", "hunter2");
    scratch.write_private("private", "hunter2");
    let with_file = |file| check(&scratch, &database).args(["--database-password-file", file]);
    refused(with_file("open"), 2, "INSECURE_FILE");
    let accepted = with_file("private").run().expect_code(0);
    assert!(!accepted.all_output().contains("hunter2"), "{accepted:?}");
    let both = with_variable(&["--json", "--database-password-file", "private"]);
    refused(both, 2, "USAGE");
}

#[test]
fn databases_of_several_servers_need_each_other() {
    let scratch = Scratch::new();
    let database = "postgres://server@db.example/licenses";
    for (arguments, part) in [
        (
            &["--redis", "redis://127.0.0.1"][..],
            "expected database with redis",
        ),
        (
            &["--database", "mysql://db.example/licenses"],
            "a URL such as postgres://",
        ),
        (
            &["--database", database, "--redis", "http://cache"],
            "a URL such as rediss://",
        ),
        (
            &["--redis-password-file", "file"],
            "expected redis with redis_password_file",
        ),
        (
            &[
                "--database",
                database,
                "--ledger",
                "ledger.db",
                "--signing-key",
                "vendor.key",
            ],
            "a vendor's server keeps its database in the data directory",
        ),
    ] {
        let refused = check(&scratch, &["--json"]).args(arguments).run();
        assert_eq!(refused.expect_json_failure(2), "USAGE");
        let message = refused.json()["error"]["message"].to_string();
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn the_files_of_tls_that_urls_name_are_checked() {
    let scratch = Scratch::new();
    scratch.write("file", "no certificate");
    let database = "postgres://server@db.example/licenses";
    let with_redis = ["--database", database, "--redis"];
    for (file, part) in [
        ("missing.pem", "a file that can be read at missing.pem"),
        ("file", "certificates in PEM in the file of sslrootcert"),
    ] {
        let url = format!("{database}?sslrootcert={file}");
        let redis = format!("rediss://cache.example?sslrootcert={file}");
        for arguments in [
            &["--database", &url][..],
            &[&with_redis[..], &[&redis]].concat(),
        ] {
            let refused = check(&scratch, &["--json"]).args(arguments).run();
            assert_eq!(refused.expect_json_failure(2), "DATABASE_SETTING");
            let error = refused.json()["error"].to_string();
            assert!(
                error.contains(part) && error.contains("correct sslrootcert"),
                "{error}"
            );
        }
    }
    let redis = "redis://cache.example?sslrootcert=file";
    let refused = check(&scratch, &["--json"])
        .args(with_redis)
        .arg(redis)
        .run();
    assert_eq!(refused.expect_json_failure(2), "USAGE");
}
