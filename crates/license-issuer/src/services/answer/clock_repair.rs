//! Clock repairs, which let a machine set its clock high-water mark back.

use license_core::chrono::{DateTime, Utc};
use license_core::ids::Nonce;
use license_core::issue::{ClockRepairDraft, VerifyingSigner};
use license_core::requests::ClockRequest;
use license_core::time::rfc3339;
use license_core::{FeatureMatrix, LicenseId, Unverified};

use super::{AnswerContext, AnswerError, AnswerPolicy};
use crate::clock::Clock;
use crate::ledger::{LedgerEntry, LedgerEntryKind, LedgerReader, NewLedgerEntry};
use crate::random;
use crate::records;
use crate::services::issue::{ArtifactName, SignError, own_trust_set};
use crate::services::warnings::{IssueWarning, is_past, postdated};

const CLOCK_REPAIR: ArtifactName = ArtifactName("clock repair");

/// A clock request, and the rules for it.
#[derive(Clone, Copy)]
pub struct ClockRepairPolicy<'a> {
    /// The request.
    pub request: &'a ClockRequest,
    /// The feature matrix of the product.
    pub matrix: &'a FeatureMatrix,
    /// The new clock high-water mark, if it is not the current time.
    pub issued_at: Option<DateTime<Utc>>,
    /// Whether a machine is answered even if its clock high-water mark is not ahead.
    pub accepts_any_mark: bool,
    /// The clock, for new ids.
    pub clock: &'a dyn Clock,
}

/// A machine whose clock high-water mark may be set back.
#[derive(Clone, Debug)]
pub struct ClockRepairApproval {
    /// The new clock high-water mark.
    pub issued_at: DateTime<Utc>,
    id: LicenseId,
    warnings: Vec<IssueWarning>,
}

impl AnswerPolicy<ClockRepairApproval> for ClockRepairPolicy<'_> {
    const KIND: LedgerEntryKind = LedgerEntryKind::ClockRepair;

    fn nonce(&self) -> Nonce {
        self.request.nonce
    }

    fn identity(&self) -> Vec<(&'static str, String)> {
        vec![("fingerprint", self.request.machine.to_string())]
    }

    fn check_request(&self, _: &dyn LedgerReader, _: DateTime<Utc>) -> Result<(), AnswerError> {
        Ok(())
    }

    fn check_repetition(&self, _: &dyn LedgerReader, _: &LedgerEntry) -> Result<(), AnswerError> {
        Ok(())
    }

    fn check_early(&self, _: &AnswerContext<'_>) -> Result<(), AnswerError> {
        Ok(())
    }

    fn approve(&self, context: &AnswerContext<'_>) -> Result<ClockRepairApproval, AnswerError> {
        let issued_at = self.issued_at.unwrap_or(context.now);
        if !self.accepts_any_mark && !self.is_ahead_of(issued_at) {
            return Err(AnswerError::NotAhead {
                mark: self.request.mark,
                requested_at: self.request.made_at,
                issued_at,
            });
        }
        Ok(ClockRepairApproval {
            issued_at,
            id: random::license_id(self.clock)?,
            warnings: self.warnings_at(issued_at, context.now),
        })
    }

    fn warnings(approval: &ClockRepairApproval) -> &[IssueWarning] {
        &approval.warnings
    }

    fn sign(
        &self,
        approval: &ClockRepairApproval,
        key: &VerifyingSigner,
    ) -> Result<NewLedgerEntry, SignError> {
        let draft = ClockRepairDraft {
            issuer: self.matrix.issuer().to_owned(),
            id: approval.id.clone(),
            issued_at: approval.issued_at,
            request: self.request,
        };
        let token = CLOCK_REPAIR.map_signing_error(draft.sign(key))?;
        let trust = CLOCK_REPAIR.map_verify_error(own_trust_set(key))?;
        let repair = CLOCK_REPAIR.map_verify_error(Unverified::parse(&token))?;
        let repair = CLOCK_REPAIR.map_verify_error(repair.verify_clock_repair(&trust))?;
        let entry = records::clock_repair(&repair, &token).ok_or("the token contains no machine");
        let entry = CLOCK_REPAIR.map_verify_error(entry)?;
        Ok(entry
            .with_member("mark", rfc3339(self.request.mark).to_string())
            .with_member("requested_at", rfc3339(self.request.made_at).to_string()))
    }
}

impl ClockRepairPolicy<'_> {
    fn is_ahead_of(&self, issued_at: DateTime<Utc>) -> bool {
        self.request.mark > issued_at
    }

    fn warnings_at(&self, issued_at: DateTime<Utc>, now: DateTime<Utc>) -> Vec<IssueWarning> {
        let mut warnings: Vec<_> = postdated(issued_at, now).into_iter().collect();
        if is_past(issued_at, now) {
            warnings.push(IssueWarning::RepairBackdated(issued_at));
        }
        if !self.is_ahead_of(issued_at) {
            warnings.push(IssueWarning::NotAhead {
                high_water_mark: self.request.mark,
                issued_at,
            });
        }
        warnings
    }
}
