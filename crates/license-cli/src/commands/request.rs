//! `license request` and `license deactivate`: requests and receipts of this machine for the
//! vendor, as a file, a QR code or readback lines.

mod deactivation;

use license_cli_support::{Audience, Destination, Exit, Failure, QrCode, Terminal, escape};
use license_client::{InstallationError, PendingRequestPolicy, PreparedRequest, now};
use license_core::chrono::{DateTime, Utc};
use license_core::requests::{MachineRequest, readback};
use license_core::time::rfc3339;
use license_core::{Context, License, LicenseId, with_causes};
use serde_json::{Value, json};

use crate::args::{Deactivate, DeliveryArgs, Request};
use crate::context::AppContext;
use crate::embedded::command;
use crate::output::notice::{self, Notice};
use crate::output::{failure, license_details};

/// Requests an activation or a clock repair.
///
/// # Errors
///
/// Returns a failure if there is no license to activate or the request cannot be stored.
pub(crate) fn run(
    app: &AppContext,
    arguments: &Request,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    if arguments.system {
        return Err(one_request());
    }
    let delivery = &arguments.delivery;
    delivery.check(terminal)?;
    let made_at = arguments.at.unwrap_or_else(now);
    let pending = if arguments.new {
        PendingRequestPolicy::Replace
    } else {
        PendingRequestPolicy::Repeat
    };
    let (request, notice, hint) = if arguments.clock {
        let hint = clock_hint(app, made_at);
        let request = app.manager.request_clock_repair(made_at, pending);
        (request, None, hint)
    } else {
        let license = installed_license(app, arguments.license.as_deref())??;
        check_product(app, &license)?;
        let notice = activated_at(app, &license).map(|at| Notice::already_activated(&license, at));
        let request = app
            .manager
            .request_activation(license.id(), made_at, pending);
        (request, notice, activation_hint(app, &license))
    };
    let request = request.map_err(|error| failure::installation(&error))?;
    delivery.deliver(&request, notice, hint, terminal)
}

/// Returns the failure of a request with `--system`.
fn one_request() -> Failure {
    let message = "unexpected argument '--system': a request is the same for this user and for \
                   all users";
    Failure::usage(message).hint(concat!(
        "make the request without --system, and install the answer for all users, as root, with ",
        command!("activate --system FILE")
    ))
}

/// The next step for a request whose answer is for this user.
const SEND: &str = concat!(
    "send the request to the vendor, then install the answer with ",
    command!("activate FILE")
);

/// Returns what to do with the request for the activation of a license.
fn activation_hint(app: &AppContext, license: &License) -> &'static str {
    let snapshot = app.manager.inspect(&app.matrix);
    let installed = snapshot.installed();
    let path = installed.and_then(|found| found.path_of(license.id()));
    if !path.is_some_and(|path| app.is_in_system_dir(path)) {
        return SEND;
    }
    concat!(
        "send the request to the vendor, then install the answer for all users, as root, with ",
        command!("activate --system FILE"),
        ", or for this user with ",
        command!("activate FILE")
    )
}

/// Returns what to do with the request for a clock repair, which only lowers a clock high-water
/// mark that is ahead of the clock.
fn clock_hint(app: &AppContext, at: DateTime<Utc>) -> &'static str {
    if app.manager.inspect(&app.matrix).high_water > at {
        return SEND;
    }
    concat!(
        "the clock of this machine is not behind the latest time seen, so no clock repair is \
         needed; if the vendor asks for the request, send it, and install the answer with ",
        command!("activate FILE")
    )
}

/// Refuses a license of another product, whose activation needs another fingerprint.
fn check_product(app: &AppContext, license: &License) -> Result<(), Failure> {
    let (expected, found) = (app.matrix.product(), license.product());
    if expected == found {
        return Ok(());
    }
    Err(failure::installation(&InstallationError::OtherProduct {
        what: "license",
        expected,
        found,
    }))
}

/// Ends the activation of this machine, for this user or for all users, and prints the receipt.
///
/// # Errors
///
/// Returns a failure if there is no activation of this user, or no activation for all users that
/// this user requested, or if the receipt cannot be stored.
pub(crate) fn deactivate(
    app: &AppContext,
    arguments: &Deactivate,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let delivery = &arguments.delivery;
    delivery.check(terminal)?;
    let license = match installed_license(app, arguments.license.as_deref())? {
        Ok(license) => Some(license),
        Err(failure) if arguments.license.is_some() => return Err(failure),
        Err(_) => None,
    };
    let made_at = arguments.at.unwrap_or_else(now);
    let (manager, matrix) = (&app.manager, &app.matrix);
    let end = |license| {
        if app.is_for_all_users {
            manager.deactivate_for_all_users(matrix, license, made_at)
        } else {
            manager.deactivate(license, made_at)
        }
    };
    let mut receipt = end(license.as_ref());
    // The license in effect may differ from the one that is activated.
    if matches!(receipt, Err(InstallationError::NotActivated)) && arguments.license.is_none() {
        receipt = end(None);
    }
    let receipt = receipt.map_err(|error| deactivation::failure(app, license.as_ref(), &error))?;
    let (notice, hint) = deactivation::result(app, license.as_ref(), &receipt.request);
    delivery.deliver(&receipt, notice, &hint, terminal)
}

