//! Parser of product files.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serializer};

use super::labels::{self, FileLabel};
use super::place::position;
use super::table::Table;
use super::{FeatureMatrix, ProductFileError, TierPolicy, TrialPolicy, is_feature_name};
use crate::encoding::pasted::Position;
use crate::encoding::quoted::{printable, quoted};
use crate::encoding::strict_json::IntegerVisitor;
use crate::ids::{ProductCode, Tier};
use crate::policy::{CheckIn, Entitlements, Quota, Renewal};
use crate::time;

/// Maximum number of tiers. The maximum bounds the memory, because each tier has a copy of the
/// features of the tier that it extends.
const MAX_TIERS: usize = 64;
/// The maximum number of features and quotas of all tiers. Each tier has a copy of those that it
/// inherits, so that a file of `n` bytes could otherwise take memory for `64 * n`.
const MAX_ENTITLEMENTS: usize = 64 * 1024;
const DEFAULT_GRACE_HOURS: u64 = 168;
/// Ten years. A longer trial or cool-down is a typing error.
const MAX_DAYS: u64 = 3660;
const TRIAL_DAYS: &str = "1 to 3660 days";
const NAME: &str = "a name of a-z, 0-9 and _, up to 64 characters";

/// A product file. In JSON, an optional member can be `null`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    product: String,
    label: Option<String>,
    issuer: String,
    base_tier: String,
    enterprise_tier: Option<String>,
    seats_quota: Option<String>,
    devices_quota: Option<String>,
    user_cool_down_days: Option<u64>,
    trial: Option<Table<FileTrial>>,
    tiers: Vec<Table<FileTier>>,
    #[serde(default)]
    features: BTreeMap<String, Table<FileLabel>>,
    #[serde(default)]
    quotas: BTreeMap<String, Table<FileLabel>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileTrial {
    tier: String,
    days: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileTier {
    name: String,
    label: Option<String>,
    extends: Option<String>,
    features: Vec<String>,
    #[serde(default)]
    quotas: BTreeMap<String, i64>,
    check_in_every_hours: Option<u64>,
    offline_grace_hours: Option<u64>,
    renewal: Option<Table<FileRenewal>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileRenewal {
    notify_days: u64,
    grace_hours: u64,
}

impl<'de> Deserialize<'de> for FeatureMatrix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Table(file) = Table::deserialize(deserializer)?;
        from_file(file).map_err(D::Error::custom)
    }
}

/// Serializes the length of a trial in days.
pub(super) fn days<S: Serializer>(length: &TimeDelta, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(length.num_days())
}

/// Deserializes the length of a trial in days.
pub(super) fn trial_days<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<TimeDelta, D::Error> {
    let days = deserializer.deserialize_u64(IntegerVisitor {
        expected: TRIAL_DAYS,
        convert: |days| u64::try_from(days).ok().filter(is_trial_length),
    });
    days.map(time::days)
}

fn is_trial_length(days: &u64) -> bool {
    (1..=MAX_DAYS).contains(days)
}

pub(super) fn parse(text: &str) -> Result<FeatureMatrix, ProductFileError> {
    let file: File = toml::from_str(text).map_err(|error| ProductFileError::Toml {
        position: error
            .span()
            .map(|span| Position::from_offset(text, span.start)),
        reason: printable(error.message().chars()),
    })?;
    from_file(file).map_err(|error| error.located(|place| position(text, place)))
}

