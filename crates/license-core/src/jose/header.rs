//! The protected header of a token (RFC 7515 section 4, RFC 8725 sections 3.1 and 3.11).

use serde::{Deserialize, Deserializer, Serialize};

use super::ParseError;
use crate::encoding::base64url;
use crate::encoding::strict_json::{self, ReadError, TextVisitor};
use crate::encoding::value::named_value;
use crate::jose::Algorithm;

/// The kind of a token, which its header parameter `typ` states.
///
/// ```
/// use license_core::TokenKind;
///
/// let kind: TokenKind = "license+jwt".parse()?;
/// assert_eq!(kind, TokenKind::License);
/// assert_eq!(kind.label(), "LICENSE");
/// # Ok::<(), license_core::encoding::ValueError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenKind {
    /// `license+jwt`: a license.
    License,
    /// `license-validation+jwt`: confirms that a license was valid on a machine at an instant.
    Validation,
    /// `license-revocations+jwt`: a list of revoked licenses.
    Revocations,
    /// `license-activation+jwt`: activates a license on a machine.
    Activation,
    /// `license-clock+jwt`: permits a machine to lower its clock high-water mark.
    ClockRepair,
    /// `license-trust+jwt`: adds keys to the trust set or retires them.
    TrustStatement,
    /// `license-lease+jwt`: lends a seat of a license to a session.
    Lease,
    /// `license-server+jwt`: asks the vendor to certify the key of a license server.
    ServerRequest,
}

impl TokenKind {
    /// Returns the header parameter `typ`.
    ///
    /// ```
    /// assert_eq!(license_core::TokenKind::License.typ(), "license+jwt");
    /// ```
    pub const fn typ(self) -> &'static str {
        match self {
            Self::License => "license+jwt",
            Self::Validation => "license-validation+jwt",
            Self::Revocations => "license-revocations+jwt",
            Self::Activation => "license-activation+jwt",
            Self::ClockRepair => "license-clock+jwt",
            Self::TrustStatement => "license-trust+jwt",
            Self::Lease => "license-lease+jwt",
            Self::ServerRequest => "license-server+jwt",
        }
    }

    /// Returns the header parameter `typ`, which is also the text form of the kind.
    pub const fn as_str(self) -> &'static str {
        self.typ()
    }

    /// Returns the label of the armor block, as in `-----BEGIN LICENSE-----`.
    ///
    /// ```
    /// assert_eq!(license_core::TokenKind::License.label(), "LICENSE");
    /// ```
    pub const fn label(self) -> &'static str {
        match self {
            Self::License => "LICENSE",
            Self::Validation => "LICENSE VALIDATION",
            Self::Revocations => "LICENSE REVOCATIONS",
            Self::Activation => "LICENSE ACTIVATION",
            Self::ClockRepair => "LICENSE CLOCK REPAIR",
            Self::TrustStatement => "LICENSE TRUST",
            Self::Lease => "LICENSE LEASE",
            Self::ServerRequest => "LICENSE SERVER REQUEST",
        }
    }

    pub(crate) fn from_label(label: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|kind| kind.label() == label)
    }
}

named_value!(
    TokenKind,
    "kind",
    "a token type such as `license+jwt`",
    [
        License,
        Validation,
        Revocations,
        Activation,
        ClockRepair,
        TrustStatement,
        Lease,
        ServerRequest,
    ]
);

const ALGORITHM: &str = "`RS256` or `PS256`";
const KEY_ID: &str = "a key id";
const TYPE: &str = "the type of a license token";

/// The maximum length of a key id in bytes. A thumbprint (RFC 7638) has 43 bytes.
const MAX_KEY_ID: usize = 128;

/// The protected header of a token.
///
/// Other members, such as `crit`, `jwk`, `jku`, `x5c`, `x5u`, `b64` and `zip`, are rejected.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProtectedHeader {
    #[serde(rename = "alg")]
    pub(super) algorithm: Algorithm,
    #[serde(rename = "kid", deserialize_with = "key_id")]
    pub(super) key_id: Box<str>,
    #[serde(rename = "typ")]
    pub(super) kind: TokenKind,
}

fn key_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Box<str>, D::Error> {
    deserializer.deserialize_str(TextVisitor {
        expected: KEY_ID,
        parse: |id| (1..=MAX_KEY_ID).contains(&id.len()).then(|| id.into()),
    })
}

/// Returns the first segment of a token.
#[cfg(feature = "issue")]
pub(crate) fn header_segment(
    algorithm: Algorithm,
    key_id: &str,
    kind: TokenKind,
) -> Result<String, serde_json::Error> {
    let header = ProtectedHeader {
        algorithm,
        key_id: key_id.into(),
        kind,
    };
    serde_json::to_vec(&header).map(|header| base64url::encode(&header))
}

/// Parses the first segment of a token.
pub(super) fn parse(segment: &str) -> Result<ProtectedHeader, ParseError> {
    let bytes = base64url::decode(segment).ok_or(ParseError::Base64 { segment: "header" })?;
    strict_json::from_slice(&bytes).map_err(|error| match error {
        ReadError::Json(error) => ParseError::HeaderJson(error),
        ReadError::Member(error) if error.is_unknown => {
            ParseError::HeaderMember { found: error.path }
        }
        ReadError::Member(error) => match error.path.as_str() {
            "alg" => ParseError::Header {
                member: "alg",
                expected: ALGORITHM,
            },
            "kid" => ParseError::Header {
                member: "kid",
                expected: KEY_ID,
            },
            _ => ParseError::Header {
                member: "typ",
                expected: TYPE,
            },
        },
    })
}
