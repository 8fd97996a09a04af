//! The key of a license server.

use super::{Signer, SigningError, VerifyingSigner};
use crate::license::License;
use crate::trust::{TrustSet, TrustedKey};

/// The private key of a license server, which signs leases and validation tokens.
///
/// A vendor certifies the key in claim `cnf` of a license. The key signs for such licenses only,
/// and this type is not a [`Signer`], so the key cannot sign licenses, revocation lists or trust
/// statements.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vendor.rs")); }
/// # let (vendor, server) = (fixture::key()?, fixture::key()?);
/// # let trust = fixture::trust(&[&vendor])?;
/// use license_core::Unverified;
/// use license_core::issue::{ServerKey, VerifyingSigner};
///
/// let server = ServerKey::new(VerifyingSigner::new(Box::new(server)), &trust)?;
/// let mut draft = fixture::draft()?;
/// draft.confirmation = Some(server.public().to_jwk().try_into()?);
/// let license = Unverified::parse(&draft.sign(&vendor)?)?.verify(&trust)?;
/// assert!(server.is_certified_by(&license));
///
/// // The key of the vendor can sign licenses, so it is not the key of a server.
/// let vendor = VerifyingSigner::new(Box::new(vendor));
/// assert!(ServerKey::new(vendor, &trust).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ServerKey(VerifyingSigner);

impl ServerKey {
    /// Wraps the key of a license server. `trust` contains the keys with which the vendor signs
    /// licenses.
    ///
    /// # Errors
    ///
    /// Returns [`SigningError::TrustedServerKey`] if the trust set contains the key.
    pub fn new(key: VerifyingSigner, trust: &TrustSet) -> Result<Self, SigningError> {
        let id = key.public().id();
        match trust.get(id.as_str()) {
            Some(_) => Err(SigningError::TrustedServerKey { key: id.clone() }),
            None => Ok(Self(key)),
        }
    }

    /// Returns the public key with its id and algorithm.
    pub fn public(&self) -> &TrustedKey {
        self.0.public()
    }

    /// Returns whether this license names the key in claim `cnf`.
    pub fn is_certified_by(&self, license: &License) -> bool {
        license.confirmation_key() == Some(self.public())
    }

    /// Returns the signer for a token of this license.
    pub(super) fn signer_for(&self, license: &License) -> Result<&VerifyingSigner, SigningError> {
        if self.is_certified_by(license) {
            return Ok(&self.0);
        }
        Err(SigningError::OtherServerKey {
            expected: license.confirmation_key().map(|key| key.id().clone()),
            found: self.public().id().clone(),
        })
    }
}
