//! Labels: the names of a product, its tiers, features and quotas that customers see.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::file::{feature_name, invalid};
use super::table::Table;
use super::{FeatureMatrix, ProductFileError, TierPolicy};
use crate::encoding::pasted::is_invisible;
use crate::encoding::quoted::quoted;
use crate::ids::Tier;

/// Labels by the names of features or quotas.
pub(super) type Labels = BTreeMap<Box<str>, Box<str>>;

/// The maximum length of a label in characters.
pub(super) const MAX_CHARS: usize = 64;

const EXPECTED: &str = "1 to 64 characters without control characters and invisible characters, which start and end with neither a space nor another blank";

/// The members of a feature or quota in a product file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileLabel {
    label: String,
}

impl FeatureMatrix {
    /// Returns the label of the product: its name for customers, such as `Photon`. Without a label
    /// in the product file, this is the product code.
    ///
    /// ```
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// assert_eq!(matrix.label(), "CODITECT", "the built-in product has no labels");
    /// ```
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Returns the label of a tier, or the name of the tier if it has no label.
    ///
    /// ```
    /// use license_core::{FeatureMatrix, Tier};
    ///
    /// let matrix: FeatureMatrix = r#"
    ///     product = "PHOTON"
    ///     issuer = "Photon Ltd"
    ///     base_tier = "HOBBY"
    ///
    ///     [[tiers]]
    ///     name = "HOBBY"
    ///     label = "Hobby"
    ///     features = ["render"]
    /// "#
    /// .parse()?;
    /// assert_eq!(matrix.tier_label(&Tier::parse("HOBBY")?), "Hobby");
    /// // A tier that the product file does not define.
    /// assert_eq!(matrix.tier_label(&Tier::parse("SITE")?), "SITE");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tier_label<'a>(&'a self, name: &'a Tier) -> &'a str {
        self.tier(*name)
            .map_or_else(|| name.as_str(), TierPolicy::label)
    }

    /// Returns the label of a feature, or the name of the feature if it has no label.
    ///
    /// ```
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// for (feature, _) in matrix.features() {
    ///     println!("{}", matrix.feature_label(feature));
    /// }
    /// ```
    pub fn feature_label<'a>(&'a self, name: &'a str) -> &'a str {
        self.feature_labels.get(name).map_or(name, |label| label)
    }

    /// Returns the label of a quota, or the name of the quota if it has no label.
    ///
    /// ```
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// for quota in matrix.quotas() {
    ///     println!("{}", matrix.quota_label(quota));
    /// }
    /// ```
    pub fn quota_label<'a>(&'a self, name: &'a str) -> &'a str {
        self.quota_labels.get(name).map_or(name, |label| label)
    }

    /// Returns the features that have a label, with their labels, in alphabetical order of their
    /// names. A feature need not be in a tier, because a license can add it.
    ///
    /// ```
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// assert_eq!(matrix.feature_labels().count(), 0, "the built-in product has no labels");
    /// ```
    pub fn feature_labels(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        let labels = self.feature_labels.iter();
        labels.map(|(name, label)| (&**name, &**label))
    }

    /// Returns the quotas that have a label, with their labels, in alphabetical order of their
    /// names.
    ///
    /// ```
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// assert_eq!(matrix.quota_labels().count(), 0, "the built-in product has no labels");
    /// ```
    pub fn quota_labels(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        let labels = self.quota_labels.iter();
        labels.map(|(name, label)| (&**name, &**label))
    }

    /// Returns whether the product, a tier, a feature or a quota has a label that differs from its
    /// name.
    ///
    /// ```
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// assert!(!matrix.has_labels());
    /// ```
    pub fn has_labels(&self) -> bool {
        let is_labeled = |tier: &TierPolicy| tier.label() != tier.name().as_str();
        let mut entitlements = self.feature_labels().chain(self.quota_labels());
        self.label() != self.product.as_str()
            || self.tiers.iter().any(is_labeled)
            || entitlements.any(|(name, label)| name != label)
    }
}

