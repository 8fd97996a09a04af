//! What machines send: read, and refused where another command takes it.

use license_cli_support::{Exit, Failure, Source, escape};
use license_core::{
    ActivationRequest, ClockRequest, Code, Fingerprint, Letter, LetterError, LetterKind,
    MAX_FILE_BYTES, MachineDigest, Matrix, ProductCode, Receipt,
};

/// Reads what a machine has sent, in whatever form it was carried here.
pub(super) fn read(source: &Source) -> Result<Letter, Failure> {
    let text = source.read_text(MAX_FILE_BYTES)?;
    Letter::parse(&text).map_err(|error| damaged(source, &error))
}

/// A request to activate a license of this product.
pub(super) fn activation(source: &Source, matrix: &Matrix) -> Result<ActivationRequest, Failure> {
    match read(source)? {
        Letter::Activation(request) => {
            check_product(source, request.product, matrix)?;
            Ok(request)
        }
        other => Err(another(source, LetterKind::Activation, &other)),
    }
}

/// A request to repair what a machine with this product remembers of time.
pub(super) fn clock(source: &Source, matrix: &Matrix) -> Result<ClockRequest, Failure> {
    match read(source)? {
        Letter::Clock(request) => {
            check_product(source, request.product, matrix)?;
            Ok(request)
        }
        other => Err(another(source, LetterKind::Clock, &other)),
    }
}

/// The proof that a machine has given up its activation.
pub(super) fn receipt(source: &Source) -> Result<Receipt, Failure> {
    match read(source)? {
        Letter::Deactivation(receipt) => Ok(receipt),
        other => Err(another(source, LetterKind::Deactivation, &other)),
    }
}

/// The digest that names the machine.
pub(super) fn digest(source: &Source, machine: &Fingerprint) -> Result<MachineDigest, Failure> {
    machine.digest().ok_or_else(|| {
        let kinds: Vec<_> = machine.kinds().map(|kind| kind.as_str()).collect();
        Failure::malformed(format!(
            "{source}: expected a fingerprint that tells one machine from others, found one of {} alone",
            kinds.join(", ")
        ))
        .hint("`license machine` says, on that machine, what is missing")
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
            "give the product file of {found} with --product-file"
        )),
    )
}

fn another(source: &Source, expected: LetterKind, found: &Letter) -> Failure {
    let command = match found.kind() {
        LetterKind::Activation => "`keygen activate` takes it",
        LetterKind::Clock => "`keygen clock-repair` takes it",
        LetterKind::Deactivation => "`keygen release` takes it",
        _ => "another command takes it",
    };
    let (expected, found) = (expected.name(), found.kind().name());
    Failure::usage(format!("{source}: expected {expected}, found {found}")).hint(command)
}

fn damaged(source: &Source, error: &LetterError) -> Failure {
    let hint = match error {
        LetterError::Version { .. } => "use a newer version of this program",
        LetterError::Spoken(spoken) => spoken.advice(),
        LetterError::Check => {
            "it was changed on its way: have it sent again, as a file rather than as text"
        }
        LetterError::Several => "give them one by one",
        LetterError::OtherBlock { .. } => {
            "a request begins with -----BEGIN LICENSE ACTIVATION REQUEST-----: `license request` writes it on the machine"
        }
        _ => "have it sent again, as a file, just as the machine wrote it",
    };
    let message = format!("{source}: {}", escape(&error.to_string()));
    Failure::new(Exit::Unjudged, error.code().as_str(), message).hint(hint)
}
