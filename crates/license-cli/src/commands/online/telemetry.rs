//! `license telemetry`: shows telemetry, and turns it on and off.

use std::io::{BufRead, IsTerminal, stdin};

use license_cli_support::{Exit, Failure, Fields, Meaning, Terminal, escape, plural, show_name};
use license_client::{OnlineError, OnlineSettings, Telemetry, TelemetryStatus};
use serde_json::{Value, from_str, json};

use crate::args::{ContextArgs, Telemetry as TelemetryArgs, TelemetryAction};
use crate::context::AppContext;
use crate::embedded::command;
use crate::output::failure;

/// Runs an action of telemetry.
///
/// # Errors
///
/// Returns the failure that ends the program.
pub(super) fn run(
    app: &AppContext,
    arguments: &TelemetryArgs,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let context = ContextArgs::default();
    let evaluation = app.installed_if_usable(&context);
    let settings = OnlineSettings::new();
    let telemetry = Telemetry::new(&app.manager, &app.matrix, evaluation.context(), settings);
    match &arguments.action {
        None | Some(TelemetryAction::Status) => status(&telemetry, terminal)?,
        Some(TelemetryAction::On { yes }) => turn_on(&telemetry, *yes, terminal)?,
        Some(TelemetryAction::Off) => turn_off(&telemetry, terminal)?,
        Some(TelemetryAction::Show) => show(&telemetry, terminal)?,
        Some(TelemetryAction::Send) => send(&telemetry, terminal)?,
        Some(TelemetryAction::Delete) => delete(&telemetry, terminal)?,
    }
    Ok(Exit::Success)
}

fn failed(error: OnlineError) -> Failure {
    failure::online(&error)
}

fn status(telemetry: &Telemetry<'_>, terminal: &Terminal) -> Result<(), Failure> {
    let status = telemetry.status().map_err(failed)?;
    if terminal.is_json() {
        return terminal.json(&to_json(&status));
    }
    let screen = terminal.screen();
    let (word, rest) = match (&status.forbidden_by, status.is_on) {
        (Some(_), _) => ("forbidden", "nothing is collected or sent"),
        (None, false) => ("off", "nothing is collected or sent"),
        (None, true) => ("on", "one event for each day with use"),
    };
    let mut fields = Fields::new();
    if let Some(origin) = &status.forbidden_by {
        fields.add("forbidden by", escape(&origin.to_string()).into_owned());
    } else {
        fields.add("recipient", recipient(&status));
    }
    if status.is_on {
        fields.add("waiting", plural(status.queued, "event", "events"));
    }
    if status.dropped > 0 {
        fields.add("dropped", format!("{} events", status.dropped));
    }
    if let Some(id) = status.installation {
        fields.add("installation", format!("{id} (random)"));
    }
    if let Some(day) = status.attempted {
        fields.add("last attempt", day.to_string());
    }
    for server in &status.servers {
        fields.add("sent to", escape(server).into_owned());
    }
    if status.deletions > 0 {
        let servers = plural(status.deletions, "server", "servers");
        fields.add("deletion", format!("not confirmed by {servers}"));
    }
    let sentence = screen.sentence(Meaning::Heading, word, rest);
    let fields = fields.to_text(screen.columns());
    terminal.data(format!("{sentence}\n{fields}").trim_end())?;
    if status.forbidden_by.is_some() {
        return Ok(());
    }
    terminal.note(&if status.is_on {
        format!("{} prints what would be sent", command!("telemetry show"))
    } else {
        format!(
            "{} shows the first event before it asks",
            command!("telemetry on")
        )
    });
    Ok(())
}

/// Names the server that gets the events.
fn recipient(status: &TelemetryStatus) -> String {
    match &status.recipient {
        Some(url) => format!("events go to the license server {}", escape(url)),
        None => "no license server is configured, so events wait on this machine".to_owned(),
    }
}

fn to_json(status: &TelemetryStatus) -> Value {
    json!({
        "is_on": status.is_on,
        "forbidden_by": status.forbidden_by.as_ref().map(ToString::to_string),
        "recipient": status.recipient,
        "installation": status.installation,
        "queued": status.queued,
        "dropped": status.dropped,
        "attempted": status.attempted,
        "servers": status.servers,
        "deletions": status.deletions,
    })
}

