//! Activations and their releases.

use license_core::Machine;

use crate::ledger::entry::LedgerEntry;

/// A recorded activation, with its release if it has ended.
#[derive(Clone, Debug)]
pub struct RecordedActivation {
    /// The entry of the activation.
    pub entry: LedgerEntry,
    /// The entry of its release.
    pub release: Option<LedgerEntry>,
}

impl RecordedActivation {
    /// Returns the id of the activation. Answers of other kinds have no id.
    pub fn id(&self) -> Option<String> {
        self.entry.fact("activation_id")
    }

    /// Returns the machine that was requested.
    pub fn machine(&self) -> Option<Machine> {
        let named = |name| self.entry.fact(name);
        let requested = named("fingerprint").or_else(|| named("machine"))?;
        Some(Machine::parse(&requested))
    }

    /// Returns whether this activation and a later one are for the same machine. Digests are
    /// compared, or else fingerprints.
    pub fn is_same_machine(&self, later: &Self) -> bool {
        let digest = |activation: &Self| activation.entry.fact("machine");
        let is_named = digest(self).is_some() && digest(self) == digest(later);
        let (named, actual) = (self.machine(), later.machine());
        is_named || named.zip(actual).is_some_and(|(a, b)| a.matches(&b))
    }

    /// Returns whether both answer the same request.
    pub fn answers_same_request(&self, other: &Self) -> bool {
        let nonce = |activation: &Self| activation.entry.fact("nonce");
        nonce(self).is_some() && nonce(self) == nonce(other)
    }
}
