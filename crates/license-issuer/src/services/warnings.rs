//! Remarks about requests that are valid and rarely intended.

use license_core::{KeyId, License, LicenseId, MachineDigest, Timestamp};

/// The difference in seconds that the clocks of a vendor and of a customer may have.
const MAX_CLOCK_SKEW: u64 = 300;

/// A remark about a request that is valid and rarely intended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IssueWarning {
    /// The artifact is issued in the future. Where it is installed, time counts from then on.
    Postdated(Timestamp),
    /// The license was issued after the artifact.
    IssuedLater {
        /// The license.
        license: LicenseId,
        /// The later time.
        later: Timestamp,
    },
    /// The license was issued or last validated after the validation.
    ValidatedLater {
        /// The license.
        license: LicenseId,
        /// The later time.
        later: Timestamp,
    },
    /// The license has ended.
    Expired {
        /// The license.
        license: LicenseId,
        /// The end, including the renewal grace period.
        end: Timestamp,
    },
    /// Another license replaces the license.
    Superseded {
        /// The license.
        license: LicenseId,
        /// The latest license that replaces it.
        by: Option<String>,
        /// Whether the artifact is valid for the later license as well.
        covers_successor: bool,
    },
    /// The license is limited to a number of machines, and no ledger counts them.
    NotCountedWithoutLedger {
        /// The license.
        license: LicenseId,
        /// The number of machines.
        limit: u64,
    },
    /// The license is limited to a number of machines, and the validation is for any machine.
    NotCountedForAnyMachine {
        /// The license.
        license: LicenseId,
        /// The number of machines.
        limit: u64,
    },
    /// The license does not need check-ins.
    NoCheckIn(LicenseId),
    /// The license is locked to other machines.
    LockedToOthers {
        /// The license.
        license: LicenseId,
        /// The machine of the request.
        machine: MachineDigest,
    },
    /// The license was verified with a key that the ledger knows, and not with the signing key,
    /// which is not opened.
    KeyNotOpened {
        /// The license.
        license: LicenseId,
        /// The key of the ledger.
        key: KeyId,
    },
    /// The clock repair sets the time of the machine to the past.
    RepairBackdated(Timestamp),
    /// The machine is not ahead of the time that it is set to.
    NotAhead {
        /// The latest time that the machine has seen.
        mark: Timestamp,
        /// The time that the machine is set to.
        issued_at: Timestamp,
    },
}

/// Returns a warning if an artifact is issued in the future.
#[must_use]
pub fn postdated(issued_at: Timestamp, now: Timestamp) -> Option<IssueWarning> {
    (issued_at > now.plus(MAX_CLOCK_SKEW)).then_some(IssueWarning::Postdated(issued_at))
}

/// Returns whether an artifact is issued in the past.
pub(super) fn is_past(issued_at: Timestamp, now: Timestamp) -> bool {
    issued_at.plus(MAX_CLOCK_SKEW) < now
}

/// Returns a warning if a license has ended at an instant.
pub(super) fn expired(license: &License, at: Timestamp) -> Option<IssueWarning> {
    let end = end_of(license).filter(|end| *end <= at)?;
    Some(IssueWarning::Expired {
        license: license.id().clone(),
        end,
    })
}

/// Returns the first instant at which a license fails: its end plus its renewal grace period.
#[must_use]
pub fn end_of(license: &License) -> Option<Timestamp> {
    let grace = license.renewal().unwrap_or_default().grace_hours();
    Some(license.expires_at()?.plus(grace.saturating_mul(3600)))
}
