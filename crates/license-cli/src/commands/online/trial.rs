//! `license trial`: a trial from the vendor's server.

use license_cli_support::{Exit, Failure, Terminal, escape};
use license_client::OnlineSettings;
use serde_json::json;

use crate::args::{Install, Trial, TrialAction};
use crate::commands::install;
use crate::context::{AppContext, LicenseInput};
use crate::embedded::command;
use crate::output::failure;

/// Asks for a trial, or starts it with the code of the mail.
///
/// # Errors
///
/// Returns the failure that ends the program.
pub(super) fn run(
    app: &AppContext,
    arguments: &Trial,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let urls = arguments.server_url.iter();
    let settings = urls.fold(OnlineSettings::new(), |settings, url| settings.server(url));
    let failed = |error| failure::online(&error);
    match &arguments.action {
        TrialAction::Start { email, customer } => {
            let asked = app.manager.request_trial(&settings, email, customer);
            asked.map_err(failed)?;
            if terminal.is_json() {
                terminal.json(&json!({ "email": email, "requested": true }))?;
            } else {
                let text = format!(
                    "the server sends a code to {}, unless the address has enough of them",
                    escape(email)
                );
                terminal.data(&text)?;
                terminal.note(concat!(
                    "start the trial with ",
                    command!("trial confirm CODE"),
                    " within 24 hours"
                ));
            }
            Ok(Exit::Success)
        }
        TrialAction::Confirm { code, trust } => {
            let started = app.manager.confirm_trial(&settings, code.trim());
            let input = LicenseInput {
                name: "the trial license".to_owned(),
                text: started.map_err(failed)?.file,
            };
            install::install_from_server(app, &Install::of_trial(trust.clone()), &input, terminal)
        }
    }
}
