//! Warnings about valid requests that are probably mistakes.

use std::collections::BTreeSet;

use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::machine::MachineDigest;
use license_core::trust::KeyId;
use license_core::{License, LicenseId, time};

use crate::services::denials::TokenDenial;

/// The largest difference between two clocks that causes no warning.
const MAX_CLOCK_SKEW: TimeDelta = TimeDelta::minutes(5);

/// A warning about a valid request that is probably a mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IssueWarning {
    /// The customer already has an active license of the product, which stays valid.
    ActiveLicense {
        /// The customer of the active license.
        customer: String,
        /// The id of the latest active license.
        license: String,
        /// The tier of this license.
        tier: String,
        /// The end of this license.
        end: Option<DateTime<Utc>>,
        /// Whether the customer has other active licenses, too.
        has_others: bool,
    },
    /// The time of issue is in the future. A machine that installs the artifact raises its clock
    /// high-water mark to this time.
    Postdated(DateTime<Utc>),
    /// The license was issued after the artifact.
    IssuedLater {
        /// The license.
        license: LicenseId,
        /// The later time.
        later: DateTime<Utc>,
    },
    /// The license was issued, or last validated, after the time of this validation.
    ValidatedLater {
        /// The license.
        license: LicenseId,
        /// The later time.
        later: DateTime<Utc>,
    },
    /// The license is expired.
    Expired {
        /// The license.
        license: LicenseId,
        /// The end, including the renewal grace period.
        end: DateTime<Utc>,
    },
    /// Another license replaces the license.
    Superseded {
        /// The license.
        license: LicenseId,
        /// The latest license that replaces this license.
        by: Option<String>,
        /// Whether the artifact is valid for the later license as well.
        covers_successor: bool,
    },
    /// A validation token still denies a license, because the new token does not lift the denial.
    StillDenied(TokenDenial),
    /// The license is limited to a number of machines, and no ledger counts the machines.
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
    /// The license was verified with a key of the ledger, because the signing key was not opened.
    KeyNotOpened {
        /// The license.
        license: LicenseId,
        /// The key of the ledger.
        key: KeyId,
    },
    /// The license names a public key for its license server, without a proof that the customer has
    /// the private key.
    ServerKeyNotProven {
        /// The key.
        key: KeyId,
    },
    /// Licenses of other customers name the same key for their license servers.
    ServerKeyShared {
        /// The key.
        key: KeyId,
        /// The other customers.
        customers: BTreeSet<String>,
    },
    /// The clock repair sets the clock high-water mark of the machine to a time in the past.
    RepairBackdated(DateTime<Utc>),
    /// The clock high-water mark of the machine is not later than its new value.
    NotAhead {
        /// The clock high-water mark of the machine.
        high_water_mark: DateTime<Utc>,
        /// The new clock high-water mark.
        issued_at: DateTime<Utc>,
    },
}

/// Returns a warning if the time of issue is in the future.
#[must_use]
pub fn postdated(issued_at: DateTime<Utc>, now: DateTime<Utc>) -> Option<IssueWarning> {
    let latest = time::saturating_add(now, MAX_CLOCK_SKEW);
    (issued_at > latest).then_some(IssueWarning::Postdated(issued_at))
}

/// Returns whether the time of issue is in the past.
pub(super) fn is_past(issued_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    time::saturating_add(issued_at, MAX_CLOCK_SKEW) < now
}

/// Returns a warning if a license is expired at an instant.
pub(super) fn expired(license: &License, at: DateTime<Utc>) -> Option<IssueWarning> {
    let end = license.ends_at().filter(|end| *end <= at)?;
    Some(IssueWarning::Expired {
        license: license.id().clone(),
        end,
    })
}
