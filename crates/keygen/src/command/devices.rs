//! On how many machines a license is used, and how many it may be.

use std::collections::BTreeSet;

use license_core::{License, MachineDigest, Matrix, Quota};
use license_terminal::{Exit, Failure, Terminal};
use serde_json::{Value, json};

use crate::books::not_kept;
use crate::ledger::{Ledger, LedgerError};

/// The machines of a license, and the most that it allows; none is any number.
pub(super) struct Devices {
    used: BTreeSet<String>,
    limit: Option<u64>,
}

impl Devices {
    /// What the ledger knows, counted over the license, those that it replaced and those that took its place: an activation of one counts
    /// for what replaces it.
    pub(super) fn of(license: &License, matrix: &Matrix, ledger: &Ledger) -> Result<Self, Failure> {
        let used = machines(license, ledger);
        Ok(Self {
            used: used.map_err(|error| not_kept(ledger.path(), &error))?,
            limit: limit(license, matrix),
        })
    }

    /// Refuses a machine that would be one too many.
    pub(super) fn check(&self, license: &License, machine: &MachineDigest) -> Result<(), Failure> {
        let count = self.count();
        let Some(limit) = self.limit.filter(|limit| count >= *limit) else {
            return Ok(());
        };
        if self.used.contains(&machine.to_string()) {
            return Ok(());
        }
        let id = license.id();
        let message = format!(
            "license {id} allows {limit} machines, and is used on {count} others; {machine} would be one more"
        );
        Err(Failure::new(Exit::Usage, "DEVICE_LIMIT", message).hint(format!(
            "`keygen ledger show {id}` lists them; `keygen release` frees one that was activated, --over-device-limit goes beyond"
        )))
    }

    /// With this machine, whether or not it was among them.
    pub(super) fn with(mut self, machine: &MachineDigest) -> Self {
        self.used.insert(machine.to_string());
        self
    }

    fn count(&self) -> u64 {
        u64::try_from(self.used.len()).unwrap_or(u64::MAX)
    }

    pub(super) fn to_json(&self) -> Value {
        json!({ "used": self.count(), "limit": self.limit })
    }

    /// For a person.
    pub(super) fn line(&self) -> String {
        let of = self
            .limit
            .map_or(", any number is allowed".to_owned(), |limit| {
                format!(" of {limit}")
            });
        format!("devices    {}{of}", self.count())
    }
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

/// What replaced the license counts with it: else a license that was replaced would take machines that nobody counts.
fn machines(license: &License, ledger: &Ledger) -> Result<BTreeSet<String>, LedgerError> {
    let mut kin = ledger.kin(license.id().as_str())?;
    let replaced = license.supersedes().iter();
    kin.extend(replaced.map(|id| id.as_str().to_owned()));
    ledger.machines(kin.iter().map(String::as_str))
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
