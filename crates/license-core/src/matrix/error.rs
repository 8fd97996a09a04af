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
    #[error("product file: expected at most {limit} tiers, found more")]
    TooManyTiers {
        /// The maximum number of tiers.
        limit: usize,
    },
    /// The tiers of the file have too many features and quotas, including those that they inherit.
    #[error(
        "product file: expected at most {limit} features and quotas in all tiers, including \
         inherited ones, found more"
    )]
    TooManyEntitlements {
        /// The maximum number of features and quotas.
        limit: usize,
    },
    /// A value is not the name of a tier in the file.
    #[error(
        "product file: {}`{place}`: expected the name of a tier in this file ({tiers}), found \
         `{found}`", at(*position)
    )]
    UnknownTier {
        /// The position of the value, if it is known.
        position: Option<Position>,
        /// The path of the value, such as `trial.tier`.
        place: String,
        /// The names of the tiers.
        tiers: String,
        /// The value.
        found: String,
    },
    /// A value is not valid.
    #[error("product file: {}`{place}`: expected {expected}", at(*position))]
    Value {
        /// The position of the value, if it is known.
        position: Option<Position>,
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

    /// Adds the position of the value, which `find` returns for its path.
    pub(super) fn located(mut self, find: impl FnOnce(&str) -> Option<Position>) -> Self {
        if let Self::UnknownTier {
            place, position, ..
        }
        | Self::Value {
            place, position, ..
        } = &mut self
        {
            *position = find(place);
        }
        self
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

    /// Returns a file of 64 tiers, which all inherit the features of the first one.
    fn inheriting(features: usize) -> String {
        let names: Vec<_> = (0..features).map(|n| format!("'f{n}'")).collect();
        let names = names.join(",");
        let mut text = format!(
            "product='ACME'\nissuer='Acme'\nbase_tier='T0'\n\
             [[tiers]]\nname='T0'\nfeatures=[{names}]\n"
        );
        for tier in 1..64 {
            let before = tier - 1;
            text += &format!("[[tiers]]\nname='T{tier}'\nextends='T{before}'\nfeatures=[]\n");
        }
        text
    }

    #[test]
    fn inherited_features_count_against_a_limit() {
        assert!(FeatureMatrix::parse(&inheriting(1024)).is_ok());
        assert!(FeatureMatrix::parse(&inheriting(1025)).is_err());
    }

    #[test]
    fn an_error_names_the_line_of_the_value() {
        let file = "product = 'ACME'\nissuer = 'Acme'\nbase_tier = 'A1'\n[trial]\ntier = 'B1'\n\
                    days = 9\n[[tiers]]\nname = 'A1'\nfeatures = []\nquotas = { x = 1, y = -2 }\n";
        let right = file.replace("'B1'", "'A1'");
        let again = "[[tiers]]\nname = 'A1'\nfeatures = []\n";
        for (text, position) in [
            (
                file.replace("-2", "2"),
                "at line 5, character 8: `trial.tier`",
            ),
            (
                right.clone(),
                "at line 10, character 23: `tiers.A1.quotas.y`",
            ),
            (
                right.replace("-2", "2") + again,
                "at line 11, character 1: `tiers.A1`",
            ),
            (
                right.replace("-2", "2").replace("'ACME'", "'acme'"),
                "at character 11: `product`",
            ),
        ] {
            assert!(message(&text).contains(position), "{}", message(&text));
        }
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
            (
                format!("{minimal}[trial]\ntier='a1'\ndays=9"),
                "`trial.tier`: expected the name of a tier in this file (A1), found `a1`",
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
            (inheriting(1025), "at most 65536 features and quotas"),
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
