//! Features, seats, devices and quotas of a draft, and the rule for lowering them.

use license_cli_support::{Failure, closest, escape};
use license_core::claims::LicenseClaims;
use license_core::issue::{LicenseDraft, SigningError};
use license_core::policy::Quota;
use license_core::{FeatureMatrix, License};
use license_issuer::services::entitlements::{LimitSubject, add_from_tier};

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
    counted: LimitSubject<'a>,
    limit: Quota,
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
            .try_for_each(|limit| limit.counted.set(limit.limit, draft, matrix))
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
            (LimitSubject::Seats, Some(included), Quota::Limit(found)) if found < included => {
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
        ("--seats", LimitSubject::Seats, arguments.seats),
        ("--devices", LimitSubject::Devices, arguments.devices),
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
        counted: LimitSubject::from_quota(name, matrix),
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

impl RequestedLimit<'_> {
    /// Refuses zero seats and devices, because the claims have no such number.
    fn check_zero(&self, matrix: &FeatureMatrix) -> Result<(), Failure> {
        if self.limit != Quota::Limit(0) || matches!(self.counted, LimitSubject::Quota(_)) {
            return Ok(());
        }
        let (option, name) = (self.option, self.counted.name(matrix));
        Err(
            Failure::usage(format!("{option}: expected at least 1 for {name}, found 0"))
                .hint(format!("use {option} {name}=1 or more")),
        )
    }
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
    add_from_tier(draft, tier, matrix).map_err(|error| failures::draft_refused(&error))
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
