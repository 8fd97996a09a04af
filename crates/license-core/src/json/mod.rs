//! Strict JSON (RFC 8259): one meaning for every text, or none.
//!
//! Refused beyond what serde refuses: duplicate members at any depth, nesting over [`MAX_DEPTH`], and
//! anything after the value. The text is UTF-8 as a whole before it is read, so ignored members are too.

mod plain;

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde_core::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

pub(crate) use plain::Plain;

/// Arrays and objects inside one another; deeper ones have no use here and cost stack.
pub(crate) const MAX_DEPTH: usize = 16;

/// Objects of up to so many members are searched for duplicates without a set.
const FEW_MEMBERS: usize = 32;

/// The members of an object in the order of the text, each name once.
pub(crate) type Object<'a> = Vec<(Cow<'a, str>, Json<'a>)>;

/// A JSON value that borrows from its text where no escape stands in the way.
#[derive(Debug, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    Integer(i64),
    /// Past every bound here.
    Large(u64),
    /// Has a fraction or an exponent, or is past what 64 bits hold.
    Number(f64),
    String(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    Object(Object<'a>),
}

impl Json<'_> {
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Integer(_) => "an integer",
            Self::Large(_) => "an integer over 2^63",
            Self::Number(_) => "a number that is no integer",
            Self::String(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }

    pub(crate) fn to_value(&self) -> serde_json::Value {
        use serde_json::Value;
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => (*value).into(),
            Self::Integer(value) => (*value).into(),
            Self::Large(value) => (*value).into(),
            Self::Number(value) => (*value).into(),
            Self::String(value) => value.as_ref().into(),
            Self::Array(items) => items.iter().map(Self::to_value).collect(),
            Self::Object(members) => members
                .iter()
                .map(|(name, value)| (name.as_ref(), value.to_value()))
                .collect(),
        }
    }
}

/// Why bytes are not the strict JSON object that was expected.
#[derive(Debug)]
pub struct JsonError {
    reason: Reason,
}

#[derive(Debug)]
enum Reason {
    Utf8(std::str::Utf8Error),
    Json(serde_json::Error),
    NoObject(&'static str),
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Reason::Utf8(error) => {
                write!(
                    f,
                    "expected UTF-8, found another byte at offset {}",
                    error.valid_up_to()
                )
            }
            // Its text names the fault and the place. A member's name in it is cut to be short.
            Reason::Json(error) => write!(f, "expected strict JSON: {error}"),
            Reason::NoObject(found) => write!(f, "expected a JSON object, found {found}"),
        }
    }
}

impl std::error::Error for JsonError {}

/// Reads an object and nothing after it.
pub(crate) fn object(bytes: &[u8]) -> Result<Object<'_>, JsonError> {
    let text = std::str::from_utf8(bytes).map_err(|error| JsonError {
        reason: Reason::Utf8(error),
    })?;
    let reason = match value(text) {
        Ok(Json::Object(members)) => return Ok(members),
        Ok(other) => Reason::NoObject(other.type_name()),
        Err(error) => Reason::Json(error),
    };
    Err(JsonError { reason })
}

/// Reads a text by a reader of its own, and nothing after what it reads.
pub(crate) fn read<'de, S: DeserializeSeed<'de>>(
    bytes: &'de [u8],
    reader: S,
) -> Result<S::Value, JsonError> {
    let text = std::str::from_utf8(bytes).map_err(|error| JsonError {
        reason: Reason::Utf8(error),
    })?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = reader.deserialize(&mut deserializer);
    let read = value.and_then(|value| deserializer.end().map(|()| value));
    read.map_err(|error| JsonError {
        reason: Reason::Json(error),
    })
}

fn value(text: &str) -> Result<Json<'_>, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Strict { room: MAX_DEPTH }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// Reads a value that may nest `room` levels deep.
#[derive(Clone, Copy)]
pub(crate) struct Strict {
    room: usize,
}

impl Strict {
    /// Reads a value inside so many arrays and objects.
    pub(crate) fn inside(levels: usize) -> Self {
        let room = MAX_DEPTH.saturating_sub(levels);
        Self { room }
    }

    fn deeper<E: Error>(self) -> Result<Self, E> {
        let room = self
            .room
            .checked_sub(1)
            .ok_or_else(|| E::custom(format_args!("nested over {MAX_DEPTH} deep")))?;
        Ok(Self { room })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Json<'de>;

    fn deserialize<D: serde_core::Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Json<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Json::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(i64::try_from(value).map_or(Json::Large(value), Json::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::String(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json<'de>, E> {
        Ok(Json::String(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json<'de>, A::Error> {
        let inner = self.deeper()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            array.push(item);
        }
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json<'de>, A::Error> {
        let inner = self.deeper()?;
        let mut object = Object::new();
        while let Some(name) = members.next_key_seed(Name)? {
            object.push((name, members.next_value_seed(inner)?));
        }
        match duplicate(&object) {
            Some(name) => Err(stands_twice(name)),
            None => Ok(Json::Object(object)),
        }
    }
}

/// The error of a member that is there twice.
pub(crate) fn stands_twice<E: Error>(name: &str) -> E {
    let name: String = name.chars().take(32).collect();
    E::custom(format_args!("member `{name}` stands twice"))
}

/// Names are compared after their escapes are undone, so `"a"` and `"\u0061"` are the same.
fn duplicate<'o>(object: &'o Object<'_>) -> Option<&'o str> {
    let names = || object.iter().map(|(name, _)| name.as_ref());
    if object.len() <= FEW_MEMBERS {
        return names()
            .enumerate()
            .find_map(|(i, name)| names().take(i).find(|&other| other == name));
    }
    let mut seen = HashSet::with_capacity(object.len());
    names().find(|name| !seen.insert(*name))
}

/// Reads the name of a member.
pub(crate) struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: serde_core::Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        object(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn duplicates_are_refused_at_any_depth_and_however_spelled() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"x":[{"y":{"a":1,"a":2}}]}"#,
        ] {
            assert!(refusal(text).contains("stands twice"), "{text}");
        }
        let many: Vec<_> = (0..100).map(|i| format!("\"m{}\":0", i % 99)).collect();
        assert!(refusal(&format!("{{{}}}", many.join(","))).contains("`m0` stands twice"));
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(object(nested(MAX_DEPTH - 1).as_bytes()).is_ok());
        assert!(refusal(&nested(MAX_DEPTH)).contains("nested over 16 deep"));
        assert!(refusal(&nested(100_000)).contains("nested"));
    }

    #[test]
    fn only_one_object_and_nothing_after_it() {
        for text in [
            "",
            "[]",
            "1",
            "null",
            "\"x\"",
            "{} {}",
            "{}x",
            "\u{feff}{}",
            "{\"a\":1,}",
            "{'a':1}",
        ] {
            assert!(object(text.as_bytes()).is_err(), "{text}");
        }
        assert!(object(b"{\"ignored\":\"\xff\"}").is_err());
        assert!(object(b"{\"ignored\":\"\\ud800\"}").is_err());
    }

    #[test]
    fn integers_are_told_from_other_numbers() {
        let read = |text| object(text).unwrap().remove(0).1;
        assert_eq!(
            read(b"{\"n\":9223372036854775807}"),
            Json::Integer(i64::MAX)
        );
        for text in [
            &b"{\"n\":1.0}"[..],
            b"{\"n\":1e3}",
            b"{\"n\":18446744073709551615}",
            b"{\"n\":1e400}",
        ] {
            let number = object(text).map(|mut members| members.remove(0).1);
            assert!(!matches!(number, Ok(Json::Integer(_))));
        }
    }
}
