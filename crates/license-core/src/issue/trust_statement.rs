//! Drafts of trust statements.

use chrono::{DateTime, Utc};

use super::{Signer, SigningError, sign_token};
use crate::claims::TrustStatementClaims;
use crate::jose::TokenKind;
use crate::trust::{Jwk, TrustedKey};

/// Draft of a statement that introduces trusted keys.
#[derive(Clone, Debug)]
pub struct IntroductionDraft<'a> {
    /// The vendor.
    pub issuer: String,
    /// The issue date.
    pub issued_at: DateTime<Utc>,
    /// The introduced keys, each listed once, without the signing key.
    pub keys: Vec<&'a TrustedKey>,
}

impl IntroductionDraft<'_> {
    /// Signs the statement with a trusted key.
    ///
    /// # Errors
    ///
    /// Returns [`SigningError`] if the issuer or the list of keys is empty, if the list is too long
    /// or contains the signing key, or if the signing key fails to sign.
    pub fn sign(&self, key: &(impl Signer + ?Sized)) -> Result<String, SigningError> {
        if self.keys.is_empty() {
            return Err(SigningError::Empty {
                claim: "introduces",
            });
        }
        let own = key.public().id();
        if self.keys.iter().any(|introduced| introduced.id() == own) {
            return refused("a key cannot introduce itself");
        }
        let mut claims = TrustStatementClaims::new(issuer(&self.issuer)?, self.issued_at);
        claims.introduces = Some(self.keys.iter().map(|key| Jwk::from(*key)).collect());
        sign_token(TokenKind::TrustStatement, &claims, key)
    }
}

/// Draft of a statement that retires a trusted key.
#[derive(Clone, Debug)]
pub struct RetirementDraft {
    /// The vendor.
    pub issuer: String,
    /// The issue date.
    pub issued_at: DateTime<Utc>,
}

impl RetirementDraft {
    /// Signs the statement with the retired key, and the result with another trusted key.
    ///
    /// # Errors
    ///
    /// Returns [`SigningError`] if the issuer is empty, if both keys are the same, or if a key fails
    /// to sign.
    pub fn sign(
        &self,
        retired: &(impl Signer + ?Sized),
        other: &(impl Signer + ?Sized),
    ) -> Result<String, SigningError> {
        if retired.public().id() == other.public().id() {
            return refused("a retirement needs the signatures of two different keys");
        }
        let id = retired.public().id().as_str();
        let mut claims = TrustStatementClaims::new(issuer(&self.issuer)?, self.issued_at);
        claims.retires = Some(vec![id.to_owned()]);
        let statement = sign_token(TokenKind::TrustStatement, &claims, retired)?;
        claims.retires = None;
        claims.statement = Some(statement);
        sign_token(TokenKind::TrustStatement, &claims, other)
    }
}

fn issuer(name: &str) -> Result<&str, SigningError> {
    if name.is_empty() {
        return Err(SigningError::Empty { claim: "iss" });
    }
    Ok(name)
}

fn refused(reason: &str) -> Result<String, SigningError> {
    Err(SigningError::Refused {
        source: reason.into(),
    })
}
