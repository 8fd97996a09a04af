//! Validation tokens, which confirm the status of a license.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::License;
use crate::claims::{Status, TokenClaims, ValidationClaims};
use crate::encoding::value::named_value;
use crate::ids::ProductCode;
use crate::jose::{TokenKind, Unverified};
use crate::key::LicenseId;
use crate::machine::Machine;
use crate::policy::Entitlements;
use crate::trust::{TrustSet, TrustedKey, VerifyError};

/// The kind of signer of a validation token.
///
/// ```
/// use license_core::license::ValidationSigner;
///
/// let signer: ValidationSigner = "server".parse()?;
/// assert_eq!(signer, ValidationSigner::Server);
/// # Ok::<(), license_core::encoding::ValueError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValidationSigner {
    /// A key of the trust set. The entitlements of the token replace those of the license.
    Vendor,
    /// The key in claim `cnf` of the license. The entitlements of the token can only narrow those
    /// of the license.
    Server,
}

impl ValidationSigner {
    /// Returns the name of the signer.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vendor => "vendor",
            Self::Server => "server",
        }
    }
}

named_value!(
    ValidationSigner,
    "signer",
    "`vendor` or `server`",
    [Vendor, Server]
);

impl Unverified<'_> {
    /// Verifies a validation token for a license.
    ///
    /// The keys of the trust set are accepted for every license. The key in claim `cnf` of a
    /// license (RFC 7800) is accepted for that license only.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (trust, license) = (fixture::trust()?, fixture::license()?);
    /// # const TEXT: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/tokens/validation.jwt"
    /// # ));
    /// use license_core::Unverified;
    /// use license_core::claims::Status;
    ///
    /// let validation = Unverified::parse(TEXT)?.verify_validation(&trust, &license)?;
    /// assert_eq!(validation.status(), Status::Active);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Unverified::verify`], and [`VerifyError::OtherLicense`] if the token
    /// belongs to another license.
    pub fn verify_validation(
        &self,
        trust: &TrustSet,
        license: &License,
    ) -> Result<Validation, VerifyError> {
        self.verify_validation_of(trust, std::slice::from_ref(license))
    }

    /// Verifies a validation token for one of these licenses. The signature is verified once.
    pub(super) fn verify_validation_of(
        &self,
        trust: &TrustSet,
        licenses: &[License],
    ) -> Result<Validation, VerifyError> {
        let kind = TokenKind::Validation;
        let is_signer = |key: &&TrustedKey| key.id().as_str() == self.unverified_key_id();
        let has_server_key =
            |license: &&License| license.confirmation_key().filter(is_signer).is_some();
        let server = licenses
            .iter()
            .find_map(|license| license.confirmation_key().filter(is_signer));
        let trusted = trust.get(self.unverified_key_id());
        let (verified, signer) = match (trusted, server) {
            (None, Some(key)) => (
                self.verify_token_with_key(kind, key)?,
                ValidationSigner::Server,
            ),
            _ => (self.verify_token(kind, trust)?, ValidationSigner::Vendor),
        };
        let claims = ValidationClaims::from_payload(&verified.payload)?;
        let validation = Validation {
            token: self.copy_signed_by(trusted.or(server)),
            entitlements: Arc::new(claims.entitlements()),
            claims,
            signer,
        };
        let may_validate =
            |license: &&License| signer == ValidationSigner::Vendor || has_server_key(license);
        let mut candidates = licenses.iter().filter(may_validate);
        // A token for a license is also accepted for its successor, even if only the successor is
        // installed.
        if !candidates.any(|license| validation.applies_to(license)) {
            return Err(VerifyError::OtherLicense);
        }
        Ok(validation)
    }
}

/// A verified validation token.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let (license, validation) = (fixture::license()?, fixture::validation()?);
/// use license_core::{Context, FeatureMatrix};
///
/// let validations = [validation];
/// let context = Context::at(validations[0].issued_at()).validations(&validations);
/// let decision = license.evaluate(FeatureMatrix::built_in(), &context);
/// assert!(decision.allows("cloud_sync"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub struct Validation {
    token: Unverified<'static>,
    claims: ValidationClaims,
    entitlements: Arc<Entitlements>,
    signer: ValidationSigner,
}

