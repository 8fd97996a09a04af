//! The machine requests, activations and deactivation receipts of this machine, in one sealed file.

use license_core::{
    Activation, ClockRepair, Code, License, LicenseId, MAX_FILE_BYTES, MAX_TOKEN_BYTES,
    MachineDigest, Nonce, Secret, Timestamp,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};
use thiserror::Error;

use crate::problem::StateProblem;
use crate::seal::Seal;
use crate::sealed_file::{self, Document, Durability};
use crate::state_dir::StateFile;
use crate::store::{Damaged, Store, StoreError, StoreLock};

/// The most open requests, activations and receipts that are kept. The oldest are dropped.
const MOST: usize = 32;
/// The most answered and superseded requests that are remembered.
const MOST_CLOSED: usize = 256;

/// The requests, activations and receipts of this machine, oldest first.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Bindings {
    open: Vec<Open>,
    held: Vec<Held>,
    receipts: Vec<GivenUp>,
    closed: Vec<(Nonce, RequestOutcome)>,
    clock: Option<Nonce>,
}

/// A request that waits for its answer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Open {
    pub(crate) license: LicenseId,
    pub(crate) nonce: Nonce,
    #[serde(with = "secret")]
    pub(crate) secret: Secret,
    /// The machine as described in the request.
    pub(crate) machine: String,
    #[serde(with = "unix_seconds")]
    pub(crate) made_at: Timestamp,
}

/// An activation of this machine.
#[derive(Debug, Serialize, Deserialize)]
struct Held {
    license: LicenseId,
    nonce: Nonce,
    #[serde(with = "secret")]
    secret: Secret,
    /// The digest that the vendor knows, even if the machine has changed since.
    machine: Option<MachineDigest>,
    #[serde(rename = "token")]
    armor: String,
}

/// The content of a deactivation receipt, so that the receipt can be written again.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct GivenUp {
    pub(crate) license: LicenseId,
    pub(crate) nonce: Nonce,
    #[serde(with = "secret")]
    pub(crate) secret: Secret,
    pub(crate) machine: MachineDigest,
    #[serde(with = "unix_seconds")]
    pub(crate) made_at: Timestamp,
}

/// Why a request is closed. The file stores whether it was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "bool", into = "bool")]
enum RequestOutcome {
    Answered,
    Replaced,
}

impl From<bool> for RequestOutcome {
    fn from(is_answered: bool) -> Self {
        if is_answered {
            Self::Answered
        } else {
            Self::Replaced
        }
    }
}

impl From<RequestOutcome> for bool {
    fn from(outcome: RequestOutcome) -> Self {
        outcome == RequestOutcome::Answered
    }
}

/// The reason why an answer is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AnswerFault {
    /// It was accepted before.
    #[error("expected an unused answer, found one that was already used")]
    Replayed,
    /// It answers a request that a newer one superseded.
    #[error("expected the answer to the latest request, found the answer to a superseded request")]
    Stale,
    /// It answers no request of this machine, or has another content than requested.
    #[error(
        "expected the answer to a request of this machine, found the answer to another request"
    )]
    OtherRequest,
}

impl AnswerFault {
    /// Returns the reason code.
    pub const fn code(self) -> Code {
        match self {
            Self::Replayed => Code::Replayed,
            Self::Stale => Code::StaleAnswer,
            Self::OtherRequest => Code::RequestMismatch,
        }
    }
}

impl Bindings {
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

