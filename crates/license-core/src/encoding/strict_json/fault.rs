//! Errors that name the refused member and quote no value.
//!
//! The messages of `serde_json` omit the name of the member and can repeat text of any length. An
//! object that is refused is therefore deserialized a second time, from a tree, with an error type
//! that keeps the expected value and the type of the found value. `serde_path_to_error` adds the
//! path.

use std::fmt::{self, Display, Write};

use serde::Deserializer;
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Error, Expected, IntoDeserializer, Unexpected, Visitor};
use serde_json::Value;
use serde_path_to_error::Segment;

use super::MAX_QUOTED_CHARS;

/// A member that is missing, unknown or has a value that is not accepted.
#[derive(Debug)]
pub(crate) struct MemberError {
    /// The path of the member, such as `check_in.every_hours` or `users[1]`.
    pub(crate) path: String,
    /// A description of the accepted values.
    pub(crate) expected: String,
    /// A description of the found value, such as `a string` or `nothing`.
    pub(crate) found: String,
    /// Whether the object must not have such a member.
    pub(crate) is_unknown: bool,
}

/// Deserializes a tree.
pub(super) fn deserialize<T: DeserializeOwned>(tree: &Value) -> Result<T, MemberError> {
    serde_path_to_error::deserialize(Node(tree)).map_err(|error| {
        let mut path = String::new();
        for segment in error.path() {
            match segment {
                Segment::Seq { index } => path.push_str(&format!("[{index}]")),
                Segment::Map { key } => push_member(&mut path, key),
                Segment::Enum { .. } | Segment::Unknown => {}
            }
        }
        let fault = error.into_inner();
        match fault.member {
            Some(name) if fault.is_unknown => path = name,
            Some(name) => push_member(&mut path, &name),
            None => {}
        }
        MemberError {
            path,
            expected: fault.expected,
            found: fault.found,
            is_unknown: fault.is_unknown,
        }
    })
}

fn push_member(path: &mut String, name: &str) {
    let separator = if path.is_empty() { "" } else { "." };
    // Writing to a string cannot fail.
    let _ = write!(path, "{separator}{name:.MAX_QUOTED_CHARS$}");
}

#[derive(Debug)]
struct Fault {
    expected: String,
    found: String,
    /// The name of a missing or unknown member, which the path does not contain.
    member: Option<String>,
    is_unknown: bool,
}

impl Fault {
    fn new(expected: impl Display, found: &str) -> Self {
        Self {
            expected: expected.to_string(),
            found: found.to_owned(),
            member: None,
            is_unknown: false,
        }
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, found {}", self.expected, self.found)
    }
}

impl std::error::Error for Fault {}

impl Error for Fault {
    fn custom<T: Display>(expected: T) -> Self {
        Self::new(expected, "another value")
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(expected, describe(&found))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(expected, describe(&found))
    }

    fn unknown_field(field: &str, _: &'static [&'static str]) -> Self {
        Self {
            member: Some(field.to_owned()),
            is_unknown: true,
            ..Self::new("only known members", "an unknown member")
        }
    }

    fn missing_field(field: &'static str) -> Self {
        Self {
            member: Some(field.to_owned()),
            ..Self::new("a value", "nothing")
        }
    }
}

fn describe<'a>(found: &Unexpected<'a>) -> &'a str {
    match found {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "an integer",
        Unexpected::Float(_) => "a number that is not an integer",
        Unexpected::Char(_) | Unexpected::Str(_) => "a string",
        Unexpected::Unit | Unexpected::Option => "null",
        Unexpected::Seq => "an array",
        Unexpected::Map => "an object",
        Unexpected::Other(description) => description,
        _ => "another value",
    }
}

/// A value of the tree.
#[derive(Clone, Copy)]
struct Node<'de>(&'de Value);

impl<'de> IntoDeserializer<'de, Fault> for Node<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(integer), _) => visitor.visit_u64(integer),
                (None, Some(integer)) => visitor.visit_i64(integer),
                (None, None) => visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(items) => visitor.visit_seq(SeqDeserializer::new(items.iter().map(Node))),
            Value::Object(members) => {
                let members = members
                    .iter()
                    .map(|(name, value)| (name.as_str(), Node(value)));
                visitor.visit_map(MapDeserializer::new(members))
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
