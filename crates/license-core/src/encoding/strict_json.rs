//! Strict JSON (RFC 8259) in front of serde.
//!
//! serde alone is too lenient for signed data. A derived struct accepts an array, `Value` keeps the
//! last of two duplicate members, and an ignored member may contain invalid UTF-8. [`from_slice`]
//! therefore first parses the whole text into a tree, and refuses all of this. Then it deserializes
//! the tree.

mod fault;
mod tree;
mod visitors;

use serde::de::DeserializeOwned;

pub(crate) use fault::MemberError;
pub(crate) use visitors::{
    IntegerVisitor, ListVisitor, Object, TextVisitor, absent, count, non_empty, non_empty_texts,
    object, positive, present, serde_as_text, text, texts,
};

use fault::Fault;
use tree::Tree;

/// The maximum nesting of arrays and objects, including the outermost object.
pub(crate) const MAX_DEPTH: usize = 16;

/// The reason why bytes are not one strict JSON object.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct JsonError(#[from] Reason);

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("expected UTF-8, found an invalid byte at offset {offset}")]
    Utf8 { offset: usize },
    /// The text of the source names the fault and its position, and never contains a value.
    #[error("expected strict JSON")]
    Syntax(#[source] serde_json::Error),
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

/// The reason why bytes are not the expected JSON object.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StrictJsonError {
    /// The bytes are not one strict JSON object.
    #[error(transparent)]
    Json(JsonError),
    /// A member is missing, is unknown or has a value that is not accepted.
    #[error("{path}: expected {expected}, found {found}")]
    Member {
        /// The path of the member, such as `users[1]`.
        path: String,
        /// A description of the accepted values.
        expected: String,
        /// A description of the found value, which contains no value of the input.
        found: String,
    },
}

/// Deserializes `T` from a strict JSON object, such as the body of an HTTP request.
///
/// ```
/// use license_core::encoding::from_strict_json;
/// use std::collections::BTreeMap;
///
/// let read = from_strict_json::<BTreeMap<String, u32>>;
/// assert_eq!(read(br#"{"seats": 5}"#)?["seats"], 5);
/// assert!(read(br#"{"seats": 5, "seats": 6}"#).is_err());
/// assert!(read(br#"[["seats", 5]]"#).is_err());
/// # Ok::<(), license_core::encoding::StrictJsonError>(())
/// ```
///
/// # Errors
///
/// Returns [`StrictJsonError`] if the bytes are not UTF-8 or not exactly one object, if an object
/// has duplicate members, if values nest deeper than 16 levels, or if `T` refuses a value.
pub fn from_strict_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StrictJsonError> {
    from_slice(bytes).map_err(|error| match error {
        ReadError::Json(error) => StrictJsonError::Json(error),
        ReadError::Member(error) => StrictJsonError::Member {
            path: error.path,
            expected: error.expected,
            found: error.found,
        },
    })
}

/// Deserializes `T` from a strict JSON object.
///
/// # Errors
///
/// Returns [`ReadError`] if the bytes are not UTF-8 or not exactly one object, if an object has
/// duplicate members, if values nest deeper than [`MAX_DEPTH`], or if `T` refuses a value.
pub(crate) fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ReadError> {
    let tree = parse(bytes)?;
    // Only a refused object is deserialized a second time, to find the path of the member.
    T::deserialize(tree.root()).or_else(|_: Fault| fault::explain(&tree).map_err(ReadError::Member))
}

/// Reads the members of a strict JSON object as they are.
///
/// A `Value` takes up to 70 times the size of its text, so this function is for small objects only.
pub(crate) fn members(
    bytes: &[u8],
) -> Result<serde_json::Map<String, serde_json::Value>, JsonError> {
    parse(bytes)?;
    serde_json::from_slice(bytes).map_err(|error| Reason::Syntax(error).into())
}

/// Parses exactly one strict JSON object.
///
/// # Errors
///
/// Returns [`JsonError`] as [`from_slice`] does.
pub(crate) fn parse(bytes: &[u8]) -> Result<Tree<'_>, JsonError> {
    let text = std::str::from_utf8(bytes).map_err(|error| Reason::Utf8 {
        offset: error.valid_up_to(),
    })?;
    Tree::parse(text).map_err(|error| Reason::Syntax(error).into())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::causes::with_causes;

    fn refusal(text: &str) -> String {
        with_causes(&members(text.as_bytes()).unwrap_err())
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

    /// With a quadratic search for duplicates, this test takes minutes.
    #[test]
    fn an_object_with_many_unknown_members_is_read() {
        #[derive(Deserialize)]
        struct Number {
            n: u64,
        }
        let unknown: Vec<_> = (0..200_000).map(|i| format!("\"m{i}\":[{i}]")).collect();
        let text = format!("{{{},\"n\":7}}", unknown.join(","));
        assert_eq!(from_slice::<Number>(text.as_bytes()).unwrap().n, 7);
        let twice = format!("{{{},\"m199999\":7}}", unknown.join(","));
        assert!(refusal(&twice).contains("duplicate member `m199999`"));
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
            "{}\0",
            "{\"a\":\"\0\"}",
            "{\"a\":[1]]}",
        ] {
            assert!(members(text.as_bytes()).is_err(), "{text}");
        }
        assert!(members(b"{\"ignored\":\"\xff\"}").is_err());
        assert!(members(b"{\"ignored\":\"\\ud800\"}").is_err());
        assert!(members(b"{\"\\ud800\":1}").is_err());
        let error = refusal("\"a very secret text\"");
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn a_count_accepts_only_integers_from_0_to_2_63_minus_1() {
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
