//! What this machine has asked of its vendor, what it holds, and what it has given up: in a sealed file of its own.

use license_core::{
    Activation, ClockRepair, Code, License, LicenseId, MAX_FILE_BYTES, MAX_TOKEN_BYTES,
    MachineDigest, Nonce, Secret, Timestamp,
};
use serde_json::{Value, json};
use thiserror::Error;

use crate::paths::StateFile;
use crate::problem::StateProblem;
use crate::sealed::Seal;
use crate::sealed_file::{self, Document, Durability};
use crate::store::{Store, StoreError, StoreLock};

/// So many requests may wait for an answer, so many activations are held and so many receipts are kept: the oldest are forgotten.
const MOST: usize = 32;
/// So many answered and replaced requests are remembered.
const MOST_CLOSED: usize = 256;

/// What this machine has asked, holds and has given up, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Bindings {
    open: Vec<Open>,
    held: Vec<Held>,
    receipts: Vec<GivenUp>,
    closed: Vec<(Nonce, Fate)>,
    clock: Option<Nonce>,
}

/// A request that waits for its answer.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) license: LicenseId,
    pub(crate) nonce: Nonce,
    pub(crate) secret: Secret,
    /// The machine as it was told.
    pub(crate) machine: String,
    pub(crate) made_at: Timestamp,
}

/// An activation of this machine.
#[derive(Debug)]
struct Held {
    license: LicenseId,
    nonce: Nonce,
    secret: Secret,
    /// As the vendor knows it, whatever has changed here since.
    machine: Option<MachineDigest>,
    armor: String,
}

/// What a receipt tells, so that it can be written again.
#[derive(Debug)]
pub(crate) struct GivenUp {
    pub(crate) license: LicenseId,
    pub(crate) nonce: Nonce,
    pub(crate) secret: Secret,
    pub(crate) machine: MachineDigest,
    pub(crate) made_at: Timestamp,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Answered,
    Replaced,
}

/// The reason why an answer is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AnswerFault {
    /// It was accepted before.
    #[error("expected an answer that was not used yet, found one that was")]
    Replayed,
    /// It answers a request that a newer one superseded.
    #[error(
        "expected the answer to the latest request, found one to a request that it took the place of"
    )]
    Stale,
    /// It answers no request of this machine, or one about something else.
    #[error("expected the answer to a request of this machine, found one to another")]
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
    /// Reads the file. A file that cannot be used is quarantined if the lock is free.
    pub(crate) fn load(store: &Store, seal: &Seal) -> (Self, Option<StateProblem>) {
        sealed_file::load(store, seal, StateFile::Activation)
    }

    /// Reads the file under the lock. A file that cannot be used is quarantined.
    pub(crate) fn load_locked(
        lock: &StoreLock,
        store: &Store,
        seal: &Seal,
    ) -> (Self, Option<StateProblem>) {
        sealed_file::load_locked(lock, store, seal, StateFile::Activation)
    }

    /// Reads the file and changes nothing.
    pub(crate) fn inspect(store: &Store, seal: &Seal) -> (Self, Option<StateProblem>) {
        sealed_file::inspect(store, seal, StateFile::Activation)
    }

    /// Replaces the file. Once this returns, it survives a loss of power.
    pub(crate) fn save(&self, lock: &StoreLock, seal: &Seal) -> Result<(), StoreError> {
        sealed_file::save(
            self,
            lock,
            seal,
            StateFile::Activation,
            Durability::PowerLoss,
        )
    }

    /// The activations, in armor.
    pub(crate) fn armored(&self) -> impl Iterator<Item = &str> {
        self.held.iter().map(|held| held.armor.as_str())
    }

    /// The licenses that it holds activations of.
    pub(crate) fn licenses(&self) -> impl Iterator<Item = &LicenseId> {
        self.held.iter().map(|held| &held.license)
    }

    /// Takes note of a request. An earlier one for the same license can no longer be answered; returns when that was made.
    pub(crate) fn ask(&mut self, request: Open) -> Option<Timestamp> {
        let is_same = |open: &Open| open.license == request.license;
        let earlier = self.open.iter().position(is_same);
        let earlier = earlier.map(|at| self.open.remove(at));
        if let Some(earlier) = &earlier {
            self.close(earlier.nonce, Fate::Replaced);
        }
        self.open.push(request);
        forget(&mut self.open, MOST);
        earlier.map(|earlier| earlier.made_at)
    }

    /// The request for a license that waits for its answer.
    pub(crate) fn open_for(&self, license: &LicenseId) -> Option<&Open> {
        self.open.iter().find(|open| open.license == *license)
    }

    /// The request for a clock repair that waits for its answer, unless that was used.
    pub(crate) fn open_clock(&self, repaired: &[Nonce]) -> Option<Nonce> {
        self.clock.filter(|nonce| !repaired.contains(nonce))
    }

    /// Takes note of a request to repair the clock; an earlier one can no longer be answered.
    pub(crate) fn ask_clock(&mut self, nonce: Nonce) {
        if let Some(earlier) = self.clock.replace(nonce) {
            self.close(earlier, Fate::Replaced);
        }
    }

    /// Whether an activation is news, or the one that is held already.
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
            return match is_answered {
                // The same, or signed anew with another key.
                true => Ok(held.armor != answer.to_armor()),
                false => Err(AnswerFault::OtherRequest),
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
            Some((_, Fate::Answered)) => AnswerFault::Replayed,
            Some((_, Fate::Replaced)) => AnswerFault::Stale,
            None => AnswerFault::OtherRequest,
        }
    }

    /// Takes an activation that was checked; an older one of the same license makes way for it.
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
        self.close(nonce, Fate::Answered);
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

    /// The license and nonce of the activation by which a license is active here: its own, else that of one that it replaces.
    pub(crate) fn held_for(
        &self,
        license: &LicenseId,
        replaced: &[LicenseId],
    ) -> Option<(LicenseId, Nonce)> {
        let mut ids = std::iter::once(license).chain(replaced.iter().rev());
        let held = ids.find_map(|id| self.held.iter().find(|held| held.license == *id));
        held.map(|held| (held.license.clone(), held.nonce))
    }

    /// Gives up an activation, and keeps what its receipt tells.
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
        // What was asked besides would bring it back.
        while let Some(open) = self.open.iter().position(|open| open.license == license) {
            let open = self.open.remove(open);
            self.close(open.nonce, Fate::Replaced);
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

    /// The latest receipt for a license or one that it replaces, or the latest of all.
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

    fn close(&mut self, nonce: Nonce, fate: Fate) {
        self.closed.push((nonce, fate));
        forget(&mut self.closed, MOST_CLOSED);
    }
}

