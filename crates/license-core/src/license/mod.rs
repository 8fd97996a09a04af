//! Verified licenses, and what is said of them later.

mod activation;
mod claims;
mod clock_repair;
mod facts;
mod id;
mod revocations;
mod terms;
mod trust_statement;
mod validation;

use std::sync::Arc;

pub use activation::Activation;
#[cfg(feature = "issue")]
pub(crate) use claims::FORMAT_VERSION;
#[cfg(all(test, feature = "issue"))]
pub(crate) use claims::KNOWN as KNOWN_CLAIMS;
pub use clock_repair::ClockRepair;
pub use facts::Facts;
pub use id::LicenseId;
pub use revocations::{Revocation, RevocationList};
pub use terms::{CheckIn, Renewal, UsageType};
pub(crate) use trust_statement::Change;
pub use trust_statement::TrustStatement;
pub use validation::{Signer, Status, Validation};

use crate::entitlements::KnownEntitlements;
use crate::key::{EnterpriseKey, EnterpriseTerms, KeyExpiry, ShortEnterpriseKey, StandardKey};
use crate::token::{TokenKind, Unverified, Verified, VerifyError};
use crate::trust::{KeyId, TrustSet, TrustedKey};
use crate::{Company, Entitlements, LicenseKey, Machine, Matrix, ProductCode, Tier, Timestamp};

/// A license that a trusted key has signed. There is no other way to get one.
///
/// It is cheap to clone. Whether it holds at some instant is for [`License::evaluate`] to say.
#[derive(Clone, Debug)]
#[must_use]
pub struct License {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    facts: Facts,
    key_id: KeyId,
    signature: Box<[u8]>,
}

impl Unverified<'_> {
    /// Checks the signature over the bytes received, then reads the claims.
    ///
    /// # Errors
    /// [`VerifyError`] if the key is not trusted, the signature does not verify, or a claim is not what it must be.
    pub fn verify(&self, trust: &TrustSet) -> Result<License, VerifyError> {
        self.verify_among(trust, None)
    }

    /// The same among other licenses, whose features and quotas may be this one's.
    pub(crate) fn verify_among(
        &self,
        trust: &TrustSet,
        known: Option<&KnownEntitlements>,
    ) -> Result<License, VerifyError> {
        let verified = self.verified(TokenKind::License, trust)?;
        let facts = claims::license_among(&verified.payload, known)?;
        Ok(License::new(facts, verified))
    }

    /// The same with the one key that has just signed it.
    #[cfg(feature = "issue")]
    pub(crate) fn verify_by(&self, key: &TrustedKey) -> Result<License, VerifyError> {
        let verified = self.verified_by(TokenKind::License, key)?;
        let facts = claims::license(&verified.payload)?;
        Ok(License::new(facts, verified))
    }

    /// Checks a validation token for a license. The vendor's keys count for every license, the key in the
    /// license's own `cnf` claim (RFC 7800) for that license only.
    ///
    /// # Errors
    /// [`VerifyError`] as for [`Unverified::verify`], and if it belongs to another license.
    pub fn verify_validation(
        &self,
        trust: &TrustSet,
        license: &License,
    ) -> Result<Validation, VerifyError> {
        self.verify_validation_of(trust, std::slice::from_ref(license))
    }

    /// The same for whichever of these licenses it is about: the signature is checked once.
    pub(crate) fn verify_validation_of(
        &self,
        trust: &TrustSet,
        licenses: &[License],
    ) -> Result<Validation, VerifyError> {
        let kind = TokenKind::Validation;
        let is_server = |key: &&TrustedKey| key.id().as_str() == self.unverified_key_id();
        let confirms = |license: &&License| license.confirmation_key().filter(is_server).is_some();
        let server = licenses
            .iter()
            .find_map(|license| license.confirmation_key().filter(is_server));
        let (verified, signer) = match server {
            Some(key) if trust.get(key.id().as_str()).is_none() => {
                (self.verified_by(kind, key)?, Signer::Server)
            }
            _ => (self.verified(kind, trust)?, Signer::Vendor),
        };
        let validation = claims::validation(self, &verified.payload, signer)?;
        let may_speak_for = |license: &&License| signer == Signer::Vendor || confirms(license);
        let mut heard = licenses.iter().filter(may_speak_for);
        // A successor that is at hand alone goes on with what was said of the license that it replaced.
        if !heard.any(|license| validation.concerns(license)) {
            return Err(VerifyError::OtherLicense);
        }
        Ok(validation)
    }
}

impl EnterpriseKey {
    /// Checks the signature against each trusted key with that key's own algorithm. What the key does not
    /// say itself comes from the matrix: the features, quotas and renewal terms of its enterprise tier.
    ///
    /// # Errors
    /// [`VerifyError::Signature`] if no trusted key has signed it.
    pub fn verify(&self, trust: &TrustSet, matrix: &Matrix) -> Result<License, VerifyError> {
        let signed = self.signed_text().as_bytes();
        let key = trust
            .iter()
            .find(|key| key.verify(signed, self.signature()));
        let verified = Verified {
            payload: Vec::new(),
            signature: self.signature().to_vec(),
            key_id: key.ok_or(VerifyError::Signature)?.id().clone(),
        };
        Ok(License::new(self.unverified_facts(matrix)?, verified))
    }
}

impl License {
    fn new(facts: Facts, verified: Verified) -> Self {
        let Verified {
            signature, key_id, ..
        } = verified;
        Self {
            inner: Arc::new(Inner {
                facts,
                key_id,
                signature: signature.into(),
            }),
        }
    }

