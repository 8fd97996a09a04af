//! Trust statements, which introduce new keys and retire old keys.

use license_core::chrono::{DateTime, Utc};
use license_core::issue::{IntroductionDraft, RetirementDraft, Signer, VerifyingSigner};
use license_core::license::{Rotation, TrustStatement};
use license_core::trust::{KeyId, TrustedKey};
use license_core::{TrustSet, Unverified};

use crate::errors::LedgerError;
use crate::ledger::NewLedgerEntry;
use crate::records;
use crate::services::issue::{
    ArtifactName, Draft, DraftContext, SerialSource, SignError, own_trust_set,
};
use crate::services::warnings::{IssueWarning, postdated};

const TRUST_STATEMENT: ArtifactName = ArtifactName("trust statement");

/// The keys that sign trust statements.
#[derive(Debug, Default)]
pub struct RotationKeys {
    /// The key that introduces other keys or is retired. `None` if a dry run does not open the key.
    pub signer: Option<VerifyingSigner>,
    /// The successor of a retired key.
    pub successor: Option<VerifyingSigner>,
}

/// Trust statements to issue.
#[derive(Clone, Copy, Debug)]
pub struct TrustStatementOrder<'a> {
    /// The name of the vendor.
    pub issuer: &'a str,
    /// The time of issue, if it is not the current time.
    pub issued_at: Option<DateTime<Utc>>,
    /// The keys to introduce.
    pub introduced: &'a TrustSet,
    /// Whether the signer is retired.
    pub retires: bool,
}

/// The reason why no trust statement is issued.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustStatementError {
    /// The ledger cannot be read.
    #[error("cannot read the ledger")]
    Ledger(#[from] LedgerError),
    /// The successor is the key that is retired.
    #[error("expected another key as the successor, found the key that is retired")]
    SuccessorIsSigner,
    /// The signer introduces itself.
    #[error("expected other keys to introduce, found the signing key")]
    IntroducesSigner,
    /// A key would be introduced by a key that is retired at the same time.
    #[error("key {0} would not be trusted, because only the retired key introduces it")]
    IntroducedByRetired(KeyId),
}

/// Trust statements that are not signed yet.
#[derive(Clone, Debug)]
pub struct TrustStatementPlan<'a> {
    order: TrustStatementOrder<'a>,
    /// The time of issue.
    pub issued_at: DateTime<Utc>,
    /// The id of the signer, if it is open.
    pub signer: Option<KeyId>,
    /// The id of the successor, if it is open.
    pub successor: Option<KeyId>,
    /// The recorded artifacts that the retirement invalidates.
    pub consequences: RetirementConsequences,
    /// Warnings about the order.
    pub warnings: Vec<IssueWarning>,
}

/// The artifacts that are no longer trusted after a retirement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetirementConsequences {
    /// The keys that the retired key introduced.
    pub introduced_keys: Vec<String>,
    /// The number of valid licenses that the retired key signed.
    pub licenses: u64,
    /// The number of open activations that the retired key signed.
    pub activations: u64,
}

impl<'a> TrustStatementOrder<'a> {
    /// Checks the order as far as possible with the open keys.
    ///
    /// # Errors
    ///
    /// Returns [`TrustStatementError`] if no verifier would accept the statements.
    pub fn plan(
        &self,
        context: &DraftContext<'_, RotationKeys>,
    ) -> Result<TrustStatementPlan<'a>, TrustStatementError> {
        let id = |key: &Option<VerifyingSigner>| key.as_ref().map(|key| key.public().id().clone());
        let signer = context.signer.and_then(|keys| id(&keys.signer));
        let successor = context.signer.and_then(|keys| id(&keys.successor));
        self.check(signer.as_ref(), successor.as_ref())?;
        let issued_at = self.issued_at.unwrap_or(context.now);
        let mut consequences = RetirementConsequences::default();
        if let (Some(ledger), Some(kid), true) = (context.ledger, &signer, self.retires) {
            let successor_id = successor.as_ref().map(KeyId::as_str);
            let mut introduced = ledger.keys_introduced_by(kid.as_str())?;
            introduced.retain(|key| Some(key.as_str()) != successor_id);
            consequences = RetirementConsequences {
                introduced_keys: introduced,
                licenses: ledger.count_licenses_signed_by(kid.as_str(), context.now)?,
                activations: ledger.count_activations_signed_by(kid.as_str(), context.now)?,
            };
        }
        Ok(TrustStatementPlan {
            order: *self,
            issued_at,
            signer,
            successor,
            consequences,
            warnings: postdated(issued_at, context.now).into_iter().collect(),
        })
    }

    fn check(
        &self,
        signer: Option<&KeyId>,
        successor: Option<&KeyId>,
    ) -> Result<(), TrustStatementError> {
        if signer.is_some() && signer == successor {
            return Err(TrustStatementError::SuccessorIsSigner);
        }
        if let Some(successor) = successor {
            let other = self.introduced.iter().find(|key| key.id() != successor);
            if let Some(key) = other {
                let key = key.id().clone();
                return Err(TrustStatementError::IntroducedByRetired(key));
            }
        }
        if self.introduced.iter().any(|key| Some(key.id()) == signer) {
            return Err(TrustStatementError::IntroducesSigner);
        }
        Ok(())
    }
}

