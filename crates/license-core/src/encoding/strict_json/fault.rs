//! Errors that name the refused member and quote no value.
//!
//! The messages of `serde_json` omit the name of the member and can repeat text of any length. An
//! object that is refused is therefore deserialized a second time, from a tree, with an error type
//! that keeps the path, the expected value and the type of the found value.

use std::fmt::{self, Display, Write};

use serde::Deserializer;
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Error, Expected, MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde_json::Value;

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
    T::deserialize(Node(tree)).map_err(MemberError::from)
}

#[derive(Debug)]
struct Fault {
    /// The innermost step first.
    path: Vec<Step>,
    expected: String,
    found: String,
    is_unknown: bool,
}

#[derive(Debug)]
enum Step {
    Member(String),
    Item(usize),
}

impl From<Fault> for MemberError {
    fn from(fault: Fault) -> Self {
        let mut path = String::new();
        for step in fault.path.iter().rev() {
            let separator = if path.is_empty() { "" } else { "." };
            // Writing to a string cannot fail.
            let _ = match step {
                Step::Member(name) => write!(path, "{separator}{name:.MAX_QUOTED_CHARS$}"),
                Step::Item(index) => write!(path, "[{index}]"),
            };
        }
        Self {
            path,
            expected: fault.expected,
            found: fault.found,
            is_unknown: fault.is_unknown,
        }
    }
}

impl Fault {
    fn new(expected: impl Display, found: &str) -> Self {
        Self {
            path: Vec::new(),
            expected: expected.to_string(),
            found: found.to_owned(),
            is_unknown: false,
        }
    }

    fn inside(mut self, step: Step) -> Self {
        self.path.push(step);
        self
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
        let mut fault = Self::new("only known members", "an unknown member");
        fault.is_unknown = true;
        fault.inside(Step::Member(field.to_owned()))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new("a value", "nothing").inside(Step::Member(field.to_owned()))
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
            Value::Array(items) => visitor.visit_seq(Items {
                items: items.iter(),
                index: 0,
            }),
            Value::Object(members) => visitor.visit_map(Members {
                members: members.iter(),
                current: None,
            }),
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

struct Items<'de> {
    items: std::slice::Iter<'de, Value>,
    index: usize,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let Some(item) = self.items.next() else {
            return Ok(None);
        };
        let index = self.index;
        self.index += 1;
        let value = seed.deserialize(Node(item));
        value
            .map(Some)
            .map_err(|fault| fault.inside(Step::Item(index)))
    }
}

struct Members<'de> {
    members: serde_json::map::Iter<'de>,
    current: Option<(&'de str, &'de Value)>,
}

impl<'de> MapAccess<'de> for Members<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let Some((name, value)) = self.members.next() else {
            return Ok(None);
        };
        self.current = Some((name, value));
        seed.deserialize(BorrowedStrDeserializer::new(name))
            .map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let member = self.current.take();
        let (name, value) = member.ok_or_else(|| Fault::new("a member", "nothing"))?;
        let value = seed.deserialize(Node(value));
        value.map_err(|fault| fault.inside(Step::Member(name.to_owned())))
    }
}
