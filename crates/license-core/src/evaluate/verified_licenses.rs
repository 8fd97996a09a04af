//! Evaluation of a license file as a whole.

use std::sync::Arc;

use super::artifacts::Artifacts;
use super::{Context, Decision, Outcome, RuleResult};
use crate::ids::Tier;
use crate::license::{License, Validation, ValidationSigner, VerifiedLicenses};
use crate::matrix::FeatureMatrix;
use crate::policy::Entitlements;

impl VerifiedLicenses {
    /// Evaluates every license and returns the best decision.
    ///
    /// Valid licenses are compared by tier, outcome, end and issue date, in this order. With this
    /// order, entitlements never grow merely because time passes. If no license is valid, a license
    /// that has started takes precedence over a license that starts later.
    ///
    /// ```
    /// use license_core::{Context, FeatureMatrix, TrustSet, VerifiedLicenses, time};
    ///
    /// # let trust = TrustSet::parse(include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # )))?;
    /// # let text = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/files/valid-pro.lic"
    /// # ));
    /// let matrix = FeatureMatrix::built_in();
    /// let now = time::parse_instant("2027-01-15")?;
    /// let verified = VerifiedLicenses::verify(text, &trust, matrix)?;
    /// let decision = verified.evaluate(matrix, &Context::at(now));
    /// assert!(decision.allows("cloud_sync"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn evaluate(&self, matrix: &FeatureMatrix, context: &Context<'_>) -> Decision {
        let context = with_artifacts(self, context);
        let decisions = self
            .licenses()
            .iter()
            .map(|license| license.evaluate(matrix, &context));
        let best = decisions.max_by_key(|decision| {
            let license = decision.license();
            let is_valid = decision.outcome() != Outcome::Denied;
            // A validation token can change the tier.
            let tier = rank(decision.entitlements().tier(), matrix).filter(|_| is_valid);
            let end = license.and_then(License::expires_at);
            let issued = license.and_then(License::issued_at);
            let now = decision.evaluated_at();
            let start = license.and_then(License::not_before);
            let has_started = start.is_none_or(|start| start <= now);
            // A perpetual license ends after all others.
            let end = (end.is_none(), end);
            (is_valid, tier, decision.outcome(), has_started, end, issued)
        });
        let best = best.unwrap_or_else(|| Decision::without_license(matrix, &context));
        Decision {
            in_file: granted_in_file(self, &context),
            ..best
        }
    }

    /// Returns the result of every rule for the license that [`VerifiedLicenses::evaluate`]
    /// selects.
    ///
    /// ```
    /// use license_core::{Context, FeatureMatrix, TrustSet, VerifiedLicenses, time};
    ///
    /// # let trust = TrustSet::parse(include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # )))?;
    /// # let text = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/files/valid-pro.lic"
    /// # ));
    /// let matrix = FeatureMatrix::built_in();
    /// let now = time::parse_instant("2027-01-15")?;
    /// let verified = VerifiedLicenses::verify(text, &trust, matrix)?;
    /// for result in verified.explain(matrix, &Context::at(now)) {
    ///     println!("{}: {}", result.rule, result.outcome.as_str());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn explain(&self, matrix: &FeatureMatrix, context: &Context<'_>) -> Vec<RuleResult> {
        let decision = self.evaluate(matrix, context);
        decision
            .license()
            .map(|license| self.explain_license(license, matrix, context))
            .unwrap_or_default()
    }

    /// Returns the result of every rule for one license of the file.
    pub fn explain_license(
        &self,
        license: &License,
        matrix: &FeatureMatrix,
        context: &Context<'_>,
    ) -> Vec<RuleResult> {
        license.explain(matrix, &with_artifacts(self, context))
    }
}

/// Adds the artifacts of the license file to the context.
pub(super) fn with_artifacts<'a>(
    verified: &'a VerifiedLicenses,
    context: &Context<'a>,
) -> Context<'a> {
    context.clone().with_file(Artifacts {
        licenses: verified.licenses(),
        validations: verified.validations(),
        revocations: verified.revocations(),
        activations: verified.activations(),
        deactivated: verified.deactivated(),
        recorded: verified.recorded(),
    })
}

/// Returns the entitlements that the vendor has granted with any license of the file.
///
/// Returns nothing for a file with one license, whose decision has these entitlements already.
fn granted_in_file(verified: &VerifiedLicenses, context: &Context<'_>) -> Vec<Arc<Entitlements>> {
    let [_, _, ..] = verified.licenses() else {
        return Vec::new();
    };
    let licenses = verified.licenses().iter().map(License::shared_entitlements);
    let by_vendor = |validation: &&Validation| validation.signer() == ValidationSigner::Vendor;
    let validations = context.all_validations().filter(by_vendor);
    let validated = validations.map(Validation::entitlements);
    licenses.chain(validated).cloned().collect()
}

fn rank(tier: Tier, matrix: &FeatureMatrix) -> Option<usize> {
    let mut tiers = matrix.tiers().iter();
    tiers.position(|policy| policy.name() == tier)
}