/// Returns a valid label.
///
/// # Errors
///
/// Returns [`ProductFileError`] if the label is empty or too long, or could not be shown in a line
/// of text.
pub(super) fn parse(place: &str, label: String) -> Result<Box<str>, ProductFileError> {
    let length = label.chars().count();
    let is_valid = (1..=MAX_CHARS).contains(&length)
        && label.chars().all(is_visible)
        && !label.starts_with(' ')
        && !label.ends_with(' ');
    if is_valid {
        Ok(label.into())
    } else {
        Err(invalid(place, EXPECTED))
    }
}

/// Returns the labels of features or quotas by their names. `place` is the member of the product
/// file.
///
/// # Errors
///
/// Returns [`ProductFileError`] if a name or a label is not valid.
pub(super) fn parse_all(
    place: &str,
    file: BTreeMap<String, Table<FileLabel>>,
) -> Result<Labels, ProductFileError> {
    let mut labels = Labels::new();
    for (name, Table(FileLabel { label })) in file {
        let place = format!("{place}.{}", quoted(&name));
        let name = feature_name(&place, name)?;
        labels.insert(name, parse(&format!("{place}.label"), label)?);
    }
    Ok(labels)
}

/// Checks that no label is also the label or the name of another item, regardless of case.
///
/// # Errors
///
/// Returns [`ProductFileError`] for the first label that is not unique. `place` returns the member
/// of the product file that has the label of a name.
pub(super) fn check_unique<'a>(
    names: impl IntoIterator<Item = &'a str>,
    labels: impl IntoIterator<Item = (&'a str, &'a str)>,
    place: impl Fn(&str) -> String,
    expected: &'static str,
) -> Result<(), ProductFileError> {
    let names = names.into_iter().map(|name| (name.to_lowercase(), name));
    let mut shown: BTreeMap<String, &str> = names.collect();
    for (name, label) in labels {
        let other = shown.insert(label.to_lowercase(), name);
        if other.is_some_and(|other| other != name) {
            return Err(invalid(&place(name), expected));
        }
    }
    Ok(())
}

