//! JSON lines, written in ASCII and read strictly.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;

use chrono::TimeDelta;
use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde::ser::Serialize;

use super::MAX_COUNT;
use crate::code::Code;
use crate::encoding::strict_json::{self, IntegerVisitor, JsonError, MemberError, ReadError};
use crate::time;

/// The reason why a line cannot be read.
///
/// ```
/// use license_core::usage::UsageEntry;
///
/// let error = UsageEntry::parse("{}").err().ok_or("expected an error")?;
/// println!("{}: {error}", error.code());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// The line is not a strict JSON object.
    #[error(transparent)]
    Json(JsonError),
    /// The object is not a line of a usage report.
    #[error("expected a line of a usage report")]
    Unknown,
    /// A member is missing or has a value that is not accepted.
    #[error("expected `{name}` to be {expected}")]
    Member {
        /// The path of the member.
        name: Cow<'static, str>,
        /// A description of the accepted values.
        expected: Cow<'static, str>,
    },
    /// The report has a later format version.
    #[error("expected a usage report of version 1, found {found}")]
    Newer {
        /// The version of the format.
        found: u64,
    },
}

impl LineError {
    /// Returns the reason code.
    ///
    /// ```
    /// use license_core::Code;
    /// use license_core::usage::LineError;
    ///
    /// assert_eq!(LineError::Unknown.code(), Code::Malformed);
    /// ```
    pub const fn code(&self) -> Code {
        match self {
            Self::Newer { .. } => Code::UnsupportedVersion,
            _ => Code::Malformed,
        }
    }
}

impl From<ReadError> for LineError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Json(error) => Self::Json(error),
            ReadError::Member(MemberError { path, expected, .. }) => Self::Member {
                name: path.into(),
                expected: expected.into(),
            },
        }
    }
}

/// Writes an object as one line of ASCII. No editor, mail program or code page changes its bytes,
/// and it contains no control characters.
pub(super) fn ascii(object: &impl Serialize) -> String {
    #[allow(
        clippy::expect_used,
        reason = "the structs of this module have string keys and serialize without errors"
    )]
    let json = serde_json::to_string(object).expect("a line is serializable");
    let mut line = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() && !character.is_ascii_control() {
            line.push(character);
            continue;
        }
        let mut units = [0; 2];
        for unit in character.encode_utf16(&mut units) {
            // Writing to a string cannot fail.
            let _ = write!(line, "\\u{unit:04x}");
        }
    }
    line
}

/// Parses a line.
pub(super) fn read<T: DeserializeOwned>(line: &str) -> Result<T, LineError> {
    Ok(strict_json::from_slice(line.as_bytes())?)
}

pub(super) fn invalid(name: &'static str, expected: &'static str) -> LineError {
    LineError::Member {
        name: name.into(),
        expected: expected.into(),
    }
}

/// A count from 0 to [`MAX_COUNT`].
struct Count(u64);

/// Deserializes a count.
pub(super) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Count::deserialize(deserializer).map(|Count(count)| count)
}

/// Deserializes a count of seconds.
pub(super) fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TimeDelta, D::Error> {
    count(deserializer).map(time::seconds)
}

/// Deserializes counts by name.
pub(super) fn counts<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, u64>, D::Error> {
    let counts = BTreeMap::<String, Count>::deserialize(deserializer)?;
    let counts = counts.into_iter();
    Ok(counts.map(|(name, Count(count))| (name, count)).collect())
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u64(IntegerVisitor {
            expected: "a count",
            convert: |count| {
                let count = u64::try_from(count).ok();
                count.filter(|count| *count <= MAX_COUNT).map(Self)
            },
        })
    }
}
