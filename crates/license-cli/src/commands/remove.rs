//! `license remove`.

use license_cli_support::{Exit, Failure, Terminal, show_path};
use serde_json::json;

use crate::context::AppContext;
use crate::output::failure;

/// Removes the license of this user, or the license for all users.
///
/// # Errors
///
/// Returns the failure that ends the program.
pub(crate) fn run(app: &AppContext, terminal: &Terminal) -> Result<Exit, Failure> {
    let removed = app.manager.remove();
    let removed = removed.map_err(|error| failure::installation(&error))?;
    let removed = removed.paths;
    if terminal.is_json() {
        let paths: Vec<_> = removed.iter().map(|path| show_path(path)).collect();
        terminal.json(&json!({ "removed": paths }))?;
        return Ok(Exit::Success);
    }
    if removed.is_empty() {
        let users = if app.is_for_all_users {
            "all users"
        } else {
            "this user"
        };
        terminal.data(&format!(
            "nothing to remove: no license is installed for {users}"
        ))?;
    }
    for path in &removed {
        terminal.data(&format!("removed {}", show_path(path)))?;
    }
    if !removed.is_empty() {
        let base = app.matrix.base_tier().label();
        let unless = if app.is_for_all_users {
            "a user installed another license"
        } else {
            "the administrator installed a license for all users"
        };
        terminal.note(&format!("tier {base} is in effect, unless {unless}"));
    }
    Ok(Exit::Success)
}
