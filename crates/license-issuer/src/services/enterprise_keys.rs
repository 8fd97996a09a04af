//! Drafts of enterprise keys.

use license_core::FeatureMatrix;
use license_core::issue::{self, Signer, VerifyingSigner};
use license_core::key::{EnterpriseKey, EnterpriseTerms};
use license_core::trust::KeyId;

use crate::ledger::NewLedgerEntry;
use crate::records;
use crate::services::issue::{ArtifactName, Draft, SerialSource, SignError};

const ENTERPRISE_KEY: ArtifactName = ArtifactName("enterprise key");

/// An enterprise key to issue.
#[derive(Clone, Debug)]
pub struct EnterpriseKeyOrder<'m> {
    /// The terms.
    pub terms: EnterpriseTerms,
    /// The feature matrix of the product.
    pub matrix: &'m FeatureMatrix,
    /// Whether only the short form is delivered. The short form is not recorded, because it proves
    /// nothing by itself. The full key was recorded when it was issued.
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
    pub algorithm: license_core::jose::Algorithm,
    entry: Option<NewLedgerEntry>,
}

impl Draft<VerifyingSigner, SignedEnterpriseKey> for EnterpriseKeyOrder<'_> {
    fn sign(
        &self,
        signer: Option<&VerifyingSigner>,
        _: &mut dyn SerialSource,
    ) -> Result<SignedEnterpriseKey, SignError> {
        let signer = ENTERPRISE_KEY.signer(signer)?;
        let key =
            ENTERPRISE_KEY.map_signing_error(issue::sign_enterprise_key(self.terms, signer))?;
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

    fn entries(signed: &SignedEnterpriseKey) -> Vec<NewLedgerEntry> {
        signed.entry.iter().cloned().collect()
    }
}
