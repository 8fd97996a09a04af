//! Maps the errors of the library to failures: exit code, code, message and hint.

use std::error::Error;
use std::path::Path;

use license_cli_support::{Exit, Failure, Source, show_path};
use license_core::issue::IssueError as CoreIssueError;
use license_core::{BundleError, Code, Matrix, MatrixError, ParseError, ProductCode, TrustError};
use license_issuer::errors::{DeliveryError, LedgerError};
use license_issuer::ledger::LedgerReader;
use license_issuer::ledger::sqlite::LedgerLocation;
use license_issuer::random::RandomError;
use license_issuer::services::TransactionError;
use license_issuer::services::issue::{IssueError, SignError};

/// Maps an error of the issue service.
pub(crate) fn not_issued(error: IssueError<Failure>, location: &LedgerLocation) -> Failure {
    match error {
        IssueError::Request(failure) => failure,
        IssueError::Sign(error) => not_signed(&error),
        IssueError::OpenLedger(error) => ledger_not_opened(&path_of(location), &error),
        IssueError::Ledger(error) => ledger_not_written(&error),
        IssueError::Delivery(error) => not_delivered(&error),
        other => Failure::new(Exit::Machine, "SIGN", other.to_string()),
    }
}

/// Maps an error of recording and delivering.
pub(crate) fn not_committed(error: &TransactionError) -> Failure {
    match error {
        TransactionError::Ledger(error) => ledger_not_written(error),
        TransactionError::Delivery(error) => not_delivered(error),
        other => Failure::new(Exit::Machine, "IO", other.to_string()),
    }
}

/// Maps an error of signing.
pub(crate) fn not_signed(error: &SignError) -> Failure {
    match error {
        SignError::Sign { source, .. } => draft_refused(source),
        SignError::TooMany { count, source } => {
            let message = format!("{count} revoked licenses and activations: {source}");
            Failure::usage(message).hint("sign with a new key and leave the old one out of the trust set: what it signed needs no list then")
        }
        SignError::Verify { artifact, reason } => not_verified(artifact, reason),
        SignError::Serial(error) => ledger_not_written(error),
        other => Failure::new(Exit::Machine, "SIGN", other.to_string()),
    }
}

/// Maps the reason why a draft cannot be signed.
pub(crate) fn draft_refused(error: &CoreIssueError) -> Failure {
    let message = error.to_string();
    match error {
        CoreIssueError::Sign | CoreIssueError::Json => {
            Failure::new(Exit::Machine, "SIGN", message).hint("try again, or with another key")
        }
        CoreIssueError::Device { code, hint, .. } => {
            Failure::new(Exit::Machine, code.clone(), message).hint(hint.clone())
        }
        CoreIssueError::DoesNotVerify => Failure::new(Exit::Machine, "SIGN", message)
            .hint("nothing was written; what holds the key is faulty, or signs with another key"),
        CoreIssueError::Refused { reason } => not_verified("license", reason),
        CoreIssueError::Empty { claim } => {
            let flag = match *claim {
                "iss" => "--issuer",
                "users" => "--user",
                _ => "--customer",
            };
            Failure::usage(format!("expected a value for {flag}, found an empty one"))
                .hint(format!("give {flag} a name"))
        }
        CoreIssueError::Name { .. } => {
            Failure::usage(format!("--add-feature or --quota: {message}"))
                .hint("names look like cloud_sync")
        }
        CoreIssueError::NoSuchFeature { .. } => {
            Failure::usage(format!("--remove-feature: {message}"))
                .hint("`license features` lists the features of each tier")
        }
        CoreIssueError::Seats { included, .. } => Failure::usage(format!("--seats: {message}"))
            .hint(format!("use --seats {included} or more, or leave it out")),
        _ => Failure::usage(message).hint("leave something out: the license is too large"),
    }
}

/// Returns the failure of an artifact that does not verify, and is therefore not delivered.
pub(crate) fn not_verified(artifact: &str, reason: &dyn std::fmt::Display) -> Failure {
    let message = format!("the {artifact} just signed does not verify: {reason}");
    Failure::new(Exit::Machine, "SIGN", message)
        .hint("nothing was written; leave out what is unusual in the order, and report this")
}

/// Maps an error of a delivery.
pub(crate) fn not_delivered(error: &DeliveryError) -> Failure {
    match error {
        DeliveryError::Exists(path) => {
            let path = show_path(path);
            let message = format!("{path} exists already and is not overwritten");
            Failure::new(Exit::Usage, "EXISTS", message).hint("choose another name or add --force")
        }
        DeliveryError::SymbolicLink(path) => {
            let path = show_path(path);
            Failure::usage(format!("{path} is a symbolic link and is not replaced"))
                .hint("name the file it points to, or use - for standard output")
        }
        DeliveryError::PrivateKey(path) => private_key_there(path),
        DeliveryError::Name { path, source } => {
            Failure::io("write", path, source).hint("choose another name with --out")
        }
        DeliveryError::Write { path, source } => Failure::io("write", path, source),
        DeliveryError::Publish {
            staging,
            path,
            source,
        } => Failure::io("write", path, source).hint(format!(
            "it is recorded, and kept as {}",
            show_path(staging)
        )),
        other => Failure::new(Exit::Machine, "IO", other.to_string()),
    }
}

