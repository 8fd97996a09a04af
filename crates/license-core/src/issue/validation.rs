//! Drafts of validation tokens.

use chrono::{DateTime, TimeDelta, Utc};
use serde::ser::{Serialize, Serializer};

use super::{ServerKey, Signer, SigningError, sign_token};
use crate::claims::{Status, ValidationClaims};
use crate::jose::TokenKind;
use crate::key::LicenseId;
use crate::license::License;
use crate::machine::Machine;
use crate::policy::Entitlements;
use crate::time;

/// Validity of a validation token for a license without check-in terms. The value is the check-in
/// interval of the built-in product.
const DEFAULT_VALIDITY: TimeDelta = TimeDelta::hours(24);

/// Draft of a validation token by the vendor or by a customer's own server. The JSON form is the
/// object of the claims.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vendor.rs")); }
/// # let key = fixture::key()?;
/// # let trust = fixture::trust(&[&key])?;
/// # let token = fixture::draft()?.sign(&key)?;
/// # let license = license_core::Unverified::parse(&token)?.verify(&trust)?;
/// use license_core::issue::ValidationDraft;
/// use license_core::{Unverified, time};
/// use license_core::claims::Status;
///
/// let (id, now) = (fixture::id(1)?, time::parse_instant("2027-03-01")?);
/// let mut draft = ValidationDraft::for_license(&license, "CODITECT".to_owned(), id, now);
/// draft.status = Status::Suspended;
/// let token = draft.sign(&key)?;
/// let validation = Unverified::parse(&token)?.verify_validation(&trust, &license)?;
/// assert!(validation.status().is_denial());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidationDraft<'a> {
    /// The license.
    pub license: &'a License,
    /// The issuer: the vendor or the operator of the server.
    pub issuer: String,
    /// The id of the token.
    pub id: LicenseId,
    /// The issue date.
    pub issued_at: DateTime<Utc>,
    /// The end of the token.
    pub expires_at: Option<DateTime<Utc>>,
    /// The digest of the machine for which the token is issued, or `None` for all machines.
    pub machine: Option<String>,
    /// The nonce of the request, if there is one.
    pub nonce: Option<String>,
    /// The status of the license.
    pub status: Status,
    /// The entitlements of the license from now on.
    pub entitlements: &'a Entitlements,
}

impl<'a> ValidationDraft<'a> {
    /// Creates the draft of a token for an active license on all machines, with the entitlements of
    /// the license. The token ends when the next check-in is due, or after 24 hours if the license
    /// has no check-in terms.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vendor.rs")); }
    /// # let key = fixture::key()?;
    /// # let trust = fixture::trust(&[&key])?;
    /// # let token = fixture::draft()?.sign(&key)?;
    /// # let license = license_core::Unverified::parse(&token)?.verify(&trust)?;
    /// use license_core::issue::ValidationDraft;
    /// use license_core::time;
    ///
    /// let (id, now) = (fixture::id(1)?, time::parse_instant("2027-03-01")?);
    /// let draft = ValidationDraft::for_license(&license, "CODITECT".to_owned(), id, now);
    /// assert!(draft.expires_at.is_some_and(|end| end > now));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn for_license(
        license: &'a License,
        issuer: String,
        id: LicenseId,
        issued_at: DateTime<Utc>,
    ) -> Self {
        let check_in = license.check_in();
        let validity = check_in.map_or(DEFAULT_VALIDITY, |check_in| check_in.every());
        Self {
            license,
            issuer,
            id,
            issued_at,
            expires_at: Some(time::saturating_add(issued_at, validity)),
            machine: None,
            nonce: None,
            status: Status::Active,
            entitlements: license.entitlements(),
        }
    }

    /// Signs the draft with the key of a license server and returns the token.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vendor.rs")); }
    /// # let (server, license) = fixture::server()?;
    /// # let (id, now) = (fixture::id(1)?, license_core::time::parse_instant("2027-03-01")?);
    /// use license_core::issue::ValidationDraft;
    /// use license_core::license::ValidationSigner;
    /// use license_core::{TrustSet, Unverified};
    ///
    /// let issuer = "licenses.acme.example".to_owned();
    /// let draft = ValidationDraft::for_license(&license, issuer, id, now);
    /// let token = draft.sign_as_server(&server)?;
    /// let token = Unverified::parse(&token)?;
    /// // The key in claim `cnf` of the license verifies the token.
    /// let validation = token.verify_validation(&TrustSet::default(), &license)?;
    /// assert_eq!(validation.signer(), ValidationSigner::Server);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`SigningError::OtherServerKey`] if the license names another key,
    /// [`SigningError::Refused`] if the draft grants more than the license, and the errors of
    /// [`ValidationDraft::sign`].
    pub fn sign_as_server(&self, key: &ServerKey) -> Result<String, SigningError> {
        let signer = key.signer_for(self.license)?;
        if !self.license.entitlements().includes(self.entitlements) {
            return Err(SigningError::Refused {
                source: "it grants more than the license".into(),
            });
        }
        self.sign(signer)
    }

    /// Signs the draft with a key of the vendor and returns the token.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vendor.rs")); }
    /// # let key = fixture::key()?;
    /// # let trust = fixture::trust(&[&key])?;
    /// # let token = fixture::draft()?.sign(&key)?;
    /// # let license = license_core::Unverified::parse(&token)?.verify(&trust)?;
    /// # let (id, now) = (fixture::id(1)?, license_core::time::parse_instant("2027-03-01")?);
    /// use license_core::Unverified;
    /// use license_core::issue::ValidationDraft;
    ///
    /// let draft = ValidationDraft::for_license(&license, "CODITECT".to_owned(), id, now);
    /// println!("{}", Unverified::parse(&draft.sign(&key)?)?.to_armor());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`SigningError`] if a date is not from 1970 to 9999, the key fails to sign, or the
    /// token is larger than verifiers accept.
    pub fn sign(&self, key: &impl Signer) -> Result<String, SigningError> {
        sign_token(TokenKind::Validation, &self.claims(), key)
    }

    fn claims(&self) -> ValidationClaims {
        ValidationClaims {
            issuer: self.issuer.clone(),
            product: self.license.product(),
            id: self.id.as_str().to_owned(),
            issued_at: self.issued_at,
            license: self.license.id().clone(),
            status: self.status,
            tier: self.entitlements.tier(),
            features: self.entitlements.shared_features(),
            quotas: self.entitlements.shared_quotas(),
            expires_at: self.expires_at,
            // An empty name is kept, so that the signer refuses the token.
            machine: (self.machine.as_deref())
                .map(|name| Machine::parse(name).unwrap_or_else(|| Machine::Other(name.into()))),
            nonce: self.nonce.clone(),
            critical: Vec::new(),
        }
    }
}

/// Writes the claims.
impl Serialize for ValidationDraft<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.claims().serialize(serializer)
    }
}
