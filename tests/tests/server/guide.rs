//! The guide of the operator, `docs/server.md`.

use license_tests::server::license_server;
use license_tests::{Scratch, programs, words};

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
