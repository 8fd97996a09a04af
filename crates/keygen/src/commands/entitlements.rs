//! Features, seats, devices and quotas of a draft, and the rule for lowering them.

use license_cli_support::{Failure, closest, escape};
use license_core::chrono::TimeDelta;
use license_core::claims::LicenseClaims;
use license_core::issue::{LicenseDraft, SigningError};
use license_core::policy::{CheckIn, Quota, Renewal};
use license_core::{FeatureMatrix, License};

use crate::args::{ChangeArgs, EntitlementArgs};
use crate::failures;

/// Changes of the features and limits of a draft.
pub(super) struct EntitlementChanges<'a> {
    pub(super) arguments: &'a EntitlementArgs,
    /// The license that the draft replaces.
    pub(super) previous: Option<&'a LicenseClaims>,
    /// Whether the customer may lose something.
    pub(super) is_loss_accepted: bool,
}

/// A limit that an option sets.
struct RequestedLimit<'a> {
    /// The option, such as `--seats`.
    option: &'static str,
    counted: Counted<'a>,
    limit: Quota,
}

/// Subject of a limit. Seats and devices are a claim, and also a quota if the product file names
/// one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counted<'a> {
    Seats,
    Devices,
    Quota(&'a str),
}

impl<'a> EntitlementChanges<'a> {
    /// Returns the changes of a license that replaces another one.
    pub(super) fn of_successor(arguments: &'a ChangeArgs, previous: &'a License) -> Self {
        Self {
            arguments: &arguments.entitlements,
            previous: Some(previous.claims()),
            is_loss_accepted: arguments.signing.output.force,
        }
    }

    /// Applies the changes to a draft.
    ///
    /// Refuses a change that takes something from the customer, unless the loss is accepted.
    pub(super) fn apply(
        &self,
        draft: &mut LicenseDraft,
        matrix: &FeatureMatrix,
    ) -> Result<(), Failure> {
        let refused = |error| failures::draft_refused(&error);
        self.check_contradiction()?;
        for feature in &self.arguments.add_feature {
            let added = draft.add_feature(feature);
            added.map_err(|error| invalid_feature(feature, &error, matrix))?;
        }
        for feature in &self.arguments.remove_feature {
            self.check_feature(feature)?;
            draft.remove_feature(feature).map_err(refused)?;
        }
        let limits = requested_limits(self.arguments, matrix)?;
        for limit in &limits {
            self.check_limit(limit, draft, matrix)?;
        }
        limits
            .iter()
            .try_for_each(|limit| limit.set(draft, matrix))
            .map_err(refused)
    }

    /// Refuses to add and to remove the same feature.
    fn check_contradiction(&self) -> Result<(), Failure> {
        let removed = &self.arguments.remove_feature;
        let mut added = self.arguments.add_feature.iter();
        match added.find(|feature| removed.contains(feature)) {
            Some(feature) => Err(Failure::usage(format!(
                "--add-feature and --remove-feature: expected different features, found {} in both",
                escape(feature)
            ))
            .hint("omit one of the two options")),
            None => Ok(()),
        }
    }

    /// Refuses to remove a feature that the previous license has.
    fn check_feature(&self, feature: &str) -> Result<(), Failure> {
        match self.previous {
            Some(previous) if previous.features.contains(feature) && !self.is_loss_accepted => Err(
                Failure::usage(format!("--remove-feature: the license has {feature}"))
                    .hint("add --force to take the feature from the customer"),
            ),
            _ => Ok(()),
        }
    }

    /// Refuses a limit below that of the previous license, and fewer seats than the tier includes.
    ///
    /// A higher tier may itself lower a limit, which causes a warning. An option that lowers the
    /// limit less than the tier does is therefore accepted.
    fn check_limit(
        &self,
        requested: &RequestedLimit<'_>,
        draft: &LicenseDraft,
        matrix: &FeatureMatrix,
    ) -> Result<(), Failure> {
        if self.is_loss_accepted {
            return Ok(());
        }
        let (counted, found) = (requested.counted, requested.limit);
        let present = self
            .previous
            .and_then(|claims| counted.limit(claims, matrix));
        let present = present.min(counted.limit(draft, matrix));
        if let Some(present) = present.filter(|present| found < *present) {
            return Err(Failure::usage(format!(
                "{}: expected at least the current quota, {} {present}, found {found}",
                requested.option,
                counted.name(matrix),
            ))
            .hint(
                "add --force to lower the quota; the report then states what the customer loses",
            ));
        }
        let included = matrix.included_seats(draft.tier);
        match (counted, included, found) {
            (Counted::Seats, Some(included), Quota::Limit(found)) if found < included => {
                let error = SigningError::Seats { included, found };
                Err(
                    Failure::usage(format!("{}: {error}", requested.option)).hint(format!(
                        "use --seats {included} or more, or add --force to issue fewer"
                    )),
                )
            }
            _ => Ok(()),
        }
    }
}

