//! Trust statements, with which trusted keys introduce and retire keys.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::claims::{TokenClaims, TrustStatementClaims};
use crate::jose::{TokenKind, Unverified};
use crate::trust::{Jwk, KeyId, TrustSet, TrustedKey, VerifyError};

/// A verified trust statement, which introduces keys or retires a key.
///
/// Its signers were trusted when it was verified.
/// [`Rotation::apply`](crate::license::Rotation::apply) verifies and applies trust statements.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let mut rotation = license_core::license::Rotation::new(fixture::trust()?);
/// # let _ = rotation.apply(&license_core::Unverified::parse(fixture::STATEMENT)?)?;
/// # let statement = &rotation.statements()[0];
/// println!("{} introduces {} keys", statement.signer(), statement.introduces().count());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub struct TrustStatement {
    token: Arc<str>,
    armor: Arc<str>,
    issuer: Box<str>,
    issued_at: DateTime<Utc>,
    signer: KeyId,
    /// The introduced keys.
    keys: Vec<Arc<TrustedKey>>,
    /// The second signer of a retirement, which is the successor of the first.
    countersigner: Option<KeyId>,
}

impl Unverified<'_> {
    /// Verifies a trust statement with the currently trusted keys.
    ///
    /// An introduction has one signature, and a retirement has two. The inner signature of a
    /// retirement may be that of a `retired` key.
    pub(super) fn verify_trust_statement(
        &self,
        trust: &TrustSet,
        retired: &TrustSet,
    ) -> Result<TrustStatement, VerifyError> {
        let verified = self.verify_token(TokenKind::TrustStatement, trust)?;
        let claims = TrustStatementClaims::from_payload(&verified.payload)?;
        let token = self.copy_signed_by(trust.get(self.unverified_key_id()));
        let mut statement = TrustStatement {
            token: token.as_str().into(),
            armor: token.to_armor().into(),
            issuer: claims.issuer.as_str().into(),
            issued_at: claims.issued_at,
            signer: verified.key_id,
            keys: Vec::new(),
            countersigner: None,
        };
        match Content::new(&claims)? {
            Content::Introduces(jwks) => {
                statement.keys = parse_introduced(jwks)?;
                if statement
                    .introduces()
                    .any(|key| *key.id() == statement.signer)
                {
                    let expected = "keys other than the signing key";
                    return Err(VerifyError::claim(INTRODUCES, expected, "the signing key"));
                }
            }
            Content::Retires(_) => {
                let expected = "a second signature over this statement by another trusted key";
                return Err(VerifyError::claim("retires", expected, "one signature"));
            }
            Content::Countersigns(token) => {
                let (inner, key) = verify_retirement(token, &statement.signer, trust, retired)?;
                statement.issuer = inner.issuer.into();
                statement.issued_at = inner.issued_at.max(claims.issued_at);
                statement.countersigner = Some(std::mem::replace(&mut statement.signer, key));
            }
        }
        Ok(statement)
    }
}

