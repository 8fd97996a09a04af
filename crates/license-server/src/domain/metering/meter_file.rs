//! Parser of the file with the meters of a product.

use std::collections::{BTreeMap, BTreeSet};

use license_core::{FeatureMatrix, Tier};
use serde::Deserialize;

use super::{Meter, MeterSet, MeterSource, OveragePolicy};

/// The maximum number of meters. Each customer has a row for each meter and period.
const MAX_METERS: usize = 32;

/// The maximum length of a name, a unit and the name of an event, in bytes.
const MAX_TEXT: usize = 64;

/// The largest included amount: 2^53 - 1, the largest count of a usage report.
const MAX_INCLUDED: u64 = license_core::usage::MAX_COUNT;

/// The reason why a file of meters cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MeterFileError {
    /// The text is not TOML with the expected members.
    #[error("expected a file of meters in TOML, found an error: {reason}")]
    Toml {
        /// The error of the parser.
        reason: String,
    },
    /// The file has too many meters.
    #[error("expected at most {MAX_METERS} meters, found {found}")]
    TooMany {
        /// The number of meters.
        found: usize,
    },
    /// Two meters have the same name, or send to the same meter of the billing provider.
    #[error("expected meters with different {member}, found `{value}` twice")]
    Duplicate {
        /// `name` or `event`.
        member: &'static str,
        /// The value.
        value: String,
    },
    /// A value of a meter is not acceptable.
    #[error("meter `{meter}`: expected {expected}, found {found}")]
    Value {
        /// The name of the meter.
        meter: String,
        /// The expected value.
        expected: String,
        /// The found value.
        found: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    meters: Vec<FileMeter>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileMeter {
    name: String,
    source: String,
    unit: Option<String>,
    overage: Option<String>,
    event: Option<String>,
    included: Option<BTreeMap<String, toml::Value>>,
}

impl MeterSet {
    /// Parses a file of meters. Each quota and tier must be one of the product.
    ///
    /// # Errors
    ///
    /// Returns [`MeterFileError`] if the text is not a file of meters, or does not fit the product.
    pub fn parse(text: &str, matrix: &FeatureMatrix) -> Result<Self, MeterFileError> {
        let file: File = toml::from_str(text).map_err(|error| MeterFileError::Toml {
            reason: shown(error.message()),
        })?;
        let found = file.meters.len();
        if found > MAX_METERS {
            return Err(MeterFileError::TooMany { found });
        }
        let meters = file.meters.into_iter().map(|meter| meter.check(matrix));
        let meters: Vec<Meter> = meters.collect::<Result<_, _>>()?;
        refuse_duplicates("name", meters.iter().map(|meter| meter.name.as_str()))?;
        let events = meters.iter().filter_map(|meter| meter.event.as_deref());
        refuse_duplicates("event", events)?;
        Ok(Self(meters))
    }
}

impl FileMeter {
    fn check(self, matrix: &FeatureMatrix) -> Result<Meter, MeterFileError> {
        let meter = shown(&self.name);
        let wrong = |expected: &str, found: &str| MeterFileError::Value {
            meter: meter.clone(),
            expected: expected.to_owned(),
            found: shown(found),
        };
        if !is_name(&self.name) {
            let expected = "a name of a-z, 0-9 and _, up to 64 characters";
            return Err(wrong(expected, "another text"));
        }
        let source = source(&self.source, matrix).ok_or_else(|| {
            wrong(
                "`quota:NAME` with a quota of the product, `activations`, `seat_hours` or \
                 `peak_seats` as source",
                &self.source,
            )
        })?;
        let unit = self.unit.unwrap_or_else(|| self.name.clone());
        if unit.is_empty() || unit.len() > MAX_TEXT || unit.chars().any(crate::domain::is_unsafe) {
            return Err(wrong("a unit of up to 64 bytes", "another text"));
        }
        let overage = self.overage.as_deref().unwrap_or("allow");
        let overage = OveragePolicy::parse(overage)
            .ok_or_else(|| wrong("`allow`, `notify` or `bill` as overage", overage))?;
        let event = match (overage, self.event) {
            (OveragePolicy::Bill, Some(event)) if is_name(&event) => Some(event),
            (OveragePolicy::Bill, found) => {
                let found = found.unwrap_or_else(|| "none".to_owned());
                return Err(wrong("the event of the billing provider", &found));
            }
            (_, Some(event)) => {
                return Err(wrong("an event only with overage = \"bill\"", &event));
            }
            (_, None) => None,
        };
        let included = match self.included {
            None => BTreeMap::new(),
            Some(amounts) => included(amounts, matrix, &wrong)?,
        };
        Ok(Meter {
            name: self.name,
            source,
            unit,
            overage,
            event,
            included,
        })
    }
}

/// Parses the included amounts. Each tier of the product must have one, so that a forgotten tier
/// does not pay for everything.
fn included(
    amounts: BTreeMap<String, toml::Value>,
    matrix: &FeatureMatrix,
    wrong: &dyn Fn(&str, &str) -> MeterFileError,
) -> Result<BTreeMap<Tier, Option<u64>>, MeterFileError> {
    let mut included = BTreeMap::new();
    for (name, value) in amounts {
        let tier = Tier::parse(&name).ok();
        let tier = tier.filter(|tier| matrix.tier(*tier).is_some());
        let tier = tier.ok_or_else(|| wrong("included amounts of tiers of the product", &name))?;
        let amount = match &value {
            toml::Value::Integer(amount) => u64::try_from(*amount).ok().map(Some),
            toml::Value::String(text) if text == "unlimited" => Some(None),
            _ => None,
        };
        let amount = amount.filter(|amount| amount.is_none_or(|amount| amount <= MAX_INCLUDED));
        let amount = amount.ok_or_else(|| {
            let expected = "whole numbers from 0 to 2^53 - 1 or \"unlimited\" as included amounts";
            wrong(expected, &format!("another value for {tier}"))
        })?;
        included.insert(tier, amount);
    }
    let mut tiers = matrix.tiers().iter().map(|tier| tier.name());
    match tiers.find(|tier| !included.contains_key(tier)) {
        None => Ok(included),
        Some(missing) => Err(wrong(
            "an included amount for each tier of the product",
            &format!("none for {missing}"),
        )),
    }
}

fn source(text: &str, matrix: &FeatureMatrix) -> Option<MeterSource> {
    match text {
        "activations" => Some(MeterSource::Activations),
        "seat_hours" => Some(MeterSource::SeatHours),
        "peak_seats" => Some(MeterSource::PeakSeats),
        _ => {
            let name = text.strip_prefix("quota:")?;
            let is_known = matrix.quotas().any(|quota| quota == name);
            is_known.then(|| MeterSource::Quota(name.to_owned()))
        }
    }
}

fn is_name(text: &str) -> bool {
    let is_accepted = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
    (1..=MAX_TEXT).contains(&text.len()) && text.bytes().all(is_accepted)
}

fn refuse_duplicates<'a>(
    member: &'static str,
    values: impl Iterator<Item = &'a str>,
) -> Result<(), MeterFileError> {
    let mut known = BTreeSet::new();
    for value in values {
        if !known.insert(value) {
            let value = value.to_owned();
            return Err(MeterFileError::Duplicate { member, value });
        }
    }
    Ok(())
}

