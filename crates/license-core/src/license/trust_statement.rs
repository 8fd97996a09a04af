//! Trust statements: what trusted keys say of keys.

use std::fmt;
use std::sync::Arc;

use super::claims::{self, What};
use crate::Timestamp;
use crate::token::{TokenKind, Unverified, VerifyError};
use crate::trust::{KeyId, TrustSet, TrustedKey};

/// What a vendor says of signing keys, signed by keys that were trusted when it was verified: that others are to be trusted too, or that
/// one is to be trusted no longer. [`Rotation::apply`](crate::Rotation::apply) verifies one and draws the consequences.
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
    /// Checks the signatures of a trust statement with keys that are trusted now: one for an introduction, two for a retirement, of which
    /// the inner may be of a key that was retired `before`.
    pub(crate) fn verify_trust_statement(
        &self,
        trust: &TrustSet,
        before: &TrustSet,
    ) -> Result<TrustStatement, VerifyError> {
        let verified = self.verified(TokenKind::TrustStatement, trust)?;
        let said = claims::trust_statement(&verified.payload)?;
        let signer = verified.key_id;
        match said.what {
            What::Introduces(keys) if keys.iter().any(|key| *key.id() == signer) => {
                Err(claims::own_introduction())
            }
            What::Introduces(keys) => {
                let change = Change::Introduces(keys.into_iter().map(Arc::new).collect());
                Ok(self.statement(said.issuer, said.issued_at, signer, change))
            }
            What::Retires(_) => Err(claims::one_signature()),
            What::Countersigns(token) => {
                let (issuer, issued_at, retired) = retirement(&token, &signer, trust, before)?;
                let change = Change::Retires {
                    countersigner: signer,
                };
                Ok(self.statement(issuer, issued_at.max(said.issued_at), retired, change))
            }
        }
    }

    fn statement(
        &self,
        issuer: Box<str>,
        issued_at: Timestamp,
        signer: KeyId,
        change: Change,
    ) -> TrustStatement {
        TrustStatement {
            token: self.as_str().into(),
            armor: self.to_armor().into(),
            issuer,
            issued_at,
            signer,
            change,
        }
    }
}

/// The inner half of a retirement: the key that is retired says so itself.
fn retirement(
    text: &str,
    countersigner: &KeyId,
    trust: &TrustSet,
    before: &TrustSet,
) -> Result<(Box<str>, Timestamp, KeyId), VerifyError> {
    let token = Unverified::parse(text)?;
    if token.as_str() != text {
        return Err(claims::wrong_statement("a token with more around it"));
    }
    if token.unverified_key_id() == countersigner.as_str() {
        return Err(claims::wrong_statement("a token of the same key"));
    }
    let keys = match before.get(token.unverified_key_id()) {
        Some(_) => before,
        None => trust,
    };
    let verified = token.verified(TokenKind::TrustStatement, keys)?;
    let said = claims::trust_statement(&verified.payload)?;
    match said.what {
        What::Retires(ids) if ids.iter().all(|id| **id == *verified.key_id.as_str()) => {
            Ok((said.issuer, said.issued_at, verified.key_id))
        }
        What::Retires(_) => Err(claims::other_retired()),
        _ => Err(claims::wrong_statement("one that retires nothing")),
    }
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
