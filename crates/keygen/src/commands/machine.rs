//! The option `--machine`: fingerprints and digests that `license machine` prints.

use license_cli_support::{Exit, Failure};
use license_core::machine::{Fingerprint, Machine, MachineDigest};
use license_core::{Code, ProductCode};

const MACHINE_HINT: &str = "run `license machine` on that machine to print both";

/// Hint for a fingerprint with too few components.
pub(super) const AMBIGUOUS_HINT: &str =
    "run `license machine` on that machine to see which component is missing";

/// Returns the machines that a license is locked to, in canonical form and without duplicates.
pub(super) fn locks(names: &[String], product: ProductCode) -> Result<Vec<Machine>, Failure> {
    let mut locks = Vec::with_capacity(names.len());
    for name in names {
        let machine = parse(name, product)?;
        // A fingerprint that does not match itself would match no machine.
        if !machine.matches(&machine) {
            return Err(ambiguous(&machine));
        }
        if !locks.contains(&machine) {
            locks.push(machine);
        }
    }
    Ok(locks)
}

/// Parses a machine, and returns it with its digest.
pub(super) fn parse_with_digest(
    name: &str,
    product: ProductCode,
) -> Result<(Machine, MachineDigest), Failure> {
    let machine = parse(name, product)?;
    let digest = machine.digest().ok_or_else(|| ambiguous(&machine))?;
    Ok((machine, digest))
}

/// Parses a machine. Refuses a machine that was identified for another product, because no license
/// of this product would match it.
fn parse(name: &str, product: ProductCode) -> Result<Machine, Failure> {
    let (named, machine) = Machine::split_product(name);
    match (named, Machine::parse(machine)) {
        (_, None | Some(Machine::Other(_))) => Err(unknown(name)),
        (Some(named), _) if named != product => Err(other_product(named, product)),
        (_, Some(machine)) => Ok(machine),
    }
}

fn other_product(found: ProductCode, expected: ProductCode) -> Failure {
    let message = format!(
        "--machine: expected a fingerprint for {expected}, found one for {found}, which never matches"
    );
    Failure::new(Exit::Usage, Code::ProductMismatch.as_str(), message).hint(format!(
        "run `license machine` with the --product-file of {expected}, or issue with that of {found}"
    ))
}

/// Returns the failure for a text that is not a machine.
///
/// The message does not repeat the text, because it may be a secret that was pasted by mistake.
fn unknown(name: &str) -> Failure {
    let found = match name.trim() {
        "" => "an empty value",
        text if text.starts_with("fp1:") => "a damaged fingerprint",
        text if text.starts_with("mach_") => "a damaged digest",
        _ => "other text",
    };
    Failure::usage(format!(
        "--machine: expected a fingerprint (fp1:…) or a digest (mach_…), found {found}"
    ))
    .hint(MACHINE_HINT)
}

/// Returns the failure of a fingerprint with too few components.
fn ambiguous(machine: &Machine) -> Failure {
    let kinds = match machine {
        Machine::Fingerprint(fingerprint) => component_names(fingerprint),
        _ => String::new(),
    };
    Failure::usage(format!(
        "--machine: expected a fingerprint that identifies one machine, found only {kinds}"
    ))
    .hint(AMBIGUOUS_HINT)
}

/// Returns the kinds of the components of a fingerprint.
pub(super) fn component_names(fingerprint: &Fingerprint) -> String {
    let kinds: Vec<_> = fingerprint.kinds().map(|kind| kind.as_str()).collect();
    kinds.join(", ")
}
