//! The machines that use a license.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use crate::errors::LedgerError;
use crate::ledger::entry::LedgerEntryKind;

/// Selects the last entry of each kind for each machine of a license. Released activations are
/// omitted.
pub(super) const MACHINE_USES: &str = "
SELECT e.kind, json_extract(e.body, '$.machine') AS machine, max(e.seq) FROM entries e
WHERE e.subject = ?1 AND e.kind IN ('activation', 'check_in', 'release') AND machine IS NOT NULL
  AND (e.kind <> 'check_in' OR json_extract(e.body, '$.status') = 'active')
  AND (e.kind <> 'activation' OR NOT EXISTS (
    SELECT 1 FROM entries r WHERE r.kind IN ('activation', 'release') AND r.kind = 'release'
      AND json_extract(r.body, '$.activation_id') = json_extract(e.body, '$.activation_id')))
GROUP BY e.kind, machine";

/// The state of a machine, with the numbers of the latest entries.
#[derive(Clone, Copy, Debug, Default)]
struct MachineUse {
    is_activated: bool,
    checked_in: Option<i64>,
    released: Option<i64>,
}

impl MachineUse {
    /// Returns whether the machine uses a license. A released machine uses the license again from
    /// its next check-in.
    fn is_in_use(self) -> bool {
        self.is_activated || self.checked_in > self.released
    }
}

/// Returns the digests of the machines that use these licenses.
pub(super) fn machines_in_use(
    db: &Connection,
    licenses: &[&str],
) -> Result<BTreeSet<String>, LedgerError> {
    let mut uses: BTreeMap<String, MachineUse> = BTreeMap::new();
    let mut statement = db.prepare_cached(MACHINE_USES)?;
    for license in licenses {
        let mut rows = statement.query([license])?;
        while let Some(row) = rows.next()? {
            let (kind, machine, seq): (String, String, i64) =
                (row.get(0)?, row.get(1)?, row.get(2)?);
            let usage = uses.entry(machine).or_default();
            match LedgerEntryKind::parse(&kind) {
                Some(LedgerEntryKind::Activation) => usage.is_activated = true,
                Some(LedgerEntryKind::CheckIn) => {
                    usage.checked_in = usage.checked_in.max(Some(seq));
                }
                _ => usage.released = usage.released.max(Some(seq)),
            }
        }
    }
    let in_use = uses.into_iter().filter(|(_, usage)| usage.is_in_use());
    Ok(in_use.map(|(machine, _)| machine).collect())
}
