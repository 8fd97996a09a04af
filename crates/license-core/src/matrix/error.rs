//! What is wrong with a product file.

use crate::encoding::pasted::Position;

/// Why a text is no product file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MatrixError {
    /// Not TOML of this form.
    #[error("product file: {}{reason}", at(*position))]
    Toml {
        /// Where, if that can be said.
        position: Option<Position>,
        /// What is wrong there.
        reason: String,
    },
    /// More tiers than are read.
    #[error("product file: expected at most {limit} tiers")]
    TooManyTiers {
        /// The most tiers.
        limit: usize,
    },
    /// A value is not what it must be.
    #[error("product file: `{place}`: expected {expected}")]
    Value {
        /// Where, as in `tiers.PRO.quotas.agents`.
        place: String,
        /// What it must be.
        expected: &'static str,
    },
}

fn at(position: Option<Position>) -> String {
    position.map_or_else(String::new, |position| format!("at {position}: "))
}

#[cfg(test)]
mod tests {
    use crate::matrix::Matrix;

    fn refusal(text: &str) -> String {
        Matrix::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn contradictions_are_named_with_their_place() {
        let minimal =
            "product='ACME'\nissuer='Acme'\nbase_tier='A1'\n[[tiers]]\nname='A1'\nfeatures=[]\n";
        assert!(Matrix::parse(minimal).is_ok());
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
            (format!("{minimal}colour='red'"), "unknown field"),
            (format!("{minimal}renewal=[14, 72]"), "expected a table"),
            (format!("trial=['A1', 14]\n{minimal}"), "expected a table"),
            ("not toml".to_owned(), "product file"),
        ];
        for (text, place) in cases {
            assert!(
                refusal(&text).contains(place),
                "{place}: {}",
                refusal(&text)
            );
        }
    }
}
