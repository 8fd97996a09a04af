//! The section of the guide for the vendor's own server.

use license_tests::server::Server;
use license_tests::{Run, Scratch, programs, tools, words};

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
    let (Some(_), Some(_)) = (tools::curl(), tools::openssl()) else {
        return;
    };
    let scratch = Scratch::new();
    let directory = programs::keygen().parent().unwrap().to_owned();
    let path = format!("{}:{}", directory.display(), std::env::var("PATH").unwrap());
    let shell = |line: &str, token: &str, license: &str| {
        let run = Run::new("sh", &scratch)
            .args(["-c", line])
            .env("PATH", &path)
            .env("LICENSE", license);
        let run = run.env("LICENSE_SERVER_DATA_DIR", scratch.file("data"));
        run.env("TOKEN", token).run().expect_code(0).stdout
    };
    let (mut server, mut token) = (None, String::new());
    let (mut license, mut key) = (String::new(), String::new());
    let mut validations = 0;
    for line in commands_of("The vendor's server") {
        if let Some(options) = line.strip_prefix("license-server run ") {
            server = Some(Server::start(&scratch, &words(options)));
        } else if let Some(command) = line.strip_prefix("TOKEN=$(") {
            let output = shell(command.trim_end_matches(')'), "", "");
            output.trim().clone_into(&mut token);
        } else if line.starts_with("curl ") {
            let running = server.as_ref().unwrap();
            let line = line.replace("http://127.0.0.1:8443", running.url());
            let line = line.replace("\"KEY\"", &format!("\"{key}\""));
            let output = shell(&line, &token, &license);
            let reply: serde_json::Value = serde_json::from_str(&output).unwrap();
            if line.contains("/validate") {
                assert_eq!(reply["valid"], true, "{reply}");
                validations += 1;
            } else if line.contains("/revoke") {
                assert_eq!(reply["revoked"][0], license, "{reply}");
            } else {
                reply["id"].as_str().unwrap().clone_into(&mut license);
                if !line.contains("/renew") {
                    reply["key"].as_str().unwrap().clone_into(&mut key);
                }
            }
        } else if line.contains(" init ") {
            server.take().unwrap().stop();
            shell(&line, &token, "");
            let options = words("--config license-server.toml");
            server = Some(Server::start(&scratch, &options));
        } else {
            if line.contains("server.request") {
                scratch.write("server.request", scratch.read("data/server.request"));
            }
            shell(&line, &token, "");
        }
    }
    assert_eq!(validations, 1);
    let body = serde_json::json!({"license_key": key, "machine_id": "machine-1"});
    let reply = server.unwrap().post("/api/v1/licenses/validate", &body);
    assert_eq!(reply.expect(200)["valid"], true);
}
