//! Maps errors of the libraries to failures with an exit code, a code, a message and a hint.

use std::error::Error;
use std::io::ErrorKind;
use std::path::Path;

use license_cli_support::{Exit, Failure, Source, may_be_running, show_path};
use license_core::encoding::TextKind;
use license_core::issue::SigningError as CoreIssueError;
use license_core::jose::ParseError;
use license_core::license::VerifiedLicensesError;
use license_core::matrix::ProductFileError;
use license_core::requests::MachineRequestKind;
use license_core::state::LockHolder;
use license_core::trust::{TrustError, VerifyError};
use license_core::{Code, FeatureMatrix, ProductCode, TokenKind, with_causes};
use license_issuer::errors::{DeliveryError, LedgerError};
use license_issuer::files::LockError;
use license_issuer::ledger::LedgerReader;
use license_issuer::ledger::sqlite::LedgerLocation;
use license_issuer::random::SystemRandomError;
use license_issuer::services::TransactionError;
use license_issuer::services::issue::{IssueError, SignError};
use license_issuer::services::statements::StatementError;

/// Maps an error of the issue service.
pub(crate) fn not_issued(error: IssueError<Failure>, location: &LedgerLocation) -> Failure {
    match error {
        IssueError::Request(failure) => failure,
        IssueError::Sign(SignError::Serial(error)) | IssueError::Ledger(error) => {
            ledger_not_written(location, &error)
        }
        IssueError::Sign(error) => not_signed(&error),
        IssueError::OpenLedger(error) => ledger_not_opened(&path_of(location), &error),
        IssueError::Delivery(error) => not_delivered(&error),
        other => Failure::new(Exit::System, "SIGN", with_causes(&other)),
    }
}

/// Maps an error of a delivery without a ledger.
pub(crate) fn not_committed(error: &TransactionError) -> Failure {
    match error {
        TransactionError::Delivery(error) => not_delivered(error),
        other => Failure::new(Exit::System, "IO", with_causes(other)),
    }
}

/// Maps an error of signing.
pub(crate) fn not_signed(error: &SignError) -> Failure {
    match error {
        SignError::Sign { source, .. } => draft_refused(source),
        SignError::TooMany { count, source } => {
            let reason = with_causes(source);
            let message = format!("{count} revoked licenses and activations: {reason}");
            Failure::usage(message).hint(
                "sign with a new key, and remove the old key from the trust set: the licenses of a removed key need no revocation",
            )
        }
        SignError::Verify { artifact, source } => not_verified(artifact, &**source),
        other => Failure::new(Exit::System, "SIGN", with_causes(other)),
    }
}

/// Hint for the key of a license server that can sign licenses.
pub(crate) const OWN_SERVER_KEY_HINT: &str = "ask the customer for the request of their server; `license-server init` with a new --data-dir creates a key for it";

/// Maps the reason why a draft cannot be signed.
pub(crate) fn draft_refused(error: &CoreIssueError) -> Failure {
    let message = with_causes(error);
    match error {
        CoreIssueError::Sign | CoreIssueError::Json => {
            Failure::new(Exit::System, "SIGN", message).hint("run the command again, or use another key")
        }
        CoreIssueError::Device { code, hint, source } => {
            let message = with_causes(&**source);
            Failure::new(Exit::System, code.clone(), message).hint(hint.clone())
        }
        CoreIssueError::DoesNotVerify => Failure::new(Exit::System, "SIGN", message)
            .hint("check the device of the key: it is faulty or signs with another key; nothing was written"),
        CoreIssueError::TrustedServerKey { .. } => {
            Failure::new(Exit::Usage, Code::ServerKeyTrusted.as_str(), message)
                .hint(OWN_SERVER_KEY_HINT)
        }
        CoreIssueError::Refused { source } => not_verified("license", &**source),
        CoreIssueError::Empty { claim } => {
            let flag = match *claim {
                "iss" => "--issuer",
                "users" => "--user",
                _ => "--customer",
            };
            Failure::usage(format!("{flag}: expected a name, found an empty value"))
                .hint(format!("add a name after {flag}"))
        }
        CoreIssueError::Name { .. } => {
            Failure::usage(format!("--add-feature or --quota: {message}"))
                .hint("see the names of the product with `keygen product show`; a name has a-z, 0-9 and _")
        }
        CoreIssueError::NoSuchFeature { .. } => {
            Failure::usage(format!("--remove-feature: {message}"))
                .hint("see the features of each tier with `keygen product show`")
        }
        _ => Failure::usage(message).hint("use fewer or shorter values, so that the license becomes smaller"),
    }
}

