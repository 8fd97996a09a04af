//! Seats, devices and quotas of a draft that replaces a license.

use license_core::claims::LicenseClaims;
use license_core::issue::{LicenseDraft, SigningError};
use license_core::matrix::TierPolicy;
use license_core::policy::{CheckIn, Quota, Renewal};
use license_core::{FeatureMatrix, License};

/// The subject of a limit. Seats and devices are a claim, and also a quota if the product file
/// names one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitSubject<'a> {
    /// The seats.
    Seats,
    /// The devices.
    Devices,
    /// Another quota, by its name.
    Quota(&'a str),
}

impl<'a> LimitSubject<'a> {
    /// Returns the subject of a quota of the product.
    #[must_use]
    pub fn from_quota(name: &'a str, matrix: &FeatureMatrix) -> Self {
        if matrix.seats_quota() == Some(name) {
            Self::Seats
        } else if matrix.devices_quota() == Some(name) {
            Self::Devices
        } else {
            Self::Quota(name)
        }
    }

    /// Returns the quota that counts this, or `None` if only a claim contains the number.
    #[must_use]
    pub fn quota<'m>(self, matrix: &'m FeatureMatrix) -> Option<&'m str>
    where
        'a: 'm,
    {
        match self {
            Self::Seats => matrix.seats_quota(),
            Self::Devices => matrix.devices_quota(),
            Self::Quota(name) => Some(name),
        }
    }

    /// Returns the name for messages.
    #[must_use]
    pub fn name<'m>(self, matrix: &'m FeatureMatrix) -> &'m str
    where
        'a: 'm,
    {
        self.quota(matrix).unwrap_or(match self {
            Self::Devices => "devices",
            _ => "seats",
        })
    }

    /// Returns the number in the claim.
    fn claim(self, claims: &LicenseClaims) -> Option<u64> {
        match self {
            Self::Seats => claims.seats,
            Self::Devices => claims.devices,
            Self::Quota(_) => None,
        }
    }

    /// Returns the limit of a license. Programs read the quota, so the claim counts only where
    /// there is no quota.
    #[must_use]
    pub fn limit(self, claims: &LicenseClaims, matrix: &FeatureMatrix) -> Option<Quota> {
        let quota = self.quota(matrix);
        let quota = quota.and_then(|name| claims.quotas.get(name).copied());
        quota.or_else(|| self.claim(claims).map(Quota::Limit))
    }

    /// Sets the limit of a draft. Seats and devices without a quota have no unlimited value, so
    /// such a limit changes nothing.
    ///
    /// # Errors
    ///
    /// Returns an error if the name of the quota is not valid.
    pub fn set(
        self,
        limit: Quota,
        draft: &mut LicenseDraft,
        matrix: &FeatureMatrix,
    ) -> Result<(), SigningError> {
        match (self, self.quota(matrix), limit) {
            (_, Some(name), limit) => draft.set_limit(name, limit, matrix)?,
            (Self::Seats, None, Quota::Limit(count)) => draft.seats = Some(count),
            (Self::Devices, None, Quota::Limit(count)) => draft.devices = Some(count),
            _ => {}
        }
        Ok(())
    }
}

/// Sets the numbers of seats and devices to their quotas, where an earlier version issued a license
/// with different numbers. Programs read the quotas.
///
/// # Errors
///
/// Returns an error if the name of a quota is not valid.
pub fn unify_counts(draft: &mut LicenseDraft, matrix: &FeatureMatrix) -> Result<(), SigningError> {
    for subject in [LimitSubject::Seats, LimitSubject::Devices] {
        let claim = subject.claim(draft).map(Quota::Limit);
        let limit = subject.limit(draft, matrix).filter(|_| claim.is_some());
        if let (Some(name), Some(limit)) = (subject.quota(matrix), limit)
            && Some(limit) != claim
        {
            draft.set_limit(name, limit, matrix)?;
        }
    }
    Ok(())
}

/// Sets a quota to that of a tier.
///
/// A number of seats or devices that the license states stays, even where the quota of the tier is
/// unlimited. It is raised to a finite quota. With `keeps_higher`, any other higher quota stays as
/// well.
fn raise_quota(
    draft: &mut LicenseDraft,
    name: &str,
    quota: Quota,
    keeps_higher: bool,
    matrix: &FeatureMatrix,
) -> Result<(), SigningError> {
    let subject = LimitSubject::from_quota(name, matrix);
    // A license may state a number without the quota, which the product file did not name earlier.
    let present = subject.limit(draft, matrix);
    let is_stated = subject.claim(draft).is_some();
    match present.filter(|_| is_stated) {
        Some(present) if quota == Quota::Unlimited => draft.set_limit(name, present, matrix),
        Some(present) => draft.set_limit(name, quota.max(present), matrix),
        None => {
            let higher = present.filter(|present| keeps_higher && *present > quota);
            draft.set_quota(name, higher.unwrap_or(quota))
        }
    }
}

