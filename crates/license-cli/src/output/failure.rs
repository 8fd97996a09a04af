//! The errors of the libraries as failures of the program: one line, a hint, an exit code.

use std::error::Error;
use std::path::Path;

use license_cli_support::{Exit, Failure, Source, show_path};
use license_client::{
    AnswerFault, HomeError, InstallationError, ProjectError, ReportError, SealError, StaleList,
    StateProblem, StoreError, UsageTypeError,
};
use license_core::{
    BundleError, Code, InspectError, KeyError, MatrixError, ParseError, RotationError, TrustError,
    VerifyError,
};

use crate::embedded;

/// Returns the failure of an artifact that does not verify.
pub(crate) fn bundle(what: &str, error: &BundleError) -> Failure {
    let code = error.code();
    failed(Exit::Unjudged, code, error)
        .about(&format!("{what}: {code}"))
        .hint(hint(error))
}

fn hint(error: &BundleError) -> &'static str {
    match error {
        BundleError::NeedsLicenseFile { .. } => {
            "verify its license file, or add --license FILE to check that the key names that license"
        }
        BundleError::OtherLicense { .. } => "use the license file that came with this key",
        BundleError::NoLicense => "use the license file that the vendor sent",
        BundleError::Key(KeyError::Checksum { .. }) => {
            "compare the key with the original: a character is wrong, or two are swapped"
        }
        BundleError::Key(_) => "copy the whole key again; enterprise keys are case-sensitive",
        BundleError::Verify(VerifyError::OtherLicense)
        | BundleError::Block {
            error: VerifyError::OtherLicense,
            ..
        } => "install the license of which it speaks, or ask for a check-in of the one installed",
        BundleError::Verify(error) | BundleError::Block { error, .. } => verify_hint(error),
        BundleError::Statement { error, .. } => statement_hint(error),
        BundleError::Parse(ParseError::PrivateKey) => {
            "a private key must never leave its vendor; give the license file"
        }
        BundleError::Parse(ParseError::Empty) => "give the license file that the vendor sent",
        _ => {
            "copy the whole file again, from -----BEGIN to END-----, or ask the vendor to send it anew"
        }
    }
}

fn statement_hint(error: &RotationError) -> &'static str {
    match error.code() {
        Code::UntrustedKey => {
            "install the statements that came before it first, in their order; ask the vendor for all of them in one file"
        }
        Code::RetiredKey => {
            "do not use it; ask the vendor whether it is theirs: somebody may have stolen the key"
        }
        Code::BadSignature => "it was changed after it was signed: ask the vendor to send it anew",
        Code::UnsupportedClaim => "use a newer version of this program",
        _ => "ask the vendor for a corrected statement",
    }
}

fn verify_hint(error: &VerifyError) -> &'static str {
    match error.code() {
        Code::RetiredKey => "ask the vendor to send it anew, signed with a key that is trusted",
        Code::UntrustedKey => embedded::or(
            "`license --version` lists the keys that this program has; ask the vendor if theirs are newer",
            "give the vendor's public keys with --trust FILE; ask the vendor if they are new",
        ),
        Code::BadSignature => embedded::or(
            "it was changed after it was signed, or with a key that this program lacks: ask the vendor to send it anew",
            "it was changed after it was signed, or --trust lacks the key that signed it: ask the vendor to send it anew",
        ),
        Code::UnsupportedVersion | Code::UnsupportedClaim => "use a newer version of this program",
        _ => "ask the vendor for a corrected license",
    }
}

/// Returns the failure of an artifact that cannot be inspected.
pub(crate) fn inspection(what: &str, error: &InspectError) -> Failure {
    match error {
        InspectError::Trust(error) => invalid_trust(what, error),
        InspectError::Artefact(error) => bundle(what, error),
        other => Failure::malformed(format!("{what}: {other}")),
    }
}

/// Returns the failure of keys that cannot be used.
pub(crate) fn invalid_trust(what: &str, error: &TrustError) -> Failure {
    let failure = Failure::malformed(line(error)).about(what);
    failure.hint(match error {
        TrustError::PrivateKey => "tell the vendor: a private key must never leave them",
        _ => "use the trust set that the vendor sent: PEM, JWK or JWK Set",
    })
}

/// Returns the failure of a command that finds no trusted keys.
pub(crate) fn missing_trust() -> Failure {
    let message = "expected the vendor's public keys, found none given or installed";
    Failure::new(Exit::Unjudged, Code::UntrustedKey.as_str(), message)
        .hint("give them with --trust FILE")
}

/// Returns the failure of an invalid product file.
pub(crate) fn invalid_product(source: &Source, error: &MatrixError) -> Failure {
    Failure::malformed(format!("{source}: {error}")).hint("correct the product file")
}

/// Returns the failure of a missing state directory.
pub(crate) fn home(error: &HomeError) -> Failure {
    Failure::new(Exit::Machine, "IO", error.to_string())
        .hint("set the variable to an absolute path where licenses may be kept")
}

