//! Artifacts that influence the evaluation of a license.

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
