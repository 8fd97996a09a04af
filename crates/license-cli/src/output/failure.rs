//! The errors of the libraries as failures of the program: one line, a hint, an exit code.

mod hints;
mod installation;
#[cfg(feature = "online")]
mod online;
mod project;
mod state_directory;

use std::error::Error;

use license_cli_support::{Exit, Failure, Source};
use license_client::{
    ReportError, SealError, StateDirError, StateProblem, StoreError, SystemDirError, SystemDirFault,
};
use license_core::encoding::TextKind;
use license_core::inspect::InspectError;
use license_core::license::VerifiedLicensesError;
use license_core::matrix::ProductFileError;
use license_core::trust::TrustError;
use license_core::{Code, with_causes};

pub(crate) use self::installation::{
    activated_by_administrator, for_all_users, installation, installation_with_problems,
};
#[cfg(feature = "online")]
pub(crate) use self::online::{
    no_borrowed_seat, no_stored_seat, not_borrowed, not_logged_in, not_returned, online,
};
pub(crate) use self::project::{project, usage_type};
pub(crate) use self::state_directory::{
    NO_LOCKS, UNSAFE_DIRECTORY, busy, lock_service, store, unsafe_directory,
};
use crate::embedded::command;

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
            "inform the vendor, and ask for the public keys; a private key must never leave the vendor"
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

/// Creates a failure with the message of an error and its causes.
fn failed(exit: Exit, code: Code, error: &impl Error) -> Failure {
    Failure::new(exit, code.as_str(), with_causes(error))
}

fn no_random_numbers(error: &impl Error) -> Failure {
    Failure::new(Exit::System, "RANDOM", with_causes(error)).hint("run the command again")
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