fn from_file(file: File) -> Result<FeatureMatrix, ProductFileError> {
    if file.tiers.len() > MAX_TIERS {
        return Err(ProductFileError::TooManyTiers { limit: MAX_TIERS });
    }
    let product = ProductCode::parse(&file.product);
    let product = product.map_err(|error| invalid("product", error.expected))?;
    let mut tiers: Vec<TierPolicy> = Vec::new();
    let mut entitlements: usize = 0;
    for Table(tier) in &file.tiers {
        let policy = tier_policy(tier, &tiers)?;
        let own = policy.entitlements();
        entitlements += own.features().len() + own.quotas().len();
        if entitlements > MAX_ENTITLEMENTS {
            return Err(ProductFileError::TooManyEntitlements {
                limit: MAX_ENTITLEMENTS,
            });
        }
        tiers.push(policy);
    }
    check_tier_labels(&tiers)?;
    let find = |place: &str, name: &str| {
        let found = tiers
            .iter()
            .find(|tier| tier.name().as_str() == name)
            .cloned();
        found.ok_or_else(|| unknown_tier(place, name, &tiers))
    };
    let base = find("base_tier", &file.base_tier)?;
    let enterprise = file
        .enterprise_tier
        .map(|name| find("enterprise_tier", &name))
        .transpose()?;
    let trial = file.trial.map(|Table(trial)| {
        let tier = find("trial.tier", &trial.tier)?.name();
        let days = trial.days;
        if !is_trial_length(&days) {
            return Err(invalid("trial.days", TRIAL_DAYS));
        }
        let length = time::days(days);
        Ok(TrialPolicy { tier, length })
    });
    let matrix = FeatureMatrix {
        product,
        label: match file.label {
            Some(label) => labels::parse("label", label)?,
            None => product.as_str().into(),
        },
        issuer: file.issuer.into(),
        base,
        enterprise,
        trial: trial.transpose()?,
        user_cool_down: match file.user_cool_down_days.unwrap_or(0) {
            days @ 0..=MAX_DAYS => time::days(days),
            _ => return Err(invalid("user_cool_down_days", "0 to 3660 days")),
        },
        seats_quota: file
            .seats_quota
            .map(|name| feature_name("seats_quota", name))
            .transpose()?,
        devices_quota: file
            .devices_quota
            .map(|name| feature_name("devices_quota", name))
            .transpose()?,
        tiers,
        feature_labels: labels::parse_all("features", file.features)?,
        quota_labels: labels::parse_all("quotas", file.quotas)?,
    };
    check_entitlement_labels(&matrix)?;
    Ok(matrix)
}

fn unknown_tier(place: &str, found: &str, tiers: &[TierPolicy]) -> ProductFileError {
    let names: Vec<_> = tiers.iter().map(|tier| tier.name().to_string()).collect();
    ProductFileError::UnknownTier {
        position: None,
        place: place.to_owned(),
        tiers: names.join(", "),
        found: found.to_owned(),
    }
}

/// Checks that no two tiers have the same label.
fn check_tier_labels(tiers: &[TierPolicy]) -> Result<(), ProductFileError> {
    let names: Vec<Tier> = tiers.iter().map(TierPolicy::name).collect();
    let texts = || names.iter().map(Tier::as_str);
    labels::check_unique(
        texts(),
        texts().zip(tiers.iter().map(TierPolicy::label)),
        |name| format!("tiers.{name}.label"),
        "a label that is neither the label nor the name of another tier",
    )
}

/// Checks that no two features have the same label, and no two quotas.
fn check_entitlement_labels(matrix: &FeatureMatrix) -> Result<(), ProductFileError> {
    labels::check_unique(
        matrix.features().into_iter().map(|(name, _)| name),
        matrix.feature_labels(),
        |name| format!("features.{name}.label"),
        "a label that is neither the label nor the name of another feature",
    )?;
    labels::check_unique(
        matrix.quotas(),
        matrix.quota_labels(),
        |name| format!("quotas.{name}.label"),
        "a label that is neither the label nor the name of another quota",
    )
}

/// Returns the policy of a tier. The tier may extend one of the `earlier` tiers.
fn tier_policy(tier: &FileTier, earlier: &[TierPolicy]) -> Result<TierPolicy, ProductFileError> {
    let place = |member: &str| format!("tiers.{}{member}", quoted(&tier.name));
    let name = Tier::parse(&tier.name).map_err(|error| invalid(&place(""), error.expected))?;
    let named = |name: &str| earlier.iter().find(|tier| tier.name().as_str() == name);
    if named(&tier.name).is_some() {
        return Err(invalid(&place(""), "a unique tier name"));
    }
    let base = match tier.extends.as_deref() {
        None => None,
        Some(base) => {
            let expected = "the name of an earlier tier";
            Some(named(base).ok_or_else(|| invalid(&place(".extends"), expected))?)
        }
    };
    let base = base.map(|policy| policy.entitlements().as_ref());
    let renewal = tier.renewal.as_ref().map(|Table(renewal)| {
        let policy = Renewal::from_days_and_hours(renewal.notify_days, renewal.grace_hours);
        policy.ok_or_else(|| invalid(&place(".renewal"), "days and hours up to 4294967296"))
    });
    let grace = tier.offline_grace_hours.unwrap_or(DEFAULT_GRACE_HOURS);
    let check_in = tier.check_in_every_hours.map(|every| {
        let expected = "at least `check_in_every_hours`, which must be at least 1";
        CheckIn::from_hours(every, grace)
            .ok_or_else(|| invalid(&place(".offline_grace_hours"), expected))
    });
    let label = match &tier.label {
        Some(label) => labels::parse(&place(".label"), label.clone())?,
        None => tier.name.as_str().into(),
    };
    Ok(TierPolicy {
        label,
        entitlements: Arc::new(entitlements(name, tier, base)?),
        check_in: check_in.transpose()?,
        offline_grace: time::hours(grace),
        renewal: renewal.transpose()?,
    })
}

