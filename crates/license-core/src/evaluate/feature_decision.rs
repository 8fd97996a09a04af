//! Features and quotas that a product or a license has, and the decision about a feature.

use super::{Decision, Evidence, Outcome};
use crate::code::Code;
use crate::license::License;
use crate::matrix::{FeatureMatrix, TierPolicy};
use crate::policy::Entitlements;

/// Decision about a feature. The JSON form is `{granted, code, evidence}`.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let license = fixture::license()?;
/// use license_core::{Context, FeatureMatrix, time};
///
/// let matrix = FeatureMatrix::built_in();
/// let context = Context::at(time::parse_instant("2027-01-15")?);
/// let answer = license.evaluate(matrix, &context).feature("sso", matrix);
/// assert!(!answer.granted);
/// println!("{}: expected {}", answer.code, answer.evidence.expected());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[must_use]
pub struct FeatureDecision {
    /// Whether the feature may be used.
    pub granted: bool,
    /// The code of the decision if the feature is granted, or if a denied license includes the
    /// feature. `UNKNOWN_FEATURE` if neither the product nor a license in the evaluated file has
    /// the feature. Otherwise `FEATURE_NOT_INCLUDED`.
    pub code: Code,
    /// The expected and actual values.
    pub evidence: Evidence,
}

impl Decision {
    /// Decides whether the feature may be used. The code distinguishes a license without the
    /// feature, a license that is denied, and a feature that does not exist.
    ///
    /// ```
    /// use license_core::{Code, Context, FeatureMatrix, TrustSet, Unverified, time};
    ///
    /// # const JWKS: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// # const TOKEN: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/tokens/valid-pro.jwt"
    /// # ));
    /// let license = Unverified::parse(TOKEN)?.verify(&TrustSet::parse(JWKS)?)?;
    /// let matrix = FeatureMatrix::built_in();
    /// let context = Context::at(time::parse_instant("2027-01-15T00:00:00Z")?);
    /// let decision = license.evaluate(matrix, &context);
    ///
    /// assert_eq!(decision.feature("cloud_sync", matrix).code, Code::Valid);
    /// assert_eq!(decision.feature("sso", matrix).code, Code::FeatureNotIncluded);
    /// // A misspelled name is never granted, and its code shows the mistake.
    /// assert!(!decision.allows("cloud-sync"));
    /// assert_eq!(decision.feature("cloud-sync", matrix).code, Code::UnknownFeature);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn feature(&self, name: &str, matrix: &FeatureMatrix) -> FeatureDecision {
        let tier = self.effective.tier();
        let feature = || {
            let first = self.first_tier_with(name, matrix);
            Evidence::Feature {
                feature: name.into(),
                included_from: first.map(TierPolicy::name),
                included_from_label: first.map(|tier| tier.label().into()),
                tier,
                tier_label: matrix.tier_label(&tier).into(),
            }
        };
        let is_in_license = self
            .granted_by_license()
            .any(|granted| granted.allows(name));
        let (granted, code, evidence) = if self.allows(name) {
            (true, self.code, feature())
        } else if is_in_license && self.outcome == Outcome::Denied {
            (false, self.code, self.evidence.clone())
        } else if self.knows_feature(name, matrix) {
            (false, Code::FeatureNotIncluded, feature())
        } else {
            let unknown = Evidence::UnknownFeature {
                feature: name.into(),
                product: matrix.product(),
                tier,
            };
            (false, Code::UnknownFeature, unknown)
        };
        FeatureDecision {
            granted,
            code,
            evidence,
        }
    }

    /// Returns the lowest tier with the feature. Returns `None` if the current tier has the
    /// feature, but this license does not.
    fn first_tier_with<'m>(
        &self,
        feature: &str,
        matrix: &'m FeatureMatrix,
    ) -> Option<&'m TierPolicy> {
        let current = matrix.tier(self.effective.tier());
        let lacks = current.is_none_or(|tier| !tier.entitlements().allows(feature));
        let first = matrix.first_tier_with(feature);
        first.filter(|_| lacks || self.allows(feature))
    }

    /// Returns whether a tier of the product or a license in the evaluated file has the quota, even
    /// if the license is denied. A program that asks for another quota has a misspelled name.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # use license_core::{Context, FeatureMatrix};
    /// # let license = fixture::license()?;
    /// # let matrix = FeatureMatrix::built_in();
    /// # let now = license_core::time::parse_instant("2027-01-15T00:00:00Z")?;
    /// # let decision = license.evaluate(matrix, &Context::at(now));
    /// assert!(decision.knows_quota("commands_per_day", matrix));
    /// assert!(!decision.knows_quota("comands_per_day", matrix));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn knows_quota(&self, name: &str, matrix: &FeatureMatrix) -> bool {
        let in_product = matrix.quotas().any(|quota| quota == name);
        in_product || self.granted().any(|granted| granted.quota(name).is_some())
    }

    /// Returns whether a tier of the product or a license in the evaluated file has the feature.
    pub(crate) fn knows_feature(&self, name: &str, matrix: &FeatureMatrix) -> bool {
        let in_product = matrix.first_tier_with(name).is_some();
        in_product || self.granted().any(|granted| granted.allows(name))
    }

    /// Returns all entitlements that the vendor has granted, even those of denied licenses.
    fn granted(&self) -> impl Iterator<Item = &Entitlements> {
        let in_file = self.in_file.iter().map(|granted| &**granted);
        self.granted_by_license().chain(in_file)
    }

    /// Returns the entitlements that the vendor has granted with the license or its validation.
    fn granted_by_license(&self) -> impl Iterator<Item = &Entitlements> {
        let license = self.license.as_ref().map(License::entitlements);
        license.into_iter().chain(self.validated.as_deref())
    }
}
