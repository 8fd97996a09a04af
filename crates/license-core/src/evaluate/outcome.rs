//! Validity of a license.

use crate::encoding::value::named_value;

/// Validity of a license, ordered from worst to best.
///
/// ```
/// use license_core::evaluate::Outcome;
///
/// let outcome: Outcome = "grace".parse()?;
/// assert_eq!(outcome, Outcome::Grace);
/// assert!(Outcome::Denied < outcome && outcome < Outcome::Licensed);
/// # Ok::<(), license_core::encoding::ValueError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The license is not valid. The base tier applies.
    Denied,
    /// The license is valid for the rest of a grace period.
    Grace,
    /// The license is valid.
    Licensed,
}

impl Outcome {
    /// Returns the name in JSON.
    ///
    /// ```
    /// use license_core::evaluate::Outcome;
    ///
    /// assert_eq!(Outcome::Grace.as_str(), "grace");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Licensed => "licensed",
            Self::Grace => "grace",
            Self::Denied => "denied",
        }
    }
}

named_value!(
    Outcome,
    "outcome",
    "`licensed`, `grace` or `denied`",
    [Denied, Grace, Licensed]
);
