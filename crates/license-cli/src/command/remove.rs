//! `license remove`.

use license_terminal::{Exit, Failure, Terminal, show_path};
use serde_json::json;

use crate::failure;
use crate::subject::Site;

pub(crate) fn run(site: &Site, terminal: &Terminal) -> Result<Exit, Failure> {
    let removed = site.host.remove();
    let removed = removed.map_err(|error| failure::not_installed(&error))?;
    let removed = removed.paths;
    if terminal.is_json() {
        let paths: Vec<_> = removed.iter().map(|path| show_path(path)).collect();
        terminal.json(&json!({ "removed": paths }))?;
        return Ok(Exit::Licensed);
    }
    if removed.is_empty() {
        terminal.data("nothing was installed for this user")?;
    }
    for path in &removed {
        terminal.data(&format!("removed {}", show_path(path)))?;
    }
    if !removed.is_empty() {
        let base = site.matrix.base_tier().name();
        terminal.note(&format!(
            "tier {base} is in effect, unless the administrator installed a license for everybody"
        ));
    }
    Ok(Exit::Licensed)
}