/// Changes a draft to a tier that is not lower than the tier of the license.
///
/// Keeps the differences between the license and its tier: added and removed features, its numbers
/// of seats and devices, higher quotas, and its check-in and renewal policies.
///
/// # Errors
///
/// Returns an error if the name of a feature or quota is not valid.
pub fn raise_tier(
    draft: &mut LicenseDraft,
    license: &License,
    tier: &TierPolicy,
    matrix: &FeatureMatrix,
) -> Result<(), SigningError> {
    let from = matrix.tier(license.tier());
    draft.tier = tier.name();
    let own = from.map(TierPolicy::entitlements);
    for feature in tier.entitlements().features() {
        let was_removed =
            own.is_some_and(|own| own.allows(feature)) && !license.entitlements().allows(feature);
        if !was_removed {
            draft.add_feature(feature)?;
        }
    }
    for (name, quota) in tier.entitlements().quotas() {
        let present = license.entitlements().quota(name);
        let is_own = present != own.and_then(|own| own.quota(name));
        raise_quota(draft, name, quota, is_own, matrix)?;
    }
    if license.check_in() == from.and_then(TierPolicy::check_in) {
        draft.check_in = tier.check_in();
    }
    if license.renewal() == from.and_then(TierPolicy::renewal) {
        draft.renewal = tier.renewal();
    }
    Ok(())
}

/// Returns whether a tier comes before another one in the order of the product file.
#[must_use]
pub fn is_lower_tier(tier: &TierPolicy, license: &License, matrix: &FeatureMatrix) -> bool {
    let rank = |name| matrix.tiers().iter().position(|tier| tier.name() == name);
    rank(tier.name()) < rank(license.tier())
}

/// Adds to a draft what its tier has: features, higher quotas, and longer periods.
///
/// The draft loses nothing, because a license does not state whether a feature comes from an
/// earlier product file or was sold separately.
///
/// # Errors
///
/// Returns an error if the name of a feature or quota is not valid.
pub fn add_from_tier(
    draft: &mut LicenseDraft,
    tier: &TierPolicy,
    matrix: &FeatureMatrix,
) -> Result<(), SigningError> {
    for feature in tier.entitlements().features() {
        draft.add_feature(feature)?;
    }
    for (name, quota) in tier.entitlements().quotas() {
        raise_quota(draft, name, quota, true, matrix)?;
    }
    draft.check_in = longer_check_in(draft.check_in, tier.check_in());
    draft.renewal = longer_renewal(draft.renewal, tier.renewal());
    Ok(())
}

/// Returns the longer of each period. No check-in terms are better than any.
fn longer_check_in(own: Option<CheckIn>, tier: Option<CheckIn>) -> Option<CheckIn> {
    let (own, tier) = (own?, tier?);
    CheckIn::new(own.every().max(tier.every()), own.grace().max(tier.grace()))
}

/// Returns the longer of each period.
fn longer_renewal(own: Option<Renewal>, tier: Option<Renewal>) -> Option<Renewal> {
    let (Some(first), Some(second)) = (own, tier) else {
        return own.or(tier);
    };
    Renewal::new(
        first.notify().max(second.notify()),
        first.grace().max(second.grace()),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use license_core::{LicenseId, Tier, time};

    use super::*;

    /// An earlier version issued licenses whose claims and quotas differ.
    #[test]
    fn the_quota_counts_where_a_license_contradicts_itself() {
        let matrix = FeatureMatrix::built_in();
        let tier = matrix.tier(Tier::parse("TEAM").unwrap()).unwrap();
        let id = LicenseId::from_random(time::MIN, &[7; 10]);
        let mut draft = LicenseDraft::for_tier(matrix, tier, id, "ACME".to_owned(), time::MIN);
        (draft.seats, draft.devices) = (Some(50), Some(7));
        draft.set_quota("users", Quota::Limit(20)).unwrap();
        draft.set_quota("devices", Quota::Unlimited).unwrap();
        unify_counts(&mut draft, matrix).unwrap();
        assert_eq!((draft.seats, draft.devices), (Some(20), None));
        assert_eq!(draft.quotas.get("users"), Some(&Quota::Limit(20)));
        // Without a claim, the license states no number.
        draft.seats = None;
        unify_counts(&mut draft, matrix).unwrap();
        assert_eq!(draft.seats, None);
    }
}
