//! How many machines a license was validated on, and how many it may be.

use std::collections::BTreeSet;

use license_core::{License, MachineDigest, Matrix, Quota};
use license_terminal::{Exit, Failure, Terminal};

use crate::books::not_kept;
use crate::ledger::Ledger;

/// Refuses a machine that would be one too many.
pub(super) fn check(
    license: &License,
    machine: &MachineDigest,
    matrix: &Matrix,
    ledger: &Ledger,
) -> Result<(), Failure> {
    let Some(limit) = limit(license, matrix) else {
        return Ok(());
    };
    // A license that took another one's place goes on with its machines.
    let id = license.id();
    let mut known = BTreeSet::new();
    for id in license.supersedes().iter().chain([id]) {
        let machines = ledger.machines(id.as_str());
        known.extend(machines.map_err(|error| not_kept(ledger.path(), &error))?);
    }
    let count = u64::try_from(known.len()).unwrap_or(u64::MAX);
    if known.contains(&machine.to_string()) || count < limit {
        return Ok(());
    }
    let message = format!(
        "license {id} allows {limit} machines, and was validated on {count} others; {machine} would be one more"
    );
    Err(Failure::new(Exit::Usage, "DEVICE_LIMIT", message).hint(
        "`keygen ledger show` lists the check-ins; add --over-device-limit if one of those machines is gone",
    ))
}

/// Warns of a validation that counts on any machine, where the license was sold for so many.
pub(super) fn warn_uncounted(license: &License, terminal: &Terminal) {
    let Some(devices) = license.devices() else {
        return;
    };
    let message = format!(
        "license {} is for {devices} machines, and this counts on any: --machine names the one that asks",
        license.id()
    );
    terminal.warning("NOT_COUNTED", &message);
}

/// The machines that a license may be used on; none is any number.
fn limit(license: &License, matrix: &Matrix) -> Option<u64> {
    let of_quota = || {
        let quota = license.entitlements().quota(matrix.devices_quota()?)?;
        match quota {
            Quota::Limit(limit) => Some(limit),
            Quota::Unlimited => None,
        }
    };
    license.devices().or_else(of_quota)
}
