//! Drafts of enterprise keys.

use license_core::issue::{self, CheckedKey, Sign};
use license_core::{EnterpriseKey, EnterpriseTerms, KeyId, Matrix};

use crate::ledger::NewEntry;
use crate::records;
use crate::services::issue::{Draft, SerialSource, SignError, SignedArtifacts};

const ENTERPRISE_KEY: &str = "enterprise key";

/// An enterprise key to issue.
#[derive(Clone, Debug)]
pub struct EnterpriseKeyOrder<'m> {
    /// The terms.
    pub terms: EnterpriseTerms,
    /// The product.
    pub matrix: &'m Matrix,
    /// Whether only the short form is delivered. It proves nothing by itself, so it is not
    /// recorded: the full key was recorded when it was issued.
    pub short: bool,
}

/// A signed and verified enterprise key.
#[derive(Clone, Debug)]
pub struct SignedEnterpriseKey {
    /// The key.
    pub key: EnterpriseKey,
    /// The id of the signing key.
    pub kid: KeyId,
    /// The algorithm of the signing key.
    pub algorithm: license_core::Algorithm,
    entry: Option<NewEntry>,
}

impl SignedArtifacts for SignedEnterpriseKey {
    fn entries(&self) -> Vec<NewEntry> {
        self.entry.iter().cloned().collect()
    }
}

impl Draft for EnterpriseKeyOrder<'_> {
    type Signer = CheckedKey;
    type Signed = SignedEnterpriseKey;

    fn check(&self) -> Result<(), SignError> {
        Ok(())
    }

    fn sign(
        &self,
        signer: Option<&CheckedKey>,
        _: &mut dyn SerialSource,
    ) -> Result<SignedEnterpriseKey, SignError> {
        let artifact = ENTERPRISE_KEY;
        let signer = signer.ok_or(SignError::NoSigner { artifact })?;
        let key = issue::enterprise_key(self.terms, signer);
        let key = key.map_err(|source| SignError::Sign { artifact, source })?;
        let kid = signer.public().id().clone();
        let tier = self.matrix.enterprise_tier();
        let tier = tier.map(|tier| tier.name().to_string());
        let entry = records::enterprise_key(&key, kid.as_str(), tier.as_deref());
        Ok(SignedEnterpriseKey {
            entry: (!self.short).then_some(entry),
            algorithm: signer.public().algorithm(),
            key,
            kid,
        })
    }
}
