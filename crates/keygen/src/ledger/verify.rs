//! Whether the chain is whole.

use rusqlite::{OptionalExtension, params};

use super::entry::{COLUMNS, Entry};
use super::{Ledger, LedgerError, schema};

/// What was found of the chain.
#[derive(Clone, Debug)]
pub(crate) struct ChainReport {
    pub(crate) entries: i64,
    /// The hash that the chain ends with, to be written down elsewhere.
    pub(crate) head: Vec<u8>,
    pub(crate) fault: Option<ChainFault>,
}

/// The first thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ChainFault {
    /// The triggers that refuse changes are gone, or something else is not as this program makes it.
    Schema,
    /// An entry is not where it should be: one was removed, added or moved.
    Missing { seq: i64 },
    /// An entry, or the one before it, was changed.
    Changed { seq: i64 },
    /// Entries are gone from the end, or were added by hand.
    Head { expected: i64, found: i64 },
    /// What is kept to answer sooner does not say what the entries say.
    Derived,
    /// The hash written down elsewhere is not in the chain.
    NotInChain,
}

/// What replaces what by the entries, and by the table made of them, where they differ.
const REPLACED_OTHERWISE: &str = "
WITH said AS (SELECT s.value AS old, e.subject AS new FROM entries e, json_each(e.body, '$.supersedes') s)
SELECT EXISTS (SELECT * FROM said EXCEPT SELECT old, new FROM replaced)
    OR EXISTS (SELECT old, new FROM replaced EXCEPT SELECT * FROM said)";

impl Ledger {
    /// Goes through the whole chain, in constant memory. `known` is a hash that was written down elsewhere: whoever wrote the whole chain
    /// anew can't make one that holds it.
    pub(crate) fn verify_chain(&self, known: Option<&[u8]>) -> Result<ChainReport, LedgerError> {
        // As of one moment: others may be minting.
        let _read = self.db.unchecked_transaction()?;
        if !schema::is_intact(&self.db)? {
            return Ok(ChainReport {
                entries: 0,
                head: NOTHING.to_vec(),
                fault: Some(ChainFault::Schema),
            });
        }
        let mut report = self.follow_chain()?;
        if report.fault.is_none() {
            report.fault = self.beside_chain(known)?;
        }
        Ok(report)
    }

    fn follow_chain(&self) -> Result<ChainReport, LedgerError> {
        let mut report = ChainReport {
            entries: 0,
            head: NOTHING.to_vec(),
            fault: None,
        };
        let mut statement = self
            .db
            .prepare(&format!("SELECT {COLUMNS} FROM entries ORDER BY seq"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let seq = report.entries.saturating_add(1);
            // What this program does not write, such as bytes that are no text.
            let Ok(entry) = Entry::of_row(row) else {
                report.fault = Some(ChainFault::Changed { seq });
                return Ok(report);
            };
            if entry.seq != seq {
                report.fault = Some(ChainFault::Missing { seq });
                return Ok(report);
            }
            if entry.expected_hash(&report.head) != entry.hash {
                report.fault = Some(ChainFault::Changed { seq });
                return Ok(report);
            }
            report.entries = seq;
            report.head = entry.hash;
        }
        let head = "SELECT entries, hash FROM head";
        let (expected, hash): (i64, Vec<u8>) = self
            .db
            .query_row(head, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if expected != report.entries || hash != report.head {
            let found = report.entries;
            report.fault = Some(ChainFault::Head { expected, found });
        }
        Ok(report)
    }

    /// What else must be so, in a ledger whose chain holds.
    fn beside_chain(&self, known: Option<&[u8]>) -> Result<Option<ChainFault>, LedgerError> {
        let ask = |sql: &str| self.db.query_row(sql, [], |row| row.get(0));
        let replaced_otherwise: bool = ask(REPLACED_OTHERWISE)?;
        let check = "PRAGMA integrity_check(1)";
        let check: String = self.db.query_row(check, [], |row| row.get(0))?;
        if replaced_otherwise || check != "ok" {
            return Ok(Some(ChainFault::Derived));
        }
        match known {
            Some(known) if known != NOTHING => self.without(known),
            _ => Ok(None),
        }
    }

    fn without(&self, known: &[u8]) -> Result<Option<ChainFault>, LedgerError> {
        let sql = "SELECT seq FROM entries WHERE hash = ?1";
        let found: Option<i64> = self
            .db
            .query_row(sql, params![known], |row| row.get(0))
            .optional()?;
        Ok(found.is_none().then_some(ChainFault::NotInChain))
    }
}

/// What the chain starts with.
const NOTHING: [u8; 32] = [0; 32];