    /// All that it says.
    pub fn facts(&self) -> &Facts {
        &self.inner.facts
    }

    /// The license id: a UUID, or for an enterprise key its short form.
    pub fn id(&self) -> &LicenseId {
        &self.facts().id
    }

    /// The vendor, as the token names it.
    pub fn issuer(&self) -> Option<&str> {
        self.facts().issuer.as_deref()
    }

    /// The product.
    pub fn product(&self) -> ProductCode {
        self.facts().product
    }

    /// The customer; for an enterprise key the company.
    pub fn customer(&self) -> &str {
        &self.facts().customer
    }

    /// The tier that was bought.
    pub fn tier(&self) -> Tier {
        self.facts().entitlements.tier()
    }

    /// The features and quotas that were bought.
    pub fn entitlements(&self) -> &Entitlements {
        &self.facts().entitlements
    }

    /// Rises with every token that the vendor issues.
    pub fn serial(&self) -> Option<u64> {
        self.facts().serial
    }

    /// The licenses that this one replaces.
    pub fn supersedes(&self) -> &[LicenseId] {
        &self.facts().supersedes
    }

    /// When it was issued. An enterprise key does not say.
    pub fn issued_at(&self) -> Option<Timestamp> {
        self.facts().issued_at
    }

    /// The first instant at which it holds. An enterprise key has none.
    pub fn not_before(&self) -> Option<Timestamp> {
        self.facts().not_before
    }

    /// The first instant at which it no longer holds; none for a perpetual license.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.facts().expires_at
    }

    /// Named or concurrent users.
    pub fn seats(&self) -> Option<u64> {
        self.facts().seats
    }

    /// Machines that may be activated.
    pub fn devices(&self) -> Option<u64> {
        self.facts().devices
    }

    /// Whether it holds only on machines that the vendor has activated it for.
    pub fn must_activate(&self) -> bool {
        self.facts().must_activate
    }

    /// The kind of use that it is for; none means any.
    pub fn usage_type(&self) -> Option<UsageType> {
        self.facts().usage_type
    }

    /// Whether it is a trial.
    pub fn is_trial(&self) -> bool {
        self.facts().trial
    }

    /// How often it must be validated; none means never.
    pub fn check_in(&self) -> Option<CheckIn> {
        self.facts().check_in
    }

    /// When to warn before the end, and for how long it holds after it.
    pub fn renewal(&self) -> Option<Renewal> {
        self.facts().renewal
    }

    /// Versions built up to here are covered.
    pub fn maintenance_until(&self) -> Option<Timestamp> {
        self.facts().maintenance_until
    }

    /// What the application's version must meet.
    pub fn max_version(&self) -> Option<&semver::VersionReq> {
        self.facts().max_version.as_ref()
    }

    /// The machines that it is locked to.
    pub fn machines(&self) -> Option<&[Machine]> {
        self.facts().machines.as_deref()
    }

    /// The users that it names.
    pub fn users(&self) -> Option<impl ExactSizeIterator<Item = &str>> {
        self.facts()
            .users
            .as_ref()
            .map(|users| users.iter().map(AsRef::as_ref))
    }

    /// The company's short code.
    pub fn company(&self) -> Option<Company> {
        self.facts().company
    }

    /// The public key of the customer's own license server (RFC 7800).
    pub fn confirmation_key(&self) -> Option<&TrustedKey> {
        self.facts().confirmation.as_deref()
    }

    /// The claims that a verifier must understand or refuse it; this one does.
    pub fn critical(&self) -> impl ExactSizeIterator<Item = &str> {
        self.facts().critical.iter().map(AsRef::as_ref)
    }

    /// The vendor's own data.
    pub fn extension(&self) -> Option<&serde_json::Value> {
        self.facts().extension.as_deref()
    }

    /// The key that signed it.
    pub fn key_id(&self) -> &KeyId {
        &self.inner.key_id
    }

    /// The standard key that names this license. A license that is an enterprise key has none.
    pub fn standard_key(&self) -> Option<StandardKey> {
        self.facts().standard_key()
    }

    /// The short enterprise key that names this license, if it says all that such a key says: the enterprise
    /// tier, a company, seats, and an end at midnight UTC or none.
    pub fn short_enterprise_key(&self, matrix: &Matrix) -> Option<ShortEnterpriseKey> {
        let is_enterprise = matrix
            .enterprise_tier()
            .is_some_and(|tier| tier.name() == self.tier());
        let seats = u32::try_from(self.seats()?).ok()?;
        let expiry = match self.expires_at() {
            None => KeyExpiry::Perpetual,
            // The last instant of all is not midnight, and its day would stand for "perpetual".
            Some(end) if end == Timestamp::MAX => return None,
            Some(end) => KeyExpiry::LastDay(end.minus(1).date().filter(|day| day.end() == end)?),
        };
        let terms = EnterpriseTerms {
            product: self.product(),
            company: self.company()?,
            seats: seats.try_into().ok()?,
            expiry,
        };
        is_enterprise.then(|| ShortEnterpriseKey::new(terms, &self.inner.signature))
    }

    /// Whether the key names this license.
    pub fn is_named_by(&self, key: &LicenseKey, matrix: &Matrix) -> bool {
        match key {
            LicenseKey::Standard(key) => self.standard_key() == Some(*key),
            LicenseKey::EnterpriseShort(key) => self.short_enterprise_key(matrix) == Some(*key),
            LicenseKey::Enterprise(key) => self.short_enterprise_key(matrix) == Some(key.short()),
        }
    }
}
