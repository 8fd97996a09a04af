//! Drafts of revocation lists.

use chrono::{DateTime, Utc};

use super::{Signer, SigningError, sign_token};
use crate::claims::{RevocationClaims, RevocationEntry};
use crate::ids::ProductCode;
use crate::jose::TokenKind;

/// Draft of a revocation list.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vendor.rs")); }
/// # let key = fixture::key()?;
/// # let trust = fixture::trust(&[&key])?;
/// use license_core::issue::{RevocationEntry, RevocationListDraft};
/// use license_core::{ProductCode, Unverified, time};
///
/// let revoked = RevocationEntry {
///     license: fixture::id(7)?,
///     at: time::parse_instant("2027-03-01")?,
///     reason: "refunded".to_owned(),
/// };
/// let draft = RevocationListDraft {
///     issuer: "CODITECT".to_owned(),
///     product: ProductCode::parse("CODITECT")?,
///     issued_at: time::parse_instant("2027-03-02")?,
///     seq: 8,
///     next_update: time::parse_instant("2027-04-01")?,
///     revoked: vec![revoked],
/// };
/// let list = Unverified::parse(&draft.sign(&key)?)?.verify_revocations(&trust)?;
/// assert!(list.revoked(&fixture::id(7)?).is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
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
    /// Signs the list.
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
    /// Returns [`SigningError`] if the issuer or a reason is empty, the key fails to sign, or the
    /// list is larger than verifiers accept.
    pub fn sign(&self, key: &(impl Signer + ?Sized)) -> Result<String, SigningError> {
        if self.issuer.is_empty() {
            return Err(SigningError::Empty { claim: "iss" });
        }
        if self.revoked.iter().any(|revoked| revoked.reason.is_empty()) {
            return Err(SigningError::Empty { claim: "reason" });
        }
        let claims = RevocationClaims {
            issuer: self.issuer.clone(),
            product: self.product,
            issued_at: self.issued_at,
            seq: self.seq,
            next_update: self.next_update,
            revoked: self.revoked.as_slice(),
            critical: Vec::new(),
        };
        sign_token(TokenKind::Revocations, &claims, key)
    }
}
