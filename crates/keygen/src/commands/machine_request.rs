//! Machine requests and deactivation receipts.

use license_cli_support::{Exit, Failure, Source, escape};
use license_core::encoding::decode_text;
use license_core::jose::MAX_FILE_BYTES;
use license_core::machine::{Fingerprint, MachineDigest};
use license_core::requests::{
    ActivationRequest, ClockRequest, DeactivationReceipt, MachineRequest, MachineRequestError,
    MachineRequestKind,
};
use license_core::{Code, FeatureMatrix, ProductCode, with_causes};

use crate::failures::answer_hint;

use super::machine::{AMBIGUOUS_HINT, component_names};

/// Reads a machine request in any of its forms, or from a picture of its QR code.
fn read(source: &Source, expected: MachineRequestKind) -> Result<MachineRequest, Failure> {
    let text = source.read_text_or_picture(MAX_FILE_BYTES, |_| MAX_FILE_BYTES, decode_text)?;
    MachineRequest::parse(&text).map_err(|error| damaged(source, expected, &error))
}

/// Reads a request to activate a license of the product.
pub(super) fn activation(
    source: &Source,
    matrix: &FeatureMatrix,
) -> Result<ActivationRequest, Failure> {
    match read(source, MachineRequestKind::Activation)? {
        MachineRequest::Activation(request) => {
            check_product(source, request.product, matrix)?;
            Ok(request)
        }
        other => Err(other_kind(source, MachineRequestKind::Activation, &other)),
    }
}

/// Reads a request to repair the clock high-water mark of a machine with the product.
pub(super) fn clock(source: &Source, matrix: &FeatureMatrix) -> Result<ClockRequest, Failure> {
    match read(source, MachineRequestKind::Clock)? {
        MachineRequest::Clock(request) => {
            check_product(source, request.product, matrix)?;
            Ok(request)
        }
        other => Err(other_kind(source, MachineRequestKind::Clock, &other)),
    }
}

/// Reads the receipt of a deactivated machine.
pub(super) fn receipt(source: &Source) -> Result<DeactivationReceipt, Failure> {
    match read(source, MachineRequestKind::Deactivation)? {
        MachineRequest::Deactivation(receipt) => Ok(receipt),
        other => Err(other_kind(source, MachineRequestKind::Deactivation, &other)),
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

fn check_product(
    source: &Source,
    found: ProductCode,
    matrix: &FeatureMatrix,
) -> Result<(), Failure> {
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

fn other_kind(source: &Source, expected: MachineRequestKind, found: &MachineRequest) -> Failure {
    let hint = answer_hint(found.kind());
    let (expected, found) = (expected.name(), found.kind().name());
    Failure::usage(format!("{source}: expected {expected}, found {found}")).hint(hint)
}

fn damaged(source: &Source, expected: MachineRequestKind, error: &MachineRequestError) -> Failure {
    let hint = match error {
        MachineRequestError::Version { .. } => "use a newer version of this program",
        MachineRequestError::Readback(error) => error.hint(),
        MachineRequestError::QrText(_) => {
            "ask the customer for a picture of the QR code, or for the text as a file"
        }
        MachineRequestError::Check => {
            "ask the customer to send the text again as a file, because the text was changed"
        }
        MachineRequestError::EncodedMail => {
            "open the mail, and save its text or its attachment as a file; the source of an encoded mail cannot be read"
        }
        MachineRequestError::Several => "use one file for each request or receipt",
        MachineRequestError::OtherBlock { found } if found == "LICENSE" => match expected {
            MachineRequestKind::Activation => {
                "name the license with --license, and here the request that `license request` wrote"
            }
            MachineRequestKind::Clock => "name the request that `license request --clock` wrote",
            _ => {
                "name the receipt that `license deactivate` wrote, or an activation id, which `keygen ledger show LICENSE_ID` lists"
            }
        },
        MachineRequestError::OtherBlock { .. } | MachineRequestError::OtherKind { .. } => {
            "use a request that `license request` wrote; it starts with -----BEGIN LICENSE ACTIVATION REQUEST-----"
        }
        _ => "ask the customer to send the text again as a file, exactly as the machine wrote it",
    };
    let message = format!("{source}: {}", escape(&with_causes(error)));
    Failure::new(Exit::Indeterminate, error.code().as_str(), message).hint(hint)
}
