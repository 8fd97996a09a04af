//! The objects that `license-server` prints with `--json` have the members of `docs/codes.md`.

use std::collections::BTreeSet;

use license_tests::programs;
use license_tests::server::license_server;
use license_tests::words;
use serde_json::Value;

use super::site::{Site, TERMS};

/// Returns the table of the objects.
fn table() -> String {
    let path = programs::workspace().join("docs/codes.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, section) = text.split_once("\n### `license-server`\n").unwrap();
    section.split("\n### ").next().unwrap().to_owned()
}

/// Returns the names in backticks.
fn names(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// Returns the members that the table has for a command.
fn documented(table: &str, command: &str) -> BTreeSet<String> {
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let rows = rows.map(|row| row.split('|').collect::<Vec<_>>());
    let rows = rows.filter(|cells| names(cells[1]).any(|name| name == command));
    let members: Vec<_> = rows.map(|cells| cells[2].to_owned()).collect();
    members
        .iter()
        .flat_map(|cell| names(cell))
        .map(str::to_owned)
        .collect()
}

fn members(object: &Value) -> BTreeSet<String> {
    object.as_object().unwrap().keys().cloned().collect()
}

#[test]
fn the_objects_have_the_documented_members() {
    let site = Site::new(&format!("{TERMS} --quota named_users=2"));
    let license = site.license.report["license_id"].as_str().unwrap();
    let table = table();
    let check = |command: &str, object: &Value| {
        assert_eq!(members(object), documented(&table, command), "{command}");
    };
    let print = |line: &str| -> Value {
        let run = license_server(&site.scratch)
            .args(words(line))
            .arg("--json");
        run.run().expect_code(0).json()
    };
    check("install", &site.install(&site.license.file, &[]));
    let server = site.start(&[]);
    check("run", &server.start);
    check("token create", &{
        let mut token = print("token create --name ann");
        let others = print("token list")["tokens"][0].clone();
        let token = token.as_object_mut().unwrap();
        token.retain(|name, _| others.get(name).is_none());
        Value::Object(token.clone())
    });
    for (command, arguments) in [
        ("init", ""),
        ("check-config", ""),
        ("status", ""),
        ("token list", ""),
        ("account create", "--email ann@example.com --name Ann"),
        ("account reset-password", "--email ann@example.com"),
        ("user assign", "LICENSE bob@example.com"),
        ("user list", "LICENSE"),
        ("billing plans", ""),
        ("backup", "--out copy"),
    ] {
        let arguments = arguments.replace("LICENSE", license);
        check(command, &print(format!("{command} {arguments}").trim()));
    }
    let export = words("audit export --out audit.jsonl");
    license_server(&site.scratch)
        .args(export)
        .run()
        .expect_code(0);
    check("audit verify", &print("audit verify audit.jsonl"));
    assert!(server.stop().success());
}