/// Returns the failure of a name that is not valid for a feature. The hint names a feature of the
/// product.
fn invalid_feature(feature: &str, error: &SigningError, matrix: &FeatureMatrix) -> Failure {
    let failure = failures::draft_refused(error);
    let tiers = matrix.tiers().iter();
    let features = tiers.flat_map(|tier| tier.entitlements().features());
    match closest(feature, features) {
        Some(similar) => failure.hint(format!("did you mean --add-feature {similar}?")),
        None => failure.hint(
            "see the features of the product with `keygen product show`; a name has a-z, 0-9 and _",
        ),
    }
}

/// Returns the limits that options set. `--quota` with the quota of seats is the same as `--seats`,
/// and likewise for devices.
///
/// # Errors
///
/// Returns a failure if two options set one limit to different values, or if an option sets seats
/// or devices to zero.
fn requested_limits<'a>(
    arguments: &'a EntitlementArgs,
    matrix: &FeatureMatrix,
) -> Result<Vec<RequestedLimit<'a>>, Failure> {
    let counts = [
        ("--seats", Counted::Seats, arguments.seats),
        ("--devices", Counted::Devices, arguments.devices),
    ];
    let counts = counts.into_iter().filter_map(|(option, counted, count)| {
        let limit = Quota::Limit(count?.get().into());
        Some(RequestedLimit {
            option,
            counted,
            limit,
        })
    });
    let quotas = arguments.quota.iter().map(|(name, limit)| RequestedLimit {
        option: "--quota",
        counted: Counted::from_quota(name, matrix),
        limit: *limit,
    });
    let mut limits: Vec<RequestedLimit<'a>> = Vec::new();
    for limit in counts.chain(quotas) {
        let counted = limit.counted;
        limit.check_zero(matrix)?;
        match limits.iter().find(|other| other.counted == counted) {
            Some(other) if other.limit != limit.limit => {
                let name = counted.name(matrix);
                return Err(Failure::usage(format!(
                    "{} sets {name} to {}, and {} sets it to {}",
                    other.option, other.limit, limit.option, limit.limit
                ))
                .hint(format!("set {name} once")));
            }
            Some(_) => {}
            None => limits.push(limit),
        }
    }
    Ok(limits)
}

impl<'a> Counted<'a> {
    fn from_quota(name: &'a str, matrix: &FeatureMatrix) -> Self {
        if matrix.seats_quota() == Some(name) {
            Self::Seats
        } else if matrix.devices_quota() == Some(name) {
            Self::Devices
        } else {
            Self::Quota(name)
        }
    }

    /// Returns the quota that counts this, or `None` if only a claim contains the number.
    fn quota<'m>(self, matrix: &'m FeatureMatrix) -> Option<&'m str>
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
    fn name<'m>(self, matrix: &'m FeatureMatrix) -> &'m str
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
    fn limit(self, claims: &LicenseClaims, matrix: &FeatureMatrix) -> Option<Quota> {
        let quota = self.quota(matrix);
        let quota = quota.and_then(|name| claims.quotas.get(name).copied());
        quota.or_else(|| self.claim(claims).map(Quota::Limit))
    }
}

impl RequestedLimit<'_> {
    /// Refuses zero seats and devices, because the claims have no such number.
    fn check_zero(&self, matrix: &FeatureMatrix) -> Result<(), Failure> {
        if self.limit != Quota::Limit(0) || matches!(self.counted, Counted::Quota(_)) {
            return Ok(());
        }
        let (option, name) = (self.option, self.counted.name(matrix));
        Err(
            Failure::usage(format!("{option}: expected at least 1 for {name}, found 0"))
                .hint(format!("use {option} {name}=1 or more")),
        )
    }

    fn set(&self, draft: &mut LicenseDraft, matrix: &FeatureMatrix) -> Result<(), SigningError> {
        match (self.counted, self.counted.quota(matrix), self.limit) {
            (_, Some(name), limit) => draft.set_limit(name, limit, matrix)?,
            (Counted::Seats, None, Quota::Limit(count)) => draft.seats = Some(count),
            (Counted::Devices, None, Quota::Limit(count)) => draft.devices = Some(count),
            _ => {}
        }
        Ok(())
    }
}