/// Returns the installed license with this id, or the license in effect.
///
/// The inner failure means that there is no such license. The outer failure means that the
/// installation cannot be read.
fn installed_license(
    app: &AppContext,
    id: Option<&str>,
) -> Result<Result<License, Failure>, Failure> {
    let snapshot = app.manager.inspect(&app.matrix);
    let found = snapshot
        .installation
        .map_err(|error| failure::installation(&error))?;
    let verified = match (&found, id) {
        (Some(found), _) => found.verified(),
        (None, Some(_)) => return Ok(Err(not_installed(id))),
        (None, None) => {
            let message = "expected an installed license, found none";
            return Ok(Err(Failure::new(Exit::Denied, "NO_LICENSE", message).hint(
                concat!("install the license first: ", command!("install FILE")),
            )));
        }
    };
    let context = Context::at(now()).high_water(snapshot.high_water);
    let context = match app.manager.machine() {
        Some(machine) => context.machine(machine),
        None => context,
    };
    let license = match id {
        Some(id) => {
            let mut licenses = verified.licenses().iter();
            licenses
                .find(|license| license.id().as_str() == id)
                .cloned()
        }
        None => verified.evaluate(&app.matrix, &context).license().cloned(),
    };
    Ok(license.ok_or_else(|| not_installed(id)))
}

/// Returns when the license was activated on this machine, if it is activated now.
fn activated_at(app: &AppContext, license: &License) -> Option<DateTime<Utc>> {
    let snapshot = app.manager.inspect(&app.matrix);
    let here = app.manager.machine()?;
    let context = Context::at(now())
        .high_water(snapshot.high_water)
        .machine(here);
    let installation = snapshot.installation.ok().flatten()?;
    let verified = installation.verified();
    let results = verified.explain_license(license, &app.matrix, &context);
    license_details::activated_at(&results)
}

fn not_installed(id: Option<&str>) -> Failure {
    let message = match id.and_then(LicenseId::parse) {
        Some(id) => format!("expected an installed license with id {id}, found none"),
        None => {
            "--license: expected the id of an installed license, found a text that is not an id"
                .to_owned()
        }
    };
    Failure::new(Exit::Denied, "NO_LICENSE", message).hint(concat!(
        command!("status"),
        " shows the id of the installed license"
    ))
}

impl DeliveryArgs {
    /// Checks the destination before anything is requested or deactivated.
    fn check(&self, terminal: &Terminal) -> Result<(), Failure> {
        if self.qr {
            QrCode::check_destination(&self.file.out, terminal)?;
        }
        self.file.check()
    }

    /// Delivers a request or receipt and prints what to do with it.
    fn deliver(
        &self,
        request: &PreparedRequest,
        notice: Option<Notice>,
        hint: &str,
        terminal: &Terminal,
    ) -> Result<Exit, Failure> {
        let mut notices: Vec<_> = notice.into_iter().collect();
        notice::add_missing(&mut notices, request.problems.iter().map(Notice::state));
        let lines = readback::to_lines(&request.request.to_bytes());
        let lines = lines.map_err(|error| Failure::malformed(with_causes(&error)))?;
        let text = self.write(&request.request, &lines, terminal)?;
        let path = self.file.path();
        if terminal.is_json() {
            terminal.json(&to_json(request, &lines, path.as_deref(), &notices))?;
            return Ok(Exit::Success);
        }
        for notice in &notices {
            notice.print(terminal);
        }
        match path {
            Some(path) => terminal.data(&format!("wrote {path}"))?,
            None => terminal.data(&text)?,
        }
        if self.speak && self.file.out != Destination::Stdout {
            terminal.data(&lines.join("\n"))?;
        }
        if request.is_repeated {
            terminal.note(match request.request {
                MachineRequest::Deactivation(_) => {
                    "the license was already deactivated; this is the same receipt again"
                }
                _ => "this is the pending request again; --new replaces it with a new request",
            });
        }
        if let Some(earlier) = request.superseded {
            terminal.note(&format!(
                "this request replaces the request of {}, whose answer will be rejected",
                rfc3339(earlier)
            ));
        }
        terminal.note(hint);
        Ok(Exit::Success)
    }

    /// Writes the file, or returns the text for standard output.
    fn write(
        &self,
        machine_request: &MachineRequest,
        lines: &[String],
        terminal: &Terminal,
    ) -> Result<String, Failure> {
        let text = machine_request.to_armor();
        match (&self.file.out, self.qr) {
            (Destination::File(_), true) => {
                let picture = QrCode::new(&machine_request.to_qr_text())?.to_png();
                let picture = picture.map_err(|error| Failure::malformed(with_causes(&error)))?;
                self.file.write(&picture, Audience::Everyone)?;
                Ok(text)
            }
            (Destination::File(_), false) => {
                self.file.write(text.as_bytes(), Audience::Everyone)?;
                Ok(text)
            }
            (Destination::Stdout, true) => {
                let code = QrCode::new(&machine_request.to_qr_text())?;
                // The request is stored by now, so it can be printed in another form.
                match code.for_terminal(terminal.screen()) {
                    Ok(drawn) => Ok(drawn.trim_end().to_owned()),
                    Err(failure) => {
                        terminal.warning(failure.code(), failure.message());
                        failure
                            .advice()
                            .iter()
                            .for_each(|advice| terminal.hint(advice));
                        Ok(text.trim_end().to_owned())
                    }
                }
            }
            (Destination::Stdout, false) if self.speak => Ok(lines.join("\n")),
            (Destination::Stdout, false) => Ok(text.trim_end().to_owned()),
        }
    }
}

fn to_json(
    request: &PreparedRequest,
    lines: &[String],
    path: Option<&str>,
    notices: &[Notice],
) -> Value {
    let machine_request = &request.request;
    json!({
        "kind": machine_request.kind().label(),
        "content": machine_request.to_json(),
        "text": machine_request.to_armor(),
        "lines": lines,
        "path": path.map(escape),
        "again": request.is_repeated,
        "replaced": request.superseded.map(|at| rfc3339(at).to_string()),
        "warnings": notice::warnings_to_json(&[], notices),
    })
}
