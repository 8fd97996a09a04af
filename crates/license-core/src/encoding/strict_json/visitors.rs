//! Building blocks for the serde impls of claims and members.
//!
//! serde's `Option` accepts `null`, and a derived struct accepts an array. In contrast, `present`
//! and the similar functions reject `null`, and `object` rejects an array.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Unexpected, Visitor};

/// Visitor that parses a string.
pub(crate) struct TextVisitor<T> {
    pub(crate) expected: &'static str,
    pub(crate) parse: fn(&str) -> Option<T>,
}

impl<T> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        let found = if text.is_empty() {
            "an empty string"
        } else {
            "another string"
        };
        (self.parse)(text).ok_or_else(|| E::invalid_value(Unexpected::Other(found), &self))
    }
}

/// Implements serde for a type whose JSON form is a string: its `Display` form.
macro_rules! serde_as_text {
    ($type:ty, $expected:expr, $parse:expr) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str($crate::encoding::strict_json::TextVisitor {
                    expected: $expected,
                    parse: $parse,
                })
            }
        }
    };
}
pub(crate) use serde_as_text;

/// Visitor that converts an integer from -2^63 to 2^63 - 1.
pub(crate) struct IntegerVisitor<T> {
    pub(crate) expected: &'static str,
    pub(crate) convert: fn(i64) -> Option<T>,
}

impl<T> Visitor<'_> for IntegerVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_i64<E: Error>(self, integer: i64) -> Result<T, E> {
        let found = Unexpected::Other("another integer");
        (self.convert)(integer).ok_or_else(|| E::invalid_value(found, &self))
    }

    fn visit_u64<E: Error>(self, integer: u64) -> Result<T, E> {
        let found = Unexpected::Other("an integer beyond 2^63 - 1");
        match i64::try_from(integer) {
            Ok(integer) => self.visit_i64(integer),
            Err(_) => Err(E::invalid_value(found, &self)),
        }
    }
}

/// Visitor that collects the items of an array.
pub(crate) struct ListVisitor<I, C> {
    pub(crate) expected: &'static str,
    pub(crate) items: PhantomData<(I, C)>,
}

impl<'de, I, C> Visitor<'de> for ListVisitor<I, C>
where
    I: Deserialize<'de>,
    C: FromIterator<I>,
{
    type Value = C;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<C, A::Error> {
        // The items are parsed already, so the hint is their exact number.
        let mut list = Vec::with_capacity(items.size_hint().unwrap_or(0));
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(list.into_iter().collect())
    }
}

/// A string that is not empty.
struct NonEmptyString(String);

impl<'de> Deserialize<'de> for NonEmptyString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer).map(Self)
    }
}

/// Deserializes a string that is not empty. `T` can be an `Option`, but `null` is refused.
pub(crate) fn text<'de, T: From<String>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let text = deserializer.deserialize_str(TextVisitor {
        expected: "a non-empty string",
        parse: |text| (!text.is_empty()).then(|| text.to_owned()),
    })?;
    Ok(T::from(text))
}

/// Deserializes an array of strings that are not empty.
pub(crate) fn texts<'de, D: Deserializer<'de>, C>(deserializer: D) -> Result<C, D::Error>
where
    C: FromIterator<String>,
{
    let list: Vec<NonEmptyString> = deserializer.deserialize_seq(ListVisitor {
        expected: "an array of non-empty strings",
        items: PhantomData,
    })?;
    Ok(list.into_iter().map(|text| text.0).collect())
}

/// Deserializes an array of at least one string, because an empty restriction would permit nothing.
pub(crate) fn non_empty_texts<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<String>, D::Error> {
    let list: Vec<String> = texts(deserializer)?;
    non_empty(list)
}

/// Refuses an empty array.
pub(crate) fn non_empty<T, E: Error>(list: Vec<T>) -> Result<Vec<T>, E> {
    if list.is_empty() {
        let found = Unexpected::Other("an empty array");
        return Err(E::invalid_value(found, &"at least one item"));
    }
    Ok(list)
}

/// Deserializes an integer from 0 to 2^63 - 1. `T` can be an `Option`, but `null` is refused.
pub(crate) fn count<'de, T: From<u64>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let count = deserializer.deserialize_u64(IntegerVisitor {
        expected: "an integer of at least 0",
        convert: |integer| u64::try_from(integer).ok(),
    })?;
    Ok(T::from(count))
}

/// Deserializes an integer from 1 to 2^63 - 1. `T` can be an `Option`, but `null` is refused.
pub(crate) fn positive<'de, T: From<u64>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let count = deserializer.deserialize_u64(IntegerVisitor {
        expected: "an integer of at least 1",
        convert: |integer| u64::try_from(integer).ok().filter(|count| *count > 0),
    })?;
    Ok(T::from(count))
}

/// Returns whether a member has its default value, and is therefore omitted from the JSON object.
pub(crate) fn absent<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Deserializes the value of an optional member, and refuses `null`.
pub(crate) fn present<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// Deserializes the value of an optional member, which must be an object.
pub(crate) fn object<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    let Object(value) = Object::deserialize(deserializer)?;
    Ok(Some(value))
}

/// Wrapper whose JSON form must be an object, not an array.
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let visitor = ObjectVisitor(PhantomData);
        deserializer.deserialize_map(visitor).map(Self)
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members))
    }
}
