//! Write access to a ledger.

use license_core::chrono::{DateTime, Utc};

use crate::errors::LedgerError;
use crate::ledger::entry::NewLedgerEntry;
use crate::ledger::pending::{DeliveryState, PendingArtifact};
use crate::ledger::reader::LedgerReader;

/// A ledger, whether or not it exists yet.
pub trait Ledger {
    /// Checks that the ledger can be written, and changes nothing.
    ///
    /// Returns read access to the ledger, or `None` if the ledger does not exist yet.
    ///
    /// # Errors
    ///
    /// Returns an error if the ledger is damaged, cannot be written or cannot be created.
    fn check(&self) -> Result<Option<Box<dyn LedgerReader>>, LedgerError>;

    /// Opens the ledger for writing, and creates it if it does not exist.
    ///
    /// # Errors
    ///
    /// Returns an error if the ledger cannot be opened or created.
    fn prepare(&mut self) -> Result<(), LedgerError>;

    /// Returns read access for another thread, which can read while the current thread writes.
    ///
    /// # Errors
    ///
    /// Returns an error if the ledger cannot be opened.
    fn second_reader(&self) -> Result<Box<dyn LedgerReader + Send>, LedgerError>;

    /// Waits for the writer lock, acquires it, and recovers the artifacts of crashed processes.
    /// Dropping the writer releases the lock.
    ///
    /// # Errors
    ///
    /// Returns an error if the ledger cannot be written.
    fn acquire(&mut self, now: DateTime<Utc>) -> Result<Box<dyn LedgerWriter + '_>, LedgerError>;
}

/// Exclusive write access to a ledger. Each change is durable when its method returns.
///
/// # Errors
///
/// Every method returns an error if the ledger cannot be read or written. A failed method has
/// changed nothing.
pub trait LedgerWriter {
    /// Returns read access. No other process writes while this writer exists.
    fn reader(&self) -> &dyn LedgerReader;

    /// Returns the pending artifacts, oldest first.
    fn pending(&self) -> Result<Vec<PendingArtifact>, LedgerError>;

    /// Reserves `count` consecutive serials and returns the first.
    ///
    /// Without a ledger, a serial is the clock's microseconds since 1970. The reserved serials
    /// start after the last reserved serial and not below `clock_micros`, so that serials still
    /// increase when a vendor starts to use a ledger.
    ///
    /// Returns [`LedgerError::Full`] if a serial would exceed 2^63 - 1.
    fn reserve_serials(&mut self, count: u64, clock_micros: u64) -> Result<u64, LedgerError>;

    /// Stores pending artifacts, in one transaction.
    fn begin(&mut self, artifacts: &mut [PendingArtifact]) -> Result<(), LedgerError>;

    /// Appends stored pending artifacts to the entries, in one transaction.
    ///
    /// Once recorded, the artifacts count as issued.
    fn record(
        &mut self,
        artifacts: &[PendingArtifact],
        state: DeliveryState,
    ) -> Result<(), LedgerError>;

    /// Removes stored pending artifacts that are delivered or discarded.
    fn finish(&mut self, artifacts: &[PendingArtifact]) -> Result<(), LedgerError>;

    /// Appends entries without an artifact to deliver, such as revocations, in one transaction.
    fn append(&mut self, entries: &[NewLedgerEntry]) -> Result<(), LedgerError>;
}
