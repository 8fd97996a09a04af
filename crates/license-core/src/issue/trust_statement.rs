//! Drafts of trust statements.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize, Serializer};

use super::{Signer, SigningError, sign_token};
use crate::claims::TrustStatementClaims;
use crate::encoding::strict_json::text;
use crate::jose::TokenKind;
use crate::time::serde_unix_seconds;
use crate::trust::{Jwk, TrustedKey};

/// Draft of a statement that introduces trusted keys. The JSON form is the object of the claims.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vendor.rs")); }
/// # let (key, new) = (fixture::key()?, fixture::key()?);
/// # let trust = fixture::trust(&[&key])?;
/// use license_core::issue::{IntroductionDraft, Signer};
/// use license_core::{Unverified, time};
/// use license_core::license::Rotation;
///
/// let draft = IntroductionDraft {
///     issuer: "CODITECT".to_owned(),
///     issued_at: time::parse_instant("2027-03-01")?,
///     keys: vec![new.public()],
/// };
/// let mut rotation = Rotation::new(trust);
/// let _ = rotation.apply(&Unverified::parse(&draft.sign(&key)?)?)?;
/// assert_eq!(rotation.keys().len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntroductionDraft<'a> {
    /// The vendor.
    pub issuer: String,
    /// The issue date.
    pub issued_at: DateTime<Utc>,
    /// The introduced keys, each listed once, without the signing key.
    pub keys: Vec<&'a TrustedKey>,
}

impl IntroductionDraft<'_> {
    /// Signs the statement with a trusted key and returns its token.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vendor.rs")); }
    /// # let key = fixture::key()?;
    /// use license_core::issue::{IntroductionDraft, Signer};
    /// use license_core::time;
    ///
    /// let draft = IntroductionDraft {
    ///     issuer: "CODITECT".to_owned(),
    ///     issued_at: time::parse_instant("2027-03-01")?,
    ///     keys: vec![key.public()],
    /// };
    /// assert!(draft.sign(&key).is_err(), "a key cannot introduce itself");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`SigningError`] if the issuer or the list of keys is empty, the list contains the
    /// signing key, the issue date is not from 1970 to 9999, the signing key fails to sign, or the
    /// token is larger than verifiers accept.
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
        issuer(&self.issuer)?;
        sign_token(TokenKind::TrustStatement, &self.claims(), key)
    }

    fn claims(&self) -> TrustStatementClaims {
        let mut claims = TrustStatementClaims::new(&self.issuer, self.issued_at);
        claims.introduces = Some(self.keys.iter().map(|key| Jwk::from(*key)).collect());
        claims
    }
}

/// Writes the claims.
impl Serialize for IntroductionDraft<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.claims().serialize(serializer)
    }
}

/// Draft of a statement that retires a trusted key. The JSON form has the claims `iss` and `iat`.
///
/// ```
/// use license_core::issue::RetirementDraft;
///
/// let json = r#"{"iss":"AZ1.AI","iat":1798761600}"#;
/// let draft: RetirementDraft = serde_json::from_str(json)?;
/// assert_eq!(draft.issuer, "AZ1.AI");
/// assert_eq!(serde_json::to_string(&draft)?, json);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetirementDraft {
    /// The vendor.
    #[serde(rename = "iss", deserialize_with = "text")]
    pub issuer: String,
    /// The issue date.
    #[serde(rename = "iat", with = "serde_unix_seconds")]
    pub issued_at: DateTime<Utc>,
}

impl RetirementDraft {
    /// Signs the statement with the retired key, then signs the result with another trusted key.
    /// Returns the token of the second signature, which contains the first token.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vendor.rs")); }
    /// # let (old, new) = (fixture::key()?, fixture::key()?);
    /// # let trust = fixture::trust(&[&old, &new])?;
    /// use license_core::issue::RetirementDraft;
    /// use license_core::{Unverified, time};
    /// use license_core::license::Rotation;
    ///
    /// let draft = RetirementDraft {
    ///     issuer: "CODITECT".to_owned(),
    ///     issued_at: time::parse_instant("2027-03-01")?,
    /// };
    /// let token = draft.sign(&old, &new)?;
    /// let mut rotation = Rotation::new(trust);
    /// let _ = rotation.apply(&Unverified::parse(&token)?)?;
    /// assert_eq!(rotation.keys().len(), 1);
    /// assert!(draft.sign(&old, &old).is_err(), "another key must sign too");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`SigningError`] if the issuer is empty, both keys are the same, the issue date is
    /// not from 1970 to 9999, or a key fails to sign.
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