/// Returns whether a character is a space or can be seen, so that it neither hides nor reorders
/// text.
fn is_visible(character: char) -> bool {
    let is_blank = character.is_whitespace() && character != ' ';
    let is_hidden = is_invisible(character)
        || matches!(
            character,
            '\u{61c}' | '\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        );
    !character.is_control() && !is_blank && !is_hidden
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causes::with_causes;

    /// A product file with these top-level members, this member of its first tier, and these
    /// tables at its end.
    fn product(members: &str, tier: &str, tables: &str) -> String {
        format!(
            "product = 'PHOTON'\nissuer = 'Photon Ltd'\nbase_tier = 'HOBBY'\n{members}\n\
             [[tiers]]\nname = 'HOBBY'\nfeatures = ['render']\nquotas = {{ exports = 3 }}\n{tier}\n\
             [[tiers]]\nname = 'STUDIO'\nextends = 'HOBBY'\nfeatures = ['batch']\nlabel = 'Studio'\n\
             {tables}"
        )
    }

    fn labels() -> FeatureMatrix {
        let tables = "[features]\nrender = { label = 'Rendering' }\n\
                      [quotas.exports]\nlabel = 'Exports a day'";
        FeatureMatrix::parse(&product("label = 'Photon'", "label = 'Hobby'", tables)).unwrap()
    }

    #[test]
    fn labels_are_read_and_a_name_without_a_label_is_its_own_label() {
        let matrix = labels();
        assert_eq!(matrix.label(), "Photon");
        let tiers: Vec<_> = matrix.tiers().iter().map(|tier| tier.label()).collect();
        assert_eq!(tiers, ["Hobby", "Studio"]);
        assert_eq!(matrix.base_tier().label(), "Hobby");
        assert_eq!(matrix.feature_label("render"), "Rendering");
        assert_eq!(matrix.feature_label("batch"), "batch");
        assert_eq!(matrix.quota_label("exports"), "Exports a day");
        assert_eq!(matrix.quota_label("unknown"), "unknown");
        let plain = FeatureMatrix::built_in();
        assert_eq!(
            (plain.label(), plain.base_tier().label()),
            ("CODITECT", "FREE")
        );
        assert!(matrix.has_labels() && !plain.has_labels());
    }

    #[test]
    fn labels_survive_the_json_form() {
        for matrix in [&labels(), FeatureMatrix::built_in()] {
            let json = serde_json::to_string(matrix).unwrap();
            assert_eq!(
                &serde_json::from_str::<FeatureMatrix>(&json).unwrap(),
                matrix
            );
        }
    }

    #[test]
    fn labels_that_cannot_be_shown_are_refused_at_each_place() {
        let long = "ä".repeat(MAX_CHARS + 1);
        for label in [
            "",
            " ",
            " a",
            "a ",
            "a\u{a0}",
            "a\nb",
            "a\tb",
            "a\u{1b}[2J",
            "a\u{202e}b",
            "a\u{200b}b",
            "a\u{2028}b",
            "a\u{61c}b",
            "\u{feff}a",
            "a\u{e0041}",
            &long,
        ] {
            // An escaped JSON string is also a TOML string.
            let toml = serde_json::Value::from(label);
            let member = format!("label = {toml}");
            let table = |kind: &str, name: &str| format!("[{kind}.{name}]\n{member}");
            for (text, place) in [
                (product(&member, "", ""), "`label`"),
                (product("", &member, ""), "`tiers.HOBBY.label`"),
                (
                    product("", "", &table("features", "render")),
                    "`features.render.label`",
                ),
                (
                    product("", "", &table("quotas", "exports")),
                    "`quotas.exports.label`",
                ),
            ] {
                let message = with_causes(&FeatureMatrix::parse(&text).unwrap_err());
                let expected = format!("{place}: expected 1 to 64 characters");
                assert!(message.contains(&expected), "{label:?}: {message}");
                assert!(!message.contains(char::is_control), "{message:?}");
            }
        }
        let longest = "ä".repeat(MAX_CHARS);
        let longest = product(&format!("label = '{longest}'"), "label = 'L’Été 日本'", "");
        assert!(FeatureMatrix::parse(&longest).is_ok());
    }

    #[test]
    fn labels_of_one_kind_are_unique_regardless_of_case() {
        let two = |kind: &str, first: &str, second: &str| {
            format!("[{kind}]\na1 = {{ label = '{first}' }}\nrender = {{ label = '{second}' }}")
        };
        for (tier, tables, place) in [
            ("label = 'STUDIO'", String::new(), Some("tiers.HOBBY.label")),
            ("label = 'studio'", String::new(), Some("tiers.HOBBY.label")),
            ("label = 'hobby'", String::new(), None),
            (
                "",
                two("features", "Same", "SAME"),
                Some("features.render.label"),
            ),
            (
                "",
                two("features", "Batch", "Other"),
                Some("features.a1.label"),
            ),
            (
                "",
                two("quotas", "Exports", "Other"),
                Some("quotas.a1.label"),
            ),
            ("label = 'render'", two("features", "Hobby", "Studio"), None),
        ] {
            let parsed = FeatureMatrix::parse(&product("", tier, &tables));
            match (parsed, place) {
                (Err(error), Some(place)) => {
                    let message = with_causes(&error);
                    let expected = format!("`{place}`: expected a label that");
                    assert!(message.contains(&expected), "{message}");
                }
                (parsed, place) => assert_eq!((parsed.err().map(|_| ""), place), (None, None)),
            }
        }
    }

    #[test]
    fn a_label_is_a_table_with_one_text() {
        for table in [
            "[features]\nrender = 'Rendering'",
            "[features]\nrender = {}",
            "[features]\nrender = { label = 7 }",
            "[features]\nrender = { label = 'a', name = 'b' }",
            "[features]\nRender = { label = 'a' }",
            "[quotas]\n'a b' = { label = 'a' }",
            "features = ['render']",
        ] {
            let (members, tables) = if table.starts_with('[') {
                ("", table)
            } else {
                (table, "")
            };
            let parsed = FeatureMatrix::parse(&product(members, "", tables));
            assert!(parsed.is_err(), "{table}");
        }
    }
}
