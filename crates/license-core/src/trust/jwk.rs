//! JSON Web Keys (RFC 7517, RFC 7518 section 6.3).

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::{TrustError, TrustSet, TrustedKey};
use crate::encoding::base64url;
use crate::encoding::pasted::{FoundText, plain_json};
use crate::encoding::strict_json::{self, Object, ReadError, non_empty, present};
use crate::jose::Algorithm;

/// The members that only a private RSA key (RFC 7518 section 6.3.2) or a symmetric key has.
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A public key as a JWK. [`Jwk::to_key`] checks the values and types of the members.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Jwk {
    #[serde(default, deserialize_with = "present")]
    kty: Option<Value>,
    #[serde(rename = "use", default, deserialize_with = "present")]
    #[serde(skip_serializing_if = "Option::is_none")]
    key_use: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    #[serde(skip_serializing_if = "Option::is_none")]
    key_ops: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    alg: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    n: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    e: Option<Value>,
    #[serde(flatten, skip_serializing)]
    others: Map<String, Value>,
}

fn text(member: &Option<Value>) -> Option<&str> {
    member.as_ref().and_then(Value::as_str)
}

/// Checks that a member has the accepted value.
fn expect(
    value: &Option<Value>,
    member: &'static str,
    accepted: &str,
    expected: &'static str,
) -> Result<(), TrustError> {
    if text(value) == Some(accepted) {
        Ok(())
    } else {
        Err(TrustError::Jwk { member, expected })
    }
}

/// Decodes a `Base64urlUInt` (RFC 7518 section 2). A leading zero octet is an error, because the
/// thumbprint of the key depends on the encoding.
fn number(value: &Option<Value>, member: &'static str) -> Result<Vec<u8>, TrustError> {
    let expected = "base64url of a number without leading zero octets";
    let value = text(value);
    let mut characters = value.unwrap_or_default().chars().enumerate();
    if let Some((index, found)) = characters.find(|(_, character)| !character.is_ascii_graphic()) {
        return Err(TrustError::JwkCharacter {
            member,
            column: index + 1,
            found: FoundText::Character(found),
        });
    }
    value
        .and_then(base64url::decode)
        .filter(|octets| octets.first().is_some_and(|&first| first != 0))
        .ok_or(TrustError::Jwk { member, expected })
}

/// Returns whether the value of `key_ops` permits that the key verifies signatures, and nothing
/// else (RFC 7517 section 4.3).
///
/// The public key of a signing key may have the `sign` of its private key. Any other operation
/// would use one key for two purposes.
fn permits_verification(key_ops: &Value) -> bool {
    let Some(operations) = key_ops.as_array() else {
        return false;
    };
    let count = |name: &str| operations.iter().filter(|other| *other == name).count();
    let (verify, sign) = (count("verify"), count("sign"));
    verify == 1 && sign <= 1 && operations.len() == verify + sign
}

impl Jwk {
    /// Returns whether the JWK has the members `kid` and `use`.
    pub(crate) fn has_kid_and_use(&self) -> bool {
        self.kid.is_some() && self.key_use.is_some()
    }

    /// Checks and loads the key.
    pub(crate) fn to_key(&self) -> Result<TrustedKey, TrustError> {
        if PRIVATE_MEMBERS
            .iter()
            .any(|name| self.others.contains_key(*name))
        {
            return Err(TrustError::PrivateKey);
        }
        expect(&self.kty, "kty", "RSA", "`RSA`")?;
        if self.key_use.is_some() {
            expect(&self.key_use, "use", "sig", "`sig`")?;
        }
        if !self.key_ops.as_ref().is_none_or(permits_verification) {
            return Err(TrustError::Jwk {
                member: "key_ops",
                expected: "an array with `verify` and at most `sign`, each once",
            });
        }
        let algorithm = text(&self.alg).and_then(Algorithm::parse);
        let algorithm = algorithm.ok_or(TrustError::Jwk {
            member: "alg",
            expected: "`RS256` or `PS256`",
        })?;
        let key = TrustedKey::new(algorithm, &number(&self.n, "n")?, &number(&self.e, "e")?)?;
        match &self.kid {
            None => Ok(key),
            Some(kid) if kid == key.id().as_str() => Ok(key),
            _ => Err(TrustError::KeyId {
                expected: key.id().clone(),
            }),
        }
    }
}

impl From<&TrustedKey> for Jwk {
    fn from(key: &TrustedKey) -> Self {
        let text = |text: &str| Some(text.into());
        Self {
            kty: text("RSA"),
            key_use: text("sig"),
            key_ops: None,
            alg: text(key.algorithm().as_str()),
            kid: text(key.id().as_str()),
            n: text(&base64url::encode(key.modulus())),
            e: text(&base64url::encode(key.exponent())),
            others: Map::new(),
        }
    }
}

/// A JWK Set (RFC 7517 section 5). `keys` is `None` for any other object.
#[derive(Deserialize)]
struct JwkSet {
    #[serde(default, deserialize_with = "present")]
    keys: Option<Vec<Object<Jwk>>>,
}

/// Parses a JWK or a JWK Set. A text that is not strict JSON is parsed once more without the quotes
/// and blanks that editors substitute.
pub(super) fn parse(text: &str) -> Result<Vec<TrustedKey>, TrustError> {
    match parse_json(text) {
        Err(TrustError::Json(error)) => match plain_json(text) {
            Some(plain) => parse_json(&plain),
            None => Err(TrustError::Json(error)),
        },
        keys => keys,
    }
}

fn parse_json(text: &str) -> Result<Vec<TrustedKey>, TrustError> {
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

impl Serialize for TrustedKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Jwk::from(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TrustedKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Object(jwk) = Object::<Jwk>::deserialize(deserializer)?;
        jwk.to_key().map_err(D::Error::custom)
    }
}

/// Writes a JWK Set (RFC 7517 section 5).
impl Serialize for TrustSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let keys: Vec<&TrustedKey> = self.iter().collect();
        serializer.collect_map([("keys", keys)])
    }
}

/// Reads a JWK Set with at least one key.
impl<'de> Deserialize<'de> for TrustSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Object(set) = Object::<JwkSet>::deserialize(deserializer)?;
        let keys = set.keys.unwrap_or_default().into_iter();
        let keys: Result<Vec<_>, _> = keys.map(|Object(jwk)| jwk.to_key()).collect();
        let keys = non_empty(keys.map_err(D::Error::custom)?)?;
        Self::new(keys).map_err(D::Error::custom)
    }
}

impl TrustedKey {
    /// Returns the key as a JWK with `kid`, `alg` and `use`.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # let key = trust.iter().next().ok_or("no key")?;
    /// assert_eq!(key.to_jwk()["kid"], key.id().as_str());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_jwk(&self) -> Value {
        json!(Jwk::from(self))
    }
}