/// Returns the failure of an installation that cannot be read or changed.
pub(crate) fn installation(error: &InstallationError) -> Failure {
    use InstallationError as Error;
    let denied = |code| failed(Exit::Denied, code, error);
    match error {
        Error::Store(error) => store(error),
        Error::Home(error) => home(error),
        Error::NoTrust => failed(Exit::Unjudged, Code::UntrustedKey, error)
            .hint("install the license again with --trust FILE"),
        Error::Worse { new, installed } => denied(*new).hint(match (new, installed) {
            (Code::Superseded, Code::Revoked) => {
                "ask the vendor which of the two holds; --force puts this one in the place of the installed one"
            }
            (Code::Superseded, _) => {
                "`license status` shows the installed one; --force puts this one in its place"
            }
            (Code::NotYetValid, _) => {
                "install it on the day on which it begins; --force installs it all the same"
            }
            _ => "`license verify` says why; --force installs it all the same",
        }),
        Error::License {
            path,
            source,
            aside,
        } => {
            let set_aside = aside.as_ref().map(|aside| show_path(aside));
            let set_aside = set_aside.map(|aside| format!(", set aside as {aside}"));
            let (path, set_aside) = (show_path(path), set_aside.unwrap_or_default());
            let failure = bundle(&format!("installed license {path}{set_aside}"), source);
            failure.hint(embedded::or(
                "install the license again: `license install FILE`",
                "install the license again: `license install --trust KEYS FILE`",
            ))
        }
        Error::Shared { path, source } => {
            let folder = show_path(path);
            let what = format!("license for everybody in {folder}");
            installation(source).about(&what).hint(format!(
                "ask the administrator to put license.lic{} into {folder} anew, readable by all",
                embedded::or("", " and trust.jwks"),
            ))
        }
        Error::NoLicenseYet => {
            denied(Code::NoLicense).hint("install the license first, then the validation token")
        }
        Error::OtherMachine { .. } => denied(Code::MachineMismatch)
            .hint("ask the vendor for one for this machine: `license machine` prints its digest"),
        Error::OtherProduct { .. } => denied(Code::ProductMismatch)
            .hint("install what is for this product, or give the other's file with --product-file"),
        Error::Answer { fault, .. } => rejected_answer(error, *fault),
        Error::LicenseNotHere { .. } => denied(Code::NoLicense)
            .hint("install that license first, or together with its activation in one file"),
        Error::NotActivated => denied(Code::NotActivated).hint(
            "nothing was changed; `license remove` takes away a license that is not activated",
        ),
        Error::NoMachine => Failure::new(Exit::Machine, "NO_MACHINE", error.to_string()).hint(
            "`license machine` shows what is missing; in a container give CODITECT_MACHINE_ID",
        ),
        Error::Random => no_random_numbers(error),
        Error::State(problem) => Failure::new(Exit::Machine, "IO", line(problem))
            .hint("check the permissions of the file; nothing was changed"),
        Error::StaleList(stale) => stale_list(stale),
        Error::Statement(error) => bundle("trust statement", error),
        Error::OwnKeys => Failure::usage(error.to_string())
            .hint("`license --version` lists the keys that count; ask the vendor for a build with the new ones"),
        Error::Orphaned { .. } => denied(Code::RetiredKey)
            .about(Code::RetiredKey.as_str())
            .hint("ask the vendor for your license signed anew, in one file with this; --force installs this alone"),
        Error::OtherNonce => Failure::malformed(error.to_string())
            .hint("install the answer to the question that was asked last"),
        Error::Trust { path, source } => invalid_trust(&show_path(path), source)
            .hint("install the license again with --trust FILE"),
        other => Failure::malformed(other.to_string())
            .hint("install the license again: `license install FILE`"),
    }
}

/// Returns the failure with the message of an error.
fn failed(exit: Exit, code: Code, error: &impl Error) -> Failure {
    Failure::new(exit, code.as_str(), error.to_string())
}

fn no_random_numbers(error: &impl Error) -> Failure {
    Failure::new(Exit::Machine, "RANDOM", error.to_string()).hint("run the command again")
}

/// Returns the failure of a deactivation whose activation belongs to the administrator.
pub(crate) fn activated_by_administrator(path: &Path) -> Failure {
    let path = show_path(path);
    let message = format!(
        "expected an activation of this user's to give up, found only the administrator's, in {path}"
    );
    Failure::new(Exit::Denied, Code::NotActivated.as_str(), message).hint(
        "nothing was changed; ask the administrator to take it out of there, and the vendor to end it: `keygen release --activation`",
    )
}

/// Returns the failure of a state that would become older.
fn unchanged(code: Code, error: &impl Error) -> Failure {
    let message = format!("{code}: {error}; nothing was changed");
    Failure::new(Exit::Unjudged, code.as_str(), message)
}

