//! Verified licenses, and the verified tokens that change them later.

mod activation;
mod clock_repair;
mod file;
mod json;
mod revocations;
mod rotation;
mod trust_statement;
mod validation;
mod verified_licenses;
mod verifier;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

pub use activation::Activation;
pub use clock_repair::ClockRepair;
pub use file::{ArmorBlock, LicenseFile};
pub use revocations::RevocationList;
pub use rotation::{Rotation, RotationError, StatementResult};
pub use trust_statement::TrustStatement;
pub use validation::{Validation, ValidationSigner};
pub use verified_licenses::{CanonicalText, VerifiedLicenses, VerifiedLicensesError};
pub use verifier::Verifier;

use crate::claims::{Confirmation, LicenseClaims, TokenClaims};
use crate::ids::{Company, ProductCode, Tier};
use crate::jose::{TokenKind, Unverified};
use crate::key::{
    EnterpriseKey, EnterpriseTerms, KeyExpiry, LicenseId, LicenseKey, ShortEnterpriseKey,
    StandardKey,
};
use crate::machine::Machine;
use crate::matrix::FeatureMatrix;
use crate::policy::{CheckIn, Entitlements, Renewal, UsageType};
use crate::time;
use crate::trust::{KeyId, TrustSet, TrustedKey, VerifiedToken, VerifyError};

/// A license whose signature was verified with a trusted key.
///
/// [`License::evaluate`] decides whether the license is valid at an instant. Cloning is cheap.
///
/// ```
/// use license_core::{TrustSet, Unverified};
///
/// # const JWKS: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
/// # ));
/// # const TOKEN: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/tokens/valid-pro.jwt"
/// # ));
/// // The vendor's public keys, and the token that the customer received.
/// let license = Unverified::parse(TOKEN)?.verify(&TrustSet::parse(JWKS)?)?;
/// assert_eq!(license.tier().as_str(), "PRO");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A `License` can only be created by verification, and not by deserialization. This program does
/// not compile:
///
/// ```compile_fail
/// let license: license_core::License = serde_json::from_str("{}")?;
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct License {
    inner: Arc<Inner>,
}

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    claims: LicenseClaims,
    /// The features and quotas of the claims, shared with decisions.
    entitlements: Arc<Entitlements>,
    /// The users of the claims, shared with evidence.
    users: Option<Arc<[Box<str>]>>,
    key_id: KeyId,
    signature: Vec<u8>,
}

impl Unverified<'_> {
    /// Verifies a license token: first the signature over the received bytes, then the claims.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # const TOKEN: &str = fixture::LICENSE;
    /// use license_core::Unverified;
    ///
    /// let license = Unverified::parse(TOKEN)?.verify(&trust)?;
    /// assert_eq!(license.customer(), "ACME Ltd");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`VerifyError`] if the token is of another kind, the key is not trusted, the
    /// signature does not verify, or a claim has a value that is not accepted.
    pub fn verify(&self, trust: &TrustSet) -> Result<License, VerifyError> {
        License::from_token(self.verify_token(TokenKind::License, trust)?)
    }

    /// Verifies a license with a single key, such as the one that has just signed it.
    #[cfg(feature = "issue")]
    pub(crate) fn verify_by(&self, key: &TrustedKey) -> Result<License, VerifyError> {
        License::from_token(self.verify_token_with_key(TokenKind::License, key)?)
    }

    /// Returns the claims of a license token, which are not authenticated.
    ///
    /// The claims are checked as strictly as after verification.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # const TOKEN: &str = fixture::LICENSE;
    /// use license_core::Unverified;
    ///
    /// // No trusted key is needed to show the claims.
    /// let claims = Unverified::parse(TOKEN)?.unverified_license_claims()?;
    /// assert_eq!(claims.customer, "ACME Ltd");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`VerifyError`] if the token is not a license, or a claim has a value that is not
    /// accepted.
    pub fn unverified_license_claims(&self) -> Result<LicenseClaims, VerifyError> {
        LicenseClaims::from_payload(&self.unverified_payload(TokenKind::License)?)
    }
}

