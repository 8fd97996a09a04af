//! The machine requests, activations and deactivation receipts of this machine, in one sealed file.

use license_core::chrono::{DateTime, Utc};
use license_core::ids::Nonce;
use license_core::jose::{MAX_FILE_BYTES, MAX_TOKEN_BYTES};
use license_core::license::{Activation, ClockRepair};
use license_core::machine::MachineDigest;
use license_core::requests::ActivationSecret;
use license_core::time::serde_unix_seconds;
use license_core::{Code, License, LicenseId};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};
use thiserror::Error;

use crate::problem::StateProblem;
use crate::seal::Seal;
use crate::sealed_file::{self, Document, Durability};
use crate::state_dir::StateFile;
use crate::store::{Damaged, Store, StoreError, StoreLock};

/// Maximum number of entries in each of the three lists: pending requests, activations and
/// receipts. The oldest entries are dropped.
const MAX_ENTRIES: usize = 32;
/// Maximum number of closed requests, whether answered or superseded.
const MAX_CLOSED: usize = 256;

/// The requests, activations and receipts of this machine, oldest first.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct ActivationState {
    open: Vec<OpenRequest>,
    #[serde(rename = "held")]
    activations: Vec<StoredActivation>,
    receipts: Vec<DeactivationRecord>,
    closed: Vec<(Nonce, RequestOutcome)>,
    clock: Option<Nonce>,
}

/// A pending request, which has no answer yet.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OpenRequest {
    pub(crate) license: LicenseId,
    pub(crate) nonce: Nonce,
    #[serde(with = "secret")]
    pub(crate) secret: ActivationSecret,
    /// The machine as described in the request.
    pub(crate) machine: String,
    #[serde(with = "serde_unix_seconds")]
    pub(crate) made_at: DateTime<Utc>,
}

/// An activation of this machine.
#[derive(Debug, Serialize, Deserialize)]
struct StoredActivation {
    license: LicenseId,
    nonce: Nonce,
    #[serde(with = "secret")]
    secret: ActivationSecret,
    /// The machine digest in the activation, which the vendor knows. The machine may have changed
    /// since the activation.
    machine: Option<MachineDigest>,
    #[serde(rename = "token")]
    armor: String,
}

/// The content of a deactivation receipt, so that the receipt can be written again.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DeactivationRecord {
    pub(crate) license: LicenseId,
    pub(crate) nonce: Nonce,
    #[serde(with = "secret")]
    pub(crate) secret: ActivationSecret,
    pub(crate) machine: MachineDigest,
    #[serde(with = "serde_unix_seconds")]
    pub(crate) made_at: DateTime<Utc>,
}

/// Why a request is closed. The file stores `true` for an answered request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "bool", into = "bool")]
enum RequestOutcome {
    Answered,
    Superseded,
}

impl From<bool> for RequestOutcome {
    fn from(is_answered: bool) -> Self {
        if is_answered {
            Self::Answered
        } else {
            Self::Superseded
        }
    }
}

impl From<RequestOutcome> for bool {
    fn from(outcome: RequestOutcome) -> Self {
        outcome == RequestOutcome::Answered
    }
}

/// The reason why an answer is not accepted.
///
/// ```
/// use license_client::{AnswerFault, InstallationError};
///
/// /// Explains why an answer from the vendor was refused.
/// fn explain(error: &InstallationError) -> Option<&'static str> {
///     match error {
///         InstallationError::Answer { source: AnswerFault::Stale, .. } => {
///             Some("This answer belongs to an earlier request.")
///         }
///         _ => None,
///     }
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AnswerFault {
    /// The answer was accepted before.
    #[error("expected an unused answer, found one that was already used")]
    Replayed,
    /// The answer belongs to a superseded request.
    #[error("expected the answer to the latest request, found the answer to a superseded request")]
    Stale,
    /// The answer belongs to no request of this machine, or its content is not what was requested.
    #[error(
        "expected the answer to a request of this machine, found the answer to another request"
    )]
    OtherRequest,
}

impl AnswerFault {
    /// Returns the reason code.
    ///
    /// ```
    /// use license_client::AnswerFault;
    ///
    /// assert_eq!(AnswerFault::Replayed.code().as_str(), "REPLAYED");
    /// ```
    pub const fn code(&self) -> Code {
        match self {
            Self::Replayed => Code::Replayed,
            Self::Stale => Code::StaleAnswer,
            Self::OtherRequest => Code::RequestMismatch,
        }
    }
}

impl ActivationState {
    /// Reads the file. A file that cannot be used is quarantined only if the lock is free.
    pub(crate) fn load(
        store: &Store,
        seal: &Seal,
        damaged: Damaged,
    ) -> (Self, Option<StateProblem>) {
        sealed_file::load(store, seal, StateFile::Activation, damaged)
    }

    /// Reads the file under the lock. A file that cannot be used is quarantined.
    pub(crate) fn load_locked(
        lock: &StoreLock,
        store: &Store,
        seal: &Seal,
    ) -> (Self, Option<StateProblem>) {
        sealed_file::load_locked(lock, store, seal, StateFile::Activation)
    }

