//! Strict JSON (RFC 8259) in front of serde.
//!
//! serde alone is too lenient for signed data. A derived struct accepts an array, `Value` keeps the
//! last of two duplicate members, and an ignored member may contain invalid UTF-8. [`from_slice`]
//! therefore checks the whole text first.

mod fault;
mod visitors;

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

pub(crate) use fault::MemberError;
pub(crate) use visitors::{
    IntegerVisitor, ListVisitor, Object, TextVisitor, absent, count, non_empty, non_empty_texts,
    object, positive, present, serde_as_text, text, texts,
};

/// The maximum nesting of arrays and objects, including the outermost object.
pub(crate) const MAX_DEPTH: usize = 16;

/// The number of members for which the check of an object reserves memory. A license has fewer.
const USUAL_MEMBERS: usize = 24;

/// The maximum number of characters of foreign text in a message.
pub(crate) const MAX_QUOTED_CHARS: usize = 32;

/// The reason why bytes are not one strict JSON object.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct JsonError(#[from] Reason);

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("expected UTF-8, found another byte at offset {}", .0.valid_up_to())]
    Utf8(std::str::Utf8Error),
    /// The text of the inner error names the fault and its position. It never contains a value.
    #[error("expected strict JSON: {0}")]
    Syntax(serde_json::Error),
}

/// The reason why bytes are not the expected object.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The bytes are not one strict JSON object.
    Json(JsonError),
    /// A member is missing or has a value that is not accepted.
    Member(MemberError),
}

impl From<JsonError> for ReadError {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

/// Deserializes `T` from a strict JSON object.
///
/// # Errors
///
/// Returns [`ReadError`] if the bytes are not UTF-8 or not exactly one object, if an object has
/// duplicate members, if values nest deeper than [`MAX_DEPTH`], or if `T` refuses a value.
pub(crate) fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ReadError> {
    let text = check(bytes)?;
    serde_json::from_str(text).or_else(|error| match explain(text) {
        Ok(value) => Ok(value),
        Err(Some(fault)) => Err(ReadError::Member(fault)),
        Err(None) => Err(ReadError::Json(Reason::Syntax(error).into())),
    })
}

/// Reads a strict JSON object as it is.
pub(crate) fn members(
    bytes: &[u8],
) -> Result<serde_json::Map<String, serde_json::Value>, JsonError> {
    let text = check(bytes)?;
    serde_json::from_str(text).map_err(|error| Reason::Syntax(error).into())
}

/// Deserializes more slowly, so that the error names the refused member and quotes no value.
fn explain<T: DeserializeOwned>(text: &str) -> Result<T, Option<MemberError>> {
    let tree: serde_json::Value = serde_json::from_str(text).map_err(|_| None)?;
    fault::deserialize(&tree).map_err(Some)
}

/// Returns the text if it is one strict JSON object.
fn check(bytes: &[u8]) -> Result<&str, JsonError> {
    let text = std::str::from_utf8(bytes).map_err(Reason::Utf8)?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    StrictValue { levels: MAX_DEPTH }
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end())
        .map_err(Reason::Syntax)?;
    Ok(text)
}

/// Checks and discards one value, which may open this many levels of arrays and objects.
#[derive(Clone, Copy)]
struct StrictValue {
    levels: usize,
}

impl StrictValue {
    /// Accepts a value that is not an object, unless it is the outermost value.
    fn accept<E: Error>(self, found: &str) -> Result<(), E> {
        match self.levels {
            MAX_DEPTH => Err(E::custom(format_args!(
                "expected a JSON object, found {found}"
            ))),
            _ => Ok(()),
        }
    }

    fn nested<E: Error>(self) -> Result<Self, E> {
        let levels = self.levels.checked_sub(1);
        let too_deep = || E::custom(format_args!("nested deeper than {MAX_DEPTH} levels"));
        levels.map(|levels| Self { levels }).ok_or_else(too_deep)
    }
}

impl<'de> DeserializeSeed<'de> for StrictValue {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for StrictValue {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.accept("null")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.accept("a boolean")
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.accept("a number")
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        self.accept("a number")
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.accept("a number")
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        self.accept("a string")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.accept("an array")?;
        let nested = self.nested()?;
        while items.next_element_seed(nested)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let nested = self.nested()?;
        let mut names = Vec::with_capacity(USUAL_MEMBERS);
        while let Some(Name(name)) = members.next_key()? {
            names.push(name);
            members.next_value_seed(nested)?;
        }
        // Equal names are neighbors in any order. Lengths are compared faster than texts.
        names.sort_unstable_by(|one, other| (one.len(), one).cmp(&(other.len(), other)));
        for (name, next) in names.iter().zip(names.iter().skip(1)) {
            if name == next {
                let name = format_args!("duplicate member `{name:.MAX_QUOTED_CHARS$}`");
                return Err(A::Error::custom(name));
            }
        }
        Ok(())
    }
}

/// A member name with its escapes resolved, so that `"a"` and `"\u0061"` are equal.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        members(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn duplicates_are_refused_at_any_depth_and_in_any_spelling() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"x":[{"y":{"a":1,"a":2}}]}"#,
        ] {
            assert!(refusal(text).contains("duplicate member `a`"), "{text}");
        }
        let many: Vec<_> = (0..100).map(|i| format!("\"m{}\":0", i % 99)).collect();
        assert!(refusal(&format!("{{{}}}", many.join(","))).contains("duplicate member `m0`"));
        let long = "ä".repeat(40);
        let error = refusal(&format!("{{\"{long}\":1,\"{long}\":1}}"));
        assert!(error.contains(&format!("`{}`", "ä".repeat(32))), "{error}");
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(members(nested(MAX_DEPTH - 1).as_bytes()).is_ok());
        assert!(refusal(&nested(MAX_DEPTH)).contains("nested deeper than 16 levels"));
        assert!(refusal(&nested(100_000)).contains("nested"));
    }

    #[test]
    fn only_one_object_is_accepted() {
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
            assert!(members(text.as_bytes()).is_err(), "{text}");
        }
        assert!(members(b"{\"ignored\":\"\xff\"}").is_err());
        assert!(members(b"{\"ignored\":\"\\ud800\"}").is_err());
        let error = refusal("\"a very secret text\"");
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn integers_differ_from_other_numbers() {
        #[derive(Debug, Deserialize)]
        struct Number {
            #[serde(deserialize_with = "count")]
            n: u64,
        }
        let read = |text: &[u8]| from_slice::<Number>(text).map(|number| number.n);
        assert_eq!(read(b"{\"n\":9223372036854775807}").unwrap(), (1 << 63) - 1);
        for text in [
            &b"{\"n\":1.0}"[..],
            b"{\"n\":1e3}",
            b"{\"n\":-0}",
            b"{\"n\":-1}",
            b"{\"n\":9223372036854775808}",
            b"{\"n\":18446744073709551615}",
            b"{\"n\":1e400}",
        ] {
            assert!(read(text).is_err());
        }
    }
}
