//! Activations of licenses on machines.

use license_core::chrono::{DateTime, Utc};
use license_core::ids::Nonce;
use license_core::issue::{ActivationDraft, VerifyingSigner};
use license_core::machine::{Machine, MachineDigest};
use license_core::requests::ActivationRequest;
use license_core::time::rfc3339;
use license_core::{FeatureMatrix, License, LicenseId, TrustSet, Unverified, VerifiedLicenses};

use super::{AnswerContext, AnswerError, AnswerPolicy, required_member};
use crate::clock::Clock;
use crate::ledger::{LedgerEntry, LedgerEntryKind, LedgerReader, LicenseStatus, NewLedgerEntry};
use crate::random;
use crate::records;
use crate::services::devices::{DeviceUsage, device_limit};
use crate::services::issue::{ArtifactName, SignError, own_trust_set};
use crate::services::warnings::{IssueWarning, expired, postdated};

const ACTIVATION: ArtifactName = ArtifactName("activation");

/// An activation request, and the rules for it.
#[derive(Clone, Copy)]
pub struct ActivationPolicy<'a> {
    /// The request.
    pub request: &'a ActivationRequest,
    /// The digest of the machine.
    pub machine: MachineDigest,
    /// The feature matrix of the product.
    pub matrix: &'a FeatureMatrix,
    /// The text of a license file. `None` means that the license comes from the ledger.
    pub license: Option<&'a str>,
    /// The keys that are trusted in addition to the keys of the ledger and the signing key.
    pub trust: &'a TrustSet,
    /// The time of issue, if it is not the current time.
    pub issued_at: Option<DateTime<Utc>>,
    /// Whether the machine is accepted even if the license allows no more machines.
    pub ignore_device_limit: bool,
    /// Whether the vendor has decided to record nothing.
    pub is_unrecorded: bool,
    /// The clock, for new ids.
    pub clock: &'a dyn Clock,
}

/// A license that may be activated.
#[derive(Clone, Debug)]
pub struct ActivationApproval {
    /// The license.
    pub license: License,
    /// The machines that use the license, including the machine of the request. `None` without a
    /// ledger.
    pub devices: Option<DeviceUsage>,
    id: LicenseId,
    issued_at: DateTime<Utc>,
    warnings: Vec<IssueWarning>,
}

impl AnswerPolicy<ActivationApproval> for ActivationPolicy<'_> {
    const KIND: LedgerEntryKind = LedgerEntryKind::Activation;

    fn nonce(&self) -> Nonce {
        self.request.nonce
    }

    fn identity(&self) -> Vec<(&'static str, String)> {
        let request = self.request;
        vec![
            ("license_id", request.license.as_str().to_owned()),
            ("fingerprint", request.machine.to_string()),
            ("commitment", request.commitment.to_string()),
        ]
    }

    fn check_request(
        &self,
        ledger: &dyn LedgerReader,
        now: DateTime<Utc>,
    ) -> Result<(), AnswerError> {
        match self.status(ledger, now)? {
            Some(LicenseStatus::Revoked) => Err(AnswerError::Revoked(self.request.license.clone())),
            _ => Ok(()),
        }
    }

    fn check_repetition(
        &self,
        ledger: &dyn LedgerReader,
        answer: &LedgerEntry,
    ) -> Result<(), AnswerError> {
        let activation = ledger.with_release(answer.clone())?;
        match &activation.release {
            None => Ok(()),
            Some(release) => Err(AnswerError::Ended {
                activation: required_member(&activation.entry, "activation_id")?,
                ended_at: required_member(release, "at")?,
            }),
        }
    }

    fn check_early(&self, context: &AnswerContext<'_>) -> Result<(), AnswerError> {
        self.license_text(context).map(drop)
    }

    fn approve(&self, context: &AnswerContext<'_>) -> Result<ActivationApproval, AnswerError> {
        let license = self.license(context)?;
        self.check_lock(&license)?;
        let issued_at = self.issued_at(context.now);
        let mut warnings = self.warnings_about(&license, issued_at, context)?;
        let machine = Machine::Fingerprint(self.request.machine.clone());
        let devices = match context.ledger {
            None => {
                warnings.extend(self.not_counted_warning(&license));
                None
            }
            Some(ledger) => {
                let usage = DeviceUsage::read(&license, self.matrix, ledger)?;
                Some(if self.ignore_device_limit {
                    usage.add_unchecked(&machine)
                } else {
                    usage.add(&license, &machine)?
                })
            }
        };
        Ok(ActivationApproval {
            license,
            devices,
            id: random::license_id(self.clock)?,
            issued_at,
            warnings,
        })
    }

    fn warnings(approval: &ActivationApproval) -> &[IssueWarning] {
        &approval.warnings
    }

    fn sign(
        &self,
        approval: &ActivationApproval,
        key: &VerifyingSigner,
    ) -> Result<NewLedgerEntry, SignError> {
        let license = &approval.license;
        let issuer = license.issuer().unwrap_or(self.matrix.issuer());
        let draft = ActivationDraft {
            issuer: issuer.to_owned(),
            id: approval.id.clone(),
            issued_at: approval.issued_at,
            request: self.request,
        };
        let token = ACTIVATION.map_signing_error(draft.sign(key))?;
        let trust = ACTIVATION.map_verify_error(own_trust_set(key))?;
        let activation = ACTIVATION.map_verify_error(Unverified::parse(&token))?;
        let activation = ACTIVATION.map_verify_error(activation.verify_activation(&trust))?;
        Ok(records::activation(&activation, &token)
            .with_member("customer", license.customer())
            .with_member("requested_at", rfc3339(self.request.made_at).to_string()))
    }
}