impl TrustStatementPlan<'_> {
    /// Returns the keys to introduce.
    pub fn introduced(&self) -> impl Iterator<Item = &TrustedKey> {
        self.order.introduced.iter()
    }

    /// Returns whether the signer is retired.
    #[must_use]
    pub fn retires(&self) -> bool {
        self.order.retires
    }

    fn tokens(
        &self,
        signer: &VerifyingSigner,
        successor: Option<&VerifyingSigner>,
    ) -> Result<Vec<String>, SignError> {
        let issuer = || self.order.issuer.to_owned();
        let issued_at = self.issued_at;
        let mut tokens = Vec::new();
        if !self.order.introduced.is_empty() {
            let draft = IntroductionDraft {
                issuer: issuer(),
                issued_at,
                keys: self.introduced().collect(),
            };
            tokens.push(TRUST_STATEMENT.map_signing_error(draft.sign(signer))?);
        }
        if let Some(successor) = successor {
            let draft = RetirementDraft {
                issuer: issuer(),
                issued_at,
            };
            tokens.push(TRUST_STATEMENT.map_signing_error(draft.sign(signer, successor))?);
        }
        Ok(tokens)
    }

    /// Verifies the statements with a trust set that contains only the required keys.
    fn verified(
        &self,
        tokens: &[String],
        signer: &VerifyingSigner,
        successor: Option<&VerifyingSigner>,
    ) -> Result<Vec<TrustStatement>, SignError> {
        let mut trust = TRUST_STATEMENT.map_verify_error(own_trust_set(signer))?;
        // A successor that these statements introduce need not be in the trust set.
        let is_introduced = |id: &KeyId| self.order.introduced.get(id.as_str()).is_some();
        if let Some(successor) = successor.filter(|key| !is_introduced(key.public().id())) {
            trust = trust.joined(&TRUST_STATEMENT.map_verify_error(own_trust_set(successor))?);
        }
        let mut rotation = Rotation::new(trust);
        for token in tokens {
            let token = TRUST_STATEMENT.map_verify_error(Unverified::parse(token))?;
            let _ = TRUST_STATEMENT.map_verify_error(rotation.apply(&token))?;
        }
        Ok(rotation.statements().to_vec())
    }
}

impl Draft<RotationKeys, Vec<TrustStatement>> for TrustStatementPlan<'_> {
    fn sign(
        &self,
        keys: Option<&RotationKeys>,
        _: &mut dyn SerialSource,
    ) -> Result<Vec<TrustStatement>, SignError> {
        let keys = TRUST_STATEMENT.signer(keys)?;
        let signer = TRUST_STATEMENT.signer(keys.signer.as_ref())?;
        let successor = if self.order.retires {
            Some(TRUST_STATEMENT.signer(keys.successor.as_ref())?)
        } else {
            None
        };
        let tokens = self.tokens(signer, successor)?;
        self.verified(&tokens, signer, successor)
    }

    fn entries(signed: &Vec<TrustStatement>) -> Vec<NewLedgerEntry> {
        signed.iter().map(records::trust_statement).collect()
    }
}
