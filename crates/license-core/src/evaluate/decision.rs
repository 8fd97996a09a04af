//! Result of an evaluation.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::warning::clock_behind;
use super::{Context, Evidence, Outcome, Rule, Warning};
use crate::code::Code;
use crate::license::License;
use crate::matrix::FeatureMatrix;
use crate::policy::{Entitlements, Quota};
use crate::time;

/// Decision about a license: the entitlements that apply now, and the reason.
///
/// A lookup of a feature or quota takes nanoseconds and does not allocate. The JSON form is the
/// object that `license verify --json` prints and `docs/codes.md` documents.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let license = fixture::license()?;
/// use license_core::{Context, FeatureMatrix, time};
///
/// let context = Context::at(time::parse_instant("2027-01-15")?);
/// let decision = license.evaluate(FeatureMatrix::built_in(), &context);
/// assert_eq!(decision.code().as_str(), "VALID");
/// assert!(decision.allows("cloud_sync"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Decision {
    pub(super) outcome: Outcome,
    pub(super) code: Code,
    pub(super) license: Option<License>,
    pub(super) effective: Arc<Entitlements>,
    /// Entitlements of the license in the newest validation by the vendor.
    pub(super) validated: Option<Arc<Entitlements>>,
    /// Entitlements of all artifacts in a file of several licenses.
    pub(super) in_file: Vec<Arc<Entitlements>>,
    pub(super) rule: Option<Rule>,
    pub(super) evidence: Evidence,
    pub(super) warnings: Vec<Warning>,
    pub(super) evaluated_at: DateTime<Utc>,
    pub(super) valid_until: Option<DateTime<Utc>>,
    pub(super) check_in: Option<Evidence>,
}

