//! Errors of product files.

use crate::code::Code;
use crate::encoding::pasted::Position;

/// The reason why a text is not a product file.
///
/// ```
/// use license_core::{FeatureMatrix, with_causes};
///
/// let error = FeatureMatrix::parse("product = 7").err().ok_or("expected an error")?;
/// println!("{}: {}", error.code(), with_causes(&error));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProductFileError {
    /// The text is not TOML, or its members are not those of a product file.
    #[error("product file: {}{reason}", at(*position))]
    Toml {
        /// The position of the error, if it is known.
        position: Option<Position>,
        /// The message of the TOML parser.
        reason: String,
    },
    /// The file has too many tiers.
    #[error("product file: expected at most {limit} tiers")]
    TooManyTiers {
        /// The maximum number of tiers.
        limit: usize,
    },
    /// A value is not valid.
    #[error("product file: `{place}`: expected {expected}")]
    Value {
        /// The path of the value, such as `tiers.PRO.quotas.agents`.
        place: String,
        /// A description of the valid values.
        expected: &'static str,
    },
}

impl ProductFileError {
    /// Returns the reason code.
    ///
    /// ```
    /// use license_core::{Code, FeatureMatrix};
    ///
    /// let error = FeatureMatrix::parse("product = 7").err().ok_or("expected an error")?;
    /// assert_eq!(error.code(), Code::Malformed);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn code(&self) -> Code {
        Code::Malformed
    }
}

fn at(position: Option<Position>) -> String {
    position.map_or_else(String::new, |position| format!("at {position}: "))
}

#[cfg(test)]
mod tests {
    use crate::matrix::FeatureMatrix;

    fn message(text: &str) -> String {
        FeatureMatrix::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn an_error_names_the_path_of_the_value() {
        let minimal =
            "product='ACME'\nissuer='Acme'\nbase_tier='A1'\n[[tiers]]\nname='A1'\nfeatures=[]\n";
        assert!(FeatureMatrix::parse(minimal).is_ok());
        let cases = [
            (minimal.replace("='ACME'", "='acme'"), "`product`"),
            (
                minimal.replace("base_tier='A1'", "base_tier='B1'"),
                "`base_tier`",
            ),
            (format!("{minimal}extends='B1'"), "`tiers.A1.extends`"),
            (format!("{minimal}quotas={{x=-2}}"), "`tiers.A1.quotas.x`"),
            (
                format!("{minimal}check_in_every_hours=48\noffline_grace_hours=24"),
                "`tiers.A1.offline_grace_hours`",
            ),
            (
                format!("{minimal}[[tiers]]\nname='A1'\nfeatures=[]"),
                "`tiers.A1`",
            ),
            (
                minimal.replace("features=[]", "features=['Not Snake']"),
                "`tiers.A1.features`",
            ),
            (format!("{minimal}color='red'"), "unknown field"),
            (format!("{minimal}renewal=[14, 72]"), "expected a table"),
            (format!("trial=['A1', 14]\n{minimal}"), "expected a table"),
            ("not toml".to_owned(), "product file"),
        ];
        for (text, place) in cases {
            assert!(
                message(&text).contains(place),
                "{place}: {}",
                message(&text)
            );
        }
    }
}
