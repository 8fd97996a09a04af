//! `license validate`: the judgment of a license server.

use license_cli_support::{Exit, Failure, Meaning, Terminal, escape};
use license_client::ServerVerdict;
use license_core::evaluate::{Evidence, Outcome};
use license_core::time::humanize_more;
use license_core::{Code, Decision};
use serde_json::json;

use super::connect;
use crate::args::{ContextArgs, Validate};
use crate::context::AppContext;
use crate::embedded::command;
use crate::output::failure;

/// Asks a server, and prints its judgment and the decision that follows from it.
///
/// # Errors
///
/// Returns the failure that ends the program. A server that cannot be reached is one.
pub(super) fn run(
    app: &AppContext,
    arguments: &Validate,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let online = connect(app, &arguments.online)?;
    let context = ContextArgs {
        strict: arguments.strict,
        ..arguments.online.context()
    };
    let before = app.installed(&context)?;
    let verdict = online.validate(&app.manager, &app.matrix, &before.context());
    let verdict = verdict.map_err(|error| {
        let failure = failure::online(&error);
        match cached(&before.decide()) {
            Some(remark) if error.is_unreachable() => failure.with_remark(&remark),
            _ => failure,
        }
    })?;
    // The signed answer is part of the decision now.
    let mut evaluation = app.installed(&context)?;
    evaluation.installed = Some(json!({ "server_verdict": verdict }));
    let mut exit = Exit::Success;
    if !terminal.is_json() {
        terminal.data(&sentence(&verdict, terminal))?;
    }
    let needs_seat = verdict.is_valid && evaluation.decide().code() == Code::SeatRequired;
    if needs_seat && !terminal.is_json() {
        // The judgment of the server is the result. Only the start of a program needs a seat.
        terminal.note(concat!(
            "a program needs a floating seat; ",
            command!("run -- PROGRAM"),
            " acquires one"
        ));
    } else {
        exit = evaluation.print(terminal)?;
    }
    if needs_seat {
        exit = Exit::Success;
    }
    if let Some(renewal) = &verdict.renewal {
        terminal.note(&format!(
            "installed the renewal {renewal} that the server sent"
        ));
    }
    Ok(if verdict.is_valid { exit } else { Exit::Denied })
}

fn sentence(verdict: &ServerVerdict, terminal: &Terminal) -> String {
    let server = escape(&verdict.server);
    let screen = terminal.screen();
    if verdict.is_valid {
        let rest = format!("{} license, says {server}", escape(&verdict.tier));
        return screen.sentence(Meaning::Good, "valid", &rest);
    }
    let unsigned = if verdict.is_signed {
        ""
    } else {
        "; the answer is not signed, so the last validation stays in effect"
    };
    let ServerVerdict {
        code,
        expected,
        actual,
        ..
    } = verdict;
    let rest = format!(
        "{}: expected {}, found {}, says {server}{unsigned}",
        escape(code),
        escape(expected),
        escape(actual)
    );
    screen.sentence(Meaning::Bad, "invalid", &rest)
}

/// Describes what a license that needs check-ins is worth while no server can be reached.
fn cached(decision: &Decision) -> Option<String> {
    let Some(Evidence::CheckIn {
        grace_until, now, ..
    }) = decision.check_in()
    else {
        let needs_seat = decision.code() == Code::SeatRequired;
        let is_valid = decision.license().is_some() && decision.outcome() != Outcome::Denied;
        return (is_valid || needs_seat).then(|| {
            let status = command!("status");
            format!("the installed license needs no check-in, and stays valid; see {status}")
        });
    };
    if decision.outcome() == Outcome::Denied {
        return Some("the cached license is no longer valid".to_owned());
    }
    let left = humanize_more(*grace_until - *now);
    let status = command!("status");
    Some(format!(
        "the cached license is valid for {left}; see {status}"
    ))
}
