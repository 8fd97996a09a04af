//! Notices: what a command reports about this machine in addition to its answer.

use std::path::Path;

use license_cli_support::{Failure, Terminal, show_name, show_path};
use license_client::{
    InstallationError, LicenseLoss, LicenseManager, QuotaError, SealError, Snapshot, StateFile,
    StateProblem, Store, StoreError,
};
use license_core::chrono::{DateTime, Utc};
use license_core::evaluate::Warning;
use license_core::time::rfc3339;
use license_core::{Code, License, LicenseId, with_causes};
use serde::Serialize;
use serde_json::{Value, json};

use super::failure;
use crate::embedded::command;

/// The code of a problem with trust statements, or of statements that are ignored.
const TRUST: &str = "TRUST";
/// The code of a problem with the state of this machine.
const STATE: &str = "STATE";
/// The code of a problem with the identity of this machine.
const MACHINE: &str = "MACHINE";

/// A code and a message about this machine.
#[derive(PartialEq, Eq, Serialize)]
pub(crate) struct Notice {
    code: String,
    message: String,
}

impl Notice {
    fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
        }
    }

    /// Creates a notice with a reason code of the core.
    pub(crate) fn with_code(code: Code, message: String) -> Self {
        Self::new(code.as_str(), message)
    }

    /// Creates a notice from a failure that does not end the command.
    pub(crate) fn failure(failure: &Failure) -> Self {
        Self::new(failure.code(), failure.message())
    }

    /// Creates a notice about ignored trust statements.
    pub(crate) fn trust(message: String) -> Self {
        Self::new(TRUST, message)
    }

    /// Reports that the administrator's installation contains an activation for this machine too.
    pub(crate) fn shared_activation(path: &Path) -> Self {
        let path = show_path(path);
        let message = format!(
            "{path}, a file of the administrator, also contains an activation of the license for \
             this machine; that activation stays valid for all users until the administrator \
             removes it"
        );
        Self::new("STILL_ACTIVE", message)
    }

    /// Reports that a license for all users is valid without the activation that was removed.
    pub(crate) fn needs_no_activation(license: &LicenseId) -> Self {
        let message = format!(
            "license {license} for all users needs no activation, so it stays valid on this \
             machine; {} removes it",
            command!("remove --system")
        );
        Self::new("STILL_ACTIVE", message)
    }

    /// Reports that a license is activated on this machine, so that no request is needed.
    pub(crate) fn already_activated(license: &License, at: DateTime<Utc>) -> Self {
        let message = format!(
            "license {} is already activated on this machine, since {}; send this request only if \
             the vendor asks for it",
            license.id(),
            rfc3339(at)
        );
        Self::new("ALREADY_ACTIVATED", message)
    }

    /// Reports that a bind mount gives the project a second session.
    pub(crate) fn bind_mount(path: &Path, other: &Path) -> Self {
        let (path, other) = (show_path(path), show_path(other));
        let message = format!(
            "{path} is a bind mount of {other}; the two paths are two projects, so work in both \
             counts as two sessions; use the same path everywhere"
        );
        Self::new("BIND_MOUNT", message)
    }

    /// Reports what is lost because a license was replaced, or will be replaced at an instant.
    pub(crate) fn loss(loss: &LicenseLoss, begins: Option<DateTime<Utc>>) -> Self {
        let (new, installed) = (&loss.new_label, &loss.installed_label);
        let message = match begins {
            Some(begins) => format!(
                "the new {new} license, which starts at {}, allows less than the current \
                 {installed} license: {loss}",
                rfc3339(begins)
            ),
            None => format!(
                "the new {new} license allows less than the replaced {installed} license: {loss}"
            ),
        };
        Self::with_code(Code::Loss, message)
    }

    /// Reports that other users cannot read the directory with the license for all users.
    #[cfg(unix)]
    pub(crate) fn unreadable_directory(path: &Path, mode: u32) -> Self {
        let path = show_path(path);
        let message = format!(
            "other users cannot read {path} (mode {mode:04o}), so the license does not apply to \
             them; run `chmod 755 {path}`"
        );
        Self::new(STATE, message)
    }

    /// Reports that this machine has no identity.
    pub(crate) fn no_machine() -> Self {
        let message = concat!(
            "this machine has no identity, so a similar machine has the same session ids; ",
            command!("machine"),
            " shows the reason"
        );
        Self::new(MACHINE, message)
    }

    /// Creates a notice about an installation that is not in effect.
    pub(crate) fn installation(error: &InstallationError) -> Self {
        let failure = failure::installation(error);
        let message = match failure.advice() {
            Some(advice) => format!("{}; {advice}", failure.message()),
            None => failure.message().to_owned(),
        };
        Self::new(STATE, message)
    }

    /// Reports that uses of finite quotas are denied.
    pub(crate) fn not_counted(error: &QuotaError) -> Self {
        let message = format!("uses of finite quotas are denied: {}", with_causes(error));
        Self::with_code(Code::QuotaNotCounted, message)
    }

    /// Creates a notice about a problem with the state directory.
    pub(crate) fn state(problem: &StateProblem) -> Self {
        let advice = match problem {
            StateProblem::Sealed {
                source: SealError::OtherMachine { .. },
                ..
            } => "this machine has its own counts",
            StateProblem::Sealed { path, .. } if contains_activations(path) => {
                concat!(
                    "its activations are lost: request new ones with ",
                    command!("request")
                )
            }
            StateProblem::Sealed { .. } => {
                "license.cache and quota contain the same state; if both are damaged, install the latest validation token again"
            }
            StateProblem::Journal(_) => "nothing else depends on this file",
            StateProblem::Trust(_) => failure::INSTALL_STATEMENTS,
            StateProblem::Revocations(_) => {
                concat!("install the latest list with ", command!("install FILE"))
            }
            StateProblem::SystemDir(refused) => failure::correct_system_dir(refused),
            StateProblem::UnknownActivation { .. } => failure::INSTALL_ACTIVATION,
            StateProblem::TimeFromFiles { .. } => failure::REPAIR_CLOCK,
            _ => "",
        };
        let advice = match problem {
            StateProblem::NotSaved(StoreError::Unsafe { source, .. }) => {
                failure::unsafe_directory(source)
            }
            StateProblem::NotSaved(StoreError::NoLocks { .. }) => failure::lock_service(),
            _ => advice.to_owned(),
        };
        let message = with_causes(problem);
        let message = if advice.is_empty() {
            message
        } else {
            format!("{message}; {advice}")
        };
        let code = match problem {
            StateProblem::NotSaved(StoreError::Unsafe { .. }) => failure::UNSAFE_DIRECTORY,
            StateProblem::NotSaved(StoreError::NoLocks { .. }) => failure::NO_LOCKS,
            StateProblem::Revocations(problem) => problem.code().map_or(STATE, Code::as_str),
            StateProblem::Trust(_) => TRUST,
            _ => STATE,
        };
        Self::new(code, message)
    }

    /// Returns the code.
    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    /// Prints the notice as a warning.
    pub(crate) fn print(&self, terminal: &Terminal) {
        terminal.warning(&self.code, &self.message);
    }
}

