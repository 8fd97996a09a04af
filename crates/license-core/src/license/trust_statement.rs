//! Trust statements: what trusted keys say of keys.

use std::fmt;
use std::sync::Arc;

use crate::claims::TrustStatementClaims;
use crate::jose::{TokenKind, Unverified};
use crate::time::Timestamp;
use crate::trust::VerifyError;
use crate::trust::{Jwk, KeyId, TrustSet, TrustedKey};

/// What a vendor says of signing keys, signed by keys that were trusted when it was verified: that others are to be trusted too, or that
/// one is to be trusted no longer. [`Rotation::apply`](crate::license::Rotation::apply) verifies one and draws the consequences.
#[derive(Clone)]
#[must_use]
pub struct TrustStatement {
    token: Arc<str>,
    armor: Arc<str>,
    issuer: Box<str>,
    issued_at: Timestamp,
    signer: KeyId,
    change: Change,
}

/// What a statement changes.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Introduces(Vec<Arc<TrustedKey>>),
    /// The signer is retired.
    Retires {
        countersigner: KeyId,
    },
}

impl Unverified<'_> {
    /// Verifies a trust statement with the keys that are trusted now. An introduction has one
    /// signature, and a retirement has two. The inner signature of a retirement may be that of a key
    /// that was retired `before`.
    pub(super) fn verify_trust_statement(
        &self,
        trust: &TrustSet,
        before: &TrustSet,
    ) -> Result<TrustStatement, VerifyError> {
        let verified = self.verified(TokenKind::TrustStatement, trust)?;
        let claims = TrustStatementClaims::from_payload(&verified.payload)?;
        let signer = verified.key_id;
        let (issuer, issued_at, signer, change) = match Content::new(claims)? {
            Content::Introduces(claims, keys) => {
                if keys.iter().any(|key| *key.id() == signer) {
                    return Err(own_introduction());
                }
                let change = Change::Introduces(keys);
                (claims.issuer, claims.issued_at, signer, change)
            }
            Content::Retires(..) => return Err(one_signature()),
            Content::Countersigns(claims, token) => {
                let (inner, retired) = retirement(&token, &signer, trust, before)?;
                let issued_at = inner.issued_at.max(claims.issued_at);
                let change = Change::Retires {
                    countersigner: signer,
                };
                (inner.issuer, issued_at, retired, change)
            }
        };
        Ok(TrustStatement {
            token: self.as_str().into(),
            armor: self.to_armor().into(),
            issuer: issuer.into(),
            issued_at,
            signer,
            change,
        })
    }
}

/// The one thing that a signature of a trust statement says.
enum Content {
    /// These keys are to be trusted.
    Introduces(TrustStatementClaims, Vec<Arc<TrustedKey>>),
    /// The keys of these ids are no longer to be trusted.
    Retires(TrustStatementClaims, Vec<String>),
    /// The token of another key.
    Countersigns(TrustStatementClaims, String),
}

impl Content {
    fn new(mut claims: TrustStatementClaims) -> Result<Self, VerifyError> {
        let introduces = claims.introduces.take();
        let retires = claims.retires.take();
        match (introduces, retires, claims.statement.take()) {
            (Some(keys), None, None) => {
                let keys = introduced(&keys)?;
                Ok(Self::Introduces(claims, keys))
            }
            (None, Some(ids), None) => Ok(Self::Retires(claims, ids)),
            (None, None, Some(token)) => Ok(Self::Countersigns(claims, token)),
            (None, None, None) => Err(one_of_three("nothing")),
            _ => Err(one_of_three("several")),
        }
    }
}

