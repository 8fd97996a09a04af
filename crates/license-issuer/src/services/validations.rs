//! Validation tokens, which keep check-in licenses valid.

use std::collections::BTreeSet;

use license_core::chrono::{DateTime, Utc};
use license_core::claims::Status;
use license_core::issue::{Signer, ValidationDraft, VerifyingSigner};
use license_core::license::{Validation, VerifiedLicensesError};
use license_core::machine::{Machine, MachineDigest};
use license_core::trust::{KeyId, TrustError};
use license_core::{
    Code, FeatureMatrix, License, LicenseId, LicenseKey, ProductCode, TrustSet, Unverified,
    VerifiedLicenses,
};

use crate::clock::Clock;
use crate::errors::LedgerError;
use crate::ledger::{LedgerReader, LicenseStatus, NewLedgerEntry};
use crate::random::{self, SystemRandomError};
use crate::records;
use crate::services::denials::{TokenDenial, denials};
use crate::services::devices::{DeviceLimitError, DeviceUsage};
use crate::services::issue::{
    ArtifactName, Draft, DraftContext, Mode, SerialSource, SignError, Stage, own_trust_set,
};
use crate::services::warnings::{IssueWarning, expired, postdated};

const VALIDATION: ArtifactName = ArtifactName("validation");

/// Validation tokens to issue, one for each license of a file.
#[derive(Clone, Copy)]
pub struct ValidationOrder<'a> {
    /// The text of the license file.
    pub text: &'a str,
    /// The feature matrix of the product.
    pub matrix: &'a FeatureMatrix,
    /// The keys that are trusted in addition to the signing key.
    pub trust: &'a TrustSet,
    /// The machine that the validation is for. `None` means any machine.
    pub machine: Option<&'a (Machine, MachineDigest)>,
    /// The nonce of the customer.
    pub nonce: Option<&'a str>,
    /// The status of the license.
    pub status: Status,
    /// The time of issue, if it is not the current time.
    pub issued_at: Option<DateTime<Utc>>,
    /// Whether a machine is accepted even if the license allows no more machines.
    pub ignore_device_limit: bool,
    /// The clock, for new ids.
    pub clock: &'a dyn Clock,
}

/// The reason why no validation tokens are issued.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ValidationError {
    /// The ledger cannot be read.
    #[error("cannot read the ledger")]
    Ledger(#[from] LedgerError),
    /// The operating system provides no random bytes.
    #[error(transparent)]
    Random(#[from] SystemRandomError),
    /// The signing key is trusted with another algorithm.
    #[error("cannot trust the signing key")]
    Trust(#[source] TrustError),
    /// The license does not verify.
    #[error("the license does not verify")]
    License {
        /// The reason.
        source: VerifiedLicensesError,
        /// Whether the signing key, which is not opened, may have signed the license.
        is_key_unopened: bool,
    },
    /// A license is for another product.
    #[error("expected a license for {expected}, found one for {found}")]
    OtherProduct {
        /// The product of the order.
        expected: ProductCode,
        /// The product of the license.
        found: ProductCode,
    },
    /// A license is revoked, so it cannot get an active validation.
    #[error("license {0} is revoked")]
    Revoked(LicenseId),
    /// A license allows no more machines.
    #[error(transparent)]
    DeviceLimit(#[from] DeviceLimitError),
}

impl ValidationError {
    /// Returns the reason code, if there is one.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::License { source, .. } => Some(source.code()),
            Self::Trust(error) => Some(error.code()),
            Self::OtherProduct { .. } => Some(Code::ProductMismatch),
            Self::Revoked(_) => Some(Code::Revoked),
            Self::Ledger(_) | Self::Random(_) | Self::DeviceLimit(_) => None,
        }
    }
}

/// A validation that is not signed yet, with its license.
#[derive(Clone, Debug)]
pub struct PlannedValidation {
    /// The license.
    pub license: License,
    id: LicenseId,
}

/// Validations that are not signed yet. The plan is empty before the key is open.
pub struct ValidationPlan<'a> {
    order: ValidationOrder<'a>,
    /// The time of issue.
    pub issued_at: DateTime<Utc>,
    /// The keys that the licenses were verified with.
    trust: TrustSet,
    /// The validations.
    pub validations: Vec<PlannedValidation>,
    /// Warnings about the order.
    pub warnings: Vec<IssueWarning>,
}

/// A validation that is signed and verified.
#[derive(Clone, Debug)]
pub struct SignedValidation {
    /// The license.
    pub license: License,
    /// The validation.
    pub validation: Validation,
    /// The key that signed the token.
    pub key_id: KeyId,
    /// The token.
    pub token: String,
    /// The token as an armor block.
    pub armor: String,
}