/// Returns the failure of an artifact that does not verify and is not delivered.
pub(crate) fn not_verified(artifact: &str, error: &dyn Error) -> Failure {
    let reason = with_causes(error);
    let message = format!("the signed {artifact} does not verify: {reason}");
    Failure::new(Exit::System, "SIGN", message)
        .hint("report this, and try again without unusual options; nothing was written")
}

/// Maps an error of a delivery.
pub(crate) fn not_delivered(error: &DeliveryError) -> Failure {
    match error {
        DeliveryError::Exists(path) => {
            let path = show_path(path);
            let message = format!("{path} already exists");
            Failure::new(Exit::Usage, "EXISTS", message)
                .hint("choose another name, or add --force to replace the file")
        }
        DeliveryError::SymbolicLink(path) => {
            let path = show_path(path);
            Failure::usage(format!("{path} is a symbolic link and is not replaced"))
                .hint("use the path of the target file, or - for standard output")
        }
        DeliveryError::PrivateKey(path) => private_key_exists(path),
        DeliveryError::Name { path, source } => {
            Failure::io("write", path, source).hint("choose another name with --out")
        }
        DeliveryError::Write { path, source } => Failure::io("write", path, source),
        DeliveryError::Publish {
            staging,
            path,
            source,
        } => Failure::io("write", path, source).hint(format!(
            "rename {}, which contains the recorded artifact",
            show_path(staging)
        )),
        other => Failure::new(Exit::System, "IO", with_causes(other)),
    }
}

/// Returns the failure of a destination that is a private key.
fn private_key_exists(path: &Path) -> Failure {
    let path = show_path(path);
    let message = format!("{path} is a private key, which is never replaced");
    Failure::new(Exit::Usage, "EXISTS", message).hint("choose another name with --out")
}

/// Maps an error of opening or reading the ledger at a path.
pub(crate) fn ledger_not_opened(path: &Path, error: &LedgerError) -> Failure {
    let message = format!("ledger {}: {}", show_path(path), reason(error));
    if let Some(failure) = not_locked(&message, error) {
        return failure;
    }
    match error {
        LedgerError::Missing => Failure::new(Exit::System, "NO_LEDGER", message)
            .hint("choose another ledger with --ledger or KEYGEN_LEDGER; the first issued license creates a ledger"),
        LedgerError::NotALedger => {
            Failure::malformed(message).hint("choose another file with --ledger")
        }
        LedgerError::Newer { .. } => {
            Failure::malformed(message).hint("use a newer version of this program")
        }
        LedgerError::ForeignDirectory { .. } => Failure::new(Exit::System, "LEDGER", message)
            .hint("run the command as that user, or choose a ledger in an existing directory with --ledger"),
        LedgerError::Interrupted => Failure::new(Exit::System, "LEDGER", message)
            .hint("if this is your ledger, the next command that writes to it repairs it"),
        LedgerError::Damaged | LedgerError::Inconsistent { .. } => Failure::malformed(message)
            .hint("restore a backup; `sqlite3 FILE .recover` shows the readable entries"),
        _ => Failure::new(Exit::System, "LEDGER", message)
            .hint("check the permissions and the free space, or add --no-ledger"),
    }
}

/// Returns the failure of a ledger that cannot be locked, or `None` for another error.
fn not_locked(message: &str, error: &LedgerError) -> Option<Failure> {
    let busy = |hint: String| Failure::new(Exit::System, "BUSY", message).hint(hint);
    Some(match error {
        LedgerError::Lock(LockError::Busy { holder, .. }) => {
            let again = "run the command again once the lock is free";
            let process = holder.as_ref().map(LockHolder::process);
            busy(match process.filter(|process| may_be_running(*process)) {
                Some(process) => format!("{again}; if process {process} is stopped, `kill -CONT {process}` continues it and `kill -KILL {process}` ends it"),
                None => again.to_owned(),
            })
        }
        LedgerError::Lock(LockError::NoLocks { .. }) => {
            Failure::new(Exit::System, "NO_LOCKS", message).hint("start the lock service of the network file system, or choose a ledger on a local disk with --ledger")
        }
        LedgerError::Busy => busy("end the program that has the ledger open, such as `sqlite3`, then run the command again".to_owned()),
        _ => return None,
    })
}

