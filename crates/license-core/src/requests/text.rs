//! The readable form of a letter: JSON in armor, so that whoever carries it sees what it says.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::{Letter, LetterError, spoken};
use crate::encoding::armor::LetterKind;
use crate::encoding::hex;
use crate::encoding::pasted::{plain_dash, plain_quote};
use crate::encoding::strict_json::{self, IntegerVisitor, MAX_QUOTED_CHARS, ReadError, text};
use sha2::{Digest, Sha256};

/// The format version.
const VERSION: u64 = 1;
/// As many bytes of SHA-256 as find what was changed on the way; nobody is kept from changing both.
const CHECK_BYTES: usize = 4;
/// The most bytes of a letter: some ten times what one has.
pub(crate) const MAX_LETTER_BYTES: usize = 8 * 1024;

impl Letter {
    /// The letter in armor, as [`Letter::parse`] reads it.
    pub fn to_armor(&self) -> String {
        let label = self.kind().label();
        let body = self.to_json();
        format!("-----BEGIN {label}-----\n{body:#}\n-----END {label}-----\n")
    }

    /// The same on one line, which takes less room in a QR code.
    pub fn to_line(&self) -> String {
        let label = self.kind().label();
        let body = self.to_json();
        format!("-----BEGIN {label}-----{body}-----END {label}-----")
    }

    /// Returns the letter as a JSON object.
    pub fn to_json(&self) -> Value {
        json!(Message {
            ver: VERSION,
            letter: self,
            check: self.check(),
        })
    }

    /// Reads a letter in armor, whatever mail and editors have done to its lines, quotes and hyphens; or the lines of
    /// [`spoken`](crate::requests::spoken) that its compact form was read out in.
    ///
    /// # Errors
    /// [`LetterError`] if it is none, or was changed on its way.
    pub fn parse(text: &str) -> Result<Self, LetterError> {
        if text.len() > MAX_LETTER_BYTES {
            return Err(LetterError::TooLong {
                limit: MAX_LETTER_BYTES,
                found: text.len(),
            });
        }
        if spoken::is_likely(text) {
            let bytes = spoken::read(text).map_err(LetterError::Spoken)?;
            return Self::from_bytes(&bytes);
        }
        // No value has white space in it that would be missed.
        let tidy = |letter: char| plain_quote(plain_dash(letter));
        let plain: String = text.chars().map(tidy).collect();
        let (kind, body) = unarmored(&plain)?;
        let body: String = body.split_whitespace().collect();
        of_json(kind, body.as_bytes())
    }

    fn check(&self) -> String {
        let digest = Sha256::digest(self.to_bytes());
        hex::encode(digest.get(..CHECK_BYTES).unwrap_or_default())
    }
}

/// The kind that the armor says, and what is between its two lines.
fn unarmored(text: &str) -> Result<(LetterKind, &str), LetterError> {
    let (_, rest) = text.split_once("-BEGIN ").ok_or(LetterError::Armor)?;
    let (label, rest) = rest.split_once('-').ok_or(LetterError::Armor)?;
    let Some(kind) = LetterKind::from_label(label.trim()) else {
        return Err(LetterError::OtherBlock {
            found: label.trim().chars().take(40).collect(),
        });
    };
    let (body, end) = rest.split_once("-END ").ok_or(LetterError::Armor)?;
    let end = end.strip_prefix(label.trim());
    let after = end.ok_or(LetterError::Armor)?.trim_start_matches('-');
    match after.trim_matches(is_around).is_empty() {
        true => Ok((kind, body.trim_matches('-'))),
        false if after.contains("-BEGIN ") => Err(LetterError::Several),
        false => Err(LetterError::Armor),
    }
}

fn is_around(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, '"' | '\u{feff}' | '-')
}

/// The JSON form of a letter.
#[derive(Serialize)]
struct Message<'a> {
    ver: u64,
    #[serde(flatten)]
    letter: &'a Letter,
    check: String,
}

/// The members that every kind of letter has.
#[derive(Deserialize)]
struct CommonMembers {
    #[serde(rename = "ver", deserialize_with = "supported_version")]
    _version: u64,
    #[serde(deserialize_with = "text")]
    check: String,
}

fn of_json(kind: LetterKind, body: &[u8]) -> Result<Letter, LetterError> {
    let letter = match kind {
        LetterKind::Activation => Letter::Activation(read(body)?),
        LetterKind::Clock => Letter::Clock(read(body)?),
        LetterKind::Deactivation => Letter::Deactivation(read(body)?),
    };
    let common: CommonMembers = read(body)?;
    let known = letter.to_json();
    let members = strict_json::members(body).map_err(LetterError::Json)?;
    if let Some(name) = members.keys().find(|name| known.get(name).is_none()) {
        return Err(LetterError::UnknownMember {
            found: name.chars().take(MAX_QUOTED_CHARS).collect(),
        });
    }
    match common.check == letter.check() {
        true => Ok(letter),
        false => Err(LetterError::Check),
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, LetterError> {
    strict_json::from_slice(body).map_err(|error| match error {
        ReadError::Json(error) => LetterError::Json(error),
        ReadError::Member(error) => later_version(body).unwrap_or(LetterError::Member {
            member: error.path,
            expected: error.expected,
        }),
    })
}

/// Returns the error of a later format version, whatever else is wrong.
fn later_version(body: &[u8]) -> Option<LetterError> {
    #[derive(Deserialize)]
    struct VersionMember {
        #[serde(deserialize_with = "strict_json::count")]
        ver: u64,
    }
    let VersionMember { ver: found } = strict_json::from_slice(body).ok()?;
    let supported = VERSION;
    (found > supported).then_some(LetterError::Version { supported, found })
}

fn supported_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    deserializer.deserialize_u64(IntegerVisitor {
        expected: "1",
        convert: |version| (version == 1).then_some(VERSION),
    })
}
