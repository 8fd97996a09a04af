//! Drafts of artifacts.

use license_core::chrono::{DateTime, Utc};

use super::Mode;
use super::signing::SignError;
use crate::ledger::{LedgerReader, NewLedgerEntry};

/// The stage of a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The draft is only checked. The key is not opened yet, so that an invalid request fails
    /// before the passphrase prompt.
    Preliminary,
    /// The draft is signed, or a dry run reports it.
    Final,
}

/// The context in which a draft is created.
pub struct DraftContext<'a, S> {
    /// The ledger. `None` means that the service records nothing, or that the ledger does not
    /// exist yet.
    pub ledger: Option<&'a dyn LedgerReader>,
    /// The signer. A dry run has a signer only if the key can be opened without a secret.
    pub signer: Option<&'a S>,
    /// The stage.
    pub stage: Stage,
    /// Whether the service changes anything.
    pub mode: Mode,
    /// The time, which is the same for all drafts of one call.
    pub now: DateTime<Utc>,
}

/// A source of serials.
pub trait SerialSource {
    /// Reserves the next serial.
    ///
    /// # Errors
    ///
    /// Returns [`SignError::Serial`] if the ledger cannot be written.
    fn next_serial(&mut self) -> Result<u64, SignError>;
}

/// A draft of one or several artifacts that are delivered together. `K` is the opened key that the
/// draft needs, and `A` are the signed and verified artifacts.
pub trait Draft<K, A> {
    /// Checks the draft as far as possible without a signature.
    ///
    /// # Errors
    ///
    /// Returns an error if no verifier would accept the draft.
    fn check(&self) -> Result<(), SignError> {
        Ok(())
    }

    /// Returns whether the draft must be signed. A repeated answer is not signed again.
    fn needs_signer(&self) -> bool {
        true
    }

    /// Signs the draft and verifies the result.
    ///
    /// # Errors
    ///
    /// Returns an error if the key cannot sign, or if a verifier refuses the result.
    fn sign(&self, signer: Option<&K>, serials: &mut dyn SerialSource) -> Result<A, SignError>;

    /// Returns the entries that record signed artifacts.
    fn entries(signed: &A) -> Vec<NewLedgerEntry>;
}
