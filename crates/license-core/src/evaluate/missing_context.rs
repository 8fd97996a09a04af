//! Values that a license restricts and the context lacks.

use std::fmt;

use super::verified_licenses::with_artifacts;
use super::{Context, Decision, Evidence, Outcome, RuleOutcome};
use crate::code::Code;
use crate::key::LicenseId;
use crate::license::{License, VerifiedLicenses};
use crate::matrix::FeatureMatrix;

/// A value that an application provides in a [`Context`], and that a license can restrict.
///
/// The usage type is not one of these values, because it has a default.
///
/// ```
/// use license_core::evaluate::ContextValue;
///
/// println!("call `{}` on the context", ContextValue::User.as_str());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ContextValue {
    /// The user, see [`Context::user`].
    User,
    /// The version of the application, see [`Context::app_version`].
    AppVersion,
    /// The build date of the application, see [`Context::build_date`].
    BuildDate,
}

/// A license that is denied because the context lacks a value.
///
/// Missing context fails closed. The defect is in the application, which must provide the value.
/// The license can still be denied with the value, for example if the value is another user.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let (trust, text) = (fixture::trust()?, fixture::token_for_named_users());
/// # let matrix = license_core::FeatureMatrix::built_in();
/// # let licenses = license_core::VerifiedLicenses::verify(text, &trust, matrix)?;
/// use license_core::{Context, time};
///
/// // A license for named users is evaluated without a user.
/// let context = Context::at(time::parse_instant("2027-01-15")?);
/// let missing = licenses.missing_context(matrix, &context).ok_or("nothing is missing")?;
/// let message = format!("license {} needs the {}", missing.license, missing.value);
/// assert!(message.ends_with("needs the user"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MissingContext {
    /// The license that restricts the value.
    pub license: LicenseId,
    /// The missing value.
    pub value: ContextValue,
}

impl ContextValue {
    /// Returns the name of the value, which is also the name of the method of [`Context`] that sets
    /// it.
    ///
    /// ```
    /// use license_core::evaluate::ContextValue;
    ///
    /// assert_eq!(ContextValue::AppVersion.as_str(), "app_version");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::AppVersion => "app_version",
            Self::BuildDate => "build_date",
        }
    }

    /// Returns the code of a license that is denied because the value is missing.
    ///
    /// ```
    /// use license_core::Code;
    /// use license_core::evaluate::ContextValue;
    ///
    /// assert_eq!(ContextValue::User.code(), Code::UserMismatch);
    /// ```
    pub const fn code(self) -> Code {
        match self {
            Self::User => Code::UserMismatch,
            Self::AppVersion | Self::BuildDate => Code::VersionNotCovered,
        }
    }

    /// Returns the value whose absence the evidence of a failed rule shows.
    fn from_evidence(evidence: &Evidence) -> Option<Self> {
        match evidence {
            Evidence::User { actual: None, .. } => Some(Self::User),
            Evidence::Version { actual: None, .. } => Some(Self::AppVersion),
            Evidence::BuildDate { actual: None, .. } => Some(Self::BuildDate),
            _ => None,
        }
    }
}

impl fmt::Display for ContextValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Decision {
    /// Returns the value whose absence from the context denied the license.
    fn missing_value(&self) -> Option<ContextValue> {
        let is_denied = self.outcome() == Outcome::Denied;
        ContextValue::from_evidence(self.evidence()).filter(|_| is_denied)
    }
}

impl VerifiedLicenses {
    /// Returns a license that is denied only because the context lacks values, and the first of
    /// these values.
    ///
    /// If there is no such license, returns the license in effect, provided that its decision names
    /// a missing value. Other licenses that would be denied even with the value are ignored, such
    /// as a superseded license next to the license that replaces it.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (trust, text) = (fixture::trust()?, fixture::token_for_named_users());
    /// use license_core::{Context, FeatureMatrix, VerifiedLicenses, time};
    /// use license_core::evaluate::ContextValue;
    ///
    /// // The license is for the users `alice` and `bob`.
    /// let matrix = FeatureMatrix::built_in();
    /// let licenses = VerifiedLicenses::verify(text, &trust, matrix)?;
    /// let context = Context::at(time::parse_instant("2027-01-15")?);
    /// let missing = licenses.missing_context(matrix, &context).ok_or("nothing is missing")?;
    /// assert_eq!(missing.value, ContextValue::User);
    ///
    /// // With a user, nothing is missing. The license is denied to other users as usual.
    /// let carol = context.user("carol");
    /// assert_eq!(licenses.missing_context(matrix, &carol), None);
    /// assert_eq!(licenses.evaluate(matrix, &carol).code(), ContextValue::User.code());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn missing_context(
        &self,
        matrix: &FeatureMatrix,
        context: &Context<'_>,
    ) -> Option<MissingContext> {
        let lacks_value = |license: &&License| restricts_missing_value(license, context);
        let mut restricted = self.licenses().iter().filter(lacks_value).peekable();
        // Usually, the context has all values.
        restricted.peek()?;
        let with_files = with_artifacts(self, context);
        let needed = restricted.find_map(|license| {
            let value = only_missing_value(license, matrix, &with_files)?;
            Some((license.id().clone(), value))
        });
        let (license, value) = needed.or_else(|| {
            let decision = self.evaluate(matrix, context);
            Some((decision.license()?.id().clone(), decision.missing_value()?))
        })?;
        Some(MissingContext { license, value })
    }
}

/// Returns whether the license restricts a value that the context lacks.
fn restricts_missing_value(license: &License, context: &Context<'_>) -> bool {
    let lacks_version = context.app_version.is_none() && license.max_version().is_some();
    let lacks_date = context.build_date.is_none() && license.maintenance_until().is_some();
    context.user.is_none() && license.users().is_some()
        || !context.is_for_any_version && (lacks_version || lacks_date)
}

/// Returns the first missing value, if every rule that fails lacks a value.
fn only_missing_value(
    license: &License,
    matrix: &FeatureMatrix,
    context: &Context<'_>,
) -> Option<ContextValue> {
    let results = license.explain(matrix, context);
    let failed = |outcome: RuleOutcome| matches!(outcome, RuleOutcome::Denied(_));
    let mut failed = results.iter().filter(|result| failed(result.outcome));
    let first = ContextValue::from_evidence(&failed.next()?.evidence)?;
    let is_missing = |evidence: &Evidence| ContextValue::from_evidence(evidence).is_some();
    failed
        .all(|result| is_missing(&result.evidence))
        .then_some(first)
}
