//! Trust statements before they are signed.

use super::{IssueError, Sign, sign_token};
use crate::claims::TrustStatementClaims;
use crate::jose::TokenKind;
use crate::time::Timestamp;
use crate::trust::{Jwk, TrustedKey};

/// That other keys are to be trusted.
#[derive(Clone, Debug)]
pub struct IntroductionDraft<'a> {
    /// The vendor.
    pub issuer: String,
    /// When it is issued.
    pub issued_at: Timestamp,
    /// The keys, each once, and not the one that signs.
    pub keys: Vec<&'a TrustedKey>,
}

impl IntroductionDraft<'_> {
    /// Signs it with a key that is trusted.
    ///
    /// # Errors
    /// [`IssueError`] if there are no keys, the signing key is among them or refuses to sign, or there are too many.
    pub fn sign(&self, key: &(impl Sign + ?Sized)) -> Result<String, IssueError> {
        if self.keys.is_empty() {
            return Err(IssueError::Empty {
                claim: "introduces",
            });
        }
        let own = key.public().id();
        if self.keys.iter().any(|introduced| introduced.id() == own) {
            return refused("a key introduces other keys than itself");
        }
        let mut claims = TrustStatementClaims::new(issuer(&self.issuer)?, self.issued_at);
        claims.introduces = Some(self.keys.iter().map(|key| Jwk::from(*key)).collect());
        sign_token(TokenKind::TrustStatement, &claims, key)
    }
}

/// That a key is to be trusted no longer.
#[derive(Clone, Debug)]
pub struct RetirementDraft {
    /// The vendor.
    pub issuer: String,
    /// When it is issued.
    pub issued_at: Timestamp,
}

impl RetirementDraft {
    /// Signs it with the key that is retired, and what that has signed with another one that is trusted and stays.
    ///
    /// # Errors
    /// [`IssueError`] if the two are one, or one of them refuses to sign.
    pub fn sign(
        &self,
        retired: &(impl Sign + ?Sized),
        other: &(impl Sign + ?Sized),
    ) -> Result<String, IssueError> {
        if retired.public().id() == other.public().id() {
            return refused("a retirement takes the signatures of two keys");
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

fn issuer(name: &str) -> Result<&str, IssueError> {
    match name.is_empty() {
        true => Err(IssueError::Empty { claim: "iss" }),
        false => Ok(name),
    }
}

fn refused(reason: &str) -> Result<String, IssueError> {
    Err(IssueError::Refused {
        reason: reason.to_owned(),
    })
}