impl EnterpriseKey {
    /// Verifies an enterprise key.
    ///
    /// The text does not name the key that signed it. The signature is therefore checked with each
    /// trusted key and its algorithm, until one key verifies it.
    ///
    /// The features, quotas and renewal terms come from the enterprise tier of the feature matrix.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # const TEXT: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/tokens/enterprise-key.txt"
    /// # ));
    /// use license_core::{FeatureMatrix, LicenseKey};
    ///
    /// let LicenseKey::Enterprise(key) = LicenseKey::parse(TEXT)? else {
    ///     return Err("expected a full enterprise key".into());
    /// };
    /// let license = key.verify(&trust, FeatureMatrix::built_in())?;
    /// assert_eq!((license.customer(), license.seats()), ("ACME", Some(100)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`VerifyError::Signature`] if no trusted key has signed the enterprise key, and
    /// [`VerifyError::NoEnterpriseTier`] if the product has no enterprise keys.
    pub fn verify(&self, trust: &TrustSet, matrix: &FeatureMatrix) -> Result<License, VerifyError> {
        let signed = self.signed_text().as_bytes();
        let key = trust
            .iter()
            .find(|key| key.verify(signed, self.signature()));
        let key_id = key.ok_or(VerifyError::Signature)?.id().clone();
        let claims = self.unverified_claims(matrix)?;
        Ok(License::new(claims, key_id, self.signature().to_vec()))
    }

    /// Returns the claims that the enterprise key represents, which are not authenticated.
    ///
    /// The features, quotas and renewal terms come from the enterprise tier of the feature matrix.
    ///
    /// ```
    /// # const TEXT: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/tokens/enterprise-key.txt"
    /// # ));
    /// use license_core::{FeatureMatrix, LicenseKey};
    ///
    /// let LicenseKey::Enterprise(key) = LicenseKey::parse(TEXT)? else {
    ///     return Err("expected a full enterprise key".into());
    /// };
    /// let claims = key.unverified_claims(FeatureMatrix::built_in())?;
    /// assert_eq!(claims.tier.as_str(), "ENT");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`VerifyError::NoEnterpriseTier`] if the product has no enterprise keys.
    pub fn unverified_claims(&self, matrix: &FeatureMatrix) -> Result<LicenseClaims, VerifyError> {
        let terms = self.unverified_terms();
        let tier = matrix
            .enterprise_tier()
            .ok_or(VerifyError::NoEnterpriseTier)?;
        let seats = u64::from(terms.seats.get());
        let entitlements = matrix.entitlements_with_seats(tier, seats);
        let id = LicenseId::from_key(&self.short());
        let customer = terms.company.as_str().to_owned();
        let mut claims = LicenseClaims::new(id, terms.product, customer, &entitlements);
        claims.expires_at = terms.expiry.ends_at();
        claims.seats = Some(seats);
        claims.renewal = tier.renewal();
        claims.company = Some(terms.company);
        Ok(claims)
    }
}

impl License {
    fn from_token(verified: VerifiedToken) -> Result<Self, VerifyError> {
        let claims = LicenseClaims::from_payload(&verified.payload)?;
        Ok(Self::new(claims, verified.key_id, verified.signature))
    }

    fn new(claims: LicenseClaims, key_id: KeyId, signature: Vec<u8>) -> Self {
        let users = claims.users.iter().map(|user| user.as_str().into());
        let inner = Inner {
            entitlements: Arc::new(claims.entitlements()),
            users: (!claims.users.is_empty()).then(|| users.collect()),
            claims,
            key_id,
            signature,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Returns all claims. For an enterprise key, these are the claims that the key represents.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert_eq!(license.claims().serial, Some(1001));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn claims(&self) -> &LicenseClaims {
        &self.inner.claims
    }

    /// Returns the features and quotas, shared with a decision.
    pub(crate) fn shared_entitlements(&self) -> &Arc<Entitlements> {
        &self.inner.entitlements
    }

    /// Returns the named users, shared with evidence.
    pub(crate) fn shared_users(&self) -> Option<&Arc<[Box<str>]>> {
        self.inner.users.as_ref()
    }

    /// Returns the license id: a UUIDv7, or the short form of an enterprise key.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert_eq!(license.id().as_str(), "01a2ce8b-d400-7a10-8c4e-5f1d2a3b4c01");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn id(&self) -> &LicenseId {
        &self.claims().id
    }

    /// Returns the vendor, or `None` for an enterprise key.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert_eq!(license.issuer(), Some("CODITECT"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn issuer(&self) -> Option<&str> {
        self.claims().issuer.as_deref()
    }

