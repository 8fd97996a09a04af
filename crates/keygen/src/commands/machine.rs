//! The option `--machine`: fingerprints and digests that `license machine` prints.

use license_cli_support::Failure;
use license_core::machine::{Fingerprint, Machine, MachineDigest};

const MACHINE_HINT: &str = "run `license machine` on that machine to print both";

/// Hint for a fingerprint with too few components.
pub(super) const AMBIGUOUS_HINT: &str =
    "run `license machine` on that machine to see which component is missing";

/// Returns the machines that a license is locked to, in canonical form and without duplicates.
pub(super) fn locks(names: &[String]) -> Result<Vec<Machine>, Failure> {
    let mut locks = Vec::with_capacity(names.len());
    for name in names {
        let machine = parse(name)?;
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
pub(super) fn parse_with_digest(name: &str) -> Result<(Machine, MachineDigest), Failure> {
    let machine = parse(name)?;
    let digest = machine.digest().ok_or_else(|| ambiguous(&machine))?;
    Ok((machine, digest))
}

fn parse(name: &str) -> Result<Machine, Failure> {
    match Machine::parse(name) {
        None | Some(Machine::Other(_)) => Err(unknown(name)),
        Some(machine) => Ok(machine),
    }
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