    /// Replaces the file. When the method returns, the new file survives a loss of power.
    pub(crate) fn save(&self, lock: &StoreLock, seal: &Seal) -> Result<(), StoreError> {
        sealed_file::save(
            self,
            lock,
            seal,
            StateFile::Activation,
            Durability::PowerLoss,
        )
    }

    /// Returns the activations in armor.
    pub(crate) fn armored(&self) -> impl Iterator<Item = &str> {
        self.activations.iter().map(|stored| stored.armor.as_str())
    }

    /// Returns the ids of the activated licenses.
    pub(crate) fn licenses(&self) -> impl Iterator<Item = &LicenseId> {
        self.activations.iter().map(|stored| &stored.license)
    }

    /// Returns whether the answer to this request was installed here.
    pub(crate) fn has_activation(&self, nonce: Nonce) -> bool {
        self.activations.iter().any(|stored| stored.nonce == nonce)
    }

    /// Records a request, which supersedes an earlier request for the same license. Returns the
    /// time of the earlier request.
    pub(crate) fn add_request(&mut self, request: OpenRequest) -> Option<DateTime<Utc>> {
        let is_for_license = |open: &OpenRequest| open.license == request.license;
        let earlier = self.open.iter().position(is_for_license);
        let earlier = earlier.map(|at| self.open.remove(at));
        if let Some(earlier) = &earlier {
            self.close(earlier.nonce, RequestOutcome::Superseded);
        }
        self.open.push(request);
        drop_oldest(&mut self.open, MAX_ENTRIES);
        earlier.map(|earlier| earlier.made_at)
    }

    /// Returns the pending request for this license, if there is one.
    pub(crate) fn open_request(&self, license: &LicenseId) -> Option<&OpenRequest> {
        self.open.iter().find(|open| open.license == *license)
    }

    /// Returns the nonce of the pending clock repair request. `repaired` contains the nonces of the
    /// clock repairs that were installed.
    pub(crate) fn open_clock_request(&self, repaired: &[Nonce]) -> Option<Nonce> {
        self.clock.filter(|nonce| !repaired.contains(nonce))
    }

    /// Records a clock repair request, which supersedes an earlier one.
    pub(crate) fn add_clock_request(&mut self, nonce: Nonce) {
        if let Some(earlier) = self.clock.replace(nonce) {
            self.close(earlier, RequestOutcome::Superseded);
        }
    }

    /// Checks an activation. Returns `true` if the activation is new, and `false` if it is already
    /// stored.
    pub(crate) fn check_activation(
        &self,
        answer: &Activation,
        deactivated: &[(LicenseId, Nonce)],
    ) -> Result<bool, AnswerFault> {
        let nonce = answer.nonce();
        if deactivated.iter().any(|(_, other)| *other == nonce) {
            return Err(AnswerFault::Replayed);
        }
        if let Some(stored) = self.activations.iter().find(|stored| stored.nonce == nonce) {
            let is_answered = stored.license == *answer.license_id()
                && stored.secret.commitment() == answer.commitment();
            // An activation whose armor differs was signed again with another key.
            return if is_answered {
                Ok(stored.armor != answer.to_armor())
            } else {
                Err(AnswerFault::OtherRequest)
            };
        }
        let open = self.open.iter().find(|open| open.nonce == nonce);
        let is_answered = |open: &OpenRequest| {
            open.license == *answer.license_id() && open.secret.commitment() == answer.commitment()
        };
        match open {
            Some(open) if is_answered(open) => Ok(true),
            Some(_) => Err(AnswerFault::OtherRequest),
            None => Err(self.fault(nonce)),
        }
    }

    /// Checks a clock repair.
    pub(crate) fn check_clock_repair(
        &self,
        answer: &ClockRepair,
        repaired: &[Nonce],
    ) -> Result<(), AnswerFault> {
        let nonce = answer.nonce();
        match self.clock {
            _ if repaired.contains(&nonce) => Err(AnswerFault::Replayed),
            Some(expected) if expected == nonce => Ok(()),
            _ => Err(self.fault(nonce)),
        }
    }

    fn fault(&self, nonce: Nonce) -> AnswerFault {
        let mut closed = self.closed.iter().rev();
        match closed.find(|(other, _)| *other == nonce) {
            Some((_, RequestOutcome::Answered)) => AnswerFault::Replayed,
            Some((_, RequestOutcome::Superseded)) => AnswerFault::Stale,
            None => AnswerFault::OtherRequest,
        }
    }

    /// Stores an activation that was checked. The activation replaces an older one of the same
    /// license.
    pub(crate) fn store(&mut self, answer: &Activation) {
        let nonce = answer.nonce();
        if let Some(stored) = self
            .activations
            .iter_mut()
            .find(|stored| stored.nonce == nonce)
        {
            stored.armor = answer.to_armor();
        }
        let Some(at) = self.open.iter().position(|open| open.nonce == nonce) else {
            return;
        };
        let OpenRequest {
            license, secret, ..
        } = self.open.remove(at);
        self.close(nonce, RequestOutcome::Answered);
        self.activations.retain(|stored| stored.license != license);
        self.activations.push(StoredActivation {
            license,
            nonce,
            secret,
            machine: answer.machine().digest(),
            armor: answer.to_armor(),
        });
        drop_oldest(&mut self.activations, MAX_ENTRIES);
    }

