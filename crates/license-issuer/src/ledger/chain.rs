//! Results of the verification of the hash chain.

/// The last entry of a ledger, as the ledger states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerHead {
    /// The number of entries.
    pub entries: i64,
    /// The hash of the last entry, or 32 zero bytes without one.
    pub hash: Vec<u8>,
}

/// The result of verifying the hash chain.
#[derive(Clone, Debug)]
pub struct ChainReport {
    /// The number of entries that were verified.
    pub entries: i64,
    /// The hash of the last entry. A copy of this hash outside the ledger can later prove that none
    /// of these entries was changed.
    pub head: Vec<u8>,
    /// The first fault.
    pub fault: Option<ChainFault>,
}

/// A fault of the hash chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChainFault {
    /// Tables, indexes or triggers differ from those that this program creates.
    Schema,
    /// An entry was removed, added or moved. The value is the sequence number that was expected.
    OutOfSequence(i64),
    /// The entry with this sequence number, or the entry before it, was changed.
    Changed(i64),
    /// Entries were removed from the end or added by hand.
    Head {
        /// The number of entries according to the stored head.
        expected: i64,
        /// The number of entries that are in the ledger.
        found: i64,
    },
    /// Derived data contradicts the entries.
    Derived,
    /// The given hash is not in the chain.
    NotInChain,
}
