//! Failures of an installation that cannot be read or changed.

use std::error::Error;
use std::path::Path;

use license_cli_support::{Exit, Failure, show_name, show_path};
use license_client::{
    AnswerFault, InstallationError, ServerTokenFault, StaleList, StateDir, StateProblem,
    StatementProblem, Store,
};
use license_core::{Code, with_causes};

use super::state_directory::unreadable_for_all_users;
use super::{
    INSTALL_STATEMENTS, UNSAFE_DIRECTORY, correct_system_dir, failed, home, invalid_trust,
    no_random_numbers, store, verification,
};
use crate::embedded::{self, PROGRAM, command};

/// Returns the failure of an installation that cannot be read or changed.
pub(crate) fn installation(error: &InstallationError) -> Failure {
    use InstallationError as Error;
    let code = error.code().unwrap_or(Code::Malformed);
    let failed = |exit| failed(exit, code, error);
    let denied = || failed(Exit::Denied);
    match error {
        Error::Store(error) => store(error),
        Error::StateDir(error) => home(error),
        Error::NoKeys => failed(Exit::Indeterminate)
            .hint("install the license again with --trust FILE"),
        Error::Worse { new, installed } => denied().hint(match (new, installed) {
            (Code::Superseded, Code::Revoked) => {
                "ask the vendor which of the two licenses is valid; --force replaces the installed license"
            }
            (Code::Superseded, _) => {
                concat!(command!("status"), " shows the installed license; --force replaces that license")
            }
            (Code::NotYetValid, _) => {
                "install the license on its first day, or add --force"
            }
            _ => concat!(command!("verify FILE"), " shows the reason; --force installs the license anyway"),
        }),
        Error::Loss(_) => denied()
            .with_subject(code.as_str())
            .hint(concat!("--force replaces the installed license; ", command!("restore"), " then restores the replaced license, or the license that an earlier installation replaced if that one allows more")),
        Error::License {
            path,
            source,
            quarantined,
        } => {
            let quarantined = quarantined.as_ref().map(|copy| show_path(copy));
            let quarantined = quarantined.map(|copy| format!(", quarantined as {copy}"));
            let (path, quarantined) = (show_path(path), quarantined.unwrap_or_default());
            let failure = verification(&format!("installed license {path}{quarantined}"), source);
            failure.hint(embedded::text(
                concat!("install the license again: ", command!("install FILE")),
                concat!("install the license again: ", command!("install --trust KEYS FILE")),
            ))
        }
        Error::System { path, source } => license_for_all_users(path, source),
        Error::NoLicense => {
            denied().hint("install the license first, then the validation token")
        }
        Error::OtherMachine { what, .. } => denied().hint(match *what {
            "activation" => concat!("send the output of ", command!("request"), " to the vendor"),
            "clock repair" => concat!("send the output of ", command!("request --clock"), " to the vendor"),
            _ => concat!("ask the vendor for a token for this machine; ", command!("machine"), " prints the digest"),
        }),
        Error::OtherProduct { .. } => denied()
            .hint(embedded::product_text(
                "use a file for this product",
                "use a file for this product, or give the other product file with --product-file",
            )),
        Error::Answer { source, .. } => rejected_answer(error, source),
        Error::LicenseNotInstalled { .. } => denied()
            .hint("install that license first, or together with its activation in one file"),
        Error::NotActivated => denied().hint(
            concat!("to remove a license that is not activated, use ", command!("remove"), "; nothing was changed"),
        ),
        Error::SeveralActivations { .. } => Failure::usage(with_causes(error))
            .hint("add --license ID with the id of an installed license; nothing was changed"),
        Error::NoMachine => Failure::new(Exit::System, "NO_MACHINE", with_causes(error)).hint(
            format!("in a container, set {}; {} shows the missing parts", embedded::variable("MACHINE_ID"), command!("machine"))),
        Error::Random => no_random_numbers(error),
        Error::NotAdministrator { .. } => {
            Failure::new(Exit::System, "NOT_ADMINISTRATOR", with_causes(error))
                .hint("run the command as root")
        }
        Error::SystemDir(refused) => {
            Failure::new(Exit::System, UNSAFE_DIRECTORY, with_causes(error))
                .hint(correct_system_dir(refused))
        }
        Error::NoSystemDir => Failure::usage(with_causes(error))
            .hint(format!("set the variable {} to an absolute path", embedded::variable("SYSTEM_DIR"))),
        Error::NotForAllUsers { .. } => Failure::usage(with_causes(error))
            .hint("install the file without --system, as the user who made the request; nothing was changed"),
        Error::State(problem) => Failure::new(Exit::System, "IO", with_causes(problem))
            .hint("check the permissions of the file; nothing was changed"),
        Error::StaleList(stale) => stale_list(stale),
        Error::Statement(error) => verification("trust statement", error),
        Error::EmbeddedKeys => Failure::usage(with_causes(error))
            .hint(concat!("ask the vendor for a program with the new keys; ", command!("--version"), " lists the embedded keys")),
        Error::Orphaned { .. } => denied()
            .with_subject(code.as_str())
            .hint("ask the vendor for a file with this statement and a new license; --force installs the statement alone"),
        Error::ServerToken(fault) => server_token(error, fault),
        Error::OtherNonce => failed(Exit::Indeterminate)
            .hint("install the vendor's answer to this nonce, or omit --nonce"),
        Error::Trust { path, source } => invalid_trust(&show_path(path), source)
            .hint("install the license again with --trust FILE"),
        _ => failed(Exit::Indeterminate)
            .hint(concat!("install the license again: ", command!("install FILE"))),
    }
}

