//! Answers to machine requests: activations and clock repairs.
//!
//! A request gets one answer. A repeated request gets the same answer again, unless the vendor asks
//! for a new token with [`AnswerOrder::reissue`]. [`AnswerOrder::draft`] creates the drafts for
//! [`IssueService::issue`](crate::services::issue::IssueService::issue), so that dry runs and real
//! runs share one path.

mod activation;
mod clock_repair;

use license_core::chrono::{DateTime, Utc};
use license_core::ids::Nonce;
use license_core::issue::VerifyingSigner;
use license_core::license::VerifiedLicensesError;
use license_core::machine::MachineDigest;
use license_core::time::rfc3339;
use license_core::{Code, LicenseId, ProductCode, Unverified};

use crate::errors::LedgerError;
use crate::ledger::{LedgerEntry, LedgerEntryKind, LedgerReader, NewLedgerEntry};
use crate::random::SystemRandomError;
use crate::services::devices::DeviceLimitError;
use crate::services::issue::{
    ArtifactName, Draft, DraftContext, Mode, SerialSource, SignError, Stage,
};
use crate::services::warnings::IssueWarning;

pub use activation::{ActivationApproval, ActivationPolicy};
pub use clock_repair::{ClockRepairApproval, ClockRepairPolicy};

/// The context in which a request is decided.
pub type AnswerContext<'a> = DraftContext<'a, VerifyingSigner>;

/// The rules for one kind of machine request. `A` is the approval: the data from which the answer
/// is signed.
pub trait AnswerPolicy<A> {
    /// The kind of the ledger entries of answers.
    const KIND: LedgerEntryKind;

    /// Returns the nonce of the request.
    fn nonce(&self) -> Nonce;

    /// Returns the members that must be equal in two requests with the same nonce. If a member
    /// differs, the requests are different.
    fn identity(&self) -> Vec<(&'static str, String)>;

    /// Refuses a request that must not be answered, even if it was answered before.
    ///
    /// # Errors
    ///
    /// Returns [`AnswerError`] if the request is refused.
    fn check_request(
        &self,
        ledger: &dyn LedgerReader,
        now: DateTime<Utc>,
    ) -> Result<(), AnswerError>;

    /// Refuses to repeat an answer that is no longer valid.
    ///
    /// # Errors
    ///
    /// Returns [`AnswerError`] if the answer is no longer valid.
    fn check_repetition(
        &self,
        ledger: &dyn LedgerReader,
        answer: &LedgerEntry,
    ) -> Result<(), AnswerError>;

    /// Checks as much as possible without the signing key.
    ///
    /// # Errors
    ///
    /// Returns [`AnswerError`] if the request is refused.
    fn check_early(&self, context: &AnswerContext<'_>) -> Result<(), AnswerError>;

    /// Approves the request.
    ///
    /// # Errors
    ///
    /// Returns [`AnswerError`] if the request is refused.
    fn approve(&self, context: &AnswerContext<'_>) -> Result<A, AnswerError>;

    /// Returns the warnings about an approved request.
    fn warnings(approval: &A) -> &[IssueWarning];

    /// Signs the answer, verifies it, and returns its ledger entry with the token.
    ///
    /// # Errors
    ///
    /// Returns [`SignError`] if the key cannot sign, or if a verifier refuses the answer.
    fn sign(&self, approval: &A, key: &VerifyingSigner) -> Result<NewLedgerEntry, SignError>;
}

/// A machine request that is to be answered.
#[derive(Clone, Copy, Debug)]
pub struct AnswerOrder<P> {
    /// The request and the rules for it.
    pub policy: P,
    /// Whether a request that was answered before gets a new token.
    pub reissue: bool,
}

/// The reason why a machine request is not answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// The ledger cannot be read.
    #[error("cannot read the ledger")]
    Ledger(#[from] LedgerError),
    /// The operating system provides no random bytes.
    #[error(transparent)]
    Random(#[from] SystemRandomError),
    /// The license is revoked.
    #[error("license {0} is revoked")]
    Revoked(LicenseId),
    /// Another request with the same nonce was answered.
    #[error(
        "a request with this nonce was already answered at {answered_at}, for another {differing}"
    )]
    Replayed {
        /// The time of the answer.
        answered_at: String,
        /// The member that differs.
        differing: &'static str,
    },
    /// The activation that answered the request has ended.
    #[error(
        "this request was already answered, and its activation {activation} ended at {ended_at}"
    )]
    Ended {
        /// The id of the activation.
        activation: String,
        /// The time at which the activation ended.
        ended_at: String,
    },
    /// The ledger does not contain the license.
    #[error("the ledger does not contain license {0}, which the request names")]
    UnknownLicense(LicenseId),
    /// There is neither a ledger nor a license file.
    #[error("license {0}, which the request names, is unknown without a ledger")]
    NoLicense(LicenseId),
    /// The license does not verify.
    #[error("the license does not verify")]
    License {
        /// Whether the license comes from the ledger.
        is_recorded: bool,
        /// The reason.
        source: VerifiedLicensesError,
    },
    /// The license file contains other licenses.
    #[error("expected license {expected}, found {found}")]
    OtherLicense {
        /// Whether the license comes from the ledger.
        is_recorded: bool,
        /// The license that the request names.
        expected: LicenseId,
        /// The licenses in the file.
        found: String,
    },
    /// The license is for another product.
    #[error("expected a license for {expected}, found one for {found}")]
    OtherProduct {
        /// The product of the request.
        expected: ProductCode,
        /// The product of the license.
        found: ProductCode,
    },
    /// The license is locked to other machines.
    #[error("license {license} is locked to machines other than {machine}")]
    LockedToOthers {
        /// The license.
        license: LicenseId,
        /// The machine of the request.
        machine: MachineDigest,
    },
    /// The license allows no more machines.
    #[error(transparent)]
    DeviceLimit(#[from] DeviceLimitError),
    /// The clock high-water mark of the machine needs no repair.
    #[error("{}", not_ahead(.mark, .requested_at, .issued_at))]
    NotAhead {
        /// The clock high-water mark of the machine.
        mark: DateTime<Utc>,
        /// The time of the request, by the clock of the machine.
        requested_at: DateTime<Utc>,
        /// The time that the repair would set.
        issued_at: DateTime<Utc>,
    },
}

impl AnswerError {
    /// Returns the reason code, if there is one.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Revoked(_) => Some(Code::Revoked),
            Self::Replayed { .. } | Self::Ended { .. } => Some(Code::Replayed),
            Self::UnknownLicense(_) | Self::NoLicense(_) | Self::OtherLicense { .. } => {
                Some(Code::NoLicense)
            }
            Self::License { source, .. } => Some(source.code()),
            Self::OtherProduct { .. } => Some(Code::ProductMismatch),
            Self::LockedToOthers { .. } => Some(Code::MachineMismatch),
            Self::Ledger(_) | Self::Random(_) | Self::DeviceLimit(_) | Self::NotAhead { .. } => {
                None
            }
        }
    }
}

