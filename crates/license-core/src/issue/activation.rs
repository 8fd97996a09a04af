//! Drafts of answers to machine requests.

use chrono::{DateTime, Utc};
use serde::ser::{Serialize, Serializer};

use super::{Signer, SigningError, sign_token};
use crate::claims::{ActivationClaims, ClockRepairClaims};
use crate::jose::TokenKind;
use crate::key::LicenseId;
use crate::machine::Machine;
use crate::requests::{ActivationRequest, ClockRequest};

/// Draft of an activation. The JSON form is the object of the claims.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vendor.rs")); }
/// # let key = fixture::key()?;
/// # let trust = fixture::trust(&[&key])?;
/// # let (text, id) = (&fixture::request()?, fixture::id(1)?);
/// use license_core::issue::ActivationDraft;
/// use license_core::{Unverified, time};
/// use license_core::requests::MachineRequest;
///
/// let MachineRequest::Activation(request) = MachineRequest::parse(text)? else {
///     return Err("expected a request for an activation".into());
/// };
/// let answer = ActivationDraft {
///     issuer: "CODITECT".to_owned(),
///     id,
///     issued_at: time::parse_instant("2027-03-01")?,
///     request: &request,
/// };
/// let token = answer.sign(&key)?;
/// let activation = Unverified::parse(&token)?.verify_activation(&trust)?;
/// assert_eq!(activation.nonce(), request.nonce);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivationDraft<'a> {
    /// The vendor.
    pub issuer: String,
    /// The id of the activation.
    pub id: LicenseId,
    /// The issue date.
    pub issued_at: DateTime<Utc>,
    /// The request of the machine.
    pub request: &'a ActivationRequest,
}

impl ActivationDraft<'_> {
    /// Signs the activation and returns its token.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vendor.rs")); }
    /// # let key = fixture::key()?;
    /// # let (text, id) = (&fixture::request()?, fixture::id(1)?);
    /// use license_core::issue::{ActivationDraft, SigningError};
    /// use license_core::time;
    /// use license_core::requests::MachineRequest;
    ///
    /// # let MachineRequest::Activation(request) = MachineRequest::parse(text)? else {
    /// #     return Err("expected a request for an activation".into());
    /// # };
    /// let answer = ActivationDraft {
    ///     issuer: String::new(),
    ///     id,
    ///     issued_at: time::parse_instant("2027-03-01")?,
    ///     request: &request,
    /// };
    /// assert!(matches!(answer.sign(&key), Err(SigningError::Empty { claim: "iss" })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`SigningError`] if the issuer is empty, the issue date is not from 1970 to 9999, or
    /// the key fails to sign.
    pub fn sign(&self, key: &(impl Signer + ?Sized)) -> Result<String, SigningError> {
        check_issuer(&self.issuer)?;
        sign_token(TokenKind::Activation, &self.claims(), key)
    }

    fn claims(&self) -> ActivationClaims {
        ActivationClaims {
            issuer: self.issuer.clone(),
            product: self.request.product,
            id: self.id.clone(),
            issued_at: self.issued_at,
            license: self.request.license.clone(),
            machine: Machine::Fingerprint(self.request.machine.clone()),
            nonce: self.request.nonce,
            commitment: self.request.commitment,
            critical: Vec::new(),
        }
    }
}

/// Writes the claims.
impl Serialize for ActivationDraft<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.claims().serialize(serializer)
    }
}

/// Draft of a clock repair. The JSON form is the object of the claims.
///
/// ```
/// use license_core::requests::ClockRequest;
/// use license_core::issue::{ClockRepairDraft, Signer, SigningError};
///
/// /// Answers a request with the date on which it was made, which the vendor has checked.
/// fn answer(
///     request: &ClockRequest,
///     id: license_core::LicenseId,
///     key: &impl Signer,
/// ) -> Result<String, SigningError> {
///     let (issuer, issued_at) = ("CODITECT".to_owned(), request.made_at);
///     ClockRepairDraft { issuer, id, issued_at, request }.sign(key)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockRepairDraft<'a> {
    /// The vendor.
    pub issuer: String,
    /// The id of the clock repair.
    pub id: LicenseId,
    /// The issue date, to which the clock high-water mark of the machine is lowered.
    pub issued_at: DateTime<Utc>,
    /// The request of the machine.
    pub request: &'a ClockRequest,
}

impl ClockRepairDraft<'_> {
    /// Signs the clock repair and returns its token.
    ///
    /// ```
    /// use license_core::issue::{ClockRepairDraft, Signer, SigningError};
    ///
    /// /// Signs the answers to several machines.
    /// fn sign_all(
    ///     drafts: &[ClockRepairDraft<'_>],
    ///     key: &impl Signer,
    /// ) -> Result<Vec<String>, SigningError> {
    ///     drafts.iter().map(|draft| draft.sign(key)).collect()
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`SigningError`] if the issuer is empty, the issue date is not from 1970 to 9999, or
    /// the key fails to sign.
    pub fn sign(&self, key: &(impl Signer + ?Sized)) -> Result<String, SigningError> {
        check_issuer(&self.issuer)?;
        sign_token(TokenKind::ClockRepair, &self.claims(), key)
    }

    fn claims(&self) -> ClockRepairClaims {
        ClockRepairClaims {
            issuer: self.issuer.clone(),
            product: self.request.product,
            id: self.id.clone(),
            issued_at: self.issued_at,
            machine: Machine::Fingerprint(self.request.machine.clone()),
            nonce: self.request.nonce,
            critical: Vec::new(),
        }
    }
}

/// Writes the claims.
impl Serialize for ClockRepairDraft<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.claims().serialize(serializer)
    }
}

fn check_issuer(issuer: &str) -> Result<(), SigningError> {
    if issuer.trim().is_empty() {
        return Err(SigningError::Empty { claim: "iss" });
    }
    Ok(())
}