/// Returns the failure of a destination that holds a private key.
fn private_key_there(path: &Path) -> Failure {
    let path = show_path(path);
    let message = format!("{path} holds a private key, which is never replaced");
    Failure::new(Exit::Usage, "EXISTS", message).hint("choose another name with --out")
}

/// Maps an error of opening or reading the ledger at a path.
pub(crate) fn ledger_not_opened(path: &Path, error: &LedgerError) -> Failure {
    let message = format!("ledger {}: {}", show_path(path), reason(error));
    match error {
        LedgerError::Missing => Failure::new(Exit::Machine, "NO_LEDGER", message)
            .hint("minting makes one; --ledger or KEYGEN_LEDGER names another"),
        LedgerError::NotALedger => {
            Failure::malformed(message).hint("name another file with --ledger")
        }
        LedgerError::Newer { .. } => {
            Failure::malformed(message).hint("use a newer version of this program")
        }
        LedgerError::Damaged | LedgerError::Inconsistent { .. } => Failure::malformed(message)
            .hint("restore it from a backup; `sqlite3 FILE .recover` shows what is left of it"),
        _ => Failure::new(Exit::Machine, "LEDGER", message)
            .hint("check its permissions and the space left on its disk, or add --no-ledger"),
    }
}

/// Returns how errors of reading an open ledger are mapped.
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

/// Maps an error of writing to the ledger.
pub(crate) fn ledger_not_written(error: &LedgerError) -> Failure {
    let message = format!("the ledger can't be written: {}", reason(error));
    Failure::new(Exit::Machine, "LEDGER", message)
        .hint("nothing was handed out that is not entered: run the command again")
}

/// Returns the failure of a user without a directory for a ledger.
pub(crate) fn no_ledger_location() -> Failure {
    Failure::new(
        Exit::Machine,
        "IO",
        "this user has no folder where a ledger could be kept",
    )
    .hint("name a file with --ledger or KEYGEN_LEDGER, or add --no-ledger")
}

fn path_of(location: &LedgerLocation) -> std::path::PathBuf {
    match location {
        LedgerLocation::File(path) => path.clone(),
        LedgerLocation::None | LedgerLocation::Unknown => "?".into(),
    }
}

/// Returns the reason of an error: the one of the system or database, if there is one.
fn reason(error: &LedgerError) -> String {
    match error.source() {
        Some(source) => source.to_string(),
        None => error.to_string(),
    }
}

/// Maps an error of a product file.
pub(crate) fn wrong_product(file: &Source, error: &MatrixError) -> Failure {
    Failure::malformed(format!("{file}: {error}")).hint("correct the product file")
}

/// Maps an error of a file of public keys.
pub(crate) fn not_trusted(source: &Source, error: &TrustError) -> Failure {
    let mut message = format!("{source}: {error}");
    if let Some(cause) = std::error::Error::source(error) {
        message = format!("{message}: {cause}");
    }
    Failure::malformed(message).hint(match error {
        TrustError::PrivateKey => "`keygen public --key FILE` gives the public half",
        TrustError::Jwk { member: "alg", .. } => "a JWK here must say \"alg\": RS256 or PS256",
        TrustError::TwoAlgorithms { .. } => {
            "give the key once, with the algorithm that it signs with"
        }
        _ => "give PEM or JWK files made by `keygen public`",
    })
}

/// Maps the reason why a license file is not accepted.
pub(crate) fn not_judged(source: &Source, error: &BundleError) -> Failure {
    let code = error.code();
    let hint = match error {
        _ if matches!(code, Code::UntrustedKey | Code::BadSignature) => {
            "if another of your keys signed it, give that key's public half with --trust FILE; else it was changed, or is not yours"
        }
        BundleError::NeedsLicenseFile { .. } => {
            "give the license file or the full enterprise key that it names"
        }
        BundleError::Parse(ParseError::PrivateKey) => {
            "name the license file there; the private key belongs to --key alone"
        }
        _ => "give a license file, token or full enterprise key as it was minted",
    };
    Failure::new(Exit::Unjudged, code.as_str(), format!("{source}: {error}")).hint(hint)
}

/// Maps an error of a trust set with the signing key.
pub(crate) fn two_algorithms(error: &TrustError) -> Failure {
    Failure::malformed(format!("--trust and --key: {error}"))
        .hint("give each key with the algorithm that it signs with, the signing key's by --alg")
}

/// Returns the failure of a license of another product than the product file describes.
pub(crate) fn other_product(found: ProductCode, matrix: &Matrix) -> Failure {
    let expected = matrix.product();
    let message = format!("expected a license for {expected}, found one for {found}");
    Failure::new(Exit::Usage, Code::ProductMismatch.as_str(), message).hint(format!(
        "give the product file of {found} with --product-file"
    ))
}

/// Returns the failure of a system without random bytes.
pub(crate) fn no_random(_: &RandomError) -> Failure {
    Failure::new(Exit::Machine, "RANDOM", "the system gives no random bytes")
        .hint("run the command again")
}