/// The content of a signed token of a trust statement.
enum Content<'a> {
    /// The keys to introduce.
    Introduces(&'a [Jwk]),
    /// The ids of the keys to retire.
    Retires(&'a [String]),
    /// The inner token of a retirement, which the retired key has signed.
    Countersigns(&'a str),
}

impl<'a> Content<'a> {
    fn new(claims: &'a TrustStatementClaims) -> Result<Self, VerifyError> {
        let one_of_three = |found| {
            let expected = "one of `introduces`, `retires` and `statement`";
            Err(VerifyError::claim(INTRODUCES, expected, found))
        };
        match (&claims.introduces, &claims.retires, &claims.statement) {
            (Some(keys), None, None) => Ok(Self::Introduces(keys)),
            (None, Some(ids), None) => Ok(Self::Retires(ids)),
            (None, None, Some(token)) => Ok(Self::Countersigns(token)),
            (None, None, None) => one_of_three("nothing"),
            _ => one_of_three("several"),
        }
    }
}

/// Checks introduced keys as strictly as a trust set does. Each must have a `kid` and a `use`.
fn parse_introduced(jwks: &[Jwk]) -> Result<Vec<Arc<TrustedKey>>, VerifyError> {
    let mut keys: Vec<Arc<TrustedKey>> = Vec::new();
    for jwk in jwks {
        let key = jwk.to_key().map_err(|error| VerifyError::Key {
            claim: INTRODUCES,
            source: error.into(),
        })?;
        if !jwk.has_kid_and_use() {
            let expected = "an array of JWKs, each with `kid`, `alg` and `use`";
            return Err(VerifyError::claim(
                INTRODUCES,
                expected,
                "a JWK without `kid` or `use`",
            ));
        }
        if keys.iter().any(|other| other.id() == key.id()) {
            let expected = "each key once";
            return Err(VerifyError::claim(INTRODUCES, expected, "a duplicate"));
        }
        keys.push(Arc::new(key));
    }
    Ok(keys)
}

/// Verifies the inner token of a retirement, which the retired key itself has signed.
fn verify_retirement(
    text: &str,
    countersigner: &KeyId,
    trust: &TrustSet,
    retired: &TrustSet,
) -> Result<(TrustStatementClaims, KeyId), VerifyError> {
    let token = Unverified::parse(text)?;
    if token.as_str() != text {
        return Err(wrong_statement("a token with other text around it"));
    }
    if token.unverified_key_id() == countersigner.as_str() {
        return Err(wrong_statement("a token of the same key"));
    }
    let keys = match retired.get(token.unverified_key_id()) {
        Some(_) => retired,
        None => trust,
    };
    let verified = token.verify_token(TokenKind::TrustStatement, keys)?;
    let claims = TrustStatementClaims::from_payload(&verified.payload)?;
    match Content::new(&claims)? {
        Content::Retires(ids) if ids.iter().all(|id| id == verified.key_id.as_str()) => {
            Ok((claims, verified.key_id))
        }
        Content::Retires(_) => {
            let expected = "the id of the key that signed the statement, and no other";
            Err(VerifyError::claim("retires", expected, "another value"))
        }
        _ => Err(wrong_statement("a token that retires nothing")),
    }
}

const INTRODUCES: &str = "introduces";

fn wrong_statement(found: &str) -> VerifyError {
    let expected = "a token with which another key retires itself";
    VerifyError::claim("statement", expected, found)
}

impl TrustStatement {
    /// Returns the vendor.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let mut rotation = license_core::license::Rotation::new(fixture::trust()?);
    /// # let _ = rotation.apply(&license_core::Unverified::parse(fixture::STATEMENT)?)?;
    /// # let statement = &rotation.statements()[0];
    /// assert_eq!(statement.issuer(), "CODITECT");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns the time of issue. For a retirement, this is the later time of its two signatures.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let mut rotation = license_core::license::Rotation::new(fixture::trust()?);
    /// # let _ = rotation.apply(&license_core::Unverified::parse(fixture::STATEMENT)?)?;
    /// # let statement = &rotation.statements()[0];
    /// assert_eq!(statement.issued_at().date_naive().to_string(), "2027-01-01");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn issued_at(&self) -> DateTime<Utc> {
        self.issued_at
    }

    /// Returns the id of the signing key. For a retirement, this is the id of the retired key.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let mut rotation = license_core::license::Rotation::new(fixture::trust()?);
    /// # let _ = rotation.apply(&license_core::Unverified::parse(fixture::STATEMENT)?)?;
    /// # let statement = &rotation.statements()[0];
    /// assert!(rotation.roots().get(statement.signer().as_str()).is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn signer(&self) -> &KeyId {
        &self.signer
    }

    /// Returns the introduced keys. A retirement has none.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let mut rotation = license_core::license::Rotation::new(fixture::trust()?);
    /// # let _ = rotation.apply(&license_core::Unverified::parse(fixture::STATEMENT)?)?;
    /// # let statement = &rotation.statements()[0];
    /// for key in statement.introduces() {
    ///     println!("{} with {} bits", key.id(), key.bits());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn introduces(&self) -> impl Iterator<Item = &TrustedKey> {
        self.keys.iter().map(Arc::as_ref)
    }

    /// Returns the id of the retired key, or `None` for an introduction.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let mut rotation = license_core::license::Rotation::new(fixture::trust()?);
    /// # let _ = rotation.apply(&license_core::Unverified::parse(fixture::STATEMENT)?)?;
    /// # let statement = &rotation.statements()[0];
    /// assert_eq!(statement.retires(), None, "the statement introduces a key");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn retires(&self) -> Option<&KeyId> {
        self.countersigner().map(|_| &self.signer)
    }

    /// Returns the id of the second signing key of a retirement. That key is the successor of the
    /// retired key.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let mut rotation = license_core::license::Rotation::new(fixture::trust()?);
    /// # let _ = rotation.apply(&license_core::Unverified::parse(fixture::STATEMENT)?)?;
    /// # let statement = &rotation.statements()[0];
    /// assert_eq!(statement.countersigner(), None, "an introduction has one signature");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn countersigner(&self) -> Option<&KeyId> {
        self.countersigner.as_ref()
    }

    /// Returns the token in compact serialization.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let mut rotation = license_core::license::Rotation::new(fixture::trust()?);
    /// # let _ = rotation.apply(&license_core::Unverified::parse(fixture::STATEMENT)?)?;
    /// # let statement = &rotation.statements()[0];
    /// use license_core::{TokenKind, Unverified};
    ///
    /// let token = Unverified::parse(statement.as_str())?;
    /// assert_eq!(token.unverified_kind(), TokenKind::TrustStatement);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn as_str(&self) -> &str {
        &self.token
    }

    /// Returns the token as an armor block.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let mut rotation = license_core::license::Rotation::new(fixture::trust()?);
    /// # let _ = rotation.apply(&license_core::Unverified::parse(fixture::STATEMENT)?)?;
    /// # let statement = &rotation.statements()[0];
    /// assert!(statement.to_armor().starts_with("-----BEGIN LICENSE TRUST-----"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_armor(&self) -> String {
        self.armor.to_string()
    }

    pub(super) fn shared_keys(&self) -> &[Arc<TrustedKey>] {
        &self.keys
    }
}

/// Omits the token.
impl fmt::Debug for TrustStatement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustStatement")
            .field("signer", &self.signer)
            .field("issued_at", &self.issued_at)
            .field("keys", &self.keys)
            .field("countersigner", &self.countersigner)
            .finish_non_exhaustive()
    }
}