/// Returns the failure of a command for all users.
pub(crate) fn for_all_users(error: &InstallationError, command: &str) -> Failure {
    let failure = installation(error);
    match error {
        InstallationError::NotAdministrator { .. } => failure.hint(format!(
            "run the command as root, such as with `sudo {PROGRAM} {command}`; without --system, the command is for the license of this user"
        )),
        _ => failure,
    }
}

/// Returns the failure of a license for all users, which the user cannot repair.
fn license_for_all_users(path: &Path, error: &InstallationError) -> Failure {
    let directory = show_path(path);
    let what = format!("license for all users in {directory}");
    if let InstallationError::Store(error) = error
        && let Some(advice) = unreadable_for_all_users(error)
    {
        return Failure::new(Exit::System, "IO", with_causes(error))
            .with_subject(&what)
            .hint(advice);
    }
    let unread = unread_keys(path);
    if matches!(error, InstallationError::NoKeys) && !unread.is_empty() {
        return installation(error).with_subject(&what).hint(format!(
            "an administrator renames the file with the vendor's keys to trust.jwks; {} is not read",
            unread.join(", ")
        ));
    }
    installation(error).with_subject(&what).hint(format!(
        "ask the administrator to install license.lic{} in {directory} again, readable by all users",
        embedded::text("", " and trust.jwks"),
    ))
}

/// Returns the names of the files in the directory whose names look like those of keys, and that
/// are not read.
fn unread_keys(directory: &Path) -> Vec<String> {
    let files = Store::new(StateDir::at(directory)).unread_files();
    let names = files.iter().filter_map(|path| path.file_name());
    let names = names.map(|name| name.to_string_lossy());
    let is_key = |name: &str| {
        let lower = name.to_ascii_lowercase();
        lower.starts_with("trust") || lower.ends_with(".jwk") || lower.ends_with(".jwks")
    };
    let keys = names.filter(|name| is_key(name));
    keys.map(|name| show_name(&name)).collect()
}

/// Returns the failure of a deactivation whose activation belongs to the administrator.
pub(crate) fn activated_by_administrator(path: &Path) -> Failure {
    let path = show_path(path);
    let message = format!(
        "expected an activation of this user, found only one of the administrator, in {path}"
    );
    Failure::new(Exit::Denied, Code::NotActivated.as_str(), message).hint(concat!(
        "an administrator ends the activation for all users, as root, with ",
        command!("deactivate --system"),
        ", and sends the receipt to the vendor; nothing was changed"
    ))
}

