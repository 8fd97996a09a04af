//! `license login` and `license logout`: the user, for license servers that require a login.

use std::ops::ControlFlow;
use std::time::Duration;

use license_cli_support::{Exit, Failure, Fields, Meaning, StyledText, Terminal, escape};
use license_client::{DeviceLogin, LoginStatus, LogoutOutcome, OnlineSettings};
use license_core::time::{humanize_more, rfc3339};
use license_core::with_causes;
use serde_json::json;

use super::child::SignalWatch;
use crate::args::Login;
use crate::context::AppContext;
use crate::output::failure;

/// Logs the user in, or shows the login.
///
/// # Errors
///
/// Returns the failure that ends the program.
pub(super) fn run(
    app: &AppContext,
    arguments: &Login,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    if arguments.status {
        return show(app, terminal);
    }
    // From here on, Ctrl-C ends the wait with an error of its own.
    let mut signals = SignalWatch::start()?;
    let failed = |error| failure::online(&error);
    let login = app.manager.start_login(&OnlineSettings::new());
    let login = login.map_err(failed)?;
    print_code(&login, arguments.limit, terminal)?;
    let status = login.wait(arguments.limit, || {
        if signals.has_pending() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    print(&status.map_err(failed)?, terminal)?;
    Ok(Exit::Success)
}

/// Prints the page and the code, also for a user who asked for quiet output.
fn print_code(login: &DeviceLogin, limit: Duration, terminal: &Terminal) -> Result<(), Failure> {
    let (page, code) = (login.verification_uri(), login.user_code());
    let complete = login.verification_uri_complete();
    let seconds = login.expires_in().min(limit).as_secs();
    if terminal.is_json() {
        return terminal.json(&json!({
            "verification_uri": page,
            "verification_uri_complete": complete,
            "user_code": code,
            "expires_in_seconds": seconds,
        }));
    }
    let time = match seconds {
        0..120 => format!("{seconds} s"),
        seconds => format!("{} min", seconds / 60),
    };
    let mut fields = Fields::new();
    fields.add("page", escape(page).into_owned());
    fields.add("code", StyledText::new(Meaning::Heading, code));
    if let Some(complete) = complete {
        fields.add("page with the code", escape(complete).into_owned());
    }
    terminal.data(&format!(
        "Open the page in a browser, on any machine, and enter the code within {time}:\n\n{}\n",
        fields.to_text(terminal.columns())
    ))?;
    terminal.note("waiting for the login; Ctrl-C ends the wait");
    Ok(())
}

fn show(app: &AppContext, terminal: &Terminal) -> Result<Exit, Failure> {
    let status = app.manager.login_status(&OnlineSettings::new());
    let status = status.map_err(|error| failure::online(&error))?;
    print(&status.ok_or_else(failure::not_logged_in)?, terminal)?;
    Ok(Exit::Success)
}

fn print(status: &LoginStatus, terminal: &Terminal) -> Result<(), Failure> {
    let left = status.expires_at - license_client::now();
    let is_expired = left <= license_core::chrono::TimeDelta::zero();
    if terminal.is_json() {
        return terminal.json(&json!({
            "logged_in": true,
            "issuer": status.issuer,
            "client_id": status.client_id,
            "user": status.name(),
            "subject": status.subject,
            "expires_at": rfc3339(status.expires_at).to_string(),
            "is_expired": is_expired,
            "is_renewable": status.is_renewable,
        }));
    }
    let (name, issuer) = (escape(status.name()), escape(&status.issuer));
    let rest = if status.is_renewable {
        "the login is renewed when a command needs it".to_owned()
    } else {
        format!("the login is valid for {}", humanize_more(left))
    };
    let text = format!("{name} at {issuer}; {rest}");
    let screen = terminal.screen();
    terminal.data(&screen.sentence(Meaning::Good, "logged in", &text))
}

/// Deletes the login, and revokes it at the provider.
///
/// # Errors
///
/// Returns the failure that ends the program. A provider that cannot be reached is only a warning.
pub(super) fn logout(app: &AppContext, terminal: &Terminal) -> Result<Exit, Failure> {
    let outcome = app.manager.logout(&OnlineSettings::new());
    let outcome = outcome.map_err(|error| failure::online(&error))?;
    let (was_logged_in, is_revoked, text) = match &outcome {
        LogoutOutcome::NotLoggedIn => (false, false, "there is no login on this machine"),
        LogoutOutcome::Revoked => (true, true, "logged out; the provider has revoked the login"),
        _ => (
            true,
            false,
            "logged out; the login on this machine is deleted",
        ),
    };
    if let LogoutOutcome::NotRevoked(error) = &outcome {
        let message = format!(
            "the provider has not revoked the login; end the session there: {}",
            with_causes(error)
        );
        terminal.warning(error.code(), &message);
    }
    if terminal.is_json() {
        let members = json!({ "was_logged_in": was_logged_in, "is_revoked": is_revoked });
        terminal.json(&members)?;
    } else {
        terminal.data(text)?;
    }
    Ok(Exit::Success)
}