fn not_ahead(
    mark: &DateTime<Utc>,
    requested_at: &DateTime<Utc>,
    issued_at: &DateTime<Utc>,
) -> String {
    let [mark, requested_at, issued_at] = [mark, requested_at, issued_at].map(|at| rfc3339(*at));
    format!(
        "expected a clock high-water mark after {issued_at}, found {mark}; the clock of the machine \
         was at {requested_at}"
    )
}

/// The outcome of a machine request.
#[derive(Debug)]
pub enum RequestOutcome<A> {
    /// The request will be decided when the key is open.
    Deferred,
    /// The request was answered before and gets the same answer again.
    Repeated {
        /// The entry of the answer.
        entry: LedgerEntry,
        /// The same entry, in the form that is delivered again.
        answer: NewLedgerEntry,
    },
    /// The request is approved.
    Approved {
        /// The approval: the data from which the answer is signed.
        approval: A,
        /// The earlier answer, which the new answer replaces.
        previous: Option<LedgerEntry>,
    },
}

/// A machine request with its outcome.
#[derive(Debug)]
pub struct AnswerDraft<'o, P, A> {
    order: &'o AnswerOrder<P>,
    /// The outcome of the request.
    pub outcome: RequestOutcome<A>,
}

/// An answer that is signed and verified.
#[derive(Clone, Debug)]
pub struct SignedAnswer {
    /// The entry. Its artifact is the token.
    pub entry: NewLedgerEntry,
    /// The content of the file.
    pub armor: String,
}

impl SignedAnswer {
    /// Returns the token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.entry.artifact
    }
}

impl<P> AnswerOrder<P> {
    /// Decides on the request.
    ///
    /// Before the key is open, only the checks that need no key are made. An invalid request is
    /// therefore refused before the passphrase prompt.
    ///
    /// # Errors
    ///
    /// Returns [`AnswerError`] if the request is refused.
    pub fn draft<A>(
        &self,
        context: &AnswerContext<'_>,
    ) -> Result<AnswerDraft<'_, P, A>, AnswerError>
    where
        P: AnswerPolicy<A>,
    {
        let previous = self.previous(context)?;
        let is_key_missing = context.signer.is_none() && context.mode == Mode::Commit;
        let outcome = match previous {
            Some(entry) if !self.reissue => {
                let (subject, token) = (&entry.subject, &entry.artifact);
                let answer = NewLedgerEntry::new(P::KIND, subject, token, entry.members()?.into());
                RequestOutcome::Repeated { entry, answer }
            }
            _ if context.stage == Stage::Preliminary || is_key_missing => {
                self.policy.check_early(context)?;
                RequestOutcome::Deferred
            }
            previous => RequestOutcome::Approved {
                approval: self.policy.approve(context)?,
                previous,
            },
        };
        Ok(AnswerDraft {
            order: self,
            outcome,
        })
    }

