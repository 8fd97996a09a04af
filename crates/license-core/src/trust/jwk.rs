//! JSON Web Keys (RFC 7517, RFC 7518 section 6.3).

use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::{TrustError, TrustedKey};
use crate::encoding::base64url;
use crate::encoding::strict_json::{self, Object, ReadError};
use crate::jose::Algorithm;

/// A public key as a JWK. A value of this type is not checked: [`Jwk::to_key`] does that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Jwk {
    #[serde(default)]
    kty: Member,
    #[serde(default, rename = "use", skip_serializing_if = "Member::is_missing")]
    key_use: Member,
    #[serde(default)]
    alg: Member,
    #[serde(default, skip_serializing_if = "Member::is_missing")]
    kid: Member,
    #[serde(default)]
    n: Member,
    #[serde(default)]
    e: Member,
    /// Whether there is a member of a private RSA key (RFC 7518 section 6.3.2) or of a symmetric
    /// one.
    #[serde(flatten, skip_serializing)]
    private: PrivateMembers,
}

/// A member of a JWK, whose type the reader reports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Member {
    #[default]
    Missing,
    Text(String),
    /// A value that is not a string.
    Other,
}

impl Member {
    fn is_missing(&self) -> bool {
        *self == Self::Missing
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    fn expect(
        &self,
        member: &'static str,
        value: &str,
        expected: &'static str,
    ) -> Result<(), TrustError> {
        match self.text() == Some(value) {
            true => Ok(()),
            false => Err(TrustError::Jwk { member, expected }),
        }
    }

    /// Reads a `Base64urlUInt` (RFC 7518 section 2). It has the fewest octets, so that one key has
    /// one thumbprint.
    fn number(&self, member: &'static str) -> Result<Vec<u8>, TrustError> {
        let expected = "base64url of a number without leading zero octets";
        self.text()
            .and_then(base64url::decode)
            .filter(|octets| octets.first().is_some_and(|&first| first != 0))
            .ok_or(TrustError::Jwk { member, expected })
    }
}

impl From<String> for Member {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl Serialize for Member {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MemberVisitor)
    }
}

struct MemberVisitor;

impl<'de> Visitor<'de> for MemberVisitor {
    type Value = Member;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member of a JWK")
    }

    fn visit_str<E>(self, text: &str) -> Result<Member, E> {
        Ok(Member::Text(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Member, E> {
        Ok(Member::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Member, E> {
        Ok(Member::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Member, E> {
        Ok(Member::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Member, E> {
        Ok(Member::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Member, E> {
        Ok(Member::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Member, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Member::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Member, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Member::Other)
    }
}

/// The members that only a private or symmetric key has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct PrivateMembers {
    d: Member,
    p: Member,
    q: Member,
    dp: Member,
    dq: Member,
    qi: Member,
    oth: Member,
    k: Member,
}

impl Jwk {
    /// Returns whether the JWK has the members `kid` and `use`.
    pub(crate) fn names_itself(&self) -> bool {
        !self.kid.is_missing() && !self.key_use.is_missing()
    }

    /// Checks the key and loads it.
    pub(crate) fn to_key(&self) -> Result<TrustedKey, TrustError> {
        if self.private != PrivateMembers::default() {
            return Err(TrustError::PrivateKey);
        }
        self.kty.expect("kty", "RSA", "`RSA`")?;
        if !self.key_use.is_missing() {
            self.key_use.expect("use", "sig", "`sig`")?;
        }
        let algorithm = self.alg.text().and_then(Algorithm::parse);
        let algorithm = algorithm.ok_or(TrustError::Jwk {
            member: "alg",
            expected: "`RS256` or `PS256`",
        })?;
        let key = TrustedKey::new(algorithm, &self.n.number("n")?, &self.e.number("e")?)?;
        match &self.kid {
            Member::Missing => Ok(key),
            Member::Text(kid) if *kid == key.id().as_str() => Ok(key),
            _ => Err(TrustError::KeyId {
                expected: key.id().clone(),
            }),
        }
    }
}

impl From<&TrustedKey> for Jwk {
    fn from(key: &TrustedKey) -> Self {
        let text = |text: &str| Member::Text(text.to_owned());
        Self {
            kty: text("RSA"),
            key_use: text("sig"),
            alg: text(key.algorithm().as_str()),
            kid: text(key.id().as_str()),
            n: base64url::encode(key.modulus()).into(),
            e: base64url::encode(key.exponent()).into(),
            private: PrivateMembers::default(),
        }
    }
}

/// A JWK Set (RFC 7517 section 5), or the absence of one.
#[derive(Deserialize)]
struct JwkSet {
    #[serde(default, deserialize_with = "strict_json::present")]
    keys: Option<Vec<Object<Jwk>>>,
}

/// Reads a JWK or a JWK Set.
pub(super) fn parse(text: &str) -> Result<Vec<TrustedKey>, TrustError> {
    let set: JwkSet = read(text)?;
    match set.keys {
        Some(keys) => keys.iter().map(|Object(jwk)| jwk.to_key()).collect(),
        None => Ok(vec![read::<Jwk>(text)?.to_key()?]),
    }
}

fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, TrustError> {
    strict_json::from_slice(text.as_bytes()).map_err(|error| match error {
        ReadError::Json(error) => TrustError::Json(error),
        ReadError::Member(_) => TrustError::Jwk {
            member: "keys",
            expected: "an array of objects",
        },
    })
}

impl TrustedKey {
    /// Returns the key as a JWK with `kid`, `alg` and `use`.
    pub fn to_jwk(&self) -> serde_json::Value {
        serde_json::json!(Jwk::from(self))
    }
}