impl<'a> ValidationOrder<'a> {
    /// Verifies the licenses and plans their validations.
    ///
    /// Before the key is open, only the syntax of the licenses is checked, because the licenses may
    /// be signed with this key.
    ///
    /// # Errors
    ///
    /// Returns [`ValidationError`] if a license does not verify, or if the ledger forbids the
    /// validation.
    pub fn plan(
        &self,
        context: &DraftContext<'_, VerifyingSigner>,
    ) -> Result<ValidationPlan<'a>, ValidationError> {
        let mut plan = ValidationPlan {
            order: *self,
            issued_at: self.issued_at.unwrap_or(context.now),
            trust: self.trust.clone(),
            validations: Vec::new(),
            warnings: Vec::new(),
        };
        let is_key_missing = context.signer.is_none() && context.mode == Mode::Commit;
        if context.stage == Stage::Preliminary || is_key_missing {
            self.check_syntax()?;
            return Ok(plan);
        }
        let verified = plan.verify(context)?;
        for license in self.licenses(&verified)? {
            plan.add(license, &verified, context)?;
        }
        Ok(plan)
    }

    /// Refuses text that is not a license. Signatures are not verified.
    fn check_syntax(&self) -> Result<(), ValidationError> {
        match VerifiedLicenses::verify(self.text, &TrustSet::default(), self.matrix) {
            Ok(_) | Err(VerifiedLicensesError::Verify(_) | VerifiedLicensesError::Block { .. }) => {
                Ok(())
            }
            Err(error) => Err(unverified(error)),
        }
    }

    /// Returns the licenses without duplicates.
    fn licenses<'v>(
        &self,
        verified: &'v VerifiedLicenses,
    ) -> Result<Vec<&'v License>, ValidationError> {
        let licenses = verified.licenses();
        let expected = self.matrix.product();
        // An enterprise key of another product would get the features of this product.
        let other = licenses
            .iter()
            .find(|license| license.product() != expected);
        if let Some(other) = other {
            return Err(ValidationError::OtherProduct {
                expected,
                found: other.product(),
            });
        }
        let mut seen = BTreeSet::new();
        let distinct = licenses.iter().filter(|license| seen.insert(license.id()));
        Ok(distinct.collect())
    }

    /// Returns whether an unknown key may have signed the licenses. An enterprise key does not name
    /// the key that signed it.
    fn may_be_signed_by_unknown_key(&self, error: &VerifiedLicensesError) -> bool {
        match error.code() {
            Code::UntrustedKey => true,
            Code::BadSignature => LicenseKey::is_likely(self.text),
            _ => false,
        }
    }
}

