//! The result of a deactivation, or the reason why there is none.

use std::path::PathBuf;

use license_cli_support::{Exit, Failure, show_path};
use license_client::InstallationError;
use license_core::requests::MachineRequest;
use license_core::{Code, License, LicenseId, with_causes};

use crate::context::AppContext;
use crate::embedded::{self, command};
use crate::output::failure as failures;
use crate::output::notice::Notice;

/// Returns the failure of a deactivation.
pub(super) fn failure(
    app: &AppContext,
    license: Option<&License>,
    error: &InstallationError,
) -> Failure {
    let failure = failures::installation(error);
    match error {
        InstallationError::OtherRequester { .. } => {
            let code = Code::NotActivated.as_str();
            Failure::new(Exit::Denied, code, with_causes(error)).hint(without_receipt())
        }
        InstallationError::NotActivated if app.is_for_all_users => failure.hint(concat!(
            "to remove a license for all users that is not activated, use ",
            command!("remove --system"),
            "; nothing was changed"
        )),
        InstallationError::NotActivated => match system_file(app, license, None) {
            Some(path) => failures::activated_by_administrator(&path),
            None => failure,
        },
        _ => failure,
    }
}

/// Returns what to do if the secret of the receipt is in the state of another user.
fn without_receipt() -> String {
    format!(
        "remove the license with its activation as root with {}, install it alone with {}, and ask the vendor to free the device of this activation; nothing was changed",
        command!("remove --system"),
        embedded::text(
            command!("install --system FILE"),
            command!("install --system --trust KEYS FILE"),
        ),
    )
}

/// Returns what to do with the receipt, and a notice if the license is still valid here.
pub(super) fn result(
    app: &AppContext,
    license: Option<&License>,
    receipt: &MachineRequest,
) -> (Option<Notice>, String) {
    if app.is_for_all_users {
        let hint = "the license is deactivated for all users of this machine; send this receipt to the vendor, who then frees the device";
        let notice = unbound_license(app, receipt).map(|id| Notice::needs_no_activation(&id));
        return (notice, hint.to_owned());
    }
    match system_file(app, license, Some(receipt)) {
        None => (
            None,
            "the license is deactivated on this machine; send this receipt to the vendor, who then frees the device".to_owned(),
        ),
        Some(path) => {
            let hint = format!(
                "an administrator ends the activation in {}, as root, with {}; then send this receipt to the vendor, who then frees the device",
                show_path(&path),
                command!("deactivate --system")
            );
            (Some(Notice::shared_activation(&path)), hint)
        }
    }
}

/// Returns the license for all users that the receipt deactivates, if it needs no activation.
fn unbound_license(app: &AppContext, receipt: &MachineRequest) -> Option<LicenseId> {
    let MachineRequest::Deactivation(receipt) = receipt else {
        return None;
    };
    let snapshot = app.manager.inspect(&app.matrix);
    let licenses = snapshot.installed()?.verified().licenses();
    let mut covered = licenses
        .iter()
        .filter(|license| covers(license, &receipt.license));
    let unbound = covered.find(|license| !license.must_activate())?;
    Some(unbound.id().clone())
}

/// Returns the administrator's file if it contains an activation of the license or of the license
/// that the receipt deactivates.
fn system_file(
    app: &AppContext,
    license: Option<&License>,
    receipt: Option<&MachineRequest>,
) -> Option<PathBuf> {
    let is_covered = |id: &LicenseId| license.is_some_and(|license| covers(license, id));
    app.manager
        .system_activation(&app.matrix, |id| match receipt {
            Some(MachineRequest::Deactivation(receipt)) => {
                receipt.license == *id || (is_covered(&receipt.license) && is_covered(id))
            }
            _ => license.is_none() || is_covered(id),
        })
}

/// Returns whether an activation with this id applies to the license.
fn covers(license: &License, id: &LicenseId) -> bool {
    license.id() == id || license.supersedes().contains(id)
}