    /// Returns the license id and the nonce of the activation that applies to a license. Prefers
    /// the activation of the license itself to activations of the licenses in `replaced`.
    pub(crate) fn active_under(
        &self,
        license: &LicenseId,
        replaced: &[LicenseId],
    ) -> Option<(LicenseId, Nonce)> {
        let mut ids = std::iter::once(license).chain(replaced.iter().rev());
        let stored =
            ids.find_map(|id| self.activations.iter().find(|stored| stored.license == *id));
        stored.map(|stored| (stored.license.clone(), stored.nonce))
    }

    /// Returns whether a receipt can prove the deactivation of the activation with this nonce,
    /// because this file contains the secret of the request.
    pub(crate) fn can_prove(&self, nonce: Nonce) -> bool {
        self.has_activation(nonce)
            || self.open.iter().any(|open| open.nonce == nonce)
            || self.receipt_of(nonce).is_some()
    }

    /// Removes an activation and stores its deactivation receipt. An activation for all users is
    /// not stored in this file. Its request is then still open, and is closed.
    pub(crate) fn deactivate(
        &mut self,
        nonce: Nonce,
        this_machine: MachineDigest,
        made_at: DateTime<Utc>,
    ) {
        let Some((license, secret, machine)) = self.take_secret(nonce) else {
            return;
        };
        // The answer to a pending request would activate the license again.
        while let Some(open) = self.open.iter().position(|open| open.license == license) {
            let open = self.open.remove(open);
            self.close(open.nonce, RequestOutcome::Superseded);
        }
        self.receipts.push(DeactivationRecord {
            license,
            nonce,
            secret,
            machine: machine.unwrap_or(this_machine),
            made_at,
        });
        drop_oldest(&mut self.receipts, MAX_ENTRIES);
    }

    /// Removes the activation or the open request with this nonce, and returns its license, its
    /// secret, and the machine in the activation.
    fn take_secret(
        &mut self,
        nonce: Nonce,
    ) -> Option<(LicenseId, ActivationSecret, Option<MachineDigest>)> {
        let mut activations = self.activations.iter();
        if let Some(at) = activations.position(|stored| stored.nonce == nonce) {
            let stored = self.activations.remove(at);
            return Some((stored.license, stored.secret, stored.machine));
        }
        let at = self.open.iter().position(|open| open.nonce == nonce)?;
        let open = self.open.remove(at);
        self.close(nonce, RequestOutcome::Answered);
        Some((open.license, open.secret, None))
    }

    /// Returns the receipt for the activation with this nonce.
    pub(crate) fn receipt_of(&self, nonce: Nonce) -> Option<&DeactivationRecord> {
        self.receipts.iter().find(|record| record.nonce == nonce)
    }

    /// Returns the latest receipt for `license`, or for a license that it supersedes. Without
    /// `license`, returns the latest receipt for any license.
    pub(crate) fn receipt(
        &self,
        license: Option<&LicenseId>,
        replaced: &[LicenseId],
    ) -> Option<&DeactivationRecord> {
        let is_for_license = |record: &&DeactivationRecord| {
            license.is_none_or(|id| record.license == *id || replaced.contains(&record.license))
        };
        self.receipts.iter().rev().find(is_for_license)
    }

    fn close(&mut self, nonce: Nonce, outcome: RequestOutcome) {
        self.closed.push((nonce, outcome));
        drop_oldest(&mut self.closed, MAX_CLOSED);
    }
}

impl Document for ActivationState {
    const VERSION: u64 = 1;
    const CAP: usize = 2 * MAX_FILE_BYTES + MAX_ENTRIES * MAX_TOKEN_BYTES;

    fn to_json(&self) -> Value {
        json!(self)
    }

    fn parse(members: &Value) -> Option<Self> {
        Self::deserialize(members).ok()
    }
}

/// Serde for a secret as hexadecimal digits.
mod secret {
    use super::{ActivationSecret, Deserialize, Deserializer, Serializer};
    use serde::de::Error;

    pub(super) fn serialize<S: Serializer>(
        secret: &ActivationSecret,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_str(&secret.reveal())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<ActivationSecret, D::Error> {
        let digits = String::deserialize(from)?;
        ActivationSecret::parse(&digits)
            .ok_or_else(|| D::Error::custom("expected the digits of a secret"))
    }
}

/// Returns whether an activation of the license `id` applies to `license`. It applies if `id` is
/// the id of `license` or of a license that `license` supersedes.
pub(crate) fn applies_to(license: &License, id: &LicenseId) -> bool {
    license.id() == id || license.supersedes().contains(id)
}

fn drop_oldest<T>(entries: &mut Vec<T>, limit: usize) {
    let excess = entries.len().saturating_sub(limit);
    entries.drain(..excess);
}