/// Omits the token.
impl fmt::Debug for Validation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Validation")
            .field("id", &self.claims.id)
            .field("license", &self.claims.license)
            .field("issued_at", &self.claims.issued_at)
            .field("machine", &self.claims.machine)
            .field("status", &self.claims.status)
            .field("signer", &self.signer)
            .finish_non_exhaustive()
    }
}

impl Validation {
    /// Returns the token as an armor block.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let validation = fixture::validation()?;
    /// assert!(validation.to_armor().starts_with("-----BEGIN LICENSE VALIDATION-----"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_armor(&self) -> String {
        self.token.to_armor()
    }

    /// Returns the token.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let validation = fixture::validation()?;
    /// assert!(validation.as_str().starts_with("eyJ"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn as_str(&self) -> &str {
        self.token.as_str()
    }

    /// Returns whether the token belongs to this license.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (validation, license, renewal) =
    /// #     (fixture::validation()?, fixture::license()?, fixture::renewal()?);
    /// assert!(validation.is_for(&license));
    /// assert!(!validation.is_for(&renewal));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_for(&self, license: &License) -> bool {
        self.claims.license == *license.id() && self.claims.product == license.product()
    }

    /// Returns the product code.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let validation = fixture::validation()?;
    /// assert_eq!(validation.product().as_str(), "CODITECT");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn product(&self) -> ProductCode {
        self.claims.product
    }

    pub(super) fn claims(&self) -> &ValidationClaims {
        &self.claims
    }

    pub(crate) fn is_signed_by(&self, key: &TrustedKey) -> bool {
        self.token.unverified_key_id() == key.id().as_str()
    }

    /// Returns whether the token belongs to this license or to one that this license replaces.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (validation, renewal) = (fixture::validation()?, fixture::renewal()?);
    /// // The token belongs to the license that the renewal replaces.
    /// assert!(validation.applies_to(&renewal));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn applies_to(&self, license: &License) -> bool {
        let is_for_previous = || license.supersedes().contains(&self.claims.license);
        self.is_for(license) || self.claims.product == license.product() && is_for_previous()
    }

    /// Returns the id of the token.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let validation = fixture::validation()?;
    /// assert_eq!(validation.id(), "01a2ce8b-d400-7a10-8c4e-5f1d2a3b4c03");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn id(&self) -> &str {
        &self.claims.id
    }

    /// Returns the id of the license.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let validation = fixture::validation()?;
    /// assert_eq!(validation.license_id().as_str(), "01a2ce8b-d400-7a10-8c4e-5f1d2a3b4c01");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn license_id(&self) -> &LicenseId {
        &self.claims.license
    }

    /// Returns the time of the validation.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let validation = fixture::validation()?;
    /// assert_eq!(validation.issued_at().date_naive().to_string(), "2027-01-15");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn issued_at(&self) -> DateTime<Utc> {
        self.claims.issued_at
    }

    /// Returns the instant until which the signer intends the token to be used.
    ///
    /// Evaluation ignores this instant and uses only [`Validation::issued_at`]. Otherwise a
    /// suspension would end when its token expires.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let validation = fixture::validation()?;
    /// assert_eq!(validation.expires_at(), None, "the token has no claim `exp`");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.claims.expires_at
    }

    /// Returns the machine for which the token is valid, or `None` if it is valid on every machine.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let validation = fixture::validation()?;
    /// assert!(validation.machine().is_none(), "the token is for every machine");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn machine(&self) -> Option<&Machine> {
        self.claims.machine.as_ref()
    }

    /// Returns the nonce that the requesting machine has sent.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let validation = fixture::validation()?;
    /// // A program that sent a nonce compares its nonce with this one.
    /// assert_eq!(validation.nonce(), None, "no machine requested the token");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn nonce(&self) -> Option<&str> {
        self.claims.nonce.as_deref()
    }

    /// Returns the status of the license.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let validation = fixture::validation()?;
    /// assert!(!validation.status().is_denial());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn status(&self) -> Status {
        self.claims.status
    }

    /// Returns the features and quotas that the signer grants.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let validation = fixture::validation()?;
    /// assert!(validation.entitlements().allows("cloud_sync"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn entitlements(&self) -> &Arc<Entitlements> {
        &self.entitlements
    }

    /// Returns the kind of signer.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let validation = fixture::validation()?;
    /// use license_core::license::ValidationSigner;
    ///
    /// assert_eq!(validation.signer(), ValidationSigner::Vendor);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn signer(&self) -> ValidationSigner {
        self.signer
    }
}