/// Sets the numbers of seats and devices to their quotas, where an earlier version issued a license
/// with different numbers. Programs read the quotas.
pub(super) fn unify_counts(
    draft: &mut LicenseDraft,
    matrix: &FeatureMatrix,
) -> Result<(), Failure> {
    for counted in [Counted::Seats, Counted::Devices] {
        let claim = counted.claim(draft).map(Quota::Limit);
        let limit = counted.limit(draft, matrix).filter(|_| claim.is_some());
        if let (Some(name), Some(limit)) = (counted.quota(matrix), limit)
            && Some(limit) != claim
        {
            draft
                .set_limit(name, limit, matrix)
                .map_err(|error| failures::draft_refused(&error))?;
        }
    }
    Ok(())
}

/// Sets a quota to that of a tier.
///
/// A number of seats or devices that the license states stays, even where the quota of the tier is
/// unlimited. It is raised to a finite quota. With `keeps_higher`, any other higher quota stays as
/// well.
pub(super) fn raise_quota(
    draft: &mut LicenseDraft,
    name: &str,
    quota: Quota,
    keeps_higher: bool,
    matrix: &FeatureMatrix,
) -> Result<(), Failure> {
    let counted = Counted::from_quota(name, matrix);
    // A license may state a number without the quota, which the product file did not name earlier.
    let present = counted.limit(draft, matrix);
    let is_stated = counted.claim(draft).is_some();
    let done = match present.filter(|_| is_stated) {
        Some(present) if quota == Quota::Unlimited => draft.set_limit(name, present, matrix),
        Some(present) => draft.set_limit(name, quota.max(present), matrix),
        None => {
            let higher = present.filter(|present| keeps_higher && *present > quota);
            draft.set_quota(name, higher.unwrap_or(quota))
        }
    };
    done.map_err(|error| failures::draft_refused(&error))
}

/// Adds to a draft what its tier has in the product file: features, higher quotas, and longer
/// periods.
///
/// The draft loses nothing, because a license does not state whether a feature comes from an
/// earlier product file or was sold separately.
pub(super) fn refresh(draft: &mut LicenseDraft, matrix: &FeatureMatrix) -> Result<(), Failure> {
    let Some(tier) = matrix.tier(draft.tier) else {
        let (tier, product) = (draft.tier, matrix.product());
        return Err(
            Failure::usage(format!("--refresh: {product} no longer has tier {tier}")).hint(
                "omit --refresh, or move the license to another tier with `keygen upgrade LICENSE --tier TIER`",
            ),
        );
    };
    for feature in tier.entitlements().features() {
        draft
            .add_feature(feature)
            .map_err(|error| failures::draft_refused(&error))?;
    }
    for (name, quota) in tier.entitlements().quotas() {
        raise_quota(draft, name, quota, true, matrix)?;
    }
    draft.check_in = longer_check_in(draft.check_in, tier.check_in());
    draft.renewal = longer_renewal(draft.renewal, tier.renewal());
    Ok(())
}

/// Returns a note if the tier has features or quotas in the product file that the draft lacks.
pub(super) fn newer_in_tier(draft: &LicenseDraft, matrix: &FeatureMatrix) -> Option<String> {
    let tier = matrix.tier(draft.tier)?.entitlements();
    let features = tier.features();
    let features = features.filter(|name| !draft.features.contains(*name));
    let quotas = tier.quotas().map(|(name, _)| name);
    let quotas = quotas.filter(|name| !draft.quotas.contains_key(*name));
    let names: Vec<_> = features.chain(quotas).collect();
    (!names.is_empty()).then(|| {
        format!(
            "tier {} also has {}; add --refresh to include what the tier has now",
            draft.tier,
            names.join(", ")
        )
    })
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
    let longer = |period: fn(Renewal) -> TimeDelta| period(first).max(period(second));
    Renewal::new(longer(Renewal::notify), longer(Renewal::grace))
}

#[cfg(test)]
mod tests {
    use license_core::{LicenseId, Tier};

    use super::*;
    use crate::inputs::now;

    /// An earlier version issued licenses whose claims and quotas differ.
    #[test]
    fn the_quota_counts_where_a_license_contradicts_itself() {
        let matrix = FeatureMatrix::built_in();
        let tier = matrix.tier(Tier::parse("TEAM").unwrap()).unwrap();
        let id = LicenseId::from_random(now(), &[7; 10]);
        let mut draft = LicenseDraft::for_tier(matrix, tier, id, "ACME".to_owned(), now());
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
