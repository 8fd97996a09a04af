//! The claim `cnf` of a license.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::encoding::strict_json::{self, object};
use crate::trust::{Jwk, TrustError, TrustedKey};

/// A proof-of-possession key (RFC 7800): the public key of a customer's own license server.
///
/// ```
/// use license_core::TrustSet;
/// use license_core::claims::Confirmation;
///
/// # const JWKS: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
/// # ));
/// // This example uses a key of the vendor in place of the key of a license server.
/// let trust = TrustSet::parse(JWKS)?;
/// let jwk = trust.iter().next().ok_or("no key")?.to_jwk();
/// let confirmation = Confirmation::try_from(jwk)?;
/// let json = serde_json::to_string(&confirmation)?;
/// assert!(json.starts_with(r#"{"jwk":{"#));
/// assert_eq!(serde_json::from_str::<Confirmation>(&json)?, confirmation);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmation(Arc<TrustedKey>);

impl Confirmation {
    /// Returns the public key of the license server.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # const TOKEN: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/tokens/valid-server-bound.jwt"
    /// # ));
    /// # let license = license_core::Unverified::parse(TOKEN)?.verify(&trust)?;
    /// let confirmation = license.claims().confirmation.as_ref().ok_or("no server key")?;
    /// println!("the customer's server signs with {}", confirmation.key().id());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn key(&self) -> &TrustedKey {
        &self.0
    }
}

impl From<TrustedKey> for Confirmation {
    fn from(key: TrustedKey) -> Self {
        Self(Arc::new(key))
    }
}

impl TryFrom<Value> for Confirmation {
    type Error = TrustError;

    /// Converts a public key from a JWK, and checks that the key may be trusted.
    ///
    /// # Errors
    ///
    /// Returns [`TrustError`] if the value is not a JWK, or is a key that cannot be trusted, such
    /// as a private key.
    fn try_from(jwk: Value) -> Result<Self, TrustError> {
        let jwk: strict_json::Object<Jwk> =
            serde_json::from_value(jwk).map_err(|_| TrustError::NotAJwk)?;
        jwk.0.to_key().map(Self::from)
    }
}

/// The JSON form of a [`Confirmation`].
#[derive(Deserialize, Serialize)]
struct ConfirmationClaim {
    #[serde(deserialize_with = "object")]
    jwk: Option<Jwk>,
}

impl Serialize for Confirmation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let jwk = Some(Jwk::from(self.key()));
        ConfirmationClaim { jwk }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Confirmation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let claim = ConfirmationClaim::deserialize(deserializer)?;
        let key = claim.jwk.and_then(|jwk| jwk.to_key().ok());
        let expected = "{jwk} with an RSA public key that may be trusted";
        key.map(Self::from)
            .ok_or_else(|| serde::de::Error::custom(expected))
    }
}
