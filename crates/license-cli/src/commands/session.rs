//! `license session` and `license usage`: the session and the usage type of a project.

use std::path::Path;

use license_cli_support::{Exit, Failure, Terminal, show_path, wrap};
use license_client::{ProjectRoot, Session, bind_mount_source, find_project};
use serde_json::{Value, json};

use crate::args::{self, Project};
use crate::context::AppContext;
use crate::output::decision;
use crate::output::failure;
use crate::output::notice::{self, Notice};

/// Prints the session of a project.
///
/// # Errors
///
/// Returns the failure that ends the program.
pub(crate) fn run(
    app: &AppContext,
    arguments: &args::Session,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let args::Session { project, context } = arguments;
    // A session needs no license, so a damaged one does not prevent it.
    let mut evaluation = app.installed_if_usable(context);
    evaluation.needs_version = true;
    let decision = evaluation.decide();
    let license = decision.license().map(|license| license.id());
    let user = context.user.as_deref();
    let session = Session::find(&app.manager, license, user, &project.path);
    let session = session.map_err(|error| failure::project(&error, &project.path))?;
    let machine = app.manager.digest().map(|digest| digest.to_string());
    if machine.is_none() {
        evaluation.notices.push(Notice::no_machine());
    }
    if let Some(other) = bind_mount_source(session.root().path()) {
        let notice = Notice::bind_mount(session.root().path(), &other);
        evaluation.notices.push(notice);
    }
    if terminal.is_json() {
        let mut members = decision::members(&session);
        members.extend(decision::members(&json!({
            "license_id": license.map(|id| id.as_str()),
            "machine": machine,
            "warnings": notice::warnings_to_json(decision.warnings(), &evaluation.notices),
        })));
        terminal.json(&Value::Object(members))?;
        return Ok(Exit::Success);
    }
    terminal.data(&to_text(&session, machine.as_deref()))?;
    decision::print_warnings(&decision, &evaluation.notices, terminal);
    Ok(Exit::Success)
}

fn to_text(session: &Session, machine: Option<&str>) -> String {
    let root = session.root();
    let found_by = match root.reason_name().as_str() {
        "directory" => "the directory itself".to_owned(),
        entry => format!("the entry .{entry}"),
    };
    let mut lines = vec![
        session.id().to_string(),
        format!("  root      {}", show_path(root.path())),
        format!("  found by  {found_by}"),
        format!("  machine   {}", machine.unwrap_or("unknown")),
    ];
    for link in root.links() {
        let (path, target) = (show_path(&link.path), show_path(&link.target));
        lines.push(format!("  link      {path} -> {target}"));
    }
    lines.join("\n")
}

/// Prints the usage type of a project.
///
/// # Errors
///
/// Returns a failure if there is no project or it declares an invalid usage type.
pub(crate) fn usage(
    app: &AppContext,
    arguments: &Project,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let root = find(app, &arguments.path)?;
    let usage = app.detect_usage(&root)?;
    if terminal.is_json() {
        let mut members = decision::members(&usage);
        members.insert("root".to_owned(), root.path().to_string_lossy().into());
        terminal.json(&Value::Object(members))?;
    } else {
        let text = format!("{}: {}", usage.usage_type, usage.reason);
        terminal.data(&wrap(&text, terminal.columns(), 2))?;
    }
    Ok(Exit::Success)
}

fn find(app: &AppContext, path: &Path) -> Result<ProjectRoot, Failure> {
    find_project(path, app.manager.product(), app.state_dir())
        .map_err(|error| failure::project(&error, path))
}
