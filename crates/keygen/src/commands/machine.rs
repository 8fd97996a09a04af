//! `--machine`: fingerprints and digests, as `license machine` prints them.

use license_cli_support::Failure;
use license_core::{Fingerprint, Machine, MachineDigest};

const WHERE: &str = "`license machine` prints them, on the machine that is to be named";

/// The machines to lock a license to, in their canonical form; one that is named twice counts once.
pub(super) fn locks(names: &[String]) -> Result<Vec<Machine>, Failure> {
    let mut locks = Vec::with_capacity(names.len());
    for name in names {
        let machine = parse(name)?;
        // What is not even like itself would be like no machine.
        if !machine.is(&machine) {
            return Err(too_little(&machine));
        }
        if !locks.contains(&machine) {
            locks.push(machine);
        }
    }
    Ok(locks)
}

/// A machine with the digest that names it.
pub(super) fn named(name: &str) -> Result<(Machine, MachineDigest), Failure> {
    let machine = parse(name)?;
    let digest = machine.digest().ok_or_else(|| too_little(&machine))?;
    Ok((machine, digest))
}

fn parse(name: &str) -> Result<Machine, Failure> {
    match Machine::parse(name) {
        Machine::Other(_) => Err(unknown(name)),
        machine => Ok(machine),
    }
}

/// Without the text itself, which may be anything that was pasted.
fn unknown(name: &str) -> Failure {
    let found = match name.trim() {
        "" => "nothing",
        text if text.starts_with("fp1:") => "a damaged fingerprint",
        text if text.starts_with("mach_") => "a damaged digest",
        _ => "neither",
    };
    Failure::usage(format!(
        "--machine: expected a fingerprint (fp1:…) or a digest (mach_…), found {found}"
    ))
    .hint(WHERE)
}

fn too_little(machine: &Machine) -> Failure {
    let kinds = match machine {
        Machine::Fingerprint(fingerprint) => kinds(fingerprint),
        _ => String::new(),
    };
    Failure::usage(format!(
        "--machine: expected a fingerprint that tells one machine from others, found one of {kinds} alone"
    ))
    .hint("`license machine` says, on that machine, what is missing")
}

fn kinds(fingerprint: &Fingerprint) -> String {
    let kinds: Vec<_> = fingerprint.kinds().map(|kind| kind.as_str()).collect();
    kinds.join(", ")
}
