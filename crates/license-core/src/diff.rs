//! Comparison of two licenses from the customer's point of view.

mod change;
mod compare;
mod describe;

pub use change::{Change, Effect};

use serde::{Serialize, Serializer};

use crate::claims::LicenseClaims;
use crate::encoding::value::named_value;
use crate::license::License;
use crate::matrix::FeatureMatrix;

/// The changes for the customer between two licenses.
///
/// The license id, the serial and the time of issue are not compared. The JSON form is
/// `{succession, worse, losses, gains, others}`, where the last three members are arrays of
/// [`Change`].
///
/// ```
/// use license_core::{FeatureMatrix, TrustSet, Unverified};
/// use license_core::diff::{Difference, Succession};
///
/// # const JWKS: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
/// # ));
/// # const BEFORE: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/tokens/valid-pro.jwt"
/// # ));
/// # const AFTER: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/tokens/renewal.jwt"
/// # ));
/// let trust = TrustSet::parse(JWKS)?;
/// let before = Unverified::parse(BEFORE)?.verify(&trust)?;
/// let after = Unverified::parse(AFTER)?.verify(&trust)?;
/// let difference = Difference::from_licenses(&before, &after, FeatureMatrix::built_in());
/// assert_eq!(difference.succession(), Succession::Replaces);
/// assert!(!difference.is_worse());
/// for change in &difference {
///     println!("{change}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    changes: Vec<Change>,
    succession: Succession,
}

/// Iterates over all changes.
impl<'a> IntoIterator for &'a Difference {
    type Item = &'a Change;
    type IntoIter = std::slice::Iter<'a, Change>;

    fn into_iter(self) -> Self::IntoIter {
        self.changes.iter()
    }
}

/// The relation of the second license to the first.
///
/// ```
/// use license_core::diff::Succession;
///
/// let succession: Succession = "replaced_by".parse()?;
/// assert_eq!(succession, Succession::ReplacedBy);
/// # Ok::<(), license_core::encoding::ValueError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Succession {
    /// Both licenses have the same license id.
    Same,
    /// The second license supersedes the first.
    Replaces,
    /// The first license supersedes the second.
    ReplacedBy,
    /// Both licenses are for the same product and for the same customer or company, and neither
    /// license supersedes the other. If both are installed, the license that permits more applies.
    SideBySide,
    /// The licenses are for different products or customers.
    Unrelated,
}

impl Succession {
    /// Returns the name in JSON.
    ///
    /// ```
    /// assert_eq!(license_core::diff::Succession::SideBySide.as_str(), "side_by_side");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Replaces => "replaces",
            Self::ReplacedBy => "replaced_by",
            Self::SideBySide => "side_by_side",
            Self::Unrelated => "unrelated",
        }
    }

    fn from_claims(before: &LicenseClaims, after: &LicenseClaims) -> Self {
        let same_product = before.product == after.product;
        let same_company = before.company.is_some() && before.company == after.company;
        if before.id == after.id {
            Self::Same
        } else if same_product && after.supersedes.contains(&before.id) {
            Self::Replaces
        } else if same_product && before.supersedes.contains(&after.id) {
            Self::ReplacedBy
        } else if same_product && (before.customer == after.customer || same_company) {
            Self::SideBySide
        } else {
            Self::Unrelated
        }
    }
}

named_value!(
    Succession,
    "relation",
    "`same`, `replaces`, `replaced_by`, `side_by_side` or `unrelated`",
    [Same, Replaces, ReplacedBy, SideBySide, Unrelated]
);