impl Document for Bindings {
    const VERSION: u64 = 1;
    const CAP: usize = 2 * MAX_FILE_BYTES + MOST * MAX_TOKEN_BYTES;

    fn to_json(&self) -> Value {
        let open = self.open.iter().map(|open| {
            json!({
                "license": open.license.as_str(),
                "nonce": open.nonce.to_string(),
                "secret": open.secret.reveal(),
                "machine": open.machine,
                "made_at": open.made_at.unix_seconds(),
            })
        });
        let held = self.held.iter().map(|held| {
            json!({
                "license": held.license.as_str(),
                "nonce": held.nonce.to_string(),
                "secret": held.secret.reveal(),
                "machine": held.machine.map(|machine| machine.to_string()),
                "token": held.armor,
            })
        });
        let receipts = self.receipts.iter().map(|given| {
            json!({
                "license": given.license.as_str(),
                "nonce": given.nonce.to_string(),
                "secret": given.secret.reveal(),
                "machine": given.machine.to_string(),
                "made_at": given.made_at.unix_seconds(),
            })
        });
        let closed = self
            .closed
            .iter()
            .map(|(nonce, fate)| json!([nonce.to_string(), matches!(fate, Fate::Answered)]));
        json!({
            "version": Self::VERSION,
            "open": open.collect::<Value>(),
            "held": held.collect::<Value>(),
            "receipts": receipts.collect::<Value>(),
            "closed": closed.collect::<Value>(),
            "clock": self.clock.map(|nonce| nonce.to_string()),
        })
    }

    fn parse(members: &Value) -> Option<Self> {
        let clock = match members.get("clock")? {
            Value::Null => None,
            nonce => Some(Nonce::parse(nonce.as_str()?)?),
        };
        Some(Self {
            open: each(members, "open", |entry| {
                Some(Open {
                    license: license(entry)?,
                    nonce: nonce(entry)?,
                    secret: secret(entry)?,
                    machine: entry.get("machine")?.as_str()?.to_owned(),
                    made_at: made_at(entry)?,
                })
            })?,
            held: each(members, "held", |entry| {
                Some(Held {
                    license: license(entry)?,
                    nonce: nonce(entry)?,
                    secret: secret(entry)?,
                    machine: entry
                        .get("machine")
                        .and_then(Value::as_str)
                        .and_then(MachineDigest::parse),
                    armor: entry.get("token")?.as_str()?.to_owned(),
                })
            })?,
            receipts: each(members, "receipts", |entry| {
                Some(GivenUp {
                    license: license(entry)?,
                    nonce: nonce(entry)?,
                    secret: secret(entry)?,
                    machine: MachineDigest::parse(entry.get("machine")?.as_str()?)?,
                    made_at: made_at(entry)?,
                })
            })?,
            closed: each(members, "closed", |entry| {
                let nonce = Nonce::parse(entry.get(0)?.as_str()?)?;
                let fate = match entry.get(1)?.as_bool()? {
                    true => Fate::Answered,
                    false => Fate::Replaced,
                };
                Some((nonce, fate))
            })?,
            clock,
        })
    }
}

/// Whether an activation of the first is one of the second too: of itself, or of what it replaces.
pub(crate) fn goes_by(license: &License, id: &LicenseId) -> bool {
    license.id() == id || license.supersedes().contains(id)
}

fn forget<T>(entries: &mut Vec<T>, most: usize) {
    let excess = entries.len().saturating_sub(most);
    entries.drain(..excess);
}

fn each<T>(members: &Value, name: &str, parse: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    let entries = members.get(name)?.as_array()?.iter();
    entries.map(parse).collect()
}

fn license(entry: &Value) -> Option<LicenseId> {
    LicenseId::parse(entry.get("license")?.as_str()?)
}

fn nonce(entry: &Value) -> Option<Nonce> {
    Nonce::parse(entry.get("nonce")?.as_str()?)
}

fn secret(entry: &Value) -> Option<Secret> {
    Secret::parse(entry.get("secret")?.as_str()?)
}

fn made_at(entry: &Value) -> Option<Timestamp> {
    Timestamp::from_unix_seconds(entry.get("made_at")?.as_u64()?)
}
