//! The rules of an evaluation, and their results.

use std::fmt;

use super::Evidence;
use crate::code::Code;
use crate::encoding::value::text_value;

/// A rule of an evaluation.
///
/// ```
/// use license_core::evaluate::Rule;
///
/// for rule in Rule::ALL {
///     println!("{rule}");
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// The license is for this product.
    Product,
    /// The license is not revoked.
    Revoked,
    /// No newer license replaces the license.
    Superseded,
    /// The license is neither suspended nor canceled.
    Status,
    /// The license has started.
    NotBefore,
    /// The license is not locked to other machines, is not deactivated on this machine, and is
    /// activated if necessary.
    Machine,
    /// The license is not restricted to other users.
    User,
    /// The license is for this usage type.
    Usage,
    /// The license covers this version of the application.
    Version,
    /// The license has not expired.
    Expiry,
    /// The license was validated recently enough.
    CheckIn,
    /// The session holds a floating seat, if the license requires one.
    Seat,
}

impl Rule {
    /// All rules, in the order in which they are checked. The first rule that fails denies the
    /// license.
    pub const ALL: [Self; 12] = [
        Self::Product,
        Self::Revoked,
        Self::Superseded,
        Self::Status,
        Self::NotBefore,
        Self::Machine,
        Self::User,
        Self::Usage,
        Self::Version,
        Self::Expiry,
        Self::CheckIn,
        Self::Seat,
    ];

    /// Returns the rule with this name.
    ///
    /// ```
    /// use license_core::evaluate::Rule;
    ///
    /// assert_eq!(Rule::parse("not before"), Some(Rule::NotBefore));
    /// assert_eq!(Rule::parse("not_before"), None);
    /// ```
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.as_str() == name)
    }

    /// Returns the name of the rule, as `explain` prints it.
    ///
    /// ```
    /// use license_core::evaluate::Rule;
    ///
    /// assert_eq!(Rule::CheckIn.as_str(), "check-in");
    /// assert_eq!(Rule::CheckIn.to_string(), "check-in");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Product => "product",
            Self::Revoked => "revoked",
            Self::Superseded => "superseded",
            Self::Status => "status",
            Self::NotBefore => "not before",
            Self::Machine => "machine",
            Self::User => "user",
            Self::Usage => "usage type",
            Self::Version => "version",
            Self::Expiry => "expiry",
            Self::CheckIn => "check-in",
            Self::Seat => "seat",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

text_value!(Rule, "the name of a rule, such as `expiry`");

/// Outcome of a rule.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let license = fixture::license()?;
/// use license_core::{Code, Context, FeatureMatrix, time};
/// use license_core::evaluate::RuleOutcome;
///
/// // The license ended the day before, and has a grace period of three days.
/// let context = Context::at(time::parse_instant("2028-01-02")?);
/// let mut reasons = Vec::new();
/// for result in license.explain(FeatureMatrix::built_in(), &context) {
///     match result.outcome {
///         RuleOutcome::Grace(code) | RuleOutcome::Denied(code) => reasons.push(code),
///         RuleOutcome::Passed | RuleOutcome::NotApplicable => {}
///     }
/// }
/// assert_eq!(reasons, [Code::GraceRenewal]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RuleOutcome {
    /// The rule does not apply to the license.
    NotApplicable,
    /// The rule passes.
    Passed,
    /// The rule fails, but the license is valid for the rest of a grace period.
    Grace(Code),
    /// The rule fails.
    Denied(Code),
}

impl RuleOutcome {
    /// Returns the name in JSON: `not_applicable`, `passed`, `grace` or `denied`.
    ///
    /// ```
    /// use license_core::Code;
    /// use license_core::evaluate::RuleOutcome;
    ///
    /// assert_eq!(RuleOutcome::NotApplicable.as_str(), "not_applicable");
    /// assert_eq!(RuleOutcome::Denied(Code::Expired).as_str(), "denied");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotApplicable => "not_applicable",
            Self::Passed => "passed",
            Self::Grace(_) => "grace",
            Self::Denied(_) => "denied",
        }
    }

    /// Returns the reason code, or `None` if the rule passes or does not apply.
    ///
    /// ```
    /// use license_core::Code;
    /// use license_core::evaluate::RuleOutcome;
    ///
    /// assert_eq!(RuleOutcome::Passed.code(), None);
    /// assert_eq!(RuleOutcome::Denied(Code::Expired).code(), Some(Code::Expired));
    /// ```
    pub const fn code(self) -> Option<Code> {
        match self {
            Self::NotApplicable | Self::Passed => None,
            Self::Grace(code) | Self::Denied(code) => Some(code),
        }
    }
}

/// Result of a rule. The JSON form is `{rule, outcome, code, evidence}`.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let license = fixture::license()?;
/// use license_core::{Context, FeatureMatrix, time};
///
/// let context = Context::at(time::parse_instant("2027-01-15")?);
/// for result in license.explain(FeatureMatrix::built_in(), &context) {
///     println!("{}: {}", result.rule, result.evidence.actual());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RuleResult {
    /// The rule.
    pub rule: Rule,
    /// The outcome.
    pub outcome: RuleOutcome,
    /// The expected and actual values.
    pub evidence: Evidence,
}
