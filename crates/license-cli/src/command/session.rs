//! `license session` and `license usage`: what is known of a project.

use std::path::Path;

use license_client::{Link, ProjectRoot, Session, find_project};
use license_terminal::{Exit, Failure, Terminal, show_path};
use serde_json::{Value, json};

use crate::cli::{self, Project};
use crate::failure;
use crate::report::{self, Notice};
use crate::subject::{Case, Site};

pub(crate) fn run(
    site: &Site,
    arguments: &cli::Session,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let cli::Session { project, context } = arguments;
    // A session needs no license, so that a damaged one is no reason not to name it.
    let mut case = site.installed(context).unwrap_or_else(|failure| {
        let mut case = Case::without_license(site, context);
        case.notices.push(Notice::of_failure(&failure));
        case
    });
    let decision = case.decide();
    let license = decision.license().map(|license| license.id());
    let user = context.user.as_deref();
    let session = Session::find(&site.host, license, user, &project.path);
    let session = session.map_err(|error| failure::no_session(&error))?;
    let machine = site.host.digest().map(|digest| digest.to_string());
    let root = session.root();
    if machine.is_none() {
        case.notices.push(Notice::nameless());
    }
    let of_decision = decision.warnings().iter().map(report::warning_json);
    let notices = case.notices.iter().map(Notice::to_json);
    let warnings: Vec<_> = of_decision.chain(notices).collect();
    if terminal.is_json() {
        let links: Vec<_> = root.links().iter().map(link_json).collect();
        terminal.json(&json!({
            "session_id": session.id().to_string(),
            "root": root.path().to_string_lossy(),
            "found_by": root.found_by_name(),
            "links": links,
            "license_id": license.map(|id| id.as_str()),
            "machine": machine,
            "warnings": warnings,
        }))?;
        return Ok(Exit::Licensed);
    }
    terminal.data(&to_text(&session, machine.as_deref()))?;
    report::warnings(&decision, &case.notices, terminal);
    Ok(Exit::Licensed)
}

fn to_text(session: &Session, machine: Option<&str>) -> String {
    let root = session.root();
    let found_by = match root.found_by_name().as_str() {
        "directory" => "the directory itself".to_owned(),
        entry => format!("its entry .{entry}"),
    };
    let mut lines = vec![
        session.id().to_string(),
        format!("  root      {}", show_path(root.path())),
        format!("  found by  {found_by}"),
        format!("  machine   {}", machine.unwrap_or("none that can be told")),
    ];
    for link in root.links() {
        let (path, target) = (show_path(&link.path), show_path(&link.target));
        lines.push(format!("  link      {path} -> {target}"));
    }
    lines.join("\n")
}

fn link_json(link: &Link) -> Value {
    json!({ "path": link.path.to_string_lossy(), "target": link.target.to_string_lossy() })
}

/// `license usage`.
pub(crate) fn usage(
    site: &Site,
    arguments: &Project,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let root = find(site, &arguments.path)?;
    let usage = site.usage_of(&root)?;
    let reason = usage.reason.to_string();
    if terminal.is_json() {
        terminal.json(&json!({
            "usage_type": usage.usage_type.as_str(),
            "reason": reason,
            "reason_code": usage.reason.as_str(),
            "root": root.path().to_string_lossy(),
        }))?;
    } else {
        terminal.data(&format!("{}: {reason}", usage.usage_type))?;
    }
    Ok(Exit::Licensed)
}

fn find(site: &Site, path: &Path) -> Result<ProjectRoot, Failure> {
    find_project(path, site.host.product(), site.state_dir())
        .map_err(|error| failure::no_project(&error))
}
