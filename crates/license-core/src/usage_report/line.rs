//! Lines of JSON: written in ASCII, and read strictly.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{ChainId, Hash, MAX_COUNT};
use crate::json::{self, Json, JsonError, Object};
use crate::{ProductCode, Timestamp};

/// Why a line can't be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// It is no JSON object of one meaning.
    #[error(transparent)]
    Json(JsonError),
    /// It is an object of another sort.
    #[error("expected a line of a usage report")]
    Unknown,
    /// A member is missing or of another type.
    #[error("expected `{name}` to be {expected}")]
    Member {
        /// Which.
        name: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// It was written by a newer program.
    #[error("expected a usage report of version 1, found {found}")]
    Newer {
        /// The version of the format.
        found: u64,
    },
}

/// A member that is written: its name and its value.
pub(super) type Written = (&'static str, Value);

/// One line of ASCII: no editor, mail program or code page changes its bytes unseen, and nothing in it does anything to a terminal.
/// Its members stand in this order: what a line is shows in its first.
pub(super) fn ascii(members: &[Written]) -> String {
    let members = members
        .iter()
        .map(|(name, value)| format!("\"{name}\":{value}"));
    let members: Vec<String> = members.collect();
    let mut line = String::new();
    for letter in format!("{{{}}}", members.join(",")).chars() {
        if letter.is_ascii() && !letter.is_ascii_control() {
            line.push(letter);
            continue;
        }
        let mut units = [0; 2];
        for unit in letter.encode_utf16(&mut units) {
            line.push_str(&format!("\\u{unit:04x}"));
        }
    }
    line
}

pub(super) fn object(line: &str) -> Result<Object<'_>, LineError> {
    json::object(line.as_bytes()).map_err(LineError::Json)
}

/// The members of a line.
#[derive(Clone, Copy)]
pub(super) struct Members<'a> {
    object: &'a Object<'a>,
}

impl<'a> Members<'a> {
    pub(super) fn of(object: &'a Object<'a>) -> Self {
        Self { object }
    }

    pub(super) fn get(self, name: &str) -> Option<&'a Json<'a>> {
        let mut members = self.object.iter();
        members.find(|(own, _)| own == name).map(|(_, value)| value)
    }

    pub(super) fn members(self, name: &'static str) -> Result<Members<'a>, LineError> {
        match self.get(name) {
            Some(Json::Object(object)) => Ok(Members { object }),
            _ => Err(wrong(name, "an object")),
        }
    }

    pub(super) fn count(self, name: &'static str) -> Result<u64, LineError> {
        self.get(name)
            .and_then(count)
            .ok_or_else(|| wrong(name, "a count"))
    }

    pub(super) fn text(self, name: &'static str) -> Result<&'a str, LineError> {
        match self.get(name) {
            Some(Json::String(text)) => Ok(text.as_ref()),
            _ => Err(wrong(name, "a text")),
        }
    }

    pub(super) fn flag(self, name: &'static str) -> Result<bool, LineError> {
        match self.get(name) {
            Some(Json::Bool(flag)) => Ok(*flag),
            _ => Err(wrong(name, "true or false")),
        }
    }

    pub(super) fn optional_text(self, name: &'static str) -> Result<Option<&'a str>, LineError> {
        match self.get(name) {
            Some(Json::Null) => Ok(None),
            _ => self.text(name).map(Some),
        }
    }

    pub(super) fn chain(self, name: &'static str) -> Result<ChainId, LineError> {
        let id = ChainId::parse(self.text(name)?);
        id.ok_or_else(|| wrong(name, "32 lower-case hexadecimal digits"))
    }

    pub(super) fn hash(self, name: &'static str) -> Result<Hash, LineError> {
        let hash = Hash::parse(self.text(name)?);
        hash.ok_or_else(|| wrong(name, "64 lower-case hexadecimal digits"))
    }

    pub(super) fn instant(self, name: &'static str) -> Result<Timestamp, LineError> {
        let instant = Timestamp::parse(self.text(name)?).ok();
        instant.ok_or_else(|| wrong(name, "an instant such as 2027-01-31T12:00:00Z"))
    }

    pub(super) fn product(self, name: &'static str) -> Result<ProductCode, LineError> {
        let product = ProductCode::parse(self.text(name)?).ok();
        product.ok_or_else(|| wrong(name, ProductCode::EXPECTED))
    }

    pub(super) fn counts(self, name: &'static str) -> Result<BTreeMap<String, u64>, LineError> {
        self.each(name, "counts by name", count)
    }

    /// A map of which every value is read so.
    pub(super) fn each<T>(
        self,
        name: &'static str,
        expected: &'static str,
        read: impl Fn(&Json<'_>) -> Option<T>,
    ) -> Result<BTreeMap<String, T>, LineError> {
        let members = self.members(name)?.object.iter();
        let members = members.map(|(own, value)| Some((own.to_string(), read(value)?)));
        let read: Option<_> = members.collect();
        read.ok_or_else(|| wrong(name, expected))
    }
}

pub(super) fn count(value: &Json<'_>) -> Option<u64> {
    match value {
        Json::Integer(count) => u64::try_from(*count)
            .ok()
            .filter(|count| *count <= MAX_COUNT),
        _ => None,
    }
}

pub(super) fn wrong(name: &'static str, expected: &'static str) -> LineError {
    LineError::Member { name, expected }
}
