//! Bounds of the members. A server stores events of callers that it does not know.

use std::collections::BTreeMap;

use semver::Version;
use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::{MAX_BATCH_EVENTS, MAX_EVENT_COUNT, MAX_EVENT_NAMES, QuotaTelemetry, TelemetryEvent};
use crate::encoding::strict_json::{IntegerVisitor, Object, TextVisitor};

/// A word: the name of a feature, a quota, a reason code or a platform.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Word(String);

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor {
            expected: "1 to 64 characters of A-Z, a-z, 0-9 and _",
            parse: |text| {
                let is_word = (1..=MAX_EVENT_NAMES).contains(&text.len())
                    && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
                is_word.then(|| Self(text.to_owned()))
            },
        })
    }
}

/// A count up to [`MAX_EVENT_COUNT`].
struct Bounded(u64);

impl<'de> Deserialize<'de> for Bounded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u64(IntegerVisitor {
            expected: "a count from 0 to 1000000000",
            convert: |count| {
                let count = u64::try_from(count).ok();
                count.filter(|count| *count <= MAX_EVENT_COUNT).map(Self)
            },
        })
    }
}

pub(super) fn word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Word::deserialize(deserializer).map(|Word(word)| word)
}

pub(super) fn bounded_count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Bounded::deserialize(deserializer).map(|Bounded(count)| count)
}

/// Deserializes a version whose text has at most 64 bytes. `T` can be an `Option`, but `null` is
/// refused.
pub(super) fn bounded_version<'de, T: From<Version>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let version = deserializer.deserialize_str(TextVisitor {
        expected: "a version such as 2.4.0, of at most 64 characters",
        parse: |text| {
            let version = Version::parse(text).ok();
            version.filter(|_| text.len() <= MAX_EVENT_NAMES)
        },
    })?;
    Ok(version.into())
}

pub(super) fn counts<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, u64>, D::Error> {
    let counts = names::<Bounded, D>(deserializer)?;
    let counts = counts.into_iter();
    Ok(counts.map(|(name, Bounded(count))| (name, count)).collect())
}

pub(super) fn quotas<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, QuotaTelemetry>, D::Error> {
    let quotas = names::<Object<QuotaTelemetry>, D>(deserializer)?;
    let quotas = quotas.into_iter();
    Ok(quotas.map(|(name, Object(count))| (name, count)).collect())
}

fn names<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<(String, T)>, D::Error> {
    let found = BTreeMap::<Word, T>::deserialize(deserializer)?;
    if found.len() > MAX_EVENT_NAMES {
        return Err(D::Error::custom("at most 64 members"));
    }
    let found = found.into_iter();
    Ok(found.map(|(Word(name), value)| (name, value)).collect())
}

pub(super) fn events<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<TelemetryEvent>, D::Error> {
    let events = Vec::<Object<TelemetryEvent>>::deserialize(deserializer)?;
    if !(1..=MAX_BATCH_EVENTS).contains(&events.len()) {
        return Err(D::Error::custom("1 to 100 events"));
    }
    Ok(events.into_iter().map(|Object(event)| event).collect())
}
