//! Failures of the commands for license servers.

use license_cli_support::{Exit, Failure};
use license_client::OnlineError;
use license_core::with_causes;

use crate::embedded::command;

/// Returns the failure of a request to a license server.
///
/// A refusal is a denial. A server that was not reached is a system error, and an answer that
/// proves nothing is indeterminate, so that scripts do not confuse them with a denial.
pub(crate) fn online(error: &OnlineError) -> Failure {
    let failure = Failure::new(exit(error), error.code().to_owned(), with_causes(error));
    match hint(error) {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn exit(error: &OnlineError) -> Exit {
    match error {
        OnlineError::NoServer
        | OnlineError::Setting { .. }
        | OnlineError::SettingsFile { .. }
        | OnlineError::Project(_) => Exit::Usage,
        OnlineError::Unverified { .. } => Exit::Indeterminate,
        OnlineError::EachServer { last, .. } => exit(last),
        error if error.is_unreachable() => Exit::System,
        OnlineError::Problem(_)
        | OnlineError::WaitEnded { .. }
        | OnlineError::NoLicense
        | OnlineError::NotCertified { .. }
        | OnlineError::MissingContext(_) => Exit::Denied,
        OnlineError::NotStored(error) if error.code().is_some() => Exit::Denied,
        _ => Exit::System,
    }
}

/// Returns the hint with the commands of this program, whose name a vendor can change.
fn hint(error: &OnlineError) -> Option<String> {
    let hint = match error {
        OnlineError::NoServer => concat!(
            "run ",
            command!("config set server-url URL"),
            "; the administrator of the server has the URL"
        ),
        OnlineError::Setting { .. } | OnlineError::SettingsFile { .. } => concat!(
            "correct the setting; ",
            command!("config"),
            " shows all settings with their origin"
        ),
        OnlineError::NoLicense => concat!("install the license with ", command!("install FILE")),
        OnlineError::NoMachine => concat!("set an id for this machine, see ", command!("machine")),
        OnlineError::MissingContext(_) => {
            "give the value with --user, --app-version, --build-date or --usage-type"
        }
        OnlineError::Project(_) => "give the path of an existing file or directory",
        OnlineError::Store(_) | OnlineError::NotStored(_) => concat!(
            "check the permissions and the free space of the state directory; ",
            command!("doctor"),
            " shows details"
        ),
        OnlineError::Random | OnlineError::NoThread(_) => "run the command again",
        OnlineError::Problem(problem) if problem.code == "NO_SEAT" => {
            return Some(
                "wait for a free seat with --wait TIME, or ask a colleague to release one"
                    .to_owned(),
            );
        }
        error => return error.hint(),
    };
    Some(hint.to_owned())
}

/// Returns the failure of a command about a seat that nobody has stored.
pub(crate) fn no_stored_seat() -> Failure {
    let message = "this project has no seat of an earlier command";
    Failure::new(Exit::Denied, "NO_LEASE", message).hint(concat!(
        "acquire one with ",
        command!("seat acquire"),
        "; ",
        command!("run -- COMMAND"),
        " holds a seat of its own"
    ))
}
