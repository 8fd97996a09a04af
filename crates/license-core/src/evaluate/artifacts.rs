//! Artifacts that influence the evaluation of a license.

use super::Context;
use crate::ids::Nonce;
use crate::key::LicenseId;
use crate::license::{Activation, License, RecordedRevocation, RevocationList, Validation};

/// Verified artifacts that influence the evaluation of a license.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Artifacts<'a> {
    pub(super) licenses: &'a [License],
    pub(super) validations: &'a [Validation],
    pub(super) revocations: &'a [RevocationList],
    pub(super) activations: &'a [Activation],
    /// Licenses that are deactivated on this machine, with the nonce of the activation.
    pub(super) deactivated: &'a [(LicenseId, Nonce)],
    /// Revocations that this machine has recorded.
    pub(super) recorded: &'a [RecordedRevocation],
}

impl Artifacts<'_> {
    pub(super) const EMPTY: Self = Self {
        licenses: &[],
        validations: &[],
        revocations: &[],
        activations: &[],
        deactivated: &[],
        recorded: &[],
    };
}

impl<'a> Context<'a> {
    /// Sets the artifacts of the license file that is evaluated.
    pub(super) fn with_file(mut self, from_file: Artifacts<'a>) -> Self {
        self.from_file = from_file;
        self
    }

    pub(super) fn all_validations(&self) -> impl Iterator<Item = &'a Validation> + Clone {
        self.all(|artifacts| artifacts.validations)
    }

    pub(super) fn all_revocations(&self) -> impl Iterator<Item = &'a RevocationList> + Clone {
        self.all(|artifacts| artifacts.revocations)
    }

    pub(super) fn all_installed(&self) -> impl Iterator<Item = &'a License> + Clone {
        self.all(|artifacts| artifacts.licenses)
    }

    pub(super) fn all_activations(&self) -> impl Iterator<Item = &'a Activation> + Clone {
        self.all(|artifacts| artifacts.activations)
    }

    pub(super) fn all_deactivated(&self) -> impl Iterator<Item = &'a (LicenseId, Nonce)> + Clone {
        self.all(|artifacts| artifacts.deactivated)
    }

    pub(super) fn all_recorded(&self) -> impl Iterator<Item = &'a RecordedRevocation> + Clone {
        self.all(|artifacts| artifacts.recorded)
    }

    /// Returns the provided artifacts, followed by those from the license file.
    fn all<T: 'a>(
        &self,
        select: fn(&Artifacts<'a>) -> &'a [T],
    ) -> impl Iterator<Item = &'a T> + Clone {
        select(&self.provided).iter().chain(select(&self.from_file))
    }
}
