//! JSON Web Keys (RFC 7517, RFC 7518 section 6.3).

use super::{TrustError, TrustedKey};
use crate::base64url;
use crate::json::{self, Json};
use crate::signature::Algorithm;

/// Members of a private RSA key (RFC 7518 section 6.3.2), and that of a symmetric one.
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Reads a JWK or a JWK Set.
pub(super) fn parse(text: &str) -> Result<Vec<TrustedKey>, TrustError> {
    let members = json::object(text.as_bytes()).map_err(TrustError::Json)?;
    match members.iter().find(|(name, _)| name == "keys") {
        None => Ok(vec![key(&members)?]),
        Some((_, Json::Array(keys))) => keys
            .iter()
            .map(|jwk| match jwk {
                Json::Object(members) => key(members),
                _ => Err(TrustError::Jwk {
                    member: "keys",
                    expected: "an array of objects",
                }),
            })
            .collect(),
        Some(_) => Err(TrustError::Jwk {
            member: "keys",
            expected: "an array of objects",
        }),
    }
}

/// Reads the members of one key.
pub(super) fn key(members: &json::Object<'_>) -> Result<TrustedKey, TrustError> {
    if members
        .iter()
        .any(|(name, _)| PRIVATE_MEMBERS.contains(&name.as_ref()))
    {
        return Err(TrustError::PrivateKey);
    }
    expect(members, "kty", "RSA", "`RSA`")?;
    if member(members, "use").is_some() {
        expect(members, "use", "sig", "`sig`")?;
    }
    const ALG: TrustError = TrustError::Jwk {
        member: "alg",
        expected: "`RS256` or `PS256`",
    };
    let algorithm = string(members, "alg")
        .and_then(Algorithm::parse)
        .ok_or(ALG)?;
    let key = TrustedKey::new(algorithm, &number(members, "n")?, &number(members, "e")?)?;
    match member(members, "kid") {
        Some(Json::String(kid)) if *kid == key.id().as_str() => Ok(key),
        None => Ok(key),
        Some(_) => Err(TrustError::KeyId {
            expected: key.id().clone(),
        }),
    }
}

fn member<'j>(members: &'j json::Object<'_>, name: &str) -> Option<&'j Json<'j>> {
    members
        .iter()
        .find(|(other, _)| other == name)
        .map(|(_, value)| value)
}

fn string<'j>(members: &'j json::Object<'_>, name: &str) -> Option<&'j str> {
    match member(members, name) {
        Some(Json::String(text)) => Some(text),
        _ => None,
    }
}

fn expect(
    members: &json::Object<'_>,
    member: &'static str,
    value: &str,
    expected: &'static str,
) -> Result<(), TrustError> {
    if string(members, member) == Some(value) {
        return Ok(());
    }
    Err(TrustError::Jwk { member, expected })
}

/// RFC 7518 section 2, Base64urlUInt: the fewest octets, so that one key has one thumbprint.
fn number(members: &json::Object<'_>, member: &'static str) -> Result<Vec<u8>, TrustError> {
    let expected = "base64url of a number without leading zero octets";
    string(members, member)
        .and_then(base64url::decode)
        .filter(|octets| octets.first().is_some_and(|&first| first != 0))
        .ok_or(TrustError::Jwk { member, expected })
}

impl TrustedKey {
    /// Reads a JWK that is a member of something else.
    pub(crate) fn from_jwk(members: &json::Object<'_>) -> Result<Self, TrustError> {
        key(members)
    }

    /// The key as a JWK with `kid`, `alg` and `use`.
    pub fn to_jwk(&self) -> serde_json::Value {
        serde_json::json!({
            "kty": "RSA",
            "use": "sig",
            "alg": self.algorithm().as_str(),
            "kid": self.id().as_str(),
            "n": base64url::encode(self.modulus()),
            "e": base64url::encode(self.exponent()),
        })
    }
}
