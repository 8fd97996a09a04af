//! Verification of the hash chain.

use rusqlite::{OptionalExtension, params};

use crate::errors::LedgerError;
use crate::ledger::chain::{ChainFault, ChainReport};
use crate::ledger::sqlite::reader::{COLUMNS, entry_of_row};
use crate::ledger::sqlite::{SqliteLedger, schema};

/// Whether the table of replaced licenses differs from the entries.
const REPLACED_OTHERWISE: &str = "
WITH said AS (SELECT s.value AS old, e.subject AS new FROM entries e, json_each(e.body, '$.supersedes') s)
SELECT EXISTS (SELECT * FROM said EXCEPT SELECT old, new FROM replaced)
    OR EXISTS (SELECT old, new FROM replaced EXCEPT SELECT * FROM said)";

impl SqliteLedger {
    /// Verifies the whole chain in constant memory.
    ///
    /// `known` is a hash that was kept elsewhere. A chain that was completely rewritten does not
    /// contain it.
    ///
    /// # Errors
    ///
    /// Returns an error if the ledger cannot be read.
    pub fn verify_chain(&self, known: Option<&[u8]>) -> Result<ChainReport, LedgerError> {
        // One snapshot, while other processes may be writing.
        let _read = self.db.unchecked_transaction()?;
        if !schema::is_intact(&self.db)? {
            return Ok(ChainReport {
                entries: 0,
                head: GENESIS.to_vec(),
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
            head: GENESIS.to_vec(),
            fault: None,
        };
        let mut statement = self
            .db
            .prepare(&format!("SELECT {COLUMNS} FROM entries ORDER BY seq"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let seq = report.entries.saturating_add(1);
            // This program never writes such a row, for example bytes that are not text.
            let Ok(entry) = entry_of_row(row) else {
                report.fault = Some(ChainFault::Changed(seq));
                return Ok(report);
            };
            if entry.seq != seq {
                report.fault = Some(ChainFault::Missing(seq));
                return Ok(report);
            }
            if entry.expected_hash(&report.head) != entry.hash {
                report.fault = Some(ChainFault::Changed(seq));
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

    /// Checks derived data and the known hash, in a ledger whose chain is valid.
    fn beside_chain(&self, known: Option<&[u8]>) -> Result<Option<ChainFault>, LedgerError> {
        let ask = |sql: &str| self.db.query_row(sql, [], |row| row.get(0));
        let replaced_otherwise: bool = ask(REPLACED_OTHERWISE)?;
        let check = "PRAGMA integrity_check(1)";
        let check: String = self.db.query_row(check, [], |row| row.get(0))?;
        if replaced_otherwise || check != "ok" {
            return Ok(Some(ChainFault::Derived));
        }
        match known {
            Some(known) if known != GENESIS => self.without(known),
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

/// The hash before the first entry.
const GENESIS: [u8; 32] = [0; 32];