/// Returns the beginning of a text without control characters, for a message.
fn shown(text: &str) -> String {
    let printable = text.chars().filter(|char| !crate::domain::is_unsafe(*char));
    printable.take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<MeterSet, MeterFileError> {
        MeterSet::parse(text, FeatureMatrix::built_in())
    }

    fn tiers(amount: &str) -> String {
        let tiers = FeatureMatrix::built_in().tiers().iter();
        let tiers = tiers.map(|tier| format!("{} = {amount}\n", tier.name()));
        format!("[meters.included]\n{}", tiers.collect::<String>())
    }

    #[test]
    fn a_file_states_meters_with_their_included_amounts() {
        let text = format!(
            "[[meters]]\nname = \"commands\"\nsource = \"quota:commands_per_day\"\n\
             unit = \"commands\"\noverage = \"bill\"\nevent = \"coditect_commands\"\n{}",
            tiers("1000")
        );
        let text = text.replace("ENT = 1000", "ENT = \"unlimited\"");
        let set = parse(&text).unwrap();
        let meter = set.get("commands").unwrap();
        assert_eq!(meter.event.as_deref(), Some("coditect_commands"));
        let included = |name: &str| meter.included(Tier::parse(name).unwrap());
        assert_eq!((included("PRO"), included("ENT")), (Some(1000), None));
        assert_eq!(meter.source.to_string(), "quota:commands_per_day");
        let plain = "[[meters]]\nname = \"seats\"\nsource = \"seat_hours\"";
        let set = parse(plain).unwrap();
        let meter = set.get("seats").unwrap();
        assert_eq!(
            (meter.overage, meter.unit.as_str()),
            (OveragePolicy::Allow, "seats")
        );
        assert_eq!(meter.included(Tier::parse("PRO").unwrap()), Some(0));
        assert!(parse("").unwrap().is_empty());
    }

    #[test]
    fn a_value_that_does_not_fit_is_refused_with_the_name_of_its_meter() {
        let meter = |lines: &str| format!("[[meters]]\nname = \"m\"\n{lines}");
        let seats = "source = \"seat_hours\"\n";
        for (text, expected) in [
            (meter("source = \"quota:none\""), "quota of the product"),
            (meter("source = \"seats\""), "quota of the product"),
            (meter(&format!("{seats}overage = \"stop\"")), "`bill`"),
            (
                meter(&format!("{seats}overage = \"bill\"")),
                "the event of the billing provider, found none",
            ),
            (meter(&format!("{seats}event = \"e\"")), "only with overage"),
            (meter(&format!("{seats}unit = \"\"")), "a unit"),
            (
                meter(&format!("{seats}included = {{ GOLD = 1 }}")),
                "tiers of the product, found GOLD",
            ),
            (
                meter(&format!("{seats}included = {{ PRO = 1 }}")),
                "each tier of the product, found none for",
            ),
            (meter(&format!("{seats}{}", tiers("-1"))), "2^53 - 1"),
            (
                meter(&format!("{seats}{}", tiers("9007199254740992"))),
                "2^53 - 1",
            ),
            (meter(&format!("{seats}{}", tiers("\"many\""))), "2^53 - 1"),
            (
                "[[meters]]\nname = \"A\"\nsource = \"seat_hours\"".into(),
                "a-z",
            ),
            ("[[meters]]\nname = \"m\"".into(), "missing field `source`"),
            ("[[meter]]".into(), "unknown field"),
            ("meters = 1".into(), "invalid type"),
        ] {
            let error = parse(&text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let at_most = tiers("9007199254740991");
        assert!(parse(&meter(&format!("{seats}{at_most}"))).is_ok());
    }

    #[test]
    fn names_events_and_the_number_of_meters_are_limited() {
        let meters = |count: usize| -> String {
            let one = |n| format!("[[meters]]\nname = \"m{n}\"\nsource = \"seat_hours\"\n");
            (0..count).map(one).collect()
        };
        assert_eq!(parse(&meters(32)).unwrap().iter().len(), 32);
        assert_eq!(
            parse(&meters(33)),
            Err(MeterFileError::TooMany { found: 33 })
        );
        let twice = meters(1).repeat(2);
        let error = parse(&twice).unwrap_err().to_string();
        assert_eq!(
            error,
            "expected meters with different name, found `m0` twice"
        );
        let one = |n| {
            format!(
                "[[meters]]\nname = \"m{n}\"\nsource = \"seat_hours\"\noverage = \"bill\"\n\
                 event = \"e\"\n"
            )
        };
        let error = parse(&(one(1) + &one(2))).unwrap_err().to_string();
        assert!(error.contains("different event"), "{error}");
    }
}