/// Returns the member `warnings` of a JSON answer: the warnings of a decision, then the notices.
pub(crate) fn warnings_to_json(warnings: &[Warning], notices: &[Notice]) -> Value {
    let of_decision = warnings.iter().map(|warning| json!(warning));
    let notices = notices.iter().map(|notice| json!(notice));
    of_decision.chain(notices).collect()
}

/// Adds notices that are not in the list yet.
pub(crate) fn add_missing(notices: &mut Vec<Notice>, more: impl IntoIterator<Item = Notice>) {
    for notice in more {
        if !notices.contains(&notice) {
            notices.push(notice);
        }
    }
}

/// Returns a notice for each directory without a license that contains files whose names look like
/// those of license files.
pub(crate) fn misnamed_files(manager: &LicenseManager) -> Vec<Notice> {
    let paths = manager.readable_paths();
    let own = describe_misnamed_files(paths.user(), command!("install FILE"));
    let shared = paths.system();
    let shared = shared
        .and_then(|system| describe_misnamed_files(system, command!("install --system FILE")));
    let all = own.into_iter().chain(shared);
    all.map(|(message, advice)| Notice::new(STATE, format!("{message}; {advice}")))
        .collect()
}

/// Describes files of a directory without a license, whose names look like those of license files
/// but are not read, and what to do about them. `command` installs such a file.
pub(crate) fn describe_misnamed_files(store: &Store, command: &str) -> Option<(String, String)> {
    let files = store.misnamed_files();
    let names = files.iter().filter_map(|path| path.file_name());
    let names: Vec<_> = names
        .map(|name| show_name(&name.to_string_lossy()))
        .collect();
    let directory = show_path(store.dir().path());
    (!names.is_empty()).then(|| {
        let message = format!(
            "{directory}: expected the file names license.lic, license.key, trust.jwks, trust.lic \
             and revocations.lic, found {}, which is not read",
            names.join(", ")
        );
        (
            message,
            format!("install the file with {command}, or rename it"),
        )
    })
}

/// Returns the problems of an installation and of this machine.
pub(crate) fn from_snapshot(snapshot: &Snapshot, manager: &LicenseManager) -> Vec<Notice> {
    let quarantined = snapshot.quarantined.iter().map(|path| {
        let path = show_path(path);
        let message =
            format!("a damaged license was quarantined as {path}; install the license again");
        Notice::new(STATE, message)
    });
    let state = snapshot.problems.iter().map(Notice::state);
    let rejected_id = manager.rejected_id().map(|message| {
        let message = format!("{message}; correct or remove the machine id");
        Notice::new(MACHINE, message)
    });
    state.chain(quarantined).chain(rejected_id).collect()
}

/// Returns whether a file is the one that stores requests and activations.
pub(crate) fn contains_activations(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name == StateFile::Activation.as_str())
}