fn turn_on(telemetry: &Telemetry<'_>, yes: bool, terminal: &Terminal) -> Result<(), Failure> {
    let status = telemetry.status().map_err(failed)?;
    if status.is_on && status.forbidden_by.is_none() {
        if terminal.is_json() {
            return terminal.json(&json!({ "is_on": true, "body": null }));
        }
        return terminal.data("telemetry is on already");
    }
    let proposal = telemetry.propose().map_err(failed)?;
    let body = proposal.body().to_owned();
    // A user who agrees must have seen the body.
    let has_screen = terminal.columns().is_some() && stdin().is_terminal();
    let may_ask = !yes && !terminal.is_json() && has_screen;
    if !yes && !may_ask {
        let message = "expected --yes, because there is no terminal to ask";
        let hint = concat!("run ", command!("telemetry on"), " on a terminal first");
        return Err(Failure::usage(message).hint(hint));
    }
    if !terminal.is_json() {
        terminal.note("this event would be sent first, and one like it for each day with use:");
        terminal.data(&if has_screen {
            indented(&body)
        } else {
            body.clone()
        })?;
        terminal.note(&format!(
            "{}; the administrator of the server sets for how long it keeps events, usually 400 days",
            recipient(&status)
        ));
    }
    if may_ask {
        confirm(terminal)?;
    }
    telemetry.turn_on(proposal).map_err(failed)?;
    if terminal.is_json() {
        return terminal.json(&json!({ "is_on": true, "body": body }));
    }
    terminal.note(&format!(
        "telemetry is on; {} turns it off, and {} deletes what was sent",
        command!("telemetry off"),
        command!("telemetry delete")
    ));
    Ok(())
}

/// Returns a JSON text with one member in each line.
fn indented(body: &str) -> String {
    let value = from_str::<Value>(body);
    value.map_or_else(|_| body.to_owned(), |value| format!("{value:#}"))
}

/// Asks the user.
///
/// # Errors
///
/// Returns `NO_CONSENT` for every answer except `yes`.
fn confirm(terminal: &Terminal) -> Result<(), Failure> {
    terminal.data("Turn telemetry on? Type yes to agree:")?;
    let mut answer = String::new();
    // Without an answer, the user does not agree.
    let _ = stdin().lock().read_line(&mut answer);
    if answer.trim().eq_ignore_ascii_case("yes") {
        return Ok(());
    }
    let message = format!(
        "expected yes, found {}; telemetry stays off, and nothing was stored or sent",
        show_name(answer.trim())
    );
    Err(Failure::new(Exit::Denied, "NO_CONSENT", message))
}

fn turn_off(telemetry: &Telemetry<'_>, terminal: &Terminal) -> Result<(), Failure> {
    let was_on = telemetry.status().map_err(failed)?.is_on;
    telemetry.turn_off().map_err(failed)?;
    let status = telemetry.status().map_err(failed)?;
    if terminal.is_json() {
        return terminal.json(&to_json(&status));
    }
    terminal.data(if was_on {
        "telemetry is off; what waited was deleted"
    } else {
        "telemetry was off already"
    })?;
    if !status.servers.is_empty() {
        terminal.note(&format!(
            "what was sent stays on the server until its retention ends; {} deletes it there",
            command!("telemetry delete")
        ));
    }
    Ok(())
}

fn show(telemetry: &Telemetry<'_>, terminal: &Terminal) -> Result<(), Failure> {
    let bodies = telemetry.queued().map_err(failed)?;
    if terminal.is_json() {
        return terminal.json(&json!({ "bodies": bodies }));
    }
    if bodies.is_empty() {
        terminal.note(if telemetry.status().map_err(failed)?.is_on {
            "nothing waits to be sent"
        } else {
            concat!(
                "telemetry is off, so nothing waits to be sent; ",
                command!("telemetry on"),
                " shows the first event before it asks"
            )
        });
        return Ok(());
    }
    terminal.data(&bodies.join("\n"))
}

fn send(telemetry: &Telemetry<'_>, terminal: &Terminal) -> Result<(), Failure> {
    let sent = telemetry.send().map_err(failed)?;
    if terminal.is_json() {
        return terminal.json(&json!({ "sent": sent }));
    }
    terminal.data(&format!("sent {}", plural(sent, "event", "events")))
}

fn delete(telemetry: &Telemetry<'_>, terminal: &Terminal) -> Result<(), Failure> {
    let servers = telemetry.delete().map_err(|error| {
        let failure = failure::online(&error);
        failure.with_remark("telemetry is off and deleted here, but not on the server")
    })?;
    if terminal.is_json() {
        return terminal.json(&json!({ "servers": servers }));
    }
    terminal.data(&match servers {
        0 => "telemetry is off and deleted; no server had any".to_owned(),
        servers => format!(
            "telemetry is off and deleted, also on {}",
            plural(servers, "server", "servers")
        ),
    })
}