impl Difference {
    /// Compares two verified licenses and the keys that signed them.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (before, after) = (fixture::license()?, fixture::renewal()?);
    /// use license_core::FeatureMatrix;
    /// use license_core::diff::Difference;
    ///
    /// let difference = Difference::from_licenses(&before, &after, FeatureMatrix::built_in());
    /// assert!(!difference.is_worse());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_licenses(before: &License, after: &License, matrix: &FeatureMatrix) -> Self {
        let keys = [before, after].map(|license| Some(license.key_id().as_str()));
        Self::from_claims(before.claims(), after.claims(), matrix).signing_keys(keys)
    }

    /// Compares the claims of two licenses. The feature matrix defines the order of the tiers.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (license, enterprise) = (fixture::license()?, fixture::enterprise()?);
    /// # let draft = enterprise.claims();
    /// use license_core::FeatureMatrix;
    /// use license_core::diff::Difference;
    ///
    /// // `draft` contains the claims of a license that is not signed yet.
    /// let matrix = FeatureMatrix::built_in();
    /// let difference = Difference::from_claims(license.claims(), draft, matrix);
    /// for change in difference.changes() {
    ///     println!("{change}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_claims(
        before: &LicenseClaims,
        after: &LicenseClaims,
        matrix: &FeatureMatrix,
    ) -> Self {
        Self {
            changes: compare::compare(before, after, matrix),
            succession: Succession::from_claims(before, after),
        }
    }

    /// Adds a comparison of the ids of the signing keys, unless one of the ids is unknown (`None`).
    ///
    /// The result of [`from_licenses`](Self::from_licenses) already contains this comparison.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (before, after) = (fixture::license()?, fixture::renewal()?);
    /// use license_core::FeatureMatrix;
    /// use license_core::diff::Difference;
    ///
    /// let matrix = FeatureMatrix::built_in();
    /// let difference = Difference::from_claims(before.claims(), after.claims(), matrix)
    ///     .signing_keys([Some("old-key"), Some("new-key")]);
    /// let change = difference.changes().last().ok_or("expected a change")?;
    /// assert_eq!(change.what(), "signing_key");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn signing_keys(mut self, [before, after]: [Option<&str>; 2]) -> Self {
        if let (Some(before), Some(after)) = (before, after) {
            let change = compare::signing_key(before, after);
            self.changes.extend(change);
        }
        self
    }

    /// Returns all changes.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (before, after) = (fixture::license()?, fixture::renewal()?);
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let difference = license_core::diff::Difference::from_licenses(&before, &after, matrix);
    /// for change in difference.changes() {
    ///     println!("{change}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Returns the changes with this effect.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (before, after) = (fixture::license()?, fixture::renewal()?);
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let difference = license_core::diff::Difference::from_licenses(&before, &after, matrix);
    /// use license_core::diff::Effect;
    ///
    /// assert_eq!(difference.with_effect(Effect::Loss).count(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_effect(&self, effect: Effect) -> impl Iterator<Item = &Change> {
        self.changes
            .iter()
            .filter(move |change| change.effect() == effect)
    }

    /// Returns whether nothing changes for the customer.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// use license_core::FeatureMatrix;
    /// use license_core::diff::Difference;
    ///
    /// let matrix = FeatureMatrix::built_in();
    /// assert!(Difference::from_licenses(&license, &license, matrix).is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Returns whether the second license is worse in any respect, which means that a change has
    /// [`Effect::Loss`].
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (before, after) = (fixture::license()?, fixture::renewal()?);
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let difference = license_core::diff::Difference::from_licenses(&before, &after, matrix);
    /// assert!(!difference.is_worse());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_worse(&self) -> bool {
        self.with_effect(Effect::Loss).next().is_some()
    }

    /// Returns the relation of the second license to the first.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (before, after) = (fixture::license()?, fixture::renewal()?);
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let difference = license_core::diff::Difference::from_licenses(&before, &after, matrix);
    /// println!("{}", difference.succession().as_str());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn succession(&self) -> Succession {
        self.succession
    }
}

/// Returns whether the first license is valid until the second one replaces it.
fn is_continued(before: &LicenseClaims, after: &LicenseClaims) -> bool {
    let start = after.valid_from();
    let is_in_time = start.is_none_or(|start| before.expires_at.is_none_or(|end| start <= end));
    Succession::from_claims(before, after) == Succession::Replaces && is_in_time
}

#[derive(Serialize)]
struct DifferenceMembers<'a> {
    succession: &'a str,
    worse: bool,
    losses: Vec<&'a Change>,
    gains: Vec<&'a Change>,
    others: Vec<&'a Change>,
}

impl Serialize for Difference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members = DifferenceMembers {
            succession: self.succession.as_str(),
            worse: self.is_worse(),
            losses: self.with_effect(Effect::Loss).collect(),
            gains: self.with_effect(Effect::Gain).collect(),
            others: self.with_effect(Effect::Other).collect(),
        };
        members.serialize(serializer)
    }
}

#[cfg(test)]
#[cfg(feature = "issue")]
mod tests;