impl ValidationPlan<'_> {
    fn verify(
        &mut self,
        context: &DraftContext<'_, VerifyingSigner>,
    ) -> Result<VerifiedLicenses, ValidationError> {
        if let Some(key) = context.signer {
            own_trust_set(key)
                .and_then(|own| self.trust.extend(&own))
                .map_err(ValidationError::Trust)?;
        }
        let (text, matrix) = (self.order.text, self.order.matrix);
        match VerifiedLicenses::verify(text, &self.trust, matrix) {
            Ok(verified) => Ok(verified),
            Err(error)
                if context.signer.is_none() && self.order.may_be_signed_by_unknown_key(&error) =>
            {
                self.verify_with_ledger(context)
            }
            Err(error) => Err(unverified(error)),
        }
    }

    /// Verifies the licenses with the keys of the ledger, because the signing key is not opened.
    fn verify_with_ledger(
        &mut self,
        context: &DraftContext<'_, VerifyingSigner>,
    ) -> Result<VerifiedLicenses, ValidationError> {
        if let Some(ledger) = context.ledger {
            self.trust = self.trust.joined(&ledger.signing_keys()?);
        }
        let verified = VerifiedLicenses::verify(self.order.text, &self.trust, self.order.matrix);
        let verified = verified.map_err(|error| ValidationError::License {
            is_key_unopened: self.order.may_be_signed_by_unknown_key(&error),
            source: error,
        })?;
        let licenses = verified.licenses().iter();
        self.warnings
            .extend(licenses.map(|license| IssueWarning::KeyNotOpened {
                license: license.id().clone(),
                key: license.key_id().clone(),
            }));
        Ok(verified)
    }

    fn add(
        &mut self,
        license: &License,
        verified: &VerifiedLicenses,
        context: &DraftContext<'_, VerifyingSigner>,
    ) -> Result<(), ValidationError> {
        if self.order.status == Status::Active
            && let Some(ledger) = context.ledger
        {
            self.check_status(license, ledger)?;
            self.check_denials(license, verified, ledger)?;
            self.check_devices(license, ledger)?;
        }
        self.warn(license, verified, context.now);
        self.validations.push(PlannedValidation {
            license: license.clone(),
            id: random::license_id(self.order.clock)?,
        });
        Ok(())
    }

    fn check_status(
        &mut self,
        license: &License,
        ledger: &dyn LedgerReader,
    ) -> Result<(), ValidationError> {
        let id = license.id();
        let recorded = ledger.license(id.as_str(), self.issued_at)?;
        match recorded.map(|recorded| recorded.status) {
            Some(LicenseStatus::Revoked) => Err(ValidationError::Revoked(id.clone())),
            Some(LicenseStatus::Superseded) => {
                self.warnings.push(IssueWarning::Superseded {
                    license: id.clone(),
                    by: ledger.successor(id.as_str())?,
                    covers_successor: false,
                });
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Warns about denials of a license that stays in effect until this license starts. A token for
    /// a successor does not lift them.
    fn check_denials(
        &mut self,
        license: &License,
        verified: &VerifiedLicenses,
        ledger: &dyn LedgerReader,
    ) -> Result<(), ValidationError> {
        let machine = self.order.machine.map(|(_, digest)| digest.to_string());
        for id in license.supersedes() {
            let recorded = ledger.license(id.as_str(), self.issued_at)?;
            let is_in_effect =
                recorded.is_some_and(|recorded| recorded.status == LicenseStatus::Active);
            let is_validated = verified.licenses().iter().any(|other| other.id() == id);
            if !is_in_effect || is_validated {
                continue;
            }
            let found = denials(id.as_str(), ledger)?.into_iter();
            let is_meant = |denial: &TokenDenial| {
                machine.is_none() || denial.machine.is_none() || denial.machine == machine
            };
            let found = found.filter(is_meant);
            self.warnings.extend(found.map(IssueWarning::StillDenied));
        }
        Ok(())
    }

    fn check_devices(
        &mut self,
        license: &License,
        ledger: &dyn LedgerReader,
    ) -> Result<(), ValidationError> {
        match self.order.machine {
            None => {
                let limit = license.devices();
                self.warnings
                    .extend(limit.map(|limit| IssueWarning::NotCountedForAnyMachine {
                        license: license.id().clone(),
                        limit,
                    }));
                Ok(())
            }
            Some(_) if self.order.ignore_device_limit => Ok(()),
            Some((machine, _)) => {
                let usage = DeviceUsage::read(license, self.order.matrix, ledger)?;
                usage.add(license, machine)?;
                Ok(())
            }
        }
    }

    fn warn(&mut self, license: &License, verified: &VerifiedLicenses, now: DateTime<Utc>) {
        let id = || license.id().clone();
        if self.order.status == Status::Active && license.check_in().is_none() {
            self.warnings.push(IssueWarning::NoCheckIn(id()));
        }
        self.warnings.extend(expired(license, self.issued_at));
        self.warnings.extend(postdated(self.issued_at, now));
        let later = latest(license, verified).filter(|later| *later > self.issued_at);
        self.warnings
            .extend(later.map(|later| IssueWarning::ValidatedLater {
                license: id(),
                later,
            }));
        if let (Some((machine, digest)), Some(locks)) = (self.order.machine, license.machines())
            && !locks.iter().any(|lock| lock.matches(machine))
        {
            self.warnings.push(IssueWarning::LockedToOthers {
                license: id(),
                machine: *digest,
            });
        }
    }

    /// Returns the drafts of the validations.
    pub fn drafts(&self) -> impl Iterator<Item = ValidationDraft<'_>> {
        self.validations.iter().map(|planned| self.draft(planned))
    }

    fn draft<'p>(&'p self, planned: &'p PlannedValidation) -> ValidationDraft<'p> {
        let license = &planned.license;
        let issuer = license.issuer().unwrap_or(self.order.matrix.issuer());
        let id = planned.id.clone();
        let mut draft =
            ValidationDraft::for_license(license, issuer.to_owned(), id, self.issued_at);
        draft.machine = self.order.machine.map(|(_, digest)| digest.to_string());
        draft.nonce = self.order.nonce.map(str::to_owned);
        draft.status = self.order.status;
        draft
    }

    fn sign_one(
        &self,
        planned: &PlannedValidation,
        key: &VerifyingSigner,
    ) -> Result<SignedValidation, SignError> {
        let draft = self.draft(planned);
        let token = VALIDATION.map_signing_error(draft.sign(key))?;
        let unverified = VALIDATION.map_verify_error(Unverified::parse(&token))?;
        let validation = unverified.verify_validation(&self.trust, &planned.license);
        let validation = VALIDATION.map_verify_error(validation)?;
        Ok(SignedValidation {
            license: planned.license.clone(),
            validation,
            key_id: key.public().id().clone(),
            armor: unverified.to_armor(),
            token,
        })
    }
}

impl Draft<VerifyingSigner, Vec<SignedValidation>> for ValidationPlan<'_> {
    fn sign(
        &self,
        signer: Option<&VerifyingSigner>,
        _: &mut dyn SerialSource,
    ) -> Result<Vec<SignedValidation>, SignError> {
        let key = VALIDATION.signer(signer)?;
        let validations = self.validations.iter();
        validations
            .map(|planned| self.sign_one(planned, key))
            .collect()
    }

    fn entries(signed: &Vec<SignedValidation>) -> Vec<NewLedgerEntry> {
        signed
            .iter()
            .map(|signed| records::check_in(&signed.license, &signed.validation, &signed.token))
            .collect()
    }
}

/// Returns the latest time in the file at which a license was issued or validated.
fn latest(license: &License, verified: &VerifiedLicenses) -> Option<DateTime<Utc>> {
    verified
        .validations()
        .iter()
        .filter(|validation| validation.is_for(license))
        .map(Validation::issued_at)
        .chain(license.issued_at())
        .max()
}

fn unverified(source: VerifiedLicensesError) -> ValidationError {
    ValidationError::License {
        source,
        is_key_unopened: false,
    }
}
