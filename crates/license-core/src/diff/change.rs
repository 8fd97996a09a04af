//! A change between two licenses.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};

use crate::encoding::value::named_value;
use crate::time::serde_rfc3339;

/// The meaning of a change for the customer.
///
/// ```
/// use license_core::diff::Effect;
///
/// let effect: Effect = "loss".parse()?;
/// assert_eq!(effect.reversed(), Effect::Gain);
/// # Ok::<(), license_core::encoding::ValueError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// The license permits less, or requires more.
    Loss,
    /// The license permits more, or requires less.
    Gain,
    /// The license permits neither less nor more, or the effect is unknown.
    Other,
}

impl Effect {
    /// Returns the name of the effect.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::Gain => "gain",
            Self::Other => "other",
        }
    }

    /// Returns the effect of the opposite change.
    ///
    /// ```
    /// use license_core::diff::Effect;
    ///
    /// assert_eq!(Effect::Gain.reversed(), Effect::Loss);
    /// ```
    #[must_use]
    pub fn reversed(self) -> Self {
        match self {
            Self::Loss => Self::Gain,
            Self::Gain => Self::Loss,
            Self::Other => Self::Other,
        }
    }

    pub(super) fn gain_if(is_gain: bool) -> Self {
        if is_gain { Self::Gain } else { Self::Loss }
    }

    /// Returns the effect of an added, removed or changed restriction. A changed restriction has
    /// [`Effect::Other`], because it can permit more in one respect and less in another.
    pub(super) fn from_restriction<T>(before: &Option<T>, after: &Option<T>) -> Self {
        match (before, after) {
            (Some(_), None) => Self::Gain,
            (None, Some(_)) => Self::Loss,
            _ => Self::Other,
        }
    }
}

named_value!(
    Effect,
    "effect",
    "`loss`, `gain` or `other`",
    [Loss, Gain, Other]
);

/// A change between two licenses.
///
/// The text form of a change is a sentence for the customer. The JSON form is
/// `{what, name, before, after, text}`, where `text` is the sentence.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let (before, after) = (fixture::license()?, fixture::renewal()?);
/// # let matrix = license_core::FeatureMatrix::built_in();
/// # let difference = license_core::diff::Difference::from_licenses(&before, &after, matrix);
/// for change in difference.changes() {
///     println!("{:?}: {change}", change.effect());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    what: &'static str,
    name: Option<String>,
    before: Value,
    after: Value,
    text: String,
    #[serde(skip)]
    label: Option<String>,
    #[serde(skip)]
    effect: Effect,
}

/// An instant that is written as RFC 3339 text or `null`.
#[derive(PartialEq, Serialize)]
struct OptionalInstant(#[serde(with = "serde_rfc3339")] Option<DateTime<Utc>>);

impl Change {
    /// Returns the change if the values differ. `describe` returns the effect and the sentence of
    /// the change.
    pub(super) fn between<T: PartialEq + Serialize>(
        what: &'static str,
        before: &T,
        after: &T,
        describe: impl FnOnce(&T, &T) -> (Effect, String),
    ) -> Option<Self> {
        (before != after).then(|| {
            let (effect, text) = describe(before, after);
            Self {
                what,
                name: None,
                before: json!(before),
                after: json!(after),
                text,
                label: None,
                effect,
            }
        })
    }

    /// Returns the change of an optional instant.
    pub(super) fn between_instants(
        what: &'static str,
        before: Option<DateTime<Utc>>,
        after: Option<DateTime<Utc>>,
        describe: impl FnOnce(Option<DateTime<Utc>>, Option<DateTime<Utc>>) -> (Effect, String),
    ) -> Option<Self> {
        let [before, after] = [before, after].map(OptionalInstant);
        Self::between(what, &before, &after, |before, after| {
            describe(before.0, after.0)
        })
    }

    pub(super) fn named(self, name: &str) -> Self {
        Self {
            name: Some(name.to_owned()),
            ..self
        }
    }

    pub(super) fn labeled(self, label: &str) -> Self {
        Self {
            label: Some(label.to_owned()),
            ..self
        }
    }

    /// Returns the effect on the customer.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (before, after) = (fixture::license()?, fixture::renewal()?);
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let difference = license_core::diff::Difference::from_licenses(&before, &after, matrix);
    /// use license_core::diff::Effect;
    ///
    /// assert!(difference.changes().iter().all(|change| change.effect() != Effect::Loss));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// Returns the name of what changed: a claim, a part of a claim, or the signing key.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (before, after) = (fixture::license()?, fixture::renewal()?);
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let difference = license_core::diff::Difference::from_licenses(&before, &after, matrix);
    /// let what: Vec<_> = difference.changes().iter().map(|change| change.what()).collect();
    /// println!("changed: {what:?}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn what(&self) -> &'static str {
        self.what
    }

    /// Returns the name of the changed feature, quota, kind of use, user, machine or unknown claim,
    /// or `None` for any other change.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (before, after) = (fixture::license()?, fixture::renewal()?);
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let difference = license_core::diff::Difference::from_licenses(&before, &after, matrix);
    /// for change in difference.changes() {
    ///     println!("{} {}", change.what(), change.name().unwrap_or_default());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns the label of the changed feature or quota in the product file. Without a label, and
    /// for any other change, this is the name.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (before, after) = (fixture::license()?, fixture::renewal()?);
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let difference = license_core::diff::Difference::from_licenses(&before, &after, matrix);
    /// for change in difference.changes() {
    ///     println!("{} {}", change.what(), change.label().unwrap_or_default());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn label(&self) -> Option<&str> {
        self.label.as_deref().or_else(|| self.name())
    }

    /// Returns the JSON values before and after the change.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (before, after) = (fixture::license()?, fixture::renewal()?);
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let difference = license_core::diff::Difference::from_licenses(&before, &after, matrix);
    /// for change in difference.changes() {
    ///     let [before, after] = change.values();
    ///     println!("{}: {before} is now {after}", change.what());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn values(&self) -> [&Value; 2] {
        [&self.before, &self.after]
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
