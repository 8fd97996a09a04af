//! The guide of the operator, `docs/server.md`.

use license_tests::server::{Server, license_server};
use license_tests::{Run, Scratch, programs, words};

#[test]
fn the_program_has_the_commands_and_options_of_the_guide() {
    let scratch = Scratch::new();
    let guide = programs::workspace().join("docs/server.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let lines = guide.lines().map(str::trim_start);
    let commands = lines.filter_map(|line| line.strip_prefix("license-server "));
    let commands: Vec<&str> = commands.collect();
    assert!(commands.len() > 15, "{commands:?}");
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

/// Returns the commands of a section of the guide.
fn commands_of(heading: &str) -> Vec<String> {
    let guide = programs::workspace().join("docs/server.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let (_, section) = guide.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let lines = section.lines().filter(|line| line.starts_with("    "));
    lines.map(|line| line.trim().to_owned()).collect()
}

/// Runs the commands of the section, with a free port instead of that of the guide.
#[test]
fn the_commands_of_the_vendors_server_lead_to_a_validation_and_to_a_new_key() {
    for tool in ["curl", "openssl"] {
        let found = std::process::Command::new(tool).arg("--version").output();
        if found.is_err() {
            eprintln!("SKIPPED: {tool} is not installed, so the guide of the vendor is not tested");
            return;
        }
    }
    let scratch = Scratch::new();
    let directory = programs::keygen().parent().unwrap().to_owned();
    let path = format!("{}:{}", directory.display(), std::env::var("PATH").unwrap());
    let shell = |line: &str, token: &str| {
        let run = Run::new("sh", &scratch)
            .args(["-c", line])
            .env("PATH", &path);
        let run = run.env("LICENSE_SERVER_DATA_DIR", scratch.file("data"));
        run.env("TOKEN", token).run().expect_code(0).stdout
    };
    let (mut server, mut token, mut key) = (None, String::new(), String::new());
    let mut validations = 0;
    for line in commands_of("The vendor's server") {
        if let Some(options) = line.strip_prefix("license-server run ") {
            server = Some(Server::start(&scratch, &words(options)));
        } else if let Some(command) = line.strip_prefix("TOKEN=$(") {
            token = shell(command.trim_end_matches(')'), "").trim().to_owned();
        } else if line.starts_with("curl ") {
            let running = server.as_ref().unwrap();
            let line = line.replace("http://127.0.0.1:8443", running.url());
            let output = shell(&line.replace("\"KEY\"", &format!("\"{key}\"")), &token);
            let reply: serde_json::Value = serde_json::from_str(&output).unwrap();
            if line.contains("/validate") {
                assert_eq!(reply["valid"], true, "{reply}");
                validations += 1;
            } else {
                key = reply["key"].as_str().unwrap().to_owned();
            }
        } else if line.contains(" init ") {
            server.take().unwrap().stop();
            shell(&line, &token);
            let options = words("--config license-server.toml");
            server = Some(Server::start(&scratch, &options));
        } else {
            if line.contains("server.request") {
                scratch.write("server.request", scratch.read("data/server.request"));
            }
            shell(&line, &token);
        }
    }
    assert_eq!(validations, 1);
    let body = serde_json::json!({"license_key": key, "machine_id": "machine-1"});
    let reply = server.unwrap().post("/api/v1/licenses/validate", &body);
    assert_eq!(reply.expect(200)["valid"], true);
}
