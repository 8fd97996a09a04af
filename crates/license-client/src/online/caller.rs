//! The license and machine that a request names.

use license_core::machine::Machine;
use license_core::{Context, Decision, FeatureMatrix, License, TrustSet};

use super::error::OnlineError;
use crate::installation::Installation;
use crate::manager::{LicenseManager, Moment, Snapshot};

/// The installed license that counts on this machine.
pub(super) struct Installed {
    snapshot: Snapshot,
    pub(super) decision: Decision,
    pub(super) license: License,
    /// The keys that verify tokens for the license.
    pub(super) trust: TrustSet,
}

impl Installed {
    /// Reads the installed licenses. Returns `None` if there is none.
    pub(super) fn read(
        manager: &LicenseManager,
        matrix: &FeatureMatrix,
        context: &Context<'_>,
    ) -> Option<Self> {
        let snapshot = manager.snapshot(None, matrix, Moment::Now);
        let found = snapshot.installed()?;
        let context = context.clone().high_water(snapshot.high_water);
        let decision = found.verified().evaluate(matrix, &context);
        let license = decision.license().cloned();
        let license = license.or_else(|| found.verified().licenses().first().cloned())?;
        let trust = manager.trust().cloned();
        let trust = trust.unwrap_or_else(|| found.keys(manager.readable_paths()));
        Some(Self {
            decision,
            license,
            trust,
            snapshot,
        })
    }

    /// Returns all installed licenses.
    pub(super) fn licenses(&self) -> &[License] {
        let found = self.snapshot.installed();
        found.map_or(&[], |found| found.verified().licenses())
    }

    /// Returns an error if a license restricts a value that the context lacks.
    pub(super) fn check_context(
        &self,
        matrix: &FeatureMatrix,
        context: &Context<'_>,
    ) -> Result<(), OnlineError> {
        let verified = self.snapshot.installed().map(Installation::verified);
        match verified.and_then(|verified| verified.missing_context(matrix, context)) {
            Some(missing) => Err(missing.into()),
            None => Ok(()),
        }
    }
}

/// Returns the key by which a server knows the license. Nothing else of the license is sent.
///
/// # Errors
///
/// Returns [`OnlineError::NotCertified`] for an enterprise key, which names no server.
pub(super) fn license_key(license: &License) -> Result<String, OnlineError> {
    let key = license.standard_key().map(|key| key.to_string());
    key.ok_or_else(|| OnlineError::NotCertified {
        license: license.id().clone(),
    })
}

/// Returns how this machine is named to a server: by its digest, or by its fingerprint if the
/// license is bound to machines. The fingerprint contains hashes of several components.
pub(super) fn machine(manager: &LicenseManager, license: &License) -> Result<Machine, OnlineError> {
    let is_bound = license.machines().is_some() || license.must_activate();
    let digest = manager.digest().filter(|_| !is_bound);
    let machine = digest.map(Machine::Digest);
    machine
        .or_else(|| manager.machine().cloned())
        .ok_or(OnlineError::NoMachine)
}