/// Returns the failure of an artifact that is refused. The state is unchanged.
fn unchanged(code: Code, error: &impl Error) -> Failure {
    let message = format!("{code}: {}; nothing was changed", with_causes(error));
    Failure::new(Exit::Indeterminate, code.as_str(), message)
}

/// Returns the failure of an answer that belongs to another request.
fn rejected_answer(error: &InstallationError, fault: &AnswerFault) -> Failure {
    unchanged(fault.code(), error).hint(match fault {
        AnswerFault::Replayed => concat!(
            "if ",
            command!("status"),
            " shows no problem, there is nothing to do; otherwise send a new request to the vendor: ",
            command!("request"),
            ", or ",
            command!("request --clock")
        ),
        AnswerFault::Stale => {
            concat!(
                "ask the vendor to answer the latest request; ",
                command!("request"),
                " writes it again"
            )
        }
        _ => concat!(
            "if another user of this machine made the request, that user installs the answer, or root \
             installs it for all users with ",
            command!("activate --system FILE"),
            "; otherwise ask the vendor to answer the request of this user, which ",
            command!("request"),
            " writes again"
        ),
    })
}

/// Returns the failure of an installation. The message includes the problems that may have caused
/// the failure: with the trust statements, and with directories of the administrator that are not
/// used.
pub(crate) fn installation_with_problems(
    error: &InstallationError,
    problems: &[StateProblem],
) -> Failure {
    let failure = installation(error);
    let is_unknown_home = matches!(error, InstallationError::StateDir(_));
    let is_cause = |problem: &&StateProblem| match problem {
        StateProblem::Trust(_) => true,
        StateProblem::SystemDir(_) => is_unknown_home,
        _ => false,
    };
    let causes: Vec<&StateProblem> = problems.iter().filter(is_cause).collect();
    let Some(first) = causes.first() else {
        return failure;
    };
    let advice = match first {
        StateProblem::Trust(problem) => Some(statements_advice(problem, error)),
        _ => failure.advice().map(str::to_owned),
    };
    let causes = causes.iter().map(|problem| with_causes(*problem));
    let texts: Vec<String> = std::iter::once(failure.message().to_owned())
        .chain(causes)
        .collect();
    let code = failure.code().to_owned();
    Failure::new(failure.exit(), code, texts.join("; ")).hint(advice.unwrap_or_default())
}

/// Returns what to do about trust statements that may have caused the failure of an installation.
/// Another directory than that of the failure is the one of the administrator.
fn statements_advice(problem: &StatementProblem, error: &InstallationError) -> String {
    let unreadable = match (problem, error) {
        (StatementProblem::Store(found), InstallationError::Store(own))
            if !found.path().starts_with(own.path()) =>
        {
            unreadable_for_all_users(found)
        }
        _ => None,
    };
    unreadable.unwrap_or_else(|| INSTALL_STATEMENTS.to_owned())
}

/// Returns the failure of a validation token of a customer's own license server.
fn server_token(error: &InstallationError, fault: &ServerTokenFault) -> Failure {
    let code = fault.code();
    let unchanged = |exit| failed(exit, code, error).with_subject(code.as_str());
    match fault {
        ServerTokenFault::Future { .. } => unchanged(Exit::Denied)
            .hint("correct the clock of the license server, or of this machine; nothing was changed"),
        _ => unchanged(Exit::Indeterminate).hint(
            "let the license server list only the features and quotas of the license; nothing was changed",
        ),
    }
}

/// Returns the failure of a revocation list that is not newer than the installed one.
fn stale_list(stale: &StaleList) -> Failure {
    unchanged(stale.code(), stale).hint(if stale.expected == stale.found {
        concat!(
            "ask the vendor for the correct list, and install it with ",
            command!("install FILE")
        )
    } else {
        concat!(
            "ask the vendor for the latest list, and install it with ",
            command!("install FILE")
        )
    })
}
