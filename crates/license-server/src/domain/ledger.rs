//! The vendor's ledger, as far as the database knows it.

use super::{LicenseRecord, NewAuditEntry, Trial, UsageFact};

/// The last entry of the ledger whose content is in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerPosition {
    /// The number of the entry, from 1.
    pub seq: i64,
    /// The hash of the entry. Another hash shows that the ledger was replaced.
    pub hash: Vec<u8>,
}

/// The content of consecutive ledger entries that the database copies.
#[derive(Clone, Debug)]
pub struct LedgerCopy {
    /// The licenses, each with the audit entry of its issue, if there is one.
    pub licenses: Vec<(LicenseRecord, Option<NewAuditEntry>)>,
    /// The trials that `keygen` started. A trial that is stored already is ignored.
    pub trials: Vec<Trial>,
    /// The audit entries of other changes.
    pub audits: Vec<NewAuditEntry>,
    /// The usage that the entries record. It is metered once, also if several callers report it.
    pub facts: Vec<UsageFact>,
    /// The last of the entries.
    pub position: LedgerPosition,
}
