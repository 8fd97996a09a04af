//! The errors of the libraries as failures of the program: one line, a hint, an exit code.

mod hints;
mod state_directory;

use std::error::Error;
use std::path::Path;

use license_cli_support::{Exit, Failure, Source, may_be_pasted_path, show_name, show_path};
use license_client::{
    AnswerFault, InstallationError, ProjectError, ReportError, SealError, ServerTokenFault,
    StaleList, StateDirError, StateProblem, StoreError, SystemDirError, SystemDirFault,
    UsageTypeError,
};
use license_core::encoding::TextKind;
use license_core::inspect::InspectError;
use license_core::license::VerifiedLicensesError;
use license_core::matrix::ProductFileError;
use license_core::trust::TrustError;
use license_core::{Code, with_causes};

pub(crate) use self::state_directory::{
    NO_LOCKS, UNSAFE_DIRECTORY, busy, lock_service, store, unsafe_directory,
};
use crate::embedded::{self, PROGRAM, command};

/// Returns the failure of an artifact that does not verify.
pub(crate) fn verification(what: &str, error: &VerifiedLicensesError) -> Failure {
    let code = error.code();
    failed(Exit::Indeterminate, code, error)
        .with_subject(&format!("{what}: {code}"))
        .hint(hints::verification(error))
}

/// The hint for damaged trust statements.
pub(crate) const INSTALL_STATEMENTS: &str = concat!(
    "install the vendor's trust statements again with ",
    command!("install FILE")
);

/// Returns the hint for an administrator's directory that is not used.
pub(crate) fn correct_system_dir(refused: &SystemDirError) -> &'static str {
    match refused.fault {
        SystemDirFault::Relative => "set the variable to an absolute path, or unset it",
        _ => "give the directory and all directories above it to root, writable by root only",
    }
}

/// The hint for a clock that is behind files of the operating system.
pub(crate) const REPAIR_CLOCK: &str = concat!(
    "correct the clock; if it is right, it was ahead once: send the output of ",
    command!("request --clock"),
    " to the vendor, then install the clock repair with ",
    command!("activate FILE")
);

/// The hint for an activation in the user's license file.
pub(crate) const INSTALL_ACTIVATION: &str = concat!(
    "install the vendor's answer with ",
    command!("activate FILE"),
    ", or ask an administrator to put it into the administrator's directory"
);

/// Returns the failure of an artifact that cannot be inspected.
pub(crate) fn inspection(what: &str, error: &InspectError) -> Failure {
    match error {
        InspectError::Trust(error) => invalid_trust(what, error),
        InspectError::Artifact(error) => verification(what, error),
        other => failed(Exit::Indeterminate, other.code(), other).with_subject(what),
    }
}

/// Returns the failure of keys that cannot be used.
pub(crate) fn invalid_trust(what: &str, error: &TrustError) -> Failure {
    let failure = failed(Exit::Indeterminate, error.code(), error).with_subject(what);
    failure.hint(match error {
        TrustError::PrivateKey => {
            "inform the vendor; a private key must never leave the vendor, who prints the public key with `keygen public --key FILE`"
        }
        TrustError::OtherKind { found } if found.is_secret() => {
            "use the public keys that the vendor sent; a private key must never leave its owner"
        }
        TrustError::OtherKind {
            found: TextKind::SshPublicKey,
        } => "convert the key: `ssh-keygen -e -m PKCS8 -f FILE` prints an RSA key in PEM",
        TrustError::OtherKind {
            found: TextKind::License,
        } => concat!("name the license first, and then the keys: ", command!("verify LICENSE --trust KEYS")),
        TrustError::PemLabel { found } if found == "CERTIFICATE" => {
            "extract the public key: `openssl x509 -in FILE -noout -pubkey` prints the key in PEM"
        }
        TrustError::PemLabel { found } if found == "CERTIFICATE REQUEST" => {
            "extract the public key: `openssl req -in FILE -noout -pubkey` prints the key in PEM"
        }
        TrustError::PemLabel { found } if found.starts_with("LICENSE") => {
            concat!("name the license first, and then the keys: ", command!("verify LICENSE --trust KEYS"))
        }
        _ => "use the public keys that the vendor sent (PEM, JWK or JWK Set)",
    })
}

/// Returns the failure of a command that finds no trusted keys.
pub(crate) fn missing_trust() -> Failure {
    let message = "expected the vendor's public keys, found neither --trust nor installed keys";
    Failure::new(Exit::Indeterminate, Code::UntrustedKey.as_str(), message)
        .hint("give the vendor's public keys with --trust FILE")
}

/// Returns the failure of an invalid product file.
pub(crate) fn invalid_product(source: &Source, error: &ProductFileError) -> Failure {
    failed(Exit::Indeterminate, error.code(), error)
        .with_subject(&source.to_string())
        .hint("correct the product file")
}

/// Returns the failure of a missing state directory.
pub(crate) fn home(error: &StateDirError) -> Failure {
    Failure::new(Exit::System, "IO", with_causes(error))
        .hint("set the variable to the absolute path of a writable directory")
}

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
            _ => concat!(command!("verify"), " shows the reason; --force installs the license anyway"),
        }),
        Error::Loss(_) => denied()
            .with_subject(code.as_str())
            .hint(concat!("--force replaces the installed license; ", command!("restore"), " then restores it, or a better one that is kept")),
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
        Error::System { path, source } => {
            let directory = show_path(path);
            let what = format!("license for all users in {directory}");
            installation(source).with_subject(&what).hint(format!(
                "ask the administrator to install license.lic{} in {directory} again, readable by all users",
                embedded::text("", " and trust.jwks"),
            ))
        }
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

