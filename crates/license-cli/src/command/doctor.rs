//! `license doctor`: what is right and wrong with licensing on this machine. It looks, and changes nothing.

mod folder;
mod license;
mod lists;
mod machine;
mod memory;
mod trust;

use std::fmt;

use license_client::Snapshot;
use license_core::Timestamp;
use license_terminal::{Exit, Failure, Terminal, escape};
use serde_json::{Value, json};

use crate::subject::Site;

pub(crate) fn run(site: &Site, strict: bool, terminal: &Terminal) -> Result<Exit, Failure> {
    let snapshot = site.host.inspect(&site.matrix);
    let args = license::nothing_said();
    let verdict = license::Verdict::of(site, &args, &snapshot);
    let checks = checks(site, &snapshot, &verdict);
    let worst = checks.iter().map(|check| check.status).max();
    let worst = worst.unwrap_or(Status::Ok);
    if terminal.is_json() {
        let next = verdict.next().map(|next| next.to_json());
        let checks: Vec<_> = checks.iter().map(Check::to_json).collect();
        terminal.json(&json!({ "checks": checks, "status": worst.as_str(), "next": next }))?;
    } else {
        let lines: Vec<_> = checks.iter().map(Check::to_text).collect();
        terminal.data(&lines.join("\n"))?;
    }
    Ok(match worst {
        Status::Problem => Exit::Denied,
        Status::Warning if strict => Exit::Denied,
        _ => Exit::Licensed,
    })
}

fn checks(site: &Site, snapshot: &Snapshot, verdict: &license::Verdict<'_>) -> Vec<Check> {
    let facts = site.host.facts();
    vec![
        folder::home(site),
        folder::permissions(site),
        memory::state(site, snapshot),
        memory::clock(snapshot),
        machine::id(site, &facts),
        machine::container(&facts),
        trust::trust(site, snapshot),
        license::license(site, snapshot, verdict),
        license::check_in(site, snapshot, verdict),
        lists::revocations(site, snapshot),
        folder::system(site),
        license::next(verdict),
    ]
}

/// How much is wrong, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Status {
    Ok,
    /// Worth knowing, and nothing stops.
    Warning,
    /// Something does not work.
    Problem,
}

impl Status {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Something that is not as it should be.
struct Fault {
    status: Status,
    message: String,
    hint: String,
}

impl Fault {
    fn warning(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            status: Status::Warning,
            message: message.into(),
            hint: hint.into(),
        }
    }

    fn problem(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            status: Status::Problem,
            ..Self::warning(message, hint)
        }
    }

    /// What a command that needs it would fail with.
    fn of_failure(status: Status, failure: &Failure) -> Self {
        Self {
            status,
            message: failure.message().to_owned(),
            hint: failure.advice().unwrap_or_default().to_owned(),
        }
    }
}

/// One line of the answer.
struct Check {
    name: &'static str,
    status: Status,
    message: String,
    hint: Option<String>,
}

impl Check {
    fn ok(name: &'static str, message: impl Into<String>) -> Self {
        Self {
            name,
            status: Status::Ok,
            message: message.into(),
            hint: None,
        }
    }

    /// All that is wrong in one line, the worst first, with what to do about that; else what is right.
    fn of(name: &'static str, mut faults: Vec<Fault>, right: impl Into<String>) -> Self {
        faults.sort_by_key(|fault| std::cmp::Reverse(fault.status));
        let Some(worst) = faults.first() else {
            return Self::ok(name, right);
        };
        let messages: Vec<_> = faults.iter().map(|fault| &*fault.message).collect();
        Self {
            name,
            status: worst.status,
            message: messages.join("; "),
            hint: Some(worst.hint.clone()).filter(|hint| !hint.is_empty()),
        }
    }

    fn to_json(&self) -> Value {
        json!({
            "check": self.name,
            "status": self.status.as_str(),
            "message": self.message,
            "hint": self.hint,
        })
    }

    fn to_text(&self) -> String {
        let (status, name, message) = (self.status, self.name, escape(&self.message));
        let line = format!("{status:8} {name:11}  {message}");
        match &self.hint {
            Some(hint) => format!("{line}\n  hint: {}", escape(hint)),
            None => line,
        }
    }
}

/// Something that will end or fall due.
struct Next {
    what: &'static str,
    at: Timestamp,
}

impl Next {
    fn to_json(&self) -> Value {
        json!({ "what": self.what, "at": self.at.to_string() })
    }
}
