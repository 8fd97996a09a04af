//! Validations of a license and of the licenses that it replaces.

use chrono::{DateTime, Utc};

use super::Context;
use super::rules::applies_to_machine;
use crate::license::{License, Validation, ValidationSigner};

/// Validations that apply to a license.
///
/// A successor inherits the check-ins and the denials of the licenses that it replaces. Each
/// validation is stored with the position of its license in the chain of replaced licenses.
pub(super) struct ValidationHistory<'a> {
    own_position: usize,
    validations: Vec<(usize, &'a Validation)>,
}

impl<'a> ValidationHistory<'a> {
    /// Selects the validations that apply to `license` on this machine.
    pub(super) fn new(
        license: &License,
        validations: impl Iterator<Item = &'a Validation>,
        context: &Context<'_>,
    ) -> Self {
        let applicable = validations.filter(|validation| applies_to_machine(validation, context));
        let positioned = applicable.filter_map(|validation| {
            let position = position(validation, license)?;
            Some((position, validation))
        });
        Self {
            own_position: license.supersedes().len(),
            validations: positioned.collect(),
        }
    }

    /// Returns the date of the last validation of the license or a license that it replaces.
    pub(super) fn checked_in_at(&self) -> Option<DateTime<Utc>> {
        self.validations
            .iter()
            .map(|(_, validation)| validation.issued_at())
            .max()
    }

    /// Returns the newest denial that no later validation lifts.
    pub(super) fn denial(&self) -> Option<&'a Validation> {
        let denials = self
            .validations
            .iter()
            .filter(|(_, validation)| validation.status().is_denial());
        let in_force =
            denials.filter(|denial| !self.validations.iter().any(|later| lifts(later, denial)));
        let newest = in_force.max_by_key(|(position, denial)| {
            let is_own = *position == self.own_position;
            (denial.issued_at(), is_own, denial.id())
        });
        newest.map(|(_, denial)| *denial)
    }
}

/// Returns the position of the validated license in the chain of replaced licenses, oldest first.
///
/// Returns `None` if the validation does not apply. The validation of a replaced license applies
/// only if the vendor or the license server named in this license has signed the validation. A
/// denial of a replaced license does not apply if the denial is older than this license.
fn position(validation: &Validation, license: &License) -> Option<usize> {
    if validation.is_for(license) {
        return Some(license.supersedes().len());
    }
    let position = license
        .supersedes()
        .iter()
        .position(|id| id == validation.license_id())?;
    let is_authorized = validation.product() == license.product()
        && match validation.signer() {
            ValidationSigner::Vendor => true,
            ValidationSigner::Server => license
                .confirmation_key()
                .is_some_and(|key| validation.is_signed_by(key)),
        };
    // The vendor issued the successor after the denial, so the denial no longer counts.
    let is_settled = validation.status().is_denial()
        && license
            .issued_at()
            .is_some_and(|issued| validation.issued_at() < issued);
    (is_authorized && !is_settled).then_some(position)
}

/// Returns whether a validation lifts a denial.
///
/// A later validation of the denied license or of a successor lifts a denial. A customer's own
/// server cannot lift a denial by the vendor.
fn lifts(
    (position, validation): &(usize, &Validation),
    (denied_position, denial): &(usize, &Validation),
) -> bool {
    let may_lift = validation.signer() == ValidationSigner::Vendor
        || denial.signer() == ValidationSigner::Server;
    !validation.status().is_denial()
        && may_lift
        && position >= denied_position
        && validation.issued_at() > denial.issued_at()
}