/// Returns the entitlements of the extended tier with the features and quotas of `tier` added.
///
/// A quota of `tier` replaces the quota with the same name in the extended tier.
fn entitlements(
    name: Tier,
    tier: &FileTier,
    base: Option<&Entitlements>,
) -> Result<Entitlements, ProductFileError> {
    let mut features: Vec<String> = base
        .into_iter()
        .flat_map(Entitlements::features)
        .map(str::to_owned)
        .collect();
    for feature in &tier.features {
        let place = format!("tiers.{name}.features");
        features.push(feature_name(&place, feature.clone())?.into());
    }
    let mut quotas: Vec<(String, Quota)> = base
        .into_iter()
        .flat_map(Entitlements::quotas)
        .map(|(quota, limit)| (quota.to_owned(), limit))
        .collect();
    for (quota, &number) in &tier.quotas {
        let place = format!("tiers.{name}.quotas.{}", quoted(quota));
        let limit = Quota::from_number(number);
        let limit =
            limit.ok_or_else(|| invalid(&place, "-1 (unlimited), 0 or a positive number"))?;
        quotas.push((feature_name(&place, quota.clone())?.into(), limit));
    }
    Ok(Entitlements::new(name, features, quotas))
}

pub(super) fn feature_name(place: &str, name: String) -> Result<Box<str>, ProductFileError> {
    if is_feature_name(&name) {
        Ok(name.into())
    } else {
        Err(invalid(place, NAME))
    }
}

pub(super) fn invalid(place: &str, expected: &'static str) -> ProductFileError {
    ProductFileError::Value {
        position: None,
        place: place.to_owned(),
        expected,
    }
}

#[cfg(test)]
mod tests {
    use serde::de::Visitor;
    use serde::de::value::Error as ValueError;
    use serde_json::Value;

    use super::*;

    /// Deserializer that records the names of a struct's members and then fails.
    struct MemberRecorder<'a>(&'a mut Vec<&'static str>);

    impl<'de> Deserializer<'de> for MemberRecorder<'_> {
        type Error = ValueError;

        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, ValueError> {
            Err(ValueError::custom("not a struct"))
        }

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            members: &'static [&'static str],
            _: V,
        ) -> Result<V::Value, ValueError> {
            self.0.extend(members);
            Err(ValueError::custom("recorded"))
        }

        serde::forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
            newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }

    fn members<'de, T: Deserialize<'de>>() -> Vec<&'static str> {
        let mut members = Vec::new();
        assert!(T::deserialize(MemberRecorder(&mut members)).is_err());
        members.sort_unstable();
        members
    }

    #[test]
    fn the_schema_lists_exactly_the_members_that_are_read() {
        let schema: Value = serde_json::from_str(super::super::FeatureMatrix::schema()).unwrap();
        let parts = [
            ("", members::<File>()),
            ("/$defs/trial", members::<FileTrial>()),
            ("/$defs/tier", members::<FileTier>()),
            ("/$defs/renewal", members::<FileRenewal>()),
            ("/$defs/labeled", members::<FileLabel>()),
        ];
        for (place, read) in parts {
            let part = schema.pointer(place).unwrap();
            assert_eq!(part["additionalProperties"], false, "{place}");
            let named = part["properties"].as_object().unwrap();
            let mut names: Vec<_> = named.keys().map(String::as_str).collect();
            names.sort_unstable();
            assert_eq!(names, read, "{place}");
            for (name, member) in named {
                for key in ["title", "description"] {
                    assert!(member[key].is_string(), "{place} {name} has no {key}");
                }
            }
        }
        assert_eq!(schema["properties"]["tiers"]["maxItems"], MAX_TIERS);
        assert_eq!(schema["$defs"]["label"]["maxLength"], labels::MAX_CHARS);
        let grace = &schema["$defs"]["tier"]["properties"]["offline_grace_hours"];
        assert_eq!(grace["default"], DEFAULT_GRACE_HOURS);
    }
}