    /// Returns the product code.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert_eq!(license.product().as_str(), "CODITECT");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn product(&self) -> ProductCode {
        self.claims().product
    }

    /// Returns the customer, or the company of an enterprise key.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert_eq!(license.customer(), "ACME Ltd");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn customer(&self) -> &str {
        &self.claims().customer
    }

    /// Returns the tier.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert_eq!(license.tier().as_str(), "PRO");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tier(&self) -> Tier {
        self.claims().tier
    }

    /// Returns the tier with its features and quotas.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// // The license contains the feature. A decision states whether the feature may be used now.
    /// assert!(license.entitlements().allows("cloud_sync"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn entitlements(&self) -> &Entitlements {
        &self.inner.entitlements
    }

    /// Returns the serial, if the license has one. The serial increases with every token that the
    /// vendor issues.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert_eq!(license.serial(), Some(1001));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn serial(&self) -> Option<u64> {
        self.claims().serial
    }

    /// Returns the ids of the licenses that this license replaces, the latest last.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (license, renewal) = (fixture::license()?, fixture::renewal()?);
    /// assert_eq!(renewal.supersedes(), [license.id().clone()]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn supersedes(&self) -> &[LicenseId] {
        &self.claims().supersedes
    }

    /// Returns the time of issue, or `None` for an enterprise key.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// let issued_at = license.issued_at().ok_or("an enterprise key")?;
    /// assert_eq!(issued_at.date_naive().to_string(), "2027-01-01");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn issued_at(&self) -> Option<DateTime<Utc>> {
        self.claims().issued_at
    }

    /// Returns the first instant at which the license is valid, or `None` for an enterprise key.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert_eq!(license.not_before(), license.issued_at());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn not_before(&self) -> Option<DateTime<Utc>> {
        self.claims().valid_from()
    }

    /// Returns the first instant at which the license is no longer valid, or `None` for a perpetual
    /// license.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// match license.expires_at() {
    ///     Some(end) => println!("the license ends at {end}"),
    ///     None => println!("the license is perpetual"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.claims().expires_at
    }

    /// Returns the number of named or concurrent users, if the license states it.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::enterprise()?;
    /// assert_eq!(license.seats(), Some(100));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn seats(&self) -> Option<u64> {
        self.claims().seats
    }

    /// Returns the number of machines that may be activated, if the license states it.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert_eq!(license.devices(), None, "the license states no number of machines");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn devices(&self) -> Option<u64> {
        self.claims().devices
    }

    /// Returns whether the license must be activated on each machine.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert!(!license.must_activate());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn must_activate(&self) -> bool {
        self.claims().must_activate
    }

    /// Returns the permitted kind of use, or `None` if every kind is permitted.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert_eq!(license.usage_type(), None, "every kind of use is permitted");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn usage_type(&self) -> Option<UsageType> {
        self.claims().usage_type
    }

    /// Returns whether the license is a trial.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert!(!license.is_trial());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_trial(&self) -> bool {
        self.claims().trial
    }

    /// Returns the check-in terms, or `None` if validation is never required.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// if let Some(check_in) = license.check_in() {
    ///     println!("a check-in is due every {} hours", check_in.every().num_hours());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn check_in(&self) -> Option<CheckIn> {
        self.claims().check_in
    }

    /// Returns the notice period before expiry and the grace period after it.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// let renewal = license.renewal().ok_or("no renewal terms")?;
    /// assert_eq!((renewal.notify().num_days(), renewal.grace().num_hours()), (14, 72));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn renewal(&self) -> Option<Renewal> {
        self.claims().renewal
    }

    /// Returns the latest build date that is covered, or `None` if every build is covered.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert_eq!(license.maintenance_until(), None, "every build is covered");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn maintenance_until(&self) -> Option<DateTime<Utc>> {
        self.claims().maintenance_until
    }

    /// Returns the requirement that the version of the application must meet, such as `<3.0.0`, or
    /// `None` if every version is covered.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// let version = license_core::Version::new(2, 4, 0);
    /// assert!(license.max_version().is_none_or(|required| required.matches(&version)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn max_version(&self) -> Option<&semver::VersionReq> {
        self.claims().max_version.as_ref()
    }

    /// Returns the machines to which the license is locked, or `None` if it permits every machine.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert_eq!(license.machines(), None, "every machine is permitted");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn machines(&self) -> Option<&[Machine]> {
        let machines = self.claims().machines.as_slice();
        (!machines.is_empty()).then_some(machines)
    }

    /// Returns the named users, or `None` if the license permits every user.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// match license.users() {
    ///     Some(users) => println!("{} named users", users.len()),
    ///     None => println!("every user"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn users(&self) -> Option<impl ExactSizeIterator<Item = &str>> {
        let users = self.shared_users()?;
        Some(users.iter().map(AsRef::as_ref))
    }

    /// Returns the short code of the customer's company, if the license has one.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::enterprise()?;
    /// assert_eq!(license.company().map(|company| company.to_string()).as_deref(), Some("ACME"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn company(&self) -> Option<Company> {
        self.claims().company
    }

    /// Returns the public key of the customer's own license server (RFC 7800), or `None` if the
    /// license names no server.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert!(license.confirmation_key().is_none(), "the customer has no license server");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn confirmation_key(&self) -> Option<&TrustedKey> {
        self.claims().confirmation.as_ref().map(Confirmation::key)
    }

    /// Returns the names of the claims that a verifier must understand to accept the license.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert_eq!(license.critical().len(), 0, "every version can accept the license");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn critical(&self) -> impl ExactSizeIterator<Item = &str> {
        self.claims().critical.iter().map(String::as_str)
    }

    /// Returns the vendor's own data, claim `ext`.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// let order = license.extension().and_then(|extension| extension.get("order"));
    /// assert_eq!(order, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn extension(&self) -> Option<&serde_json::Map<String, serde_json::Value>> {
        self.claims().extension.as_ref()
    }

    /// Returns the id of the key that signed the license.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (trust, license) = (fixture::trust()?, fixture::license()?);
    /// assert!(trust.get(license.key_id().as_str()).is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn key_id(&self) -> &KeyId {
        &self.inner.key_id
    }

    /// Returns the standard key of the license, or `None` if the license is an enterprise key.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// let key = license.standard_key().ok_or("an enterprise key")?;
    /// assert_eq!(key.to_string(), "CODITECT-PRO-D4424EFC5184-3730");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn standard_key(&self) -> Option<StandardKey> {
        let is_token = self.issued_at().is_some();
        is_token.then(|| self.claims().standard_key())
    }

    /// Returns the short enterprise key of the license.
    ///
    /// Returns `None` unless the license has the enterprise tier, a company and seats, and is
    /// perpetual or ends at midnight UTC.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::enterprise()?;
    /// use license_core::FeatureMatrix;
    ///
    /// let matrix = FeatureMatrix::built_in();
    /// let key = license.short_enterprise_key(matrix).ok_or("not an ENT license")?;
    /// assert!(key.to_string().starts_with("CODITECT-ENT-ACME-100-20271231-"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn short_enterprise_key(&self, matrix: &FeatureMatrix) -> Option<ShortEnterpriseKey> {
        let is_enterprise = matrix
            .enterprise_tier()
            .is_some_and(|tier| tier.name() == self.tier());
        let seats = u32::try_from(self.seats()?).ok()?;
        let expiry = match self.expires_at() {
            None => KeyExpiry::Perpetual,
            // The latest timestamp is not midnight, and its date encodes "perpetual" in a key.
            Some(end) if end == time::MAX => return None,
            Some(end) => {
                let day = time::saturating_sub(end, TimeDelta::seconds(1)).date_naive();
                (time::end_of_day(day) == end).then_some(KeyExpiry::LastDay(day))?
            }
        };
        let terms = EnterpriseTerms {
            product: self.product(),
            company: self.company()?,
            seats: seats.try_into().ok()?,
            expiry,
        };
        is_enterprise.then(|| ShortEnterpriseKey::new(terms, &self.inner.signature))
    }

    /// Returns whether a key identifies this license.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// use license_core::{FeatureMatrix, LicenseKey};
    ///
    /// // The key that a customer reads out over the phone.
    /// let key = LicenseKey::parse("CODITECT-PRO-D4424EFC5184-3730")?;
    /// assert!(license.is_identified_by(&key, FeatureMatrix::built_in()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_identified_by(&self, key: &LicenseKey, matrix: &FeatureMatrix) -> bool {
        match key {
            LicenseKey::Standard(key) => self.standard_key() == Some(*key),
            LicenseKey::EnterpriseShort(key) => self.short_enterprise_key(matrix) == Some(*key),
            LicenseKey::Enterprise(key) => self.short_enterprise_key(matrix) == Some(key.short()),
        }
    }
}
