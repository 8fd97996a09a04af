//! The condition of a ledger apart from its entries.

use crate::files::ExposedFile;
use crate::ledger::pending::PendingArtifact;

/// The condition of everything in a ledger that the hash chain does not cover.
#[derive(Clone, Debug, Default)]
pub struct LedgerCondition {
    /// The pending artifacts. They belong to a process that is running, or to one that crashed.
    pub pending: Vec<PendingArtifact>,
    /// The serial counter, if it is lower than a recorded serial.
    pub low_serial: Option<LowSerial>,
    /// Files of the ledger that users other than this one can read, write or replace.
    pub exposed: Vec<ExposedFile>,
}

/// A serial counter that is lower than a recorded serial.
///
/// The counter was reset, or a license of another ledger was imported. The next serial is still not
/// lower than the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LowSerial {
    /// The highest reserved serial according to the counter.
    pub counter: i64,
    /// The highest serial of a recorded license.
    pub recorded: i64,
}
