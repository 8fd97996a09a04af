//! Short codes that appear in license keys: product, tier and company.

use std::fmt;

use crate::encoding::value::text_value;

const MAX: usize = 16;

/// A string of up to 16 ASCII bytes, stored inline so that names are `Copy`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct InlineString {
    bytes: [u8; MAX],
    length: u8,
}

impl InlineString {
    fn new(text: &str) -> Option<Self> {
        let mut bytes = [0; MAX];
        bytes
            .get_mut(..text.len())?
            .copy_from_slice(text.as_bytes());
        let length = u8::try_from(text.len()).ok()?;
        Some(Self { bytes, length })
    }

    fn as_str(&self) -> &str {
        let written = self.bytes.get(..usize::from(self.length));
        std::str::from_utf8(written.unwrap_or_default()).unwrap_or_default()
    }
}

/// The reason why a text is not a product code, tier or company code.
///
/// ```
/// use license_core::Tier;
///
/// let error = Tier::parse("pro plus").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "expected a tier of 2 to 16 characters, A-Z and 0-9, starting with a letter"
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("expected {expected}")]
#[non_exhaustive]
pub struct NameError {
    /// A description of the accepted names.
    pub expected: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $expected:literal, $first:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(InlineString);

        impl $name {
            pub(crate) const EXPECTED: &'static str = $expected;

            /// Parses the name.
            ///
            /// # Errors
            ///
            /// Returns [`NameError`] if the text is too short or too long, or has a character that
            /// is not permitted.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                let first: fn(u8) -> bool = $first;
                let is_valid = text.len() >= 2
                    && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
                    && text.bytes().next().is_some_and(first);
                is_valid
                    .then(|| InlineString::new(text))
                    .flatten()
                    .map(Self)
                    .ok_or(NameError { expected: $expected })
            }

            /// Returns the name as text.
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        text_value!($name, $expected, NameError);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.as_str())
            }
        }
    };
}

name! {
    /// A product code such as `CODITECT`: 2 to 16 characters of `A-Z0-9`, starting with a letter.
    ///
    /// ```
    /// use license_core::ProductCode;
    ///
    /// let product: ProductCode = "CODITECT".parse()?;
    /// assert_eq!(product.as_str(), "CODITECT");
    /// assert_eq!(serde_json::to_string(&product)?, r#""CODITECT""#);
    /// assert!(ProductCode::parse("coditect").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ProductCode, "a product code of 2 to 16 characters, A-Z and 0-9, starting with a letter", |b| b.is_ascii_uppercase()
}
name! {
    /// A tier such as `PRO`: 2 to 16 characters of `A-Z0-9`, starting with a letter. The feature
    /// matrix of a product defines its tiers.
    ///
    /// ```
    /// use license_core::Tier;
    ///
    /// let tier: Tier = "PRO".parse()?;
    /// assert_eq!(tier, Tier::parse("PRO")?);
    /// assert_eq!(tier.to_string(), "PRO");
    /// # Ok::<(), license_core::ids::NameError>(())
    /// ```
    Tier, "a tier of 2 to 16 characters, A-Z and 0-9, starting with a letter", |b| b.is_ascii_uppercase()
}
name! {
    /// The short code of a company in an enterprise key: 2 to 16 characters of `A-Z0-9`.
    ///
    /// ```
    /// use license_core::ids::Company;
    ///
    /// let company: Company = "3M".parse()?;
    /// assert_eq!(company.as_str(), "3M");
    /// # Ok::<(), license_core::ids::NameError>(())
    /// ```
    Company, "a company code of 2 to 16 characters, A-Z and 0-9", |_| true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_a_fixed_alphabet_and_a_limited_length() {
        assert_eq!(ProductCode::parse("CODITECT").unwrap().as_str(), "CODITECT");
        assert_eq!(Company::parse("3M").unwrap().as_str(), "3M");
        for wrong in ["", "A", "9LIVES", "lower", "A-B", "ÄÖ", "ABCDEFGHIJKLMNOPQ"] {
            assert!(ProductCode::parse(wrong).is_err(), "{wrong}");
            assert!(Tier::parse(wrong).is_err(), "{wrong}");
        }
        assert!(Tier::parse("ABCDEFGHIJKLMNOP").is_ok());
    }
}