/// Checks introduced keys as strictly as a trust set does. Each must have a `kid` and a `use`.
fn introduced(jwks: &[Jwk]) -> Result<Vec<Arc<TrustedKey>>, VerifyError> {
    let mut keys: Vec<Arc<TrustedKey>> = Vec::new();
    for jwk in jwks {
        let key = jwk.to_key().map_err(|error| VerifyError::Key {
            claim: INTRODUCES,
            error: error.into(),
        })?;
        if !jwk.names_itself() {
            let expected = "an array of JWKs, each with `kid`, `alg` and `use`";
            return Err(VerifyError::claim(INTRODUCES, expected, "one without"));
        }
        if keys.iter().any(|other| other.id() == key.id()) {
            let expected = "every key once";
            return Err(VerifyError::claim(INTRODUCES, expected, "one twice"));
        }
        keys.push(Arc::new(key));
    }
    Ok(keys)
}

/// Verifies the inner half of a retirement, which the retired key has signed itself.
fn retirement(
    text: &str,
    countersigner: &KeyId,
    trust: &TrustSet,
    before: &TrustSet,
) -> Result<(TrustStatementClaims, KeyId), VerifyError> {
    let token = Unverified::parse(text)?;
    if token.as_str() != text {
        return Err(wrong_statement("a token with other text around it"));
    }
    if token.unverified_key_id() == countersigner.as_str() {
        return Err(wrong_statement("a token of the same key"));
    }
    let keys = match before.get(token.unverified_key_id()) {
        Some(_) => before,
        None => trust,
    };
    let verified = token.verified(TokenKind::TrustStatement, keys)?;
    let claims = TrustStatementClaims::from_payload(&verified.payload)?;
    match Content::new(claims)? {
        Content::Retires(claims, ids) if ids.iter().all(|id| id == verified.key_id.as_str()) => {
            Ok((claims, verified.key_id))
        }
        Content::Retires(..) => Err(other_retired()),
        _ => Err(wrong_statement("a token that retires nothing")),
    }
}

const INTRODUCES: &str = "introduces";

fn one_of_three(found: &str) -> VerifyError {
    let expected = "one of `introduces`, `retires` and `statement`";
    VerifyError::claim(INTRODUCES, expected, found)
}

/// A key can retire itself only.
fn other_retired() -> VerifyError {
    let expected = "the id of the key that signed the statement, and no other";
    VerifyError::claim("retires", expected, "another value")
}

/// A stolen key alone must not be able to retire a key.
fn one_signature() -> VerifyError {
    let expected = "the signature of another trusted key over this statement too";
    VerifyError::claim("retires", expected, "one signature")
}

fn own_introduction() -> VerifyError {
    let expected = "other keys than the one that signed the statement";
    VerifyError::claim(INTRODUCES, expected, "that key")
}

fn wrong_statement(found: &str) -> VerifyError {
    let expected = "the token of another key that retires that key";
    VerifyError::claim("statement", expected, found)
}

impl TrustStatement {
    /// The vendor, as the statement names it.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// When it was signed; of two signatures the later.
    pub fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// The key that speaks. In a retirement it is the one that is retired.
    pub fn signer(&self) -> &KeyId {
        &self.signer
    }

    /// The keys that are to be trusted from now on; none in a retirement.
    pub fn introduces(&self) -> impl Iterator<Item = &TrustedKey> {
        let keys = match &self.change {
            Change::Introduces(keys) => keys.as_slice(),
            Change::Retires { .. } => &[],
        };
        keys.iter().map(Arc::as_ref)
    }

    /// The key that is to be trusted no longer, if it is a retirement.
    pub fn retires(&self) -> Option<&KeyId> {
        self.countersigner().map(|_| &self.signer)
    }

    /// The second key that signed a retirement.
    pub fn countersigner(&self) -> Option<&KeyId> {
        match &self.change {
            Change::Introduces(_) => None,
            Change::Retires { countersigner } => Some(countersigner),
        }
    }

    /// The token, as it was received.
    pub fn as_str(&self) -> &str {
        &self.token
    }

    /// The token in armor.
    pub fn to_armor(&self) -> String {
        self.armor.to_string()
    }

    pub(crate) fn change(&self) -> &Change {
        &self.change
    }
}

/// Without the token.
impl fmt::Debug for TrustStatement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustStatement")
            .field("signer", &self.signer)
            .field("issued_at", &self.issued_at)
            .field("change", &self.change)
            .finish_non_exhaustive()
    }
}