/// Returns the failure of an answer that belongs to another request.
fn rejected_answer(error: &InstallationError, fault: AnswerFault) -> Failure {
    unchanged(fault.code(), error).hint(match fault {
        AnswerFault::Replayed => "make a new request, with `license request` or `license request --clock`, and have that answered",
        AnswerFault::Stale => {
            "have the latest request answered: `license request` writes it again"
        }
        _ => "have the request of this machine answered: `license request` writes it again",
    })
}

/// Returns the failure of an installation with the problem of the trust statements, which may have
/// caused it.
pub(crate) fn installation_with_trust(
    error: &InstallationError,
    problems: &[StateProblem],
) -> Failure {
    let failure = installation(error);
    let is_of_trust = |problem: &&StateProblem| matches!(problem, StateProblem::Trust(_));
    match problems.iter().find(is_of_trust) {
        None => failure,
        Some(problem) => {
            let message = format!("{}; {}", failure.message(), line(problem));
            let code = failure.code().to_owned();
            Failure::new(failure.exit(), code, message)
                .hint("install what the vendor sent of keys again: `license install FILE`")
        }
    }
}

/// Returns the failure of a revocation list that is not newer than the installed one.
fn stale_list(stale: &StaleList) -> Failure {
    unchanged(Code::StaleList, stale).hint(if stale.expected == stale.found {
        "ask the vendor which of the two is theirs, then `license install FILE`"
    } else {
        "ask the vendor for the latest list, then `license install FILE`"
    })
}

/// Returns the failure of a usage report that cannot be written.
pub(crate) fn report(error: &ReportError) -> Failure {
    match error {
        ReportError::Home(error) => home(error),
        ReportError::Store(error) => store(error)
            .hint("run it as the user who uses the product; `license usage-report --dry-run` needs to write nothing"),
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
        } => "run the command again for what this machine counted by itself",
        StateProblem::Sealed { aside: Some(_), .. } => {
            "run the command again for what is left; tell the vendor that entries are missing"
        }
        StateProblem::Sealed { .. } => {
            "`license usage-report` without --dry-run sets it aside and goes on without it"
        }
        _ => "check the permissions of the file and the space left on its disk",
    };
    let (exit, code) = match inner {
        StateProblem::Sealed { .. } => (Exit::Unjudged, "STATE"),
        _ => (Exit::Machine, "IO"),
    };
    Failure::new(exit, code, line(problem)).hint(hint)
}

/// A symbolic link does not help, because it resolves to the same path.
const TOO_LONG: &str =
    "move the project to where its path is shorter; a link to it makes it no shorter";

/// Returns the failure of a project that is not found.
pub(crate) fn project(error: &ProjectError) -> Failure {
    let (exit, hint) = match error {
        error if error.is_too_long() => (Exit::Machine, TOO_LONG),
        ProjectError::Unreadable { .. } | ProjectError::NoCurrentDirectory { .. } => (
            Exit::Machine,
            "go to a folder that is there and that you may read, or name another path",
        ),
        ProjectError::Loop { .. } => (
            Exit::Usage,
            "mend the link that is named, or give another path",
        ),
        _ => (Exit::Usage, "give a path that is there"),
    };
    let code = match exit {
        Exit::Machine => "IO",
        _ => "USAGE",
    };
    Failure::new(exit, code, line(error)).hint(hint)
}

/// Returns the failure of the state directory.
pub(crate) fn store(error: &StoreError) -> Failure {
    let path = error.path().to_string_lossy();
    let failure = Failure::new(Exit::Machine, "IO", line(error)).about("state directory");
    failure.hint(match error {
        StoreError::Busy { .. } => {
            "wait for the other process, or end it, and run the command again".to_owned()
        }
        StoreError::NotAFile { .. } => format!("take away what is at {path}: it is to be a file"),
        StoreError::TooLarge { .. } => {
            format!("take {path} away: no license is as large")
        }
        _ => format!("check the permissions of {path} and the space left on its disk"),
    })
}

/// Returns the failure of a usage type that cannot be detected.
pub(crate) fn usage_type(error: &UsageTypeError) -> Failure {
    let exit = match error {
        UsageTypeError::BadVariable { .. } => Exit::Usage,
        UsageTypeError::Unreadable { .. } => Exit::Machine,
        _ => Exit::Unjudged,
    };
    let code = match exit {
        Exit::Machine => "IO",
        Exit::Usage => "USAGE",
        _ => Code::Malformed.as_str(),
    };
    let hint = match error {
        UsageTypeError::BadVariable { name, .. } => {
            format!("set {name} to builder or runtime, or unset it")
        }
        error if error.is_too_long() => TOO_LONG.to_owned(),
        UsageTypeError::Unreadable { .. } => "check its permissions".to_owned(),
        _ => "in the project file say usage_type = \"builder\" or \"runtime\"".to_owned(),
    };
    Failure::new(exit, code, line(error)).hint(hint)
}

/// Returns an error and its causes in one line.
pub(crate) fn line(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        message = format!("{message}: {error}");
        cause = error.source();
    }
    message
}
