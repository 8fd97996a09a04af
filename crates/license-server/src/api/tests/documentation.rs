//! The table of permissions in the guide.

use std::path::Path;

use crate::domain::{Permission, Role};

/// The command that writes the table into the guide.
const UPDATE: &str = "UPDATE_DOCUMENTS=1 cargo test -p license-server --lib documentation";

const START: &str = "<!-- start of the permissions -->\n";
const END: &str = "<!-- end of the permissions -->\n";

/// Returns the table: a row for each permission, and a column for each role.
fn table() -> String {
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

#[test]
fn the_guide_has_the_table_of_permissions() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/server.md");
    let guide = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = guide.split_once(START).expect("the guide has the marks");
    let (found, after) = rest.split_once(END).expect("the guide has the marks");
    let expected = format!("\n{}\n", table());
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        let updated = format!("{before}{START}{expected}{END}{after}");
        std::fs::write(&path, updated).unwrap();
        return;
    }
    assert_eq!(
        found, expected,
        "the table is not that of the program; run {UPDATE}"
    );
}
