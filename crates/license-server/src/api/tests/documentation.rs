//! The tables in the documents that follow from the code.

use std::path::Path;

use serde_json::Value;

use crate::api::openapi;
use crate::domain::{EVENT_KINDS, Permission, Role};

/// The command that writes the tables into the documents.
const UPDATE: &str = "UPDATE_DOCUMENTS=1 cargo test -p license-server --lib documentation";

/// Compares the text between two comments in a document with a table.
fn check(document: &str, name: &str, table: &str) {
    let documents = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let path = documents.join(document);
    let text = std::fs::read_to_string(&path).unwrap();
    let [start, end] = ["start", "end"].map(|side| format!("<!-- {side} of the {name} -->\n"));
    let (before, rest) = text.split_once(&start).expect("the document has the marks");
    let (found, after) = rest.split_once(&end).expect("the document has the marks");
    let expected = format!("\n{table}\n");
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        let updated = format!("{before}{start}{expected}{end}{after}");
        std::fs::write(&path, updated).unwrap();
        return;
    }
    assert_eq!(
        found, expected,
        "{document}: the table is not that of the program; run {UPDATE}"
    );
}

/// Returns a row for each permission, and a column for each role.
fn permissions() -> String {
    let roles = Role::ALL.map(|role| format!("`{role}`"));
    let mut table = format!("| permission | actions | {} |\n", roles.join(" | "));
    table.push_str(&format!("|---|---|{}\n", "---|".repeat(roles.len())));
    for permission in Permission::ALL {
        let cells = Role::ALL.map(|role| {
            if role.allows(*permission) {
                "yes"
            } else {
                "–"
            }
        });
        let description = permission.description().trim_end_matches('.');
        let description = description[..1].to_lowercase() + &description[1..];
        let cells = cells.join(" | ");
        table.push_str(&format!("| `{permission}` | {description} | {cells} |\n"));
    }
    table
}

/// Returns a row for each operation of the OpenAPI document, grouped by its tag.
fn operations() -> String {
    let document: Value = serde_json::from_str(&openapi::document()).unwrap();
    let mut table = String::new();
    for tag in document["tags"].as_array().unwrap() {
        let name = tag["name"].as_str().unwrap();
        table.push_str(&format!("### {}\n\n", tag["description"].as_str().unwrap()));
        table.push_str("| request | permission | effect |\n|---|---|---|\n");
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                if operation["tags"][0] == name {
                    table.push_str(&row(method, path, operation));
                }
            }
        }
        table.push('\n');
    }
    table.trim_end().to_owned() + "\n"
}

fn row(method: &str, path: &str, operation: &Value) -> String {
    let method = method.to_uppercase();
    let path = path.strip_prefix("/api/v1").unwrap();
    let permission = operation["security"][0]["bearer"][0].as_str();
    let permission = permission.map_or_else(|| "–".to_owned(), |name| format!("`{name}`"));
    let summary = operation["summary"].as_str().unwrap().replace('\n', " ");
    format!("| `{method} {path}` | {permission} | {summary} |\n")
}

/// Returns a row for each beginning of the kinds of events.
fn kinds() -> String {
    let mut table = String::from("| beginning | kinds |\n|---|---|\n");
    let beginnings = EVENT_KINDS.chunk_by(|one, other| beginning(one) == beginning(other));
    for kinds in beginnings {
        let names: Vec<_> = kinds.iter().map(|kind| format!("`{kind}`")).collect();
        let beginning = beginning(kinds[0]);
        table.push_str(&format!("| `{beginning}.*` | {} |\n", names.join(", ")));
    }
    table
}

fn beginning(kind: &str) -> &str {
    kind.split('.').next().unwrap()
}

/// One test writes both tables, because they are in the same file.
#[test]
fn the_guide_has_the_tables_of_permissions_and_events() {
    check("server.md", "permissions", &permissions());
    check("server.md", "kinds of events", &kinds());
}

#[test]
fn the_guide_of_the_interface_has_all_operations() {
    check("api.md", "operations", &operations());
}