    /// Replaces the file. When this returns, the file survives a loss of power.
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
        self.held.iter().map(|held| held.armor.as_str())
    }

    /// Returns the licenses that are activated.
    pub(crate) fn licenses(&self) -> impl Iterator<Item = &LicenseId> {
        self.held.iter().map(|held| &held.license)
    }

    /// Records a request, which supersedes an earlier one for the same license. Returns when the
    /// earlier request was made.
    pub(crate) fn ask(&mut self, request: Open) -> Option<Timestamp> {
        let is_same = |open: &Open| open.license == request.license;
        let earlier = self.open.iter().position(is_same);
        let earlier = earlier.map(|at| self.open.remove(at));
        if let Some(earlier) = &earlier {
            self.close(earlier.nonce, RequestOutcome::Replaced);
        }
        self.open.push(request);
        forget(&mut self.open, MOST);
        earlier.map(|earlier| earlier.made_at)
    }

    /// Returns the request for a license that waits for its answer.
    pub(crate) fn open_for(&self, license: &LicenseId) -> Option<&Open> {
        self.open.iter().find(|open| open.license == *license)
    }

    /// Returns the nonce of the clock repair request that waits for its answer. `repaired` are the
    /// nonces of the repairs that were used.
    pub(crate) fn open_clock(&self, repaired: &[Nonce]) -> Option<Nonce> {
        self.clock.filter(|nonce| !repaired.contains(nonce))
    }

    /// Records a clock repair request, which supersedes an earlier one.
    pub(crate) fn ask_clock(&mut self, nonce: Nonce) {
        if let Some(earlier) = self.clock.replace(nonce) {
            self.close(earlier, RequestOutcome::Replaced);
        }
    }

    /// Checks an activation. Returns whether it is new, or `false` if it is the stored one.
    pub(crate) fn check(
        &self,
        answer: &Activation,
        given_up: &[(LicenseId, Nonce)],
    ) -> Result<bool, AnswerFault> {
        let nonce = answer.nonce();
        if given_up.iter().any(|(_, other)| *other == nonce) {
            return Err(AnswerFault::Replayed);
        }
        if let Some(held) = self.held.iter().find(|held| held.nonce == nonce) {
            let is_answered = held.license == *answer.license_id()
                && held.secret.commitment() == answer.commitment();
            // An activation with another armor was signed again with another key.
            return if is_answered {
                Ok(held.armor != answer.to_armor())
            } else {
                Err(AnswerFault::OtherRequest)
            };
        }
        let open = self.open.iter().find(|open| open.nonce == nonce);
        let is_answered = |open: &Open| {
            open.license == *answer.license_id() && open.secret.commitment() == answer.commitment()
        };
        match open {
            Some(open) if is_answered(open) => Ok(true),
            Some(_) => Err(AnswerFault::OtherRequest),
            None => Err(self.fault(nonce)),
        }
    }

    /// Checks a clock repair.
    pub(crate) fn check_clock(
        &self,
        answer: &ClockRepair,
        repaired: &[Nonce],
    ) -> Result<(), AnswerFault> {
        let nonce = answer.nonce();
        match self.clock {
            _ if repaired.contains(&nonce) => Err(AnswerFault::Replayed),
            Some(asked) if asked == nonce => Ok(()),
            _ => Err(self.fault(nonce)),
        }
    }

    fn fault(&self, nonce: Nonce) -> AnswerFault {
        let mut closed = self.closed.iter().rev();
        match closed.find(|(other, _)| *other == nonce) {
            Some((_, RequestOutcome::Answered)) => AnswerFault::Replayed,
            Some((_, RequestOutcome::Replaced)) => AnswerFault::Stale,
            None => AnswerFault::OtherRequest,
        }
    }

    /// Stores an activation that was checked. It replaces an older one of the same license.
    pub(crate) fn take(&mut self, answer: &Activation) {
        let nonce = answer.nonce();
        if let Some(held) = self.held.iter_mut().find(|held| held.nonce == nonce) {
            held.armor = answer.to_armor();
        }
        let Some(at) = self.open.iter().position(|open| open.nonce == nonce) else {
            return;
        };
        let Open {
            license, secret, ..
        } = self.open.remove(at);
        self.close(nonce, RequestOutcome::Answered);
        self.held.retain(|held| held.license != license);
        self.held.push(Held {
            license,
            nonce,
            secret,
            machine: answer.machine().digest(),
            armor: answer.to_armor(),
        });
        forget(&mut self.held, MOST);
    }

    /// Returns the license and nonce of the activation under which a license is active: its own,
    /// else that of a license that it supersedes.
    pub(crate) fn held_for(
        &self,
        license: &LicenseId,
        replaced: &[LicenseId],
    ) -> Option<(LicenseId, Nonce)> {
        let mut ids = std::iter::once(license).chain(replaced.iter().rev());
        let held = ids.find_map(|id| self.held.iter().find(|held| held.license == *id));
        held.map(|held| (held.license.clone(), held.nonce))
    }

    /// Removes an activation and stores its deactivation receipt.
    pub(crate) fn give_up(&mut self, nonce: Nonce, here: MachineDigest, made_at: Timestamp) {
        let Some(at) = self.held.iter().position(|held| held.nonce == nonce) else {
            return;
        };
        let Held {
            license,
            secret,
            machine,
            ..
        } = self.held.remove(at);
        // The answer to an open request would activate the license again.
        while let Some(open) = self.open.iter().position(|open| open.license == license) {
            let open = self.open.remove(open);
            self.close(open.nonce, RequestOutcome::Replaced);
        }
        self.receipts.push(GivenUp {
            license,
            nonce,
            secret,
            machine: machine.unwrap_or(here),
            made_at,
        });
        forget(&mut self.receipts, MOST);
    }

    /// Returns the latest receipt for a license or one that it supersedes. Without `license`,
    /// returns the latest receipt.
    pub(crate) fn receipt(
        &self,
        license: Option<&LicenseId>,
        replaced: &[LicenseId],
    ) -> Option<&GivenUp> {
        let goes_by = |given: &&GivenUp| {
            license.is_none_or(|id| given.license == *id || replaced.contains(&given.license))
        };
        self.receipts.iter().rev().find(goes_by)
    }

    fn close(&mut self, nonce: Nonce, outcome: RequestOutcome) {
        self.closed.push((nonce, outcome));
        forget(&mut self.closed, MOST_CLOSED);
    }
}

impl Document for Bindings {
    const VERSION: u64 = 1;
    const CAP: usize = 2 * MAX_FILE_BYTES + MOST * MAX_TOKEN_BYTES;

    fn to_json(&self) -> Value {
        json!(self)
    }

    fn parse(members: &Value) -> Option<Self> {
        Self::deserialize(members).ok()
    }
}

/// Serde for a secret as hexadecimal digits.
mod secret {
    use super::{Deserialize, Deserializer, Secret, Serializer};
    use serde::de::Error;

    pub(super) fn serialize<S: Serializer>(secret: &Secret, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&secret.reveal())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
        let digits = String::deserialize(from)?;
        Secret::parse(&digits).ok_or_else(|| D::Error::custom("expected the digits of a secret"))
    }
}

/// Serde for an instant as seconds since 1970.
mod unix_seconds {
    use super::{Deserialize, Deserializer, Serializer, Timestamp};
    use serde::de::Error;

    pub(super) fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(at.unix_seconds())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        let seconds = u64::deserialize(from)?;
        Timestamp::from_unix_seconds(seconds).ok_or_else(|| D::Error::custom("after the year 9999"))
    }
}

/// Returns whether an activation of license `id` applies to `license`: `id` is its own id, or that
/// of a license that it supersedes.
pub(crate) fn goes_by(license: &License, id: &LicenseId) -> bool {
    license.id() == id || license.supersedes().contains(id)
}

fn forget<T>(entries: &mut Vec<T>, most: usize) {
    let excess = entries.len().saturating_sub(most);
    entries.drain(..excess);
}
