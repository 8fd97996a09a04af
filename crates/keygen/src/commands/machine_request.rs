//! Machine requests and deactivation receipts.

use license_cli_support::{Exit, Failure, Source, escape};
use license_core::{
    ActivationRequest, ClockRequest, Code, Fingerprint, Letter, LetterError, LetterKind,
    MAX_FILE_BYTES, MachineDigest, Matrix, ProductCode, Receipt,
};

use super::machine::{AMBIGUOUS_HINT, component_names};

/// Reads a machine request in any of its forms.
fn read(source: &Source) -> Result<Letter, Failure> {
    let text = source.read_text(MAX_FILE_BYTES)?;
    Letter::parse(&text).map_err(|error| damaged(source, &error))
}

/// Reads a request to activate a license of the product.
pub(super) fn activation(source: &Source, matrix: &Matrix) -> Result<ActivationRequest, Failure> {
    match read(source)? {
        Letter::Activation(request) => {
            check_product(source, request.product, matrix)?;
            Ok(request)
        }
        other => Err(other_kind(source, LetterKind::Activation, &other)),
    }
}

/// Reads a request to repair the clock high-water mark of a machine with the product.
pub(super) fn clock(source: &Source, matrix: &Matrix) -> Result<ClockRequest, Failure> {
    match read(source)? {
        Letter::Clock(request) => {
            check_product(source, request.product, matrix)?;
            Ok(request)
        }
        other => Err(other_kind(source, LetterKind::Clock, &other)),
    }
}

/// Reads the receipt of a deactivated machine.
pub(super) fn receipt(source: &Source) -> Result<Receipt, Failure> {
    match read(source)? {
        Letter::Deactivation(receipt) => Ok(receipt),
        other => Err(other_kind(source, LetterKind::Deactivation, &other)),
    }
}

/// Returns the digest of a machine.
pub(super) fn digest(source: &Source, machine: &Fingerprint) -> Result<MachineDigest, Failure> {
    machine.digest().ok_or_else(|| {
        Failure::malformed(format!(
            "{source}: expected a fingerprint that identifies one machine, found only {}",
            component_names(machine)
        ))
        .hint(AMBIGUOUS_HINT)
    })
}

fn check_product(source: &Source, found: ProductCode, matrix: &Matrix) -> Result<(), Failure> {
    let expected = matrix.product();
    if found == expected {
        return Ok(());
    }
    let message = format!("{source}: expected a request for {expected}, found one for {found}");
    Err(
        Failure::new(Exit::Usage, Code::ProductMismatch.as_str(), message).hint(format!(
            "add the product file of {found} with --product-file"
        )),
    )
}

fn other_kind(source: &Source, expected: LetterKind, found: &Letter) -> Failure {
    let hint = match found.kind() {
        LetterKind::Activation => "use it with `keygen activate`",
        LetterKind::Clock => "use it with `keygen clock-repair`",
        LetterKind::Deactivation => "use it with `keygen release`",
        _ => "use it with another command",
    };
    let (expected, found) = (expected.name(), found.kind().name());
    Failure::usage(format!("{source}: expected {expected}, found {found}")).hint(hint)
}

fn damaged(source: &Source, error: &LetterError) -> Failure {
    let hint = match error {
        LetterError::Version { .. } => "use a newer version of this program",
        LetterError::Spoken(error) => error.advice(),
        LetterError::Check => "ask the customer to send it again as a file, because it was changed",
        LetterError::Several => "use one file for each",
        LetterError::OtherBlock { .. } => {
            "use a request that `license request` wrote; it starts with -----BEGIN LICENSE ACTIVATION REQUEST-----"
        }
        _ => "ask the customer to send it again as a file, exactly as the machine wrote it",
    };
    let message = format!("{source}: {}", escape(&error.to_string()));
    Failure::new(Exit::Unjudged, error.code().as_str(), message).hint(hint)
}
