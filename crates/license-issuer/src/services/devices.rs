//! The machines that use a license, and the maximum number of machines.

use std::collections::BTreeSet;

use license_core::machine::Machine;
use license_core::policy::Quota;
use license_core::{FeatureMatrix, License, LicenseId};

use crate::errors::LedgerError;
use crate::ledger::{LedgerReader, RecordedAnswer};

/// The machines that use a license, and the maximum number of machines.
#[derive(Clone, Debug)]
pub struct DeviceUsage {
    /// The digests of the machines.
    used: BTreeSet<String>,
    /// The machines with an open activation, in the order of recording.
    activated: Vec<ActivatedMachine>,
    /// The number of machines that the license allows. `None` means any number.
    limit: Option<u64>,
}

/// A machine with an activation, and its digest.
#[derive(Clone, Debug)]
struct ActivatedMachine {
    digest: String,
    machine: Machine,
    /// The id of the activation, if it is recorded.
    id: Option<String>,
}

/// The error of a license that allows no more machines.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "license {license} allows {} and is already used on {}; {} would exceed the limit",
    machines(*limit),
    others(*used),
    machine.as_deref().unwrap_or("this machine")
)]
#[non_exhaustive]
pub struct DeviceLimitError {
    /// The license.
    pub license: LicenseId,
    /// The number of machines that the license allows.
    pub limit: u64,
    /// The number of machines that use the license.
    pub used: u64,
    /// The digest of the machine that would exceed the limit, if it has a digest.
    pub machine: Option<String>,
    /// The ids of the open activations, in the order of recording. A machine that only checks in
    /// has no activation.
    pub activations: Vec<String>,
}

impl DeviceUsage {
    /// Returns the recorded machines.
    ///
    /// The machines of related licenses count as well, because an activation is also valid for the
    /// successors of its license. Related licenses are those that this license replaces, and those
    /// that replace this license.
    ///
    /// # Errors
    ///
    /// Returns an error if the ledger cannot be read.
    pub fn read(
        license: &License,
        matrix: &FeatureMatrix,
        ledger: &dyn LedgerReader,
    ) -> Result<Self, LedgerError> {
        let mut family = ledger.license_family(license.id().as_str())?;
        // The ledger may not contain the license itself.
        family.extend(license.supersedes().iter().map(|id| id.as_str().to_owned()));
        let family: Vec<&str> = family.iter().map(String::as_str).collect();
        let activations = ledger.open_activations(&family)?;
        Ok(Self {
            used: ledger.machines_in_use(&family)?,
            activated: activations
                .iter()
                .filter_map(ActivatedMachine::new)
                .collect(),
            limit: device_limit(license, matrix),
        })
    }

    /// Adds a machine, if the license allows one more machine.
    ///
    /// # Errors
    ///
    /// Returns [`DeviceLimitError`] if the machine would exceed the limit.
    pub fn add(self, license: &License, machine: &Machine) -> Result<Self, DeviceLimitError> {
        let (used, limit) = (self.count(), self.limit);
        let ids = self.activated.iter().filter_map(|other| other.id.clone());
        let activations = ids.collect();
        let extended = self.add_unchecked(machine);
        match limit {
            Some(limit) if used >= limit && extended.count() > used => Err(DeviceLimitError {
                license: license.id().clone(),
                limit,
                used,
                machine: machine.digest().map(|digest| digest.to_string()),
                activations,
            }),
            _ => Ok(extended),
        }
    }

    /// Adds a machine, even if the license allows no more machines.
    #[must_use]
    pub fn add_unchecked(mut self, machine: &Machine) -> Self {
        if let Some(digest) = machine.digest() {
            let (digest, machine) = (digest.to_string(), machine.clone());
            self.used.insert(digest.clone());
            self.activated.push(ActivatedMachine {
                digest,
                machine,
                id: None,
            });
        }
        self
    }

    /// Returns the number of machines.
    #[must_use]
    pub fn count(&self) -> u64 {
        let replaced = self.replaced();
        let current = self
            .used
            .iter()
            .filter(|digest| !replaced.contains(*digest));
        current.map(|_| 1_u64).sum()
    }

    /// Returns the number of machines that the license allows. `None` means any number.
    #[must_use]
    pub fn limit(&self) -> Option<u64> {
        self.limit
    }

    /// Returns the earlier digests of machines whose fingerprints have changed.
    ///
    /// Only the latest digest of a machine counts. A request replaces at most one earlier digest,
    /// even if its fingerprint resembles several machines.
    fn replaced(&self) -> BTreeSet<&String> {
        let mut replaced = BTreeSet::new();
        for (index, later) in self.activated.iter().enumerate() {
            let earlier = || self.activated.iter().take(index);
            if earlier().any(|other| other.digest == later.digest) {
                continue;
            }
            let mut candidates = earlier()
                .rev()
                .filter(|other| !replaced.contains(&other.digest));
            let previous = candidates.find(|other| other.machine.matches(&later.machine));
            replaced.extend(previous.map(|previous| &previous.digest));
        }
        replaced
    }
}

impl ActivatedMachine {
    fn new(activation: &RecordedAnswer) -> Option<Self> {
        Some(Self {
            digest: activation.entry.member("machine")?,
            machine: activation.machine()?,
            id: activation.id(),
        })
    }
}

/// Returns the number of machines that a license allows. `None` means any number.
#[must_use]
pub fn device_limit(license: &License, matrix: &FeatureMatrix) -> Option<u64> {
    let from_quota = || match license.entitlements().quota(matrix.devices_quota()?)? {
        Quota::Limit(limit) => Some(limit),
        Quota::Unlimited => None,
    };
    license.devices().or_else(from_quota)
}

fn machines(count: u64) -> String {
    match count {
        1 => "1 machine".to_owned(),
        count => format!("{count} machines"),
    }
}

fn others(count: u64) -> String {
    match count {
        1 => "1 other".to_owned(),
        count => format!("{count} others"),
    }
}
