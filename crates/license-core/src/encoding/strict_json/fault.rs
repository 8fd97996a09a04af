//! Errors that name the refused member and quote no value.
//!
//! The messages of `serde_json` omit the name of the member and can repeat text of any length.
//! [`Fault`] keeps the expected value and the type of the found value instead. To add the path of
//! the member, `serde_path_to_error` deserializes a refused object a second time.

use std::fmt::{self, Display};

use serde::de::{DeserializeOwned, Error, Expected, Unexpected};
use serde_path_to_error::Segment;

use super::tree::Tree;
use crate::encoding::quoted::quoted;

/// A member that is missing, is unknown or has a value that is not accepted.
#[derive(Debug)]
pub(crate) struct MemberError {
    /// The path of the member, such as `check_in.every_hours` or `users[1]`.
    pub(crate) path: String,
    /// A description of the accepted values.
    pub(crate) expected: String,
    /// A description of the found value, such as `a string` or `nothing`.
    pub(crate) found: String,
    /// Whether the object refuses the member because its name is unknown.
    pub(crate) is_unknown: bool,
}

/// Deserializes a tree again, so that the error has the path of the refused member.
#[cold]
pub(super) fn explain<T: DeserializeOwned>(tree: &Tree<'_>) -> Result<T, MemberError> {
    serde_path_to_error::deserialize(tree.root()).map_err(|error| {
        let mut path = String::new();
        for segment in error.path() {
            match segment {
                Segment::Seq { index } => path.push_str(&format!("[{index}]")),
                Segment::Map { key } => push_member(&mut path, key),
                Segment::Enum { .. } | Segment::Unknown => {}
            }
        }
        let Fault(fault) = error.into_inner();
        match fault.member {
            Some(name) if fault.is_unknown => path = quoted(&name),
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
    path.push_str(separator);
    path.push_str(&quoted(name));
}

/// The reason why a type refuses a value. The content is boxed to keep every `Result` small,
/// because errors are rare.
#[derive(Debug)]
pub(crate) struct Fault(Box<FaultContent>);

#[derive(Debug)]
struct FaultContent {
    expected: String,
    found: String,
    /// The name of a missing or unknown member, which the path does not contain.
    member: Option<String>,
    is_unknown: bool,
}

impl Fault {
    #[cold]
    fn new(expected: impl Display, found: &str) -> Self {
        // serde describes an integer by the name of its type in Rust.
        let expected = match expected.to_string().as_str() {
            "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" => {
                "a whole number in range".to_owned()
            }
            expected => expected.to_owned(),
        };
        Self(Box::new(FaultContent {
            expected,
            found: found.to_owned(),
            member: None,
            is_unknown: false,
        }))
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, found {}", self.0.expected, self.0.found)
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

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        let expected = format!("only the members {}", known.join(", "));
        let mut fault = Self::new(expected, "an unknown member");
        fault.0.member = Some(field.to_owned());
        fault.0.is_unknown = true;
        fault
    }

    /// Names the known variants only, because the text of the input can have any length.
    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        Self::new(format_args!("one of {}", known.join(", ")), "another name")
    }

    fn missing_field(field: &'static str) -> Self {
        let mut fault = Self::new("a value", "nothing");
        fault.0.member = Some(field.to_owned());
        fault
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
