//! The protected header: exactly `alg`, `kid` and `typ` (RFC 7515 section 4, RFC 8725 sections 3.1 and 3.11).

use std::fmt;

use super::ParseError;
use crate::base64url;
use crate::json::{self, Json, Plain};
use crate::signature::Algorithm;

/// What a token states, by its `typ`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenKind {
    /// `license+jwt`: what a customer bought.
    License,
    /// `license-validation+jwt`: a license was good on a machine at a time.
    Validation,
    /// `license-revocations+jwt`: licenses that no longer hold.
    Revocations,
    /// `license-activation+jwt`: a license is bound to a machine.
    Activation,
    /// `license-clock+jwt`: a machine may forget what it remembers of time.
    ClockRepair,
    /// `license-trust+jwt`: keys that are to be trusted, or no longer.
    TrustStatement,
}

impl TokenKind {
    const ALL: [Self; 6] = [
        Self::License,
        Self::Validation,
        Self::Revocations,
        Self::Activation,
        Self::ClockRepair,
        Self::TrustStatement,
    ];

    /// The `typ` of the header.
    pub const fn typ(self) -> &'static str {
        match self {
            Self::License => "license+jwt",
            Self::Validation => "license-validation+jwt",
            Self::Revocations => "license-revocations+jwt",
            Self::Activation => "license-activation+jwt",
            Self::ClockRepair => "license-clock+jwt",
            Self::TrustStatement => "license-trust+jwt",
        }
    }

    /// The label of its armor, as in `-----BEGIN LICENSE-----`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::License => "LICENSE",
            Self::Validation => "LICENSE VALIDATION",
            Self::Revocations => "LICENSE REVOCATIONS",
            Self::Activation => "LICENSE ACTIVATION",
            Self::ClockRepair => "LICENSE CLOCK REPAIR",
            Self::TrustStatement => "LICENSE TRUST",
        }
    }

    pub(super) fn of_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.label() == label)
    }
}

impl fmt::Display for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.typ())
    }
}

#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) algorithm: Algorithm,
    pub(super) key_id: Box<str>,
    pub(super) kind: TokenKind,
}

/// The first segment of a token as it is minted.
pub(crate) fn minted(algorithm: Algorithm, key_id: &str, kind: TokenKind) -> String {
    let typ = kind.typ();
    base64url::encode(
        format!(r#"{{"alg":"{algorithm}","kid":"{key_id}","typ":"{typ}"}}"#).as_bytes(),
    )
}

/// Longer key ids are nobody's; a thumbprint has 43 characters.
const MAX_KEY_ID: usize = 128;

pub(super) fn parse(segment: &str) -> Result<Header, ParseError> {
    let mut room = [0; USUAL_BYTES];
    let decoded = base64url::decode_into(segment, &mut room);
    if let Some(header) = decoded.and_then(usual) {
        return Ok(header);
    }
    let bytes = base64url::decode(segment).ok_or(ParseError::Base64 { segment: "header" })?;
    let members = json::object(&bytes).map_err(ParseError::HeaderJson)?;
    let (mut algorithm, mut key_id, mut kind) = (None, None, None);
    for (name, value) in &members {
        match name.as_ref() {
            "alg" => algorithm = Some(text("alg", value)?),
            "kid" => key_id = Some(text("kid", value)?),
            "typ" => kind = Some(text("typ", value)?),
            // `crit`, `jwk`, `jku`, `x5c`, `x5u`, `b64`, `zip` and all others: what is not needed can only harm.
            other => return Err(unknown(other)),
        }
    }
    let kind = kind.and_then(|typ| TokenKind::ALL.into_iter().find(|kind| kind.typ() == typ));
    Ok(Header {
        algorithm: algorithm.and_then(Algorithm::parse).ok_or(ALGORITHM)?,
        key_id: key_id
            .filter(|id| (1..=MAX_KEY_ID).contains(&id.len()))
            .ok_or(KEY_ID)?
            .into(),
        kind: kind.ok_or(TYPE)?,
    })
}

/// As long as the headers that [`usual`] reads can be.
const USUAL_BYTES: usize = 224;

/// Reads a header as tokens are minted with, without a parser: another one, right or wrong, is read by that.
fn usual(header: &[u8]) -> Option<Header> {
    let (mut algorithm, mut key_id, mut kind) = (None, None, None);
    let mut text = Plain::new(std::str::from_utf8(header).ok()?);
    text.object(|value, name| {
        let member = match name {
            "alg" => &mut algorithm,
            "kid" => &mut key_id,
            "typ" => &mut kind,
            _ => return None,
        };
        member.replace(value.text()?).is_none().then_some(())
    })?;
    text.end()?;
    let is_such = |kind: &TokenKind, typ: Option<&str>| Some(kind.typ()) == typ;
    Some(Header {
        algorithm: Algorithm::parse(algorithm?)?,
        key_id: key_id
            .filter(|id| (1..=MAX_KEY_ID).contains(&id.len()))?
            .into(),
        kind: TokenKind::ALL.into_iter().find(|one| is_such(one, kind))?,
    })
}

const ALGORITHM: ParseError = ParseError::Header {
    member: "alg",
    expected: "`RS256` or `PS256`",
};
const KEY_ID: ParseError = ParseError::Header {
    member: "kid",
    expected: "a key id",
};
const TYPE: ParseError = ParseError::Header {
    member: "typ",
    expected: "a license token's type",
};

fn text<'j>(member: &'static str, value: &'j Json<'_>) -> Result<&'j str, ParseError> {
    match value {
        Json::String(text) => Ok(text),
        _ => Err(ParseError::Header {
            member,
            expected: "a string",
        }),
    }
}

fn unknown(member: &str) -> ParseError {
    ParseError::HeaderMember {
        found: member.chars().take(32).collect(),
    }
}
