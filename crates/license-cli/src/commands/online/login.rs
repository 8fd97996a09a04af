//! `license login` and `license logout`: the user, for license servers that require a login.

use std::ops::ControlFlow;

use license_cli_support::{Exit, Failure, Meaning, Terminal, escape};
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
    print_code(&login, terminal)?;
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
fn print_code(login: &DeviceLogin, terminal: &Terminal) -> Result<(), Failure> {
    let (page, code) = (login.verification_uri(), login.user_code());
    let complete = login.verification_uri_complete();
    let seconds = login.expires_in().as_secs();
    if terminal.is_json() {
        return terminal.json(&json!({
            "verification_uri": page,
            "verification_uri_complete": complete,
            "user_code": code,
            "expires_in_seconds": seconds,
        }));
    }
    let minutes = seconds.div_ceil(60);
    let mut text = format!(
        "Open this page in a browser, on any machine, and enter the code within {minutes} min:\n  \
         {}\n  {}",
        escape(page),
        escape(code)
    );
    if let Some(complete) = complete {
        text.push_str(&format!("\nOr open this page:\n  {}", escape(complete)));
    }
    terminal.data(&text)
}

fn show(app: &AppContext, terminal: &Terminal) -> Result<Exit, Failure> {
    let status = app.manager.login_status();
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
    let (meaning, rest) = match (is_expired, status.is_renewable) {
        (_, true) => (Meaning::Good, "renewed when it is needed".to_owned()),
        (false, false) => (Meaning::Good, format!("for {}", humanize_more(left))),
        (true, false) => (Meaning::Bad, "which has expired; log in again".to_owned()),
    };
    let text = format!("as {name} at {issuer}, {rest}");
    terminal.data(&terminal.screen().sentence(meaning, "logged in", &text))
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