    /// Returns the earlier answer to the same request.
    fn previous<A>(&self, context: &AnswerContext<'_>) -> Result<Option<LedgerEntry>, AnswerError>
    where
        P: AnswerPolicy<A>,
    {
        let Some(ledger) = context.ledger else {
            return Ok(None);
        };
        self.policy.check_request(ledger, context.now)?;
        let nonce = self.policy.nonce().to_string();
        let Some(entry) = ledger.answer(P::KIND, &nonce)? else {
            return Ok(None);
        };
        let identity = self.policy.identity();
        let differing = identity
            .iter()
            .find(|(name, member)| entry.member(name).as_ref() != Some(member));
        if let Some((differing, _)) = differing {
            return Err(AnswerError::Replayed {
                answered_at: required_member(&entry, "issued_at")?,
                differing: match *differing {
                    "license_id" => "license",
                    "fingerprint" => "machine",
                    other => other,
                },
            });
        }
        self.policy.check_repetition(ledger, &entry)?;
        Ok(Some(entry))
    }
}

impl<P: AnswerPolicy<A>, A> AnswerDraft<'_, P, A> {
    /// Returns the rules that were applied to the request.
    #[must_use]
    pub fn policy(&self) -> &P {
        &self.order.policy
    }

    /// Returns the earlier answer to the request.
    #[must_use]
    pub fn previous(&self) -> Option<&LedgerEntry> {
        match &self.outcome {
            RequestOutcome::Deferred => None,
            RequestOutcome::Repeated { entry, .. } => Some(entry),
            RequestOutcome::Approved { previous, .. } => previous.as_ref(),
        }
    }

    /// Returns the approval, if the request is approved.
    #[must_use]
    pub fn approval(&self) -> Option<&A> {
        match &self.outcome {
            RequestOutcome::Approved { approval, .. } => Some(approval),
            RequestOutcome::Deferred | RequestOutcome::Repeated { .. } => None,
        }
    }

    /// Returns the answer that the request gets again.
    #[must_use]
    pub fn repeated(&self) -> Option<&NewLedgerEntry> {
        match &self.outcome {
            RequestOutcome::Repeated { answer, .. } => Some(answer),
            RequestOutcome::Deferred | RequestOutcome::Approved { .. } => None,
        }
    }

    /// Returns whether the request gets the same answer again.
    #[must_use]
    pub fn is_repeated(&self) -> bool {
        self.repeated().is_some()
    }

    /// Returns the warnings about the request.
    #[must_use]
    pub fn warnings(&self) -> &[IssueWarning] {
        self.approval().map_or(&[], P::warnings)
    }
}

impl<P: AnswerPolicy<A>, A> Draft<VerifyingSigner, SignedAnswer> for AnswerDraft<'_, P, A> {
    fn needs_signer(&self) -> bool {
        !self.is_repeated()
    }

    fn sign(
        &self,
        signer: Option<&VerifyingSigner>,
        _: &mut dyn SerialSource,
    ) -> Result<SignedAnswer, SignError> {
        const ANSWER: ArtifactName = ArtifactName("answer");
        let entry = match &self.outcome {
            RequestOutcome::Deferred => return Err(SignError::NoSigner(ANSWER.0)),
            RequestOutcome::Repeated { answer, .. } => answer.clone(),
            RequestOutcome::Approved { approval, .. } => {
                self.policy().sign(approval, ANSWER.signer(signer)?)?
            }
        };
        let armor = ANSWER
            .map_verify_error(Unverified::parse(&entry.artifact))?
            .to_armor();
        Ok(SignedAnswer { entry, armor })
    }

    fn entries(signed: &SignedAnswer) -> Vec<NewLedgerEntry> {
        vec![signed.entry.clone()]
    }
}

/// Returns a member that every entry of its kind has.
pub(super) fn required_member(
    entry: &LedgerEntry,
    name: &'static str,
) -> Result<String, LedgerError> {
    entry.member(name).ok_or_else(|| LedgerError::Inconsistent {
        expected: name,
        found: format!("none in entry {}", entry.seq),
    })
}

#[cfg(test)]
mod tests;
