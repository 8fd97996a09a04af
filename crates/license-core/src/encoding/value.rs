//! Text form of values: `FromStr` and serde in terms of the function `parse` of a type.

/// The reason why a text is not a value of a type, such as a usage type or a license id.
///
/// ```
/// use license_core::policy::UsageType;
///
/// let error = "server".parse::<UsageType>().unwrap_err();
/// assert_eq!(error.to_string(), "expected `builder` or `runtime`");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("expected {expected}")]
#[non_exhaustive]
pub struct ValueError {
    /// A description of the accepted texts.
    pub expected: &'static str,
}

impl ValueError {
    /// Creates an error from a description of the accepted texts.
    ///
    /// ```
    /// use license_core::encoding::ValueError;
    ///
    /// let error = ValueError::new("`on` or `off`");
    /// assert_eq!(error.to_string(), "expected `on` or `off`");
    /// ```
    pub const fn new(expected: &'static str) -> Self {
        Self { expected }
    }
}

/// Implements `FromStr` and serde with the function `parse` of the type.
///
/// Without an error type, `parse` returns an `Option`, and the error of `FromStr` is
/// [`ValueError`]. With an error type, `parse` returns a `Result`. The JSON form is the text that
/// `Display` prints.
macro_rules! text_value {
    ($type:ty, $expected:expr) => {
        impl std::str::FromStr for $type {
            type Err = $crate::encoding::value::ValueError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let error = $crate::encoding::value::ValueError::new($expected);
                Self::parse(text).ok_or(error)
            }
        }

        $crate::encoding::strict_json::serde_as_text!($type, $expected, <$type>::parse);
    };
    ($type:ty, $expected:expr, $error:ty) => {
        impl std::str::FromStr for $type {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }

        $crate::encoding::strict_json::serde_as_text!($type, $expected, |text| <$type>::parse(
            text
        )
        .ok());
    };
}
pub(crate) use text_value;

/// Implements the text form of an enum without fields: `ALL`, `parse`, `Display`, `FromStr` and
/// serde, with the names that `as_str` returns.
macro_rules! named_value {
    ($type:ident, $noun:literal, $expected:literal, [$($variant:ident),+ $(,)?]) => {
        impl $type {
            /// All values.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            #[doc = concat!("Returns the ", $noun, " with this name: ", $expected, ".")]
            pub fn parse(name: &str) -> Option<Self> {
                let mut all = Self::ALL.iter().copied();
                all.find(|value| value.as_str() == name)
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        $crate::encoding::value::text_value!($type, $expected);
    };
}
pub(crate) use named_value;