/// Creates a failure with the message of an error and its causes.
fn failed(exit: Exit, code: Code, error: &impl Error) -> Failure {
    Failure::new(exit, code.as_str(), with_causes(error))
}

fn no_random_numbers(error: &impl Error) -> Failure {
    Failure::new(Exit::System, "RANDOM", with_causes(error)).hint("run the command again")
}

/// Returns the failure of a deactivation whose activation belongs to the administrator.
pub(crate) fn activated_by_administrator(path: &Path) -> Failure {
    let path = show_path(path);
    let message = format!(
        "expected an activation of this user, found only one of the administrator, in {path}"
    );
    Failure::new(Exit::Denied, Code::NotActivated.as_str(), message).hint(format!(
        "an administrator ends the activation for all users, as root, with {}, and installs the license alone with {}; the vendor frees the device with `keygen release --activation`; nothing was changed",
        command!("remove --system"),
        embedded::text(
            command!("install --system FILE"),
            command!("install --system --trust KEYS FILE"),
        ),
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
            "send a new request to the vendor: ",
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
            "ask the vendor to answer the request of this machine; ",
            command!("request"),
            " writes it again"
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
        StateProblem::Trust(_) => Some(INSTALL_STATEMENTS.to_owned()),
        _ => failure.advice().map(str::to_owned),
    };
    let causes = causes.iter().map(|problem| with_causes(*problem));
    let texts: Vec<String> = std::iter::once(failure.message().to_owned())
        .chain(causes)
        .collect();
    let code = failure.code().to_owned();
    Failure::new(failure.exit(), code, texts.join("; ")).hint(advice.unwrap_or_default())
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

/// Returns the failure of a usage report that cannot be written.
pub(crate) fn report(error: &ReportError) -> Failure {
    match error {
        ReportError::StateDir(error) => home(error),
        ReportError::Store(error @ StoreError::Unsafe { .. }) => store(error),
        ReportError::Store(error) => store(error).hint(concat!(
            "run the command as the user of the product; ",
            command!("usage-report --dry-run"),
            " writes nothing"
        )),
        ReportError::State(problem) => journal(problem),
        _ => no_random_numbers(error),
    }
}

/// Returns the failure of a usage journal that cannot be read.
fn journal(problem: &StateProblem) -> Failure {
    let inner = match problem {
        StateProblem::Journal(inner) => inner,
        other => other,
    };
    let hint = match inner {
        StateProblem::Sealed {
            source: SealError::OtherMachine { .. },
            ..
        } => "run the command again to report the counts of this machine",
        StateProblem::Sealed {
            quarantined: Some(_),
            ..
        } => {
            "run the command again to report the remaining entries, and inform the vendor that entries are missing"
        }
        StateProblem::Sealed { .. } => {
            "omit --dry-run to quarantine the file and to report without it"
        }
        _ => "check the permissions of the file and the free space on its disk",
    };
    let (exit, code) = match inner {
        StateProblem::Sealed { .. } => (Exit::Indeterminate, "STATE"),
        _ => (Exit::System, "IO"),
    };
    Failure::new(exit, code, with_causes(problem)).hint(hint)
}

/// The hint for a path that is too long. A symbolic link does not help, because it resolves to the
/// same path.
const TOO_LONG: &str = "move the project to a shorter path; a symbolic link does not help";

/// Returns the failure of a project that cannot be found.
///
/// A message does not repeat an argument that may be a pasted key.
pub(crate) fn project(error: &ProjectError, argument: &Path) -> Failure {
    if may_be_pasted_path(argument) {
        let shown = show_name(&argument.to_string_lossy());
        return Failure::usage(format!("expected the path of a project, found {shown}"))
            .hint("give the path of an existing file or directory");
    }
    let (exit, hint) = match error {
        error if error.is_too_long() => (Exit::System, TOO_LONG),
        ProjectError::Unreadable { .. } | ProjectError::NoCurrentDirectory { .. } => (
            Exit::System,
            "change to a directory that exists and is readable, or give another path",
        ),
        ProjectError::Loop { .. } => (
            Exit::Usage,
            "correct the symbolic link, or give another path",
        ),
        _ => (
            Exit::Usage,
            "give the path of an existing file or directory",
        ),
    };
    let code = match exit {
        Exit::System => "IO",
        _ => "USAGE",
    };
    Failure::new(exit, code, with_causes(error)).hint(hint)
}

/// Returns the failure of a usage type that cannot be detected.
pub(crate) fn usage_type(error: &UsageTypeError) -> Failure {
    let exit = match error {
        UsageTypeError::BadVariable { .. } => Exit::Usage,
        UsageTypeError::Unreadable { .. } => Exit::System,
        _ => Exit::Indeterminate,
    };
    let code = match (error.code(), exit) {
        (Some(code), _) => code.as_str(),
        (None, Exit::System) => "IO",
        (None, _) => "USAGE",
    };
    let hint = match error {
        UsageTypeError::BadVariable { name, .. } => {
            format!("set {name} to builder or runtime, or unset it")
        }
        error if error.is_too_long() => TOO_LONG.to_owned(),
        UsageTypeError::Unreadable { .. } => "check the permissions of the project file".to_owned(),
        _ => "set usage_type = \"builder\" or \"runtime\" in the project file".to_owned(),
    };
    Failure::new(exit, code, with_causes(error)).hint(hint)
}
