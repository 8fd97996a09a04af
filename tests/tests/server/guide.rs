//! The guide of the operator, `docs/server.md`. The tests run each command of the guide.
//!
//! Commands with `sudo` that change the system, such as `useradd` and `systemctl`, are the only
//! ones that do not run. `systemd-analyze` checks the unit instead.

mod billing;
mod document;
mod invoices;
mod metered;
mod operator;
mod vendor;

use license_tests::server::license_server;
use license_tests::{Scratch, keygen, programs, tools, words};
use serde_json::Value;

use document::Guide;
use operator::Operator;

/// Starts the service of the guide on all addresses, with TLS.
const RUN: &str = "license-server run --config license-server.toml --listen 0.0.0.0:8443";

/// The sections with commands. The tests below follow each of them.
const SECTIONS: [&str; 22] = [
    "Try it out",
    "Install the license",
    "Serve other machines",
    "Run as a service",
    "Administrators",
    "People",
    "Sign-in through an identity provider",
    "Seats",
    "History of seats",
    "Named users",
    "Groups",
    "Logins",
    "Set up clients",
    "Usage reports",
    "Telemetry",
    "Webhooks",
    "Settings",
    "Keep the key in an HSM",
    "Monitoring",
    "Backup and restore",
    "Update the license",
    "Update the program",
];

#[test]
fn each_section_with_commands_is_followed_by_a_test() {
    let mut sections = SECTIONS.to_vec();
    let mut found = Guide::read().sections_with_commands();
    // The vendor's own server has tests of its own. Several servers need PostgreSQL on another
    // machine, and no test follows their commands.
    let others = ["The vendor's server", "Several servers"];
    found.retain(|section| !others.contains(&section.as_str()));
    sections.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, sections);
}