impl ActivationPolicy<'_> {
    fn issued_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.issued_at.unwrap_or(now)
    }

    fn status(
        &self,
        ledger: &dyn LedgerReader,
        now: DateTime<Utc>,
    ) -> Result<Option<LicenseStatus>, AnswerError> {
        let license = ledger.license(self.request.license.as_str(), self.issued_at(now))?;
        Ok(license.map(|license| license.status))
    }

    /// Returns the text of the license, and whether it comes from the ledger.
    fn license_text(&self, context: &AnswerContext<'_>) -> Result<(String, bool), AnswerError> {
        if let Some(text) = self.license {
            return Ok((text.to_owned(), false));
        }
        let id = || self.request.license.clone();
        let Some(ledger) = context.ledger else {
            return Err(if self.is_unrecorded {
                AnswerError::NoLicense(id())
            } else {
                AnswerError::UnknownLicense(id())
            });
        };
        let license = ledger.license(self.request.license.as_str(), context.now)?;
        let license = license.ok_or_else(|| AnswerError::UnknownLicense(id()))?;
        Ok((license.entry.artifact, true))
    }

    /// Returns the license that the request names, verified with the keys of the vendor.
    fn license(&self, context: &AnswerContext<'_>) -> Result<License, AnswerError> {
        let (text, is_recorded) = self.license_text(context)?;
        let mut trust = self.trust.clone();
        if let Some(ledger) = context.ledger {
            trust = trust.joined(&ledger.signing_keys()?);
        }
        // If the key cannot be trusted, the license is refused below.
        if let Some(own) = context.signer.and_then(|key| own_trust_set(key).ok()) {
            trust = trust.joined(&own);
        }
        let verified = VerifiedLicenses::verify(&text, &trust, self.matrix).map_err(|source| {
            AnswerError::License {
                is_recorded,
                source,
            }
        })?;
        let expected = &self.request.license;
        let license = verified
            .licenses()
            .iter()
            .find(|license| license.id() == expected)
            .ok_or_else(|| AnswerError::OtherLicense {
                is_recorded,
                expected: expected.clone(),
                found: ids(verified.licenses()),
            })?;
        if license.product() != self.matrix.product() {
            return Err(AnswerError::OtherProduct {
                expected: self.matrix.product(),
                found: license.product(),
            });
        }
        Ok(license.clone())
    }

    fn check_lock(&self, license: &License) -> Result<(), AnswerError> {
        let machine = Machine::Fingerprint(self.request.machine.clone());
        match license.machines() {
            Some(locks) if !locks.iter().any(|lock| lock.matches(&machine)) => {
                Err(AnswerError::LockedToOthers {
                    license: license.id().clone(),
                    machine: self.machine,
                })
            }
            _ => Ok(()),
        }
    }

    fn warnings_about(
        &self,
        license: &License,
        issued_at: DateTime<Utc>,
        context: &AnswerContext<'_>,
    ) -> Result<Vec<IssueWarning>, AnswerError> {
        let id = license.id();
        let mut warnings = Vec::new();
        if let Some(ledger) = context.ledger
            && self.status(ledger, context.now)? == Some(LicenseStatus::Superseded)
        {
            warnings.push(IssueWarning::Superseded {
                license: id.clone(),
                by: ledger.successor(id.as_str())?,
                covers_successor: true,
            });
        }
        warnings.extend(expired(license, issued_at));
        warnings.extend(postdated(issued_at, context.now));
        let later = license.issued_at().filter(|later| *later > issued_at);
        warnings.extend(later.map(|later| IssueWarning::IssuedLater {
            license: id.clone(),
            later,
        }));
        Ok(warnings)
    }

    fn not_counted_warning(&self, license: &License) -> Option<IssueWarning> {
        let limit = device_limit(license, self.matrix).filter(|_| self.is_unrecorded)?;
        Some(IssueWarning::NotCountedWithoutLedger {
            license: license.id().clone(),
            limit,
        })
    }
}

fn ids(licenses: &[License]) -> String {
    let ids: Vec<_> = licenses
        .iter()
        .map(|license| license.id().to_string())
        .collect();
    ids.join(", ")
}
