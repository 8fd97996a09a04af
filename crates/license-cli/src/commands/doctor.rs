//! `license doctor`: checks licensing on this machine, and changes nothing.

mod directories;
mod license;
mod machine;
mod revocations;
mod seat;
mod state;
mod trust;

use std::fmt;
use std::path::PathBuf;

use license_cli_support::{Exit, Failure, Meaning, Screen, Terminal, escape, show_path, wrap};
use license_client::{Snapshot, StateFile, Store, StoreError};
use license_core::chrono::{DateTime, Utc};
use license_core::jose::MAX_FILE_BYTES;
use license_core::time::serde_rfc3339;
use serde::Serialize;
use serde_json::json;

use crate::args::ContextArgs;
use crate::context::AppContext;

/// The column at which the lines of a message continue on a terminal, below its beginning.
const MESSAGE_COLUMN: usize = 24;

/// Runs all checks and prints their results.
///
/// # Errors
///
/// Returns the failure that ends the program.
pub(crate) fn run(app: &AppContext, strict: bool, terminal: &Terminal) -> Result<Exit, Failure> {
    let snapshot = app.manager.inspect(&app.matrix);
    let args = ContextArgs::default();
    let verdict = license::Verdict::new(app, &args, &snapshot);
    let checks = checks(app, &snapshot, &verdict);
    let worst = checks.iter().map(|check| check.status).max();
    let worst = worst.unwrap_or(Severity::Ok);
    if terminal.is_json() {
        let next = verdict.next();
        terminal.json(&json!({ "checks": checks, "status": worst, "next": next }))?;
    } else {
        let screen = terminal.screen();
        let lines: Vec<_> = checks.iter().map(|check| check.to_text(screen)).collect();
        terminal.page(&lines.join("\n"))?;
    }
    Ok(match worst {
        Severity::Problem => Exit::Denied,
        Severity::Warning if strict => Exit::Denied,
        _ => Exit::Success,
    })
}

fn checks(
    app: &AppContext,
    snapshot: &Snapshot,
    verdict: &license::Verdict<'_>,
) -> Vec<CheckResult> {
    let facts = app.manager.facts();
    let mut checks = vec![
        directories::home(app, verdict),
        directories::permissions(app),
        state::state(app, snapshot),
        state::clock(snapshot),
        machine::id(app, &facts),
        machine::container(&facts),
        trust::trust(app, snapshot),
        license::license(app, snapshot, verdict),
        license::check_in(app, snapshot, verdict),
    ];
    checks.extend(seat::seat(app, verdict));
    checks.extend([
        revocations::revocations(app, snapshot, verdict),
        directories::system(app),
        license::next(verdict),
    ]);
    checks
}

/// The result of a check, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Severity {
    Ok,
    /// Everything works for now.
    Warning,
    /// Something does not work.
    Problem,
}

impl Severity {
    fn meaning(self) -> Meaning {
        match self {
            Self::Ok => Meaning::Good,
            Self::Warning => Meaning::Warning,
            Self::Problem => Meaning::Bad,
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        })
    }
}

/// A warning or a problem, with what to do about it.
struct Fault {
    status: Severity,
    message: String,
    hint: String,
}

impl Fault {
    fn warning(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            status: Severity::Warning,
            message: message.into(),
            hint: hint.into(),
        }
    }

    fn problem(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            status: Severity::Problem,
            ..Self::warning(message, hint)
        }
    }

    /// Creates a fault from a failure that other commands report.
    fn from_failure(status: Severity, failure: &Failure) -> Self {
        Self {
            status,
            message: failure.message().to_owned(),
            hint: failure.advice().unwrap_or("").to_owned(),
        }
    }
}

/// The result of a check, printed as one line, with a second line for the hint.
#[derive(Serialize)]
struct CheckResult {
    #[serde(rename = "check")]
    name: &'static str,
    status: Severity,
    message: String,
    hint: Option<String>,
}

impl CheckResult {
    fn ok(name: &'static str, message: impl Into<String>) -> Self {
        Self {
            name,
            status: Severity::Ok,
            message: message.into(),
            hint: None,
        }
    }

    /// Creates the result of a check. The message lists all faults, the worst first. The hint is
    /// the hint of the worst fault. Without faults, the message is `ok`.
    fn new(name: &'static str, mut faults: Vec<Fault>, ok: impl Into<String>) -> Self {
        faults.sort_by_key(|fault| std::cmp::Reverse(fault.status));
        let Some(worst) = faults.first() else {
            return Self::ok(name, ok);
        };
        let messages: Vec<_> = faults.iter().map(|fault| &*fault.message).collect();
        Self {
            name,
            status: worst.status,
            message: messages.join("; "),
            hint: Some(worst.hint.clone()).filter(|hint| !hint.is_empty()),
        }
    }

    fn to_text(&self, screen: Screen) -> String {
        let (name, message, columns) = (self.name, escape(&self.message), screen.columns());
        let status = screen.verdict(self.status.meaning(), &format!("{:8}", self.status));
        let line = wrap(
            &format!("{status} {name:11}  {message}"),
            columns,
            MESSAGE_COLUMN,
        );
        match &self.hint {
            Some(hint) => {
                let hint = format!("  {} {}", Meaning::Heading.paint("hint:"), escape(hint));
                format!("{line}\n{}", wrap(&hint, columns, 4))
            }
            None => line,
        }
    }
}

/// Returns whether no file in the directory can be read. The checks of the directories report this.
fn is_unreadable(store: &Store) -> bool {
    let error = store.read(StateFile::License, MAX_FILE_BYTES).err();
    error.is_some_and(|error| is_about(&error, store))
}

/// Returns whether an error is about the directory, and not about a file in it.
fn is_about(error: &StoreError, store: &Store) -> bool {
    error.path() == store.dir().path()
}

/// Returns a warning for each quarantined copy of these files.
fn quarantined(app: &AppContext, files: &[StateFile], what: &str, hint: &str) -> Vec<Fault> {
    let paths = app.manager.paths().ok();
    let paths = paths.map(|paths| paths.user().quarantined_files(files));
    let fault = |path: &PathBuf| {
        let message = format!("{what} quarantined as {}", show_path(path));
        Fault::warning(message, hint)
    };
    paths.iter().flatten().map(fault).collect()
}

/// The next event: a date at which something starts, ends or is due.
#[derive(Clone, Serialize)]
struct UpcomingEvent {
    what: &'static str,
    #[serde(with = "serde_rfc3339")]
    at: DateTime<Utc>,
}
