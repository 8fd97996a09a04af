//! Drafts of revocation lists.

use chrono::{DateTime, Utc};
use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};

use super::{Signer, SigningError, sign_token};
use crate::claims::{RevocationClaims, RevocationEntry};
use crate::encoding::strict_json::Object;
use crate::ids::ProductCode;
use crate::jose::TokenKind;

/// Draft of a revocation list. The JSON form is the object of the claims.
///
/// ```
/// use license_core::issue::RevocationListDraft;
/// use serde::Deserialize;
///
/// let json = serde_json::json!({
///     "iss": "AZ1.AI",
///     "aud": "CODITECT",
///     "iat": 1_798_761_600,
///     "seq": 1,
///     "next_update": 1_801_353_600,
///     "revoked": [],
/// });
/// let draft = RevocationListDraft::deserialize(&json)?;
/// assert_eq!((draft.seq, draft.revoked.len()), (1, 0));
/// assert_eq!(serde_json::to_value(&draft)?, json);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationListDraft {
    /// The vendor.
    pub issuer: String,
    /// The product.
    pub product: ProductCode,
    /// The issue date.
    pub issued_at: DateTime<Utc>,
    /// The number of the list, which is higher than the numbers of all earlier lists of the same
    /// key.
    pub seq: u64,
    /// The date by which the next list is issued.
    pub next_update: DateTime<Utc>,
    /// The revoked licenses and activations, each listed once.
    pub revoked: Vec<RevocationEntry>,
}

impl RevocationListDraft {
    /// Signs the list and returns its token.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vendor.rs")); }
    /// # let key = fixture::key()?;
    /// use license_core::issue::RevocationListDraft;
    /// use license_core::{ProductCode, Unverified, time};
    ///
    /// let draft = RevocationListDraft {
    ///     issuer: "CODITECT".to_owned(),
    ///     product: ProductCode::parse("CODITECT")?,
    ///     issued_at: time::parse_instant("2027-03-02")?,
    ///     seq: 9,
    ///     next_update: time::parse_instant("2027-04-01")?,
    ///     revoked: Vec::new(),
    /// };
    /// println!("{}", Unverified::parse(&draft.sign(&key)?)?.to_armor());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`SigningError`] if the issuer or a reason is empty, a date is not from 1970 to
    /// 9999, the key fails to sign, or the list is larger than verifiers accept.
    pub fn sign(&self, key: &(impl Signer + ?Sized)) -> Result<String, SigningError> {
        if self.issuer.is_empty() {
            return Err(SigningError::Empty { claim: "iss" });
        }
        if self.revoked.iter().any(|revoked| revoked.reason.is_empty()) {
            return Err(SigningError::Empty { claim: "reason" });
        }
        sign_token(TokenKind::Revocations, &self.claims(), key)
    }

    fn claims(&self) -> RevocationClaims<&[RevocationEntry]> {
        RevocationClaims {
            issuer: self.issuer.clone(),
            product: self.product,
            issued_at: self.issued_at,
            seq: self.seq,
            next_update: self.next_update,
            revoked: self.revoked.as_slice(),
            critical: Vec::new(),
        }
    }
}

/// Writes the claims.
impl Serialize for RevocationListDraft {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.claims().serialize(serializer)
    }
}

/// Reads the claims. A draft has no claim `crit`.
impl<'de> Deserialize<'de> for RevocationListDraft {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Object(claims) = Object::<RevocationClaims<Entries>>::deserialize(deserializer)?;
        if !claims.critical.is_empty() {
            return Err(D::Error::custom("expected a draft without claim `crit`"));
        }
        let entries = claims.revoked.into_iter();
        Ok(Self {
            issuer: claims.issuer,
            product: claims.product,
            issued_at: claims.issued_at,
            seq: claims.seq,
            next_update: claims.next_update,
            revoked: entries.map(|Object(entry)| entry).collect(),
        })
    }
}

/// The entries of a draft, in their order.
type Entries = Vec<Object<RevocationEntry>>;