/// Maps an error of copying a ledger to a path.
pub(crate) fn ledger_not_copied(to: &Path, error: &LedgerError) -> Failure {
    match error {
        LedgerError::Io(error) if error.kind() == ErrorKind::AlreadyExists => copy_exists(to),
        error => {
            let message = format!(
                "cannot copy the ledger to {}: {}",
                show_path(to),
                reason(error)
            );
            Failure::new(Exit::System, "LEDGER", message).hint(
                "choose a directory with --out that only you can write and that has free space",
            )
        }
    }
}

/// Returns the failure of a copy whose path, or the path of its unfinished copy, is taken.
pub(crate) fn copy_exists(to: &Path) -> Failure {
    let message = format!("{} already exists", show_path(to));
    Failure::new(Exit::Usage, "EXISTS", message).hint("choose another name with --out")
}

/// Returns a function that maps errors of reading an open ledger.
pub(crate) fn ledger_not_read(
    ledger: &dyn LedgerReader,
) -> impl Fn(LedgerError) -> Failure + Copy + '_ {
    move |error| ledger_refused(Some(ledger), &error)
}

/// Maps an error of reading a ledger, which may not be open.
pub(crate) fn ledger_refused(ledger: Option<&dyn LedgerReader>, error: &LedgerError) -> Failure {
    let location = ledger.map_or_else(|| "?".to_owned(), LedgerReader::location);
    ledger_not_opened(Path::new(&location), error)
}

/// Maps an error of planning a revocation or a reinstatement.
pub(crate) fn not_stated(ledger: Option<&dyn LedgerReader>, error: &StatementError) -> Failure {
    match error {
        StatementError::Random(error) => no_random(error),
        StatementError::Ledger(error) => ledger_refused(ledger, error),
        _ => Failure::new(Exit::System, "LEDGER", with_causes(error)),
    }
}

/// Maps an error of writing to the ledger.
pub(crate) fn ledger_not_written(location: &LedgerLocation, error: &LedgerError) -> Failure {
    let path = path_of(location);
    let message = format!(
        "cannot write to ledger {}: {}",
        show_path(&path),
        reason(error)
    );
    if let Some(failure) = not_locked(&message, error) {
        return failure;
    }
    Failure::new(Exit::System, "LEDGER", message).hint(
        "check the permissions and the free space, then run the command again; nothing unrecorded was delivered",
    )
}

/// Returns the failure of a user without a data directory.
pub(crate) fn no_ledger_location() -> Failure {
    Failure::new(
        Exit::System,
        "IO",
        "this user has no home directory, so there is no default ledger",
    )
    .hint("choose a file with --ledger or KEYGEN_LEDGER, or add --no-ledger")
}

fn path_of(location: &LedgerLocation) -> std::path::PathBuf {
    match location {
        LedgerLocation::File(path) => path.clone(),
        LedgerLocation::None | LedgerLocation::Unknown => "?".into(),
    }
}

/// The message of SQLite for a file that it cannot open. The path follows.
const NOT_OPENED: &str = "unable to open database file";

/// Returns the message of the system or the database, or the message of the error if it has no
/// source.
///
/// Further causes are omitted, because they repeat the message of a database error with a number.
fn reason(error: &LedgerError) -> String {
    if matches!(error, LedgerError::Lock(_)) {
        return with_causes(error);
    }
    let source = error.source();
    let reason = source.map_or_else(|| error.to_string(), ToString::to_string);
    // SQLite repeats the path, which may be a key that was given in its place.
    match reason.split_once(NOT_OPENED) {
        Some((before, _)) => format!("{before}{NOT_OPENED}"),
        None => reason,
    }
}

/// Maps an error of a product file.
pub(crate) fn wrong_product(file: &Source, error: &ProductFileError) -> Failure {
    Failure::malformed(format!("{file}: {}", with_causes(error))).hint("correct the product file")
}

/// Adds how to convert a binary file to the failure of reading a file of public keys.
pub(crate) fn keys_not_read(failure: Failure) -> Failure {
    if failure.message().contains("found DER") {
        failure.hint("print the public key in PEM: `openssl pkey -pubin -inform DER -in FILE`; of a certificate: `openssl x509 -inform DER -in FILE -noout -pubkey`; of PKCS#12: `openssl pkcs12 -in FILE -clcerts -nokeys | openssl x509 -noout -pubkey`")
    } else {
        failure
    }
}