#[test]
fn the_program_has_the_commands_and_options_of_the_guide() {
    let scratch = Scratch::new();
    let guide = programs::workspace().join("docs/server.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let lines = guide.lines().map(str::trim_start);
    let lines = lines.map(|line| line.strip_prefix("sudo -u license-server ").unwrap_or(line));
    let commands = lines.filter_map(|line| line.strip_prefix("license-server "));
    let commands: Vec<&str> = commands.collect();
    assert!(commands.len() > 20, "{commands:?}");
    for command in commands {
        // The help follows the options, so an unknown option fails before it.
        let run = license_server(&scratch).args(words(command)).arg("--help");
        let outcome = run.run().expect_code(0);
        assert!(
            outcome.stdout.contains("Usage: license-server "),
            "{command}"
        );
    }
}

#[test]
fn the_guide_has_a_row_for_each_setting_with_its_default() {
    let scratch = Scratch::new();
    let guide = programs::workspace().join("docs/server.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let report = license_server(&scratch).without_env("LICENSE_SERVER_DATA_DIR");
    let report = report.args(["check-config", "--no-config", "--json"]).run();
    let report = report.expect_code(0).json();
    for (name, setting) in report["settings"].as_object().unwrap() {
        let mut rows = guide.lines().filter(|line| line.starts_with("| `"));
        let row = rows.find(|row| {
            let names = row.split('|').nth(1).unwrap_or_default();
            names.contains(&format!("`{name}`"))
        });
        let row = row.unwrap_or_else(|| panic!("the guide has no row for {name}"));
        if let Some(value) = setting["value"].as_str() {
            let default = row.split('|').nth(2).unwrap().trim().trim_matches('`');
            assert_eq!(default, value, "{name}");
        }
    }
}

#[test]
fn the_first_start_and_the_certificate_lead_to_a_license() {
    let operator = Operator::new();
    let [run, moving] = Guide::read().blocks("Try it out").try_into().unwrap();
    let server = operator.start(&run);
    assert_eq!(server.start["has_license"], false);
    server.stop();
    operator.write_settings("");
    operator.receive_from_vendor();
    let output = operator.follow("Install the license");
    assert!(
        output.contains("ACME Ltd") && output.contains("VALID"),
        "{output}"
    );
    operator.run("install -d -m 700 service");
    operator.run(&moving.replace("/var/lib/license-server", "service"));
    let moved = operator.run("license-server status --data-dir service");
    assert!(moved.contains("VALID"), "{moved}");
    assert!(!operator.data("server.key").exists());
}

#[test]
fn other_machines_reach_the_server_over_tls() {
    if tools::openssl().is_none() {
        return;
    }
    let operator = Operator::new();
    let guide = Guide::read();
    let blocks = guide.blocks("Serve other machines");
    let [on_client, _, self_signed] = blocks.try_into().unwrap();
    let settings = guide.settings("Serve other machines");
    let [own, proxy] = settings.try_into().unwrap();
    operator.write_settings("");
    let server = operator.start(RUN);
    let (_, port) = server.url().rsplit_once(':').unwrap();
    let url = format!("https://localhost:{port}");
    let on_client = on_client.replace("https://licenses.example.com:8443", &url);
    let output = operator.run(&on_client);
    let fingerprint = server.start["certificate_sha256"].clone();
    assert!(output.contains(fingerprint.as_str().unwrap()), "{output}");
    assert!(output.contains("{\"status\":\"ok\"}"), "{output}");
    server.stop();
    operator.run(&self_signed);
    operator.write_settings(&own);
    let server = operator.start(RUN);
    let (_, port) = server.url().rsplit_once(':').unwrap();
    let output = operator.run(&format!(
        "curl --cacert server.crt --resolve licenses.example.com:{port}:127.0.0.1 \
         https://licenses.example.com:{port}/healthz"
    ));
    assert!(output.contains("{\"status\":\"ok\"}"), "{output}");
    server.stop();
    let proxy = operator.replaced(&proxy);
    operator.scratch.write_private("license-server.toml", proxy);
    let server = operator.start("license-server run --config license-server.toml");
    assert_eq!(server.url(), "https://licenses.example.com");
}

#[test]
fn the_commands_at_the_console_of_a_service_run() {
    let operator = Operator::new();
    operator.write_settings("");
    let output = operator.follow("Run as a service");
    assert!(
        output.contains("\nlsv_"),
        "the token of the administrator: {output}"
    );
    // The unit requires the database before the first start.
    assert!(operator.data("server.db").exists());
    let server = operator.start(RUN);
    assert!(server.url().starts_with("https://"));
    assert!(server.start["setup_url"].is_null(), "{:?}", server.start);
}

#[test]
fn the_unit_of_systemd_is_accepted() {
    let unit = programs::workspace().join("deploy/systemd/license-server.service");
    let text = std::fs::read_to_string(&unit).unwrap();
    let start = text
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="));
    let (program, arguments) = start.unwrap().split_once(' ').unwrap();
    assert_eq!(program, "/usr/local/bin/license-server");
    let scratch = Scratch::new();
    let help = license_server(&scratch)
        .args(words(arguments))
        .arg("--help");
    help.run().expect_code(0);
    let Some(analyze) = tools::systemd_analyze() else {
        return;
    };
    // The check needs a program and a user that exist on this machine.
    let program = programs::license_server().to_str().unwrap();
    let text = text
        .replace("/usr/local/bin/license-server", program)
        .replace("User=license-server\n", "User=root\n");
    scratch.write("license-server.service", text);
    let verify = analyze
        .run(&scratch)
        .args(["verify", "--man=no", "./license-server.service"]);
    let verified = verify.run().expect_code(0);
    assert!(
        !verified.stderr.contains("license-server.service"),
        "{verified:?}"
    );
}

#[test]
fn administrators_give_departments_seats_with_curl() {
    if tools::curl().is_none() {
        return;
    }
    let mut operator = Operator::new();
    operator.install_license();
    operator.write_settings("");
    let server = operator.start("license-server run --listen 127.0.0.1:8443");
    let output = operator.run("license-server token create --name ann");
    let token = output.lines().next().unwrap();
    operator.set("TOKEN", token);
    operator.run("license-server account create --email ann@acme.example --name Ann --role member");
    operator.set_url(server.url());
    let client = server.as_administrator(&format!("Bearer {token}"));
    let members = client.get("/api/v1/members").expect(200);
    operator.set("MEMBER", members["items"][0]["id"].as_str().unwrap());
    let pools = client.get("/api/v1/pools").expect(200);
    operator.set("POOL", pools["items"][0]["pool"].as_str().unwrap());
    let [create, people, seats] = Guide::read().blocks("Groups").try_into().unwrap();
    operator.run(&create);
    let groups = client.get("/api/v1/groups").expect(200);
    operator.set("GROUP", groups["items"][0]["id"].as_str().unwrap());
    let output = operator.run(&people);
    assert!(output.contains("ann@acme.example"), "{output}");
    let output = operator.run(&seats);
    assert!(
        output.contains("\"reserved\":2,\"at_most\":3,\"held\":0"),
        "{output}"
    );
    assert!(output.contains("{\"items\":[],\"next\":null}"), "{output}");
    let groups = client.get("/api/v1/groups").expect(200);
    assert!(groups["items"].as_array().unwrap().is_empty(), "{groups}");
}

#[test]
fn administrators_assign_users_with_curl_and_at_the_console() {
    if tools::curl().is_none() {
        return;
    }
    let mut operator = Operator::new();
    let license = operator.install_license_with(&["--floating", "--quota", "named_users=3"]);
    operator.write_settings("");
    let server = operator.start("license-server run --listen 127.0.0.1:8443");
    let output = operator.run("license-server token create --name ann");
    operator.set("TOKEN", output.lines().next().unwrap());
    operator.set("LICENSE", license.report["license_id"].as_str().unwrap());
    operator.set_url(server.url());
    let output = operator.follow("Named users");
    assert!(output.contains("\"limit\":3,\"taken\":1"), "{output}");
    assert!(output.contains("2 of 3 places are taken"), "{output}");
    let listed = operator.run("license-server user list $LICENSE --json");
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let users = listed["users"].as_array().unwrap();
    assert_eq!((users.len(), &listed["taken"]), (2, &2.into()), "{listed}");
    for user in users {
        assert!(user["removed_at"].is_string() && user["place_free_at"].is_string());
        assert_eq!(user["is_permitted"], false, "{user}");
    }
}

#[test]
fn administrators_and_clients_use_the_api_with_curl() {
    let (Some(_), Some(_)) = (tools::curl(), tools::openssl()) else {
        return;
    };
    let mut operator = Operator::new();
    let license = operator.install_license();
    operator.write_settings("");
    let server = operator.start("license-server run --listen 127.0.0.1:8443");
    let output = operator.run("license-server token create --name ann");
    let token = output.lines().next().unwrap();
    operator.set("TOKEN", token);
    operator.set("LICENSE_KEY", license.key());
    operator.set_url(server.url());
    let backup = operator.scratch.file("backup");
    std::fs::create_dir(&backup).unwrap();
    operator.replace("/backup", backup.to_str().unwrap());
    let output = operator.follow("Administrators");
    assert!(output.contains("is that of the checkpoint of"), "{output}");
    assert!(output.contains("\"is_intact\":true"), "{output}");
    let scopes = "\"scopes\":[\"seats:read\",\"seats:manage\"]";
    assert!(output.contains(scopes), "{output}");

    // The steps of a person share the cookies and variables of one shell.
    let output = operator.run(&Guide::read().blocks("People").concat());
    assert!(output.contains("\"name\":\"Ann Smith\""), "{output}");
    assert!(output.contains("\"role\":\"billing\""), "{output}");
    assert!(output.contains("\"action\":\"member.remove\""), "{output}");

    let output = operator.follow("Usage reports");
    assert_eq!(output.matches("200 OK").count(), 1, "{output}");

    let output = operator.follow("Telemetry");
    assert!(output.contains("\"items\":[]"), "{output}");
    assert!(output.contains("\"events\":0"), "{output}");

    let output = operator.follow("Webhooks");
    assert!(output.contains("\"secret\":\"whsec_"), "{output}");
    assert!(
        output.contains("\"events\":[\"license.*\",\"lease.end\"]"),
        "{output}"
    );

    // The steps of a client share the variables of one shell.
    let steps = Guide::read().blocks("Set up clients");
    assert_eq!(steps.len(), 5, "{steps:?}");
    let output = operator.run(&steps.concat());
    assert!(output.contains("\"valid\":true"), "{output}");
    assert!(output.contains("\"seq\":1"), "{output}");
    assert!(output.contains("\"freed\":true"), "{output}");

    // An administrator ends the lease of a session, whose script stops before the last step.
    let (_, holding) = steps.split_last().unwrap();
    let script = format!("{}echo \"held by $SESSION\"", holding.concat());
    let output = operator.run(&script);
    let (_, session) = output.trim_end().rsplit_once("held by ").unwrap();
    operator.set("SESSION", session);
    let authorization = format!("Bearer {token}");
    let pools = server.as_administrator(&authorization).get("/api/v1/pools");
    let pools = pools.expect(200);
    operator.set("POOL", pools["items"][0]["pool"].as_str().unwrap());
    let blocks = Guide::read().blocks("Seats");
    // The test `online` sends a receipt with the fourth one.
    let [lists, end, policy, _, enrollment] = blocks.try_into().unwrap();
    assert!(operator.run(&lists).contains(session));
    assert!(operator.run(&end).contains("free_in_seconds"));
    assert!(operator.run(&policy).contains("\"max_queue\":50"));
    let output = operator.follow("History of seats");
    assert_eq!(output.matches("\"step\":\"").count(), 2, "{output}");
    assert!(output.contains("\"seats_for_all\":"), "{output}");
    server.stop();
    operator.run(&format!("umask 077\n{enrollment}"));
    let [settings] = Guide::read().settings("Seats").try_into().unwrap();
    operator.write_settings(&settings);
    let server = operator.start("license-server run --config license-server.toml");
    let authorization = format!("License {}", license.key());
    let headers = [("authorization", authorization.as_str())];
    let refused = server.send("POST", "/api/v1/seats", &headers, "{}");
    refused.expect_problem(401, "NOT_ENROLLED");
}

#[test]
fn an_administrator_names_an_identity_provider() {
    if tools::curl().is_none() {
        return;
    }
    let mut operator = Operator::new();
    let server = operator.start("license-server run --listen 127.0.0.1:8443");
    let token = operator.run("license-server token create --name ann");
    operator.set("TOKEN", token.lines().next().unwrap());
    operator.set_url(server.url());
    let section = "Sign-in through an identity provider";
    let [settings] = Guide::read().objects(section).try_into().unwrap();
    operator.scratch.write_private("provider.json", settings);
    let [create, change] = Guide::read().blocks(section).try_into().unwrap();
    let created: Value = serde_json::from_str(operator.run(&create).trim()).unwrap();
    assert_eq!(created["has_client_secret"], true);
    assert_eq!(created["default_role"], "member");
    operator.set("PROVIDER", created["id"].as_str().unwrap());
    let output = operator.run(&change);
    assert!(output.contains("license-admins"), "{output}");
    assert!(!output.contains("the secret of the client"), "{output}");
    let start = created["start_url"].as_str().unwrap();
    server.get(start).expect_problem(404, "NOT_FOUND");
}

#[test]
fn a_server_of_the_guide_requires_a_login() {
    if tools::curl().is_none() {
        return;
    }
    let mut operator = Operator::new();
    let license = operator.install_license();
    // The keys of another issuer take the place of those of a provider.
    let keys = format!("file://{}", operator.scratch.file("trust.jwks").display());
    operator.replace("https://login.acme.example/jwks", &keys);
    let authorization = format!("License {}", license.key());
    let headers = [("authorization", authorization.as_str())];
    operator.follow("Logins");
    let settings = Guide::read().settings("Logins");
    let [provider, _, keys] = settings.try_into().unwrap();
    for settings in [provider.clone(), format!("{provider}{keys}")] {
        operator.write_settings(&settings);
        let server = operator.start("license-server run --config license-server.toml");
        let refused = server.send("POST", "/api/v1/seats", &headers, "{}");
        refused.expect_problem(401, "LOGIN_REQUIRED");
        server.stop();
    }
}

#[test]
fn the_settings_of_the_guide_are_accepted() {
    let operator = Operator::new();
    operator.write_settings("");
    let output = operator.follow("Settings");
    assert!(output.contains("file, line 3"), "{output}");
}

#[test]
fn a_key_in_an_hsm_serves_a_site() {
    let (Some(softhsm), Some(_)) = (tools::softhsm(), tools::opensc()) else {
        return;
    };
    let mut operator = Operator::new();
    std::fs::create_dir(operator.scratch.file("tokens")).unwrap();
    let tokens = operator.scratch.file("tokens");
    let conf = format!("directories.tokendir = {}\n", tokens.display());
    let conf = operator.scratch.write("softhsm2.conf", conf);
    operator.set("SOFTHSM2_CONF", conf.to_str().unwrap());
    operator.set("PIN", "471147");
    operator.replace(
        "/usr/lib/softhsm/libsofthsm2.so",
        softhsm.module.to_str().unwrap(),
    );
    operator.run("softhsm2-util --init-token --free --label licenses --so-pin 87654321 --pin $PIN");
    operator.scratch.write_private("hsm.pin", "471147\n");
    let settings = Guide::read().settings("Keep the key in an HSM");
    let [settings] = settings.try_into().unwrap();
    operator
        .scratch
        .write_private("license-server.toml", operator.replaced(&settings));
    let output = operator.follow("Keep the key in an HSM");
    assert!(output.contains("kid: "), "{output}");
    assert!(!operator.data("server.key").exists());
    operator.receive_from_vendor();
    let issue = Guide::read().blocks("Install the license")[1].clone();
    operator.run(&issue);
    operator.run("license-server install --config license-server.toml trust.jwks acme.lic");
    let status = operator.run("license-server status --config license-server.toml");
    assert!(status.contains("VALID"), "{status}");
}

#[test]
fn the_metrics_have_an_address_of_their_own() {
    if tools::curl().is_none() {
        return;
    }
    let mut operator = Operator::new();
    let server = operator.start("license-server run --listen 127.0.0.1:8443");
    let metrics = server.start["metrics"].as_str().unwrap();
    operator.replace("127.0.0.1:9464", metrics);
    let output = operator.follow("Monitoring");
    assert!(
        output.contains("# TYPE license_http_connections gauge"),
        "{output}"
    );
}

#[test]
fn backups_and_updates_follow_the_guide() {
    let mut operator = Operator::new();
    let license = operator.install_license();
    operator.write_settings("");
    let backup = operator.scratch.file("backup");
    std::fs::create_dir(&backup).unwrap();
    operator.replace("/backup", backup.to_str().unwrap());
    let blocks = Guide::read().blocks("Backup and restore");
    let [back_up, restore, snapshot, practice] = blocks.try_into().unwrap();
    operator.run(&back_up);
    operator.run("license-server token create --name later");
    operator.run(&restore);
    let server = operator.start(RUN);
    assert_eq!(server.start["has_license"], true);
    server.stop();
    let tokens = operator.run("license-server token list");
    assert!(!tokens.contains("later"), "{tokens}");
    let restored = operator.data("").display().to_string();
    operator.replace("/restored/license-server", restored.trim_end_matches('/'));
    operator.run(&snapshot);
    assert!(backup.join("from-snapshot/server.db").exists());
    assert!(operator.run(&practice).contains("ACME Ltd"));

    let vendor = &operator.vendor;
    let commands = [
        "renew --key vendor.key acme.lic --days 365 --out renewal.lic",
        "revoke renewal.lic --reason fraud",
        "revocations --key vendor.key --out revocations.lic",
    ];
    for command in commands {
        keygen(vendor, &words(command)).expect_code(0);
    }
    for file in ["renewal.lic", "revocations.lic"] {
        operator.scratch.write(file, vendor.read(file));
    }
    let blocks = Guide::read().blocks("Update the license");
    let [install, remove] = blocks.try_into().unwrap();
    operator.run(&install);
    let status = operator.follow("Update the program");
    assert!(status.contains("REVOKED"), "{status}");
    assert!(backup.join("before-update/server.db").exists());
    if tools::curl().is_none() {
        return;
    }
    let server = operator.start("license-server run --listen 127.0.0.1:8443");
    operator.set_url(server.url());
    let output = operator.run("license-server token create --name ann");
    operator.set("TOKEN", output.lines().next().unwrap());
    let id = license.claims()["jti"].as_str().unwrap().to_owned();
    operator.set("LICENSE", &id);
    operator.run(&remove);
    let status = operator.run("license-server status");
    let licenses = status.split("POOL").next().unwrap();
    assert!(!licenses.contains(&id), "{status}");
}
