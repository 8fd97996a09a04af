//! Activations, with their releases, and other recorded answers to machine requests.

use license_core::machine::Machine;

use crate::ledger::entry::LedgerEntry;

/// A recorded answer to a machine request: an activation, with its release if the activation has
/// ended, or a clock repair.
#[derive(Clone, Debug)]
pub struct RecordedAnswer {
    /// The entry of the answer.
    pub entry: LedgerEntry,
    /// The entry of the release. A clock repair has none.
    pub release: Option<LedgerEntry>,
}

impl RecordedAnswer {
    /// Returns the id of the activation, if the entry contains one.
    pub fn id(&self) -> Option<String> {
        self.entry.member("activation_id")
    }

    /// Returns the machine for which the answer was requested.
    pub fn machine(&self) -> Option<Machine> {
        let member = |name| self.entry.member(name);
        let requested = member("fingerprint").or_else(|| member("machine"))?;
        Machine::parse(&requested)
    }

    /// Returns whether this activation and a later activation are for the same machine.
    ///
    /// Two equal digests are enough. Otherwise the fingerprints must match.
    pub fn is_same_machine(&self, later: &Self) -> bool {
        let digest = |activation: &Self| activation.entry.member("machine");
        let has_same_digest = digest(self).is_some() && digest(self) == digest(later);
        let machines = self.machine().zip(later.machine());
        has_same_digest || machines.is_some_and(|(own, later)| own.matches(&later))
    }

    /// Returns whether both answers are for the same request.
    pub fn answers_same_request(&self, other: &Self) -> bool {
        let nonce = |answer: &Self| answer.entry.member("nonce");
        nonce(self).is_some() && nonce(self) == nonce(other)
    }
}