/// Maps an error of a file of public keys.
pub(crate) fn not_trusted(source: &Source, error: &TrustError) -> Failure {
    Failure::malformed(format!("{source}: {}", with_causes(error))).hint(match error {
        TrustError::PrivateKey => "print the public key with `keygen public --key FILE`",
        TrustError::OtherKind {
            found: TextKind::SshPublicKey,
        } => "convert the key: `ssh-keygen -e -m PKCS8 -f FILE` prints an RSA key in PEM",
        TrustError::PemLabel { found } if found == "CERTIFICATE" => {
            "extract the public key: `openssl x509 -in FILE -noout -pubkey` prints the key in PEM"
        }
        TrustError::PemLabel { found } if found == "CERTIFICATE REQUEST" => {
            "extract the public key: `openssl req -in FILE -noout -pubkey` prints the key in PEM"
        }
        TrustError::PemLabel { found } if found.starts_with("EC ") => {
            "use an RSA key; `keygen new-key --out FILE` creates one"
        }
        TrustError::JwkCharacter { .. } | TrustError::Unexpected { .. } => {
            "remove this character, or use the file that `keygen public` wrote"
        }
        TrustError::Jwk { member: "alg", .. } => "add \"alg\" to the JWK: RS256 or PS256",
        TrustError::TwoAlgorithms { .. } => {
            "name the key once, with the algorithm that it signs with"
        }
        _ => "use PEM or JWK files that `keygen public` wrote",
    })
}

/// Hint for an artifact that is signed by an unknown key or was changed.
pub(crate) const UNTRUSTED_HINT: &str = "if another of your keys signed it, add the public key with --trust FILE; otherwise it was changed or is not yours";

/// Maps the reason why a license file does not verify.
pub(crate) fn not_verifiable(source: &Source, error: &VerifiedLicensesError) -> Failure {
    let code = error.code();
    let hint = match error {
        _ if matches!(code, Code::UntrustedKey | Code::BadSignature) => UNTRUSTED_HINT,
        VerifiedLicensesError::NeedsLicenseFile { .. } => {
            "use the license file or the full enterprise key instead"
        }
        VerifiedLicensesError::Parse(ParseError::PrivateKey) => {
            "name the license file here, and the private key with --key"
        }
        VerifiedLicensesError::Parse(ParseError::OtherKind {
            found: TextKind::PublicKeys,
        }) => "name the license file here, and the public keys with --trust",
        VerifiedLicensesError::Parse(ParseError::MachineRequest { found }) => answer_hint(*found),
        VerifiedLicensesError::Verify(VerifyError::Kind {
            found: TokenKind::ServerRequest,
            ..
        }) => "use it with `keygen issue --server-key`",
        _ => "use a license file, token or full enterprise key as it was issued",
    };
    let message = format!("{source}: {}", with_causes(error));
    Failure::new(Exit::Indeterminate, code.as_str(), message).hint(hint)
}

/// Returns the command that answers a machine request.
pub(crate) const fn answer_hint(kind: MachineRequestKind) -> &'static str {
    match kind {
        MachineRequestKind::Activation => "answer it with `keygen activate FILE`",
        MachineRequestKind::Clock => "answer it with `keygen clock-repair FILE`",
        MachineRequestKind::Deactivation => "record it with `keygen release FILE`",
        _ => "use it with another command",
    }
}

/// Maps an error of a trust set with the signing key.
pub(crate) fn two_algorithms(error: &TrustError) -> Failure {
    Failure::malformed(format!("--trust and --key: {}", with_causes(error))).hint(
        "use each key with the algorithm that it signs with; --alg sets the algorithm of --key",
    )
}

/// Returns the failure of a license for a product that the product file does not describe.
pub(crate) fn other_product(found: ProductCode, matrix: &FeatureMatrix) -> Failure {
    let expected = matrix.product();
    let message = format!("expected a license for {expected}, found one for {found}");
    Failure::new(Exit::Usage, Code::ProductMismatch.as_str(), message).hint(format!(
        "add the product file of {found} with --product-file"
    ))
}

/// Returns the failure of a system without random bytes.
pub(crate) fn no_random(_: &SystemRandomError) -> Failure {
    Failure::new(
        Exit::System,
        "RANDOM",
        "the system returned no random bytes",
    )
    .hint("run the command again")
}
