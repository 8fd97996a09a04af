//! `license wait`: waits until a license server answers and the license is valid.

use std::thread;
use std::time::{Duration, Instant};

use license_cli_support::{Exit, Failure, Terminal, escape};
use license_client::{OnlineClient, OnlineError, ServerVerdict};
use serde_json::json;

use super::connect;
use crate::args::{ContextArgs, Wait};
use crate::context::AppContext;
use crate::embedded::command;
use crate::output::failure;

/// The pause between two attempts.
const PAUSE: Duration = Duration::from_secs(1);

/// Waits for the server and the license, and reports each new obstacle once.
///
/// # Errors
///
/// Returns the last obstacle if the time limit ends first, and at once an error that time does not
/// change, such as an invalid setting.
pub(super) fn run(
    app: &AppContext,
    arguments: &Wait,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let online = connect(app, &arguments.online)?;
    let context = arguments.online.context();
    let started = Instant::now();
    let mut reported = None;
    loop {
        let obstacle = match attempt(app, &online, &context)? {
            Ok(verdict) => {
                print(&verdict, started.elapsed(), terminal)?;
                return Ok(Exit::Success);
            }
            Err(obstacle) => obstacle,
        };
        if started.elapsed() + PAUSE >= arguments.limit {
            let limit = arguments.limit.as_secs();
            return Err(obstacle.with_remark(&format!("waited for {limit} s")));
        }
        // The message can contain a time, which changes with each attempt.
        if reported.as_deref() != Some(obstacle.code()) {
            terminal.note(&format!("waiting: {}", escape(obstacle.message())));
            reported = Some(obstacle.code().to_owned());
        }
        thread::sleep(PAUSE);
    }
}

/// Asks once. Returns the obstacle if a later attempt can succeed.
fn attempt(
    app: &AppContext,
    online: &OnlineClient,
    context: &ContextArgs,
) -> Result<Result<ServerVerdict, Failure>, Failure> {
    let evaluation = app.installed(context)?;
    match online.validate(&app.manager, &app.matrix, &evaluation.context()) {
        Ok(verdict) if verdict.is_valid => Ok(Ok(verdict)),
        Ok(verdict) => Ok(Err(invalid(&verdict))),
        Err(error) => {
            let is_temporary = error.is_unreachable()
                || error.problem().is_some()
                || matches!(error, OnlineError::NoLicense);
            let failure = failure::online(&error);
            if is_temporary {
                Ok(Err(failure))
            } else {
                Err(failure)
            }
        }
    }
}

fn invalid(verdict: &ServerVerdict) -> Failure {
    let ServerVerdict {
        server,
        expected,
        actual,
        ..
    } = verdict;
    let message =
        format!("{server} calls the license invalid: expected {expected}, found {actual}");
    Failure::new(Exit::Denied, verdict.code.clone(), message)
        .hint(concat!(command!("validate"), " shows the decision"))
}

fn print(verdict: &ServerVerdict, waited: Duration, terminal: &Terminal) -> Result<(), Failure> {
    if terminal.is_json() {
        return terminal.json(&json!({
            "server": verdict.server,
            "code": verdict.code,
            "tier": verdict.tier,
            "waited_seconds": waited.as_secs(),
        }));
    }
    let (server, tier) = (escape(&verdict.server), escape(&verdict.tier));
    terminal.data(&format!("ready: {server} calls the {tier} license valid"))
}
