//! The keys of a provider (RFC 7517).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use license_core::encoding::from_strict_json;
use serde::Deserialize;

/// The largest number of keys of a provider.
const MAX_KEYS: usize = 64;

/// The keys of a provider that can verify ID tokens.
#[derive(Debug)]
pub(crate) struct KeySet(Vec<LoginKey>);

/// A key with the one algorithm for which it is used (RFC 8725 section 3.1).
#[derive(Debug)]
pub(super) struct LoginKey {
    id: Option<String>,
    material: KeyMaterial,
}

#[derive(Debug)]
enum KeyMaterial {
    Rs256(RsaPublicKeyComponents<Vec<u8>>),
    Ps256(RsaPublicKeyComponents<Vec<u8>>),
    /// The uncompressed point.
    Es256(Vec<u8>),
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Jwk>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    kid: Option<String>,
    n: Option<String>,
    e: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// Parses a JWK Set. Skips keys that verify no ID tokens, such as keys for encryption.
    ///
    /// # Errors
    ///
    /// Returns the expected and the found content.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let set: Jwks =
            from_strict_json(bytes).map_err(|error| format!("expected a JWK Set: {error}"))?;
        let keys = set.keys.into_iter().take(MAX_KEYS);
        let keys: Vec<LoginKey> = keys.filter_map(LoginKey::new).collect();
        if keys.is_empty() {
            let expected = "an RSA key of at least 2048 bits, or a P-256 key";
            return Err(format!("expected {expected}, for signatures, found none"));
        }
        Ok(Self(keys))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the key with this id. A token without an id needs a set with one key.
    pub(super) fn get(&self, id: Option<&str>) -> Option<&LoginKey> {
        match (id, self.0.as_slice()) {
            (Some(id), keys) => keys.iter().find(|key| key.id.as_deref() == Some(id)),
            (None, [only]) => Some(only),
            (None, _) => None,
        }
    }

    pub(super) fn has(&self, id: Option<&str>) -> bool {
        self.get(id).is_some()
    }
}

impl LoginKey {
    fn new(jwk: Jwk) -> Option<Self> {
        if jwk.usage.as_deref().is_some_and(|usage| usage != "sig") {
            return None;
        }
        let number = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_deref()?).ok();
        let material = match (jwk.kty.as_str(), jwk.alg.as_deref()) {
            // Without `alg`, an RSA key has the algorithm that every provider supports (OpenID
            // Connect Core 15.1).
            ("RSA", alg @ (None | Some("RS256" | "PS256"))) => {
                let (n, e) = (number(&jwk.n)?, number(&jwk.e)?);
                if n.len() < 256 {
                    return None;
                }
                let components = RsaPublicKeyComponents { n, e };
                match alg {
                    Some("PS256") => KeyMaterial::Ps256(components),
                    _ => KeyMaterial::Rs256(components),
                }
            }
            ("EC", None | Some("ES256")) if jwk.crv.as_deref() == Some("P-256") => {
                let (x, y) = (number(&jwk.x)?, number(&jwk.y)?);
                if x.len() != 32 || y.len() != 32 {
                    return None;
                }
                KeyMaterial::Es256([&[4], x.as_slice(), y.as_slice()].concat())
            }
            _ => return None,
        };
        Some(Self {
            id: jwk.kid,
            material,
        })
    }

    /// Returns the name of the algorithm in a JWS header.
    pub(super) fn algorithm(&self) -> &'static str {
        match self.material {
            KeyMaterial::Rs256(_) => "RS256",
            KeyMaterial::Ps256(_) => "PS256",
            KeyMaterial::Es256(_) => "ES256",
        }
    }

    /// Returns whether a signature verifies.
    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            KeyMaterial::Rs256(key) => key
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                .is_ok(),
            KeyMaterial::Ps256(key) => key
                .verify(&RSA_PSS_2048_8192_SHA256, message, signature)
                .is_ok(),
            KeyMaterial::Es256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .verify(message, signature)
                .is_ok(),
        }
    }
}