impl Decision {
    /// Returns the decision without a license: denied, with the entitlements of the base tier.
    ///
    /// ```
    /// use license_core::{Code, Context, Decision, FeatureMatrix, time};
    ///
    /// let now = time::parse_instant("2027-01-15")?;
    /// let matrix = FeatureMatrix::built_in();
    /// let decision = Decision::without_license(matrix, &Context::at(now));
    /// assert_eq!(decision.code(), Code::NoLicense);
    /// assert!(decision.allows("local_execution"), "the base tier has this feature");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn without_license(matrix: &FeatureMatrix, context: &Context<'_>) -> Self {
        let clock = context.clock();
        let now = context.high_water.map_or(clock, |mark| mark.max(clock));
        Self {
            outcome: Outcome::Denied,
            code: Code::NoLicense,
            license: None,
            effective: Arc::clone(matrix.base_tier().entitlements()),
            validated: None,
            in_file: Vec::new(),
            rule: None,
            evidence: Evidence::NoLicense,
            warnings: clock_behind(clock, now).into_iter().collect(),
            evaluated_at: now,
            valid_until: None,
            check_in: None,
        }
    }

    /// Returns the validity of the license.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # use license_core::{Context, FeatureMatrix};
    /// # let license = fixture::license()?;
    /// # let now = license_core::time::parse_instant("2027-01-15T00:00:00Z")?;
    /// # let decision = license.evaluate(FeatureMatrix::built_in(), &Context::at(now));
    /// use license_core::evaluate::Outcome;
    ///
    /// assert_eq!(decision.outcome(), Outcome::Licensed);
    /// assert_eq!(decision.outcome().as_str(), "licensed");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Returns the reason code.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # use license_core::{Context, FeatureMatrix};
    /// # let license = fixture::license()?;
    /// # let now = license_core::time::parse_instant("2027-01-15T00:00:00Z")?;
    /// # let decision = license.evaluate(FeatureMatrix::built_in(), &Context::at(now));
    /// use license_core::Code;
    ///
    /// assert_eq!(decision.code(), Code::Valid);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn code(&self) -> Code {
        self.code
    }

    /// Returns the evaluated license, or `None` if there is no license.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # use license_core::{Context, FeatureMatrix};
    /// # let license = fixture::license()?;
    /// # let now = license_core::time::parse_instant("2027-01-15T00:00:00Z")?;
    /// # let decision = license.evaluate(FeatureMatrix::built_in(), &Context::at(now));
    /// assert_eq!(decision.license().map(|license| license.customer()), Some("ACME Ltd"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn license(&self) -> Option<&License> {
        self.license.as_ref()
    }

    /// Returns the entitlements that apply now: those of the license, or those of the base tier if
    /// the license is denied.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # use license_core::{Context, FeatureMatrix};
    /// # let license = fixture::license()?;
    /// # let now = license_core::time::parse_instant("2027-01-15T00:00:00Z")?;
    /// # let decision = license.evaluate(FeatureMatrix::built_in(), &Context::at(now));
    /// let entitlements = decision.entitlements();
    /// assert_eq!(entitlements.tier().as_str(), "PRO");
    /// assert!(entitlements.features().any(|feature| feature == "cloud_sync"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn entitlements(&self) -> &Entitlements {
        &self.effective
    }

    /// Returns whether the feature may be used now.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # use license_core::{Context, FeatureMatrix};
    /// # let license = fixture::license()?;
    /// # let now = license_core::time::parse_instant("2027-01-15T00:00:00Z")?;
    /// # let decision = license.evaluate(FeatureMatrix::built_in(), &Context::at(now));
    /// assert!(decision.allows("cloud_sync"));
    /// assert!(!decision.allows("sso"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn allows(&self, feature: &str) -> bool {
        self.effective.allows(feature)
    }

    /// Returns the quota that applies now, or `None` if there is no quota with this name.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # use license_core::{Context, FeatureMatrix};
    /// # let license = fixture::license()?;
    /// # let now = license_core::time::parse_instant("2027-01-15T00:00:00Z")?;
    /// # let decision = license.evaluate(FeatureMatrix::built_in(), &Context::at(now));
    /// use license_core::policy::Quota;
    ///
    /// assert_eq!(decision.quota("agents"), Some(Quota::Limit(52)));
    /// assert_eq!(decision.quota("commands_per_day"), Some(Quota::Unlimited));
    /// assert_eq!(decision.quota("no_such_quota"), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn quota(&self, name: &str) -> Option<Quota> {
        self.effective.quota(name)
    }

    /// Returns the decisive rule, or `None` if there is no license.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # use license_core::{Context, FeatureMatrix};
    /// # let license = fixture::license()?;
    /// # let now = license_core::time::parse_instant("2027-01-15T00:00:00Z")?;
    /// # let decision = license.evaluate(FeatureMatrix::built_in(), &Context::at(now));
    /// use license_core::evaluate::Rule;
    ///
    /// assert_eq!(decision.rule(), Some(Rule::Expiry));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rule(&self) -> Option<Rule> {
        self.rule
    }

    /// Returns the expected and actual values of the decisive rule.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// use license_core::{Context, FeatureMatrix, time};
    ///
    /// let now = time::parse_instant("2028-06-01")?;
    /// let decision = license.evaluate(FeatureMatrix::built_in(), &Context::at(now));
    /// let evidence = decision.evidence();
    /// assert_eq!(evidence.actual(), "2028-06-01T00:00:00Z");
    /// assert!(evidence.expected().starts_with("before 2028-01-01T00:00:00Z"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// Returns the rest of the grace period, or `None` outside a grace period.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// use license_core::chrono::TimeDelta;
    /// use license_core::{Context, FeatureMatrix, time};
    /// use license_core::evaluate::Outcome;
    ///
    /// let now = time::parse_instant("2028-01-02")?;
    /// let decision = license.evaluate(FeatureMatrix::built_in(), &Context::at(now));
    /// // The license ended on the first day of 2028. Its grace period has 72 hours.
    /// assert_eq!(decision.outcome(), Outcome::Grace);
    /// assert_eq!(decision.grace_left(), Some(TimeDelta::hours(48)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn grace_left(&self) -> Option<TimeDelta> {
        let until = self
            .valid_until
            .filter(|_| self.outcome == Outcome::Grace)?;
        Some(time::duration_since(until, self.evaluated_at))
    }

    /// Returns the instant at which the license ends if no other artifact is installed until then.
    /// Grace periods and installed successors are included. The end of a lease is not, because the
    /// program renews it. Returns `None` if the license is denied, or if nothing ends the license.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// use license_core::{Context, FeatureMatrix, time};
    ///
    /// let now = time::parse_instant("2027-01-15")?;
    /// let decision = license.evaluate(FeatureMatrix::built_in(), &Context::at(now));
    /// // The license ends on the first day of 2028. Its grace period has 72 hours.
    /// assert_eq!(decision.holds_until(), Some(time::parse_instant("2028-01-04")?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn holds_until(&self) -> Option<DateTime<Utc>> {
        self.valid_until
    }

    /// Returns the [`Evidence::CheckIn`] of a license that must be validated, even if another rule
    /// is decisive.
    ///
    /// ```
    /// # use license_core::{TrustSet, Unverified};
    /// # let trust = TrustSet::parse(include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # )))?;
    /// # let token = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/tokens/valid-team.jwt"
    /// # ));
    /// # let license = Unverified::parse(token)?.verify(&trust)?;
    /// use license_core::{Context, FeatureMatrix, time};
    /// use license_core::evaluate::Evidence;
    ///
    /// let now = time::parse_instant("2027-01-01T09:00:00Z")?;
    /// let decision = license.evaluate(FeatureMatrix::built_in(), &Context::at(now));
    /// let Some(Evidence::CheckIn { due_at, .. }) = decision.check_in() else {
    ///     return Err("expected a license with check-ins".into());
    /// };
    /// // The license was issued on the first day of 2027, and requires a check-in every 24 hours.
    /// assert_eq!(*due_at, time::parse_instant("2027-01-02")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn check_in(&self) -> Option<&Evidence> {
        self.check_in.as_ref()
    }

    /// Returns the warnings.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// use license_core::{Context, FeatureMatrix, time};
    ///
    /// let now = time::parse_instant("2027-12-29")?;
    /// let decision = license.evaluate(FeatureMatrix::built_in(), &Context::at(now));
    /// for warning in decision.warnings() {
    ///     eprintln!("{}: {warning}", warning.code());
    /// }
    /// assert_eq!(decision.warnings().len(), 1, "the license expires soon");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Returns the instant of the evaluation: the latest of the clock and all instants seen before,
    /// such as the clock high-water mark.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// use license_core::{Context, FeatureMatrix, time};
    ///
    /// let now = time::parse_instant("2026-06-01")?;
    /// let decision = license.evaluate(FeatureMatrix::built_in(), &Context::at(now));
    /// // The license was issued after the time of the clock.
    /// assert!(decision.evaluated_at() > now);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn evaluated_at(&self) -> DateTime<Utc> {
        self.evaluated_at
    }
}
