//! Lines of an exported audit trail.

use license_core::encoding::{from_strict_json, hex};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::AuditEntry;

/// An entry in a line of an export: JSON without line breaks.
///
/// The line has the hash of the entry before, so that a part of a trail can be verified on its own.
/// `before` and `details` are the JSON of the entry, with the members in their order, so that their
/// text without spaces is the text that the hash covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditLine {
    seq: u64,
    format: u64,
    at: String,
    actor: String,
    address: Option<String>,
    action: String,
    subject: String,
    before: Option<Value>,
    details: Value,
    previous: String,
    hash: String,
}

/// The reason why a line is not one of an export.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuditLineError {
    /// The line is not JSON with the expected members.
    #[error("expected an entry of an exported audit trail, found other content")]
    Malformed,
    /// A hash is not 64 hexadecimal digits.
    #[error("expected 64 hexadecimal digits in the member {member}, found another text")]
    Hash {
        /// The name of the member.
        member: &'static str,
    },
}

impl AuditLine {
    /// Creates the line of the entry that follows the entry with the hash `previous`.
    pub fn new(entry: AuditEntry, previous: &[u8; 32]) -> Self {
        let json = |text: String| serde_json::from_str(&text).unwrap_or(Value::String(text));
        Self {
            seq: entry.seq,
            format: entry.format,
            at: entry.at,
            actor: entry.actor,
            address: entry.address,
            action: entry.action,
            subject: entry.subject,
            before: entry.before.map(json),
            details: json(entry.details),
            previous: hex::encode(previous),
            hash: hex::encode(&entry.hash),
        }
    }

    /// Returns the JSON of the line, without a line break.
    ///
    /// # Errors
    ///
    /// Returns an error if the values cannot be written as JSON, which does not occur.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// Parses a line. Returns the entry and the hash of the entry before.
    ///
    /// # Errors
    ///
    /// Returns an error if the line is not one of an export.
    pub fn parse(line: &[u8]) -> Result<(AuditEntry, [u8; 32]), AuditLineError> {
        let line: Self = from_strict_json(line).map_err(|_| AuditLineError::Malformed)?;
        let digest =
            |member, text: &str| hex::decode_lower(text).ok_or(AuditLineError::Hash { member });
        let previous = digest("previous", &line.previous)?;
        let entry = AuditEntry {
            seq: line.seq,
            format: line.format,
            at: line.at,
            actor: line.actor,
            address: line.address,
            action: line.action,
            subject: line.subject,
            before: line.before.as_ref().map(Value::to_string),
            details: line.details.to_string(),
            hash: digest("hash", &line.hash)?,
        };
        Ok((entry, previous))
    }
}
