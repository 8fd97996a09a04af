//! Which machines were activated and released, and what was answered to whom.

use std::collections::{BTreeMap, BTreeSet};

use license_core::Machine;
use rusqlite::{OptionalExtension, params};
use serde_json::Value;

use super::entry::{COLUMNS, Entry, Kind};
use super::{Ledger, LedgerError};

/// An activation, and that it ended if it did.
#[derive(Clone, Debug)]
pub(crate) struct Activated {
    pub(crate) entry: Entry,
    pub(crate) release: Option<Entry>,
}

impl Activated {
    /// The id of the activation.
    pub(crate) fn id(&self) -> String {
        self.entry.fact("activation_id").unwrap_or_default()
    }

    /// The machine as it asked.
    pub(crate) fn machine(&self) -> Option<Machine> {
        let named = |name| self.entry.fact(name);
        let asked = named("fingerprint").or_else(|| named("machine"))?;
        Some(Machine::parse(&asked))
    }

    /// Whether this is the machine that asked later, by its digest or by what else it has.
    pub(crate) fn is_machine_of(&self, later: &Self) -> bool {
        let digest = |of: &Self| of.entry.fact("machine");
        let is_named = digest(self).is_some() && digest(self) == digest(later);
        let (named, actual) = (self.machine(), later.machine());
        is_named || named.zip(actual).is_some_and(|(a, b)| a.is(&b))
    }

    /// Whether both answer one request.
    pub(crate) fn is_of_request(&self, other: &Self) -> bool {
        let nonce = |of: &Self| of.entry.fact("nonce");
        nonce(self).is_some() && nonce(self) == nonce(other)
    }
}

/// What is said of a machine, by the numbers of the entries that say so last.
#[derive(Clone, Copy, Debug, Default)]
struct Uses {
    /// Whether an activation stands.
    is_activated: bool,
    checked_in: Option<i64>,
    released: Option<i64>,
}

impl Uses {
    /// A machine that gave up a license counts again once it has checked in after that.
    fn counts(self) -> bool {
        self.is_activated || self.checked_in > self.released
    }
}

/// Of each machine, what stands last of each kind; of activations only those that have not ended.
const USES: &str = "
SELECT e.kind, json_extract(e.body, '$.machine') AS machine, max(e.seq) FROM entries e
WHERE e.subject = ?1 AND e.kind IN ('activation', 'check_in', 'release') AND machine IS NOT NULL
  AND (e.kind <> 'check_in' OR json_extract(e.body, '$.status') = 'active')
  AND (e.kind <> 'activation' OR NOT EXISTS (
    SELECT 1 FROM entries r WHERE r.kind IN ('activation', 'release') AND r.kind = 'release'
      AND json_extract(r.body, '$.activation_id') = json_extract(e.body, '$.activation_id')))
GROUP BY e.kind, machine";

impl Ledger {
    /// The machines on which these licenses are used, by their digests: activated and not released, or checked in since.
    pub(crate) fn machines<'i>(
        &self,
        licenses: impl IntoIterator<Item = &'i str>,
    ) -> Result<BTreeSet<String>, LedgerError> {
        let mut uses: BTreeMap<String, Uses> = BTreeMap::new();
        let mut statement = self.db.prepare_cached(USES)?;
        for license in licenses {
            let mut rows = statement.query([license])?;
            while let Some(row) = rows.next()? {
                let (kind, machine, seq): (String, String, i64) =
                    (row.get(0)?, row.get(1)?, row.get(2)?);
                let uses = uses.entry(machine).or_default();
                match Kind::parse(&kind) {
                    Some(Kind::Activation) => uses.is_activated = true,
                    Some(Kind::CheckIn) => uses.checked_in = uses.checked_in.max(Some(seq)),
                    _ => uses.released = uses.released.max(Some(seq)),
                }
            }
        }
        let counting = uses.into_iter().filter(|(_, uses)| uses.counts());
        Ok(counting.map(|(machine, _)| machine).collect())
    }

    /// A license with all that it replaced and all that took its place: an activation of one may count for another.
    pub(crate) fn kin(&self, license: &str) -> Result<BTreeSet<String>, LedgerError> {
        let mut kin = BTreeSet::from([license.to_owned()]);
        let entries = self.about_of_kind(license, Kind::License)?;
        let body = entries.first().map(|entry| &entry.body);
        let body: Option<Value> = body.and_then(|body| serde_json::from_str(body).ok());
        let replaced = body.as_ref().and_then(|body| body.get("supersedes"));
        let replaced = replaced.and_then(Value::as_array).into_iter().flatten();
        kin.extend(replaced.filter_map(Value::as_str).map(str::to_owned));
        let sql = "WITH RECURSIVE later(id) AS (
                     SELECT new FROM replaced WHERE old = ?1
                     UNION SELECT p.new FROM replaced p JOIN later ON p.old = later.id)
                   SELECT id FROM later";
        let mut statement = self.db.prepare_cached(sql)?;
        let later = statement.query_map([license], |row| row.get(0))?;
        for id in later {
            kin.insert(id?);
        }
        Ok(kin)
    }

    /// The activations of these licenses that have not ended, in the order in which they were entered.
    pub(crate) fn standing<'i>(
        &self,
        licenses: impl IntoIterator<Item = &'i str>,
    ) -> Result<Vec<Activated>, LedgerError> {
        let mut standing = Vec::new();
        for license in licenses {
            let activations = self.activations(license)?.into_iter();
            standing.extend(activations.filter(|activated| activated.release.is_none()));
        }
        standing.sort_by_key(|activated| activated.entry.seq);
        Ok(standing)
    }

    /// All that was entered of a machine, in order.
    pub(crate) fn of_machine(&self, digest: &str) -> Result<Vec<Entry>, LedgerError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM entries WHERE json_extract(body, '$.machine') = ?1
               AND kind IN ('activation', 'release', 'check_in', 'clock_repair') ORDER BY seq"
        );
        let mut statement = self.db.prepare(&sql)?;
        let entries = statement.query_map([digest], Entry::of_row)?;
        Ok(entries.collect::<Result<_, _>>()?)
    }

    /// What was answered to the request of this nonce, at last if it was signed anew.
    pub(crate) fn answer(&self, kind: Kind, nonce: &str) -> Result<Option<Entry>, LedgerError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM entries WHERE json_extract(body, '$.nonce') = ?1
               AND kind IN ('activation', 'clock_repair') AND kind = ?2 ORDER BY seq DESC LIMIT 1"
        );
        let mut statement = self.db.prepare_cached(&sql)?;
        let values = [nonce, kind.as_str()];
        Ok(statement.query_row(values, Entry::of_row).optional()?)
    }

    /// An activation by its id.
    pub(crate) fn activation(&self, id: &str) -> Result<Option<Activated>, LedgerError> {
        let entry = self.of_activation(id, Kind::Activation)?;
        entry.map(|entry| self.with_release(entry)).transpose()
    }

    /// The activations of a license, each once, in the order in which they were entered.
    pub(crate) fn activations(&self, license: &str) -> Result<Vec<Activated>, LedgerError> {
        self.once(self.about_of_kind(license, Kind::Activation)?)
    }

    /// The activations among these entries, each once.
    pub(crate) fn once(&self, entries: Vec<Entry>) -> Result<Vec<Activated>, LedgerError> {
        let mut seen = BTreeSet::new();
        let mut activations = Vec::new();
        let is_activation = |entry: &Entry| entry.kind == Kind::Activation.as_str();
        for entry in entries.into_iter().filter(is_activation) {
            let activated = self.with_release(entry)?;
            if seen.insert(activated.id()) {
                activations.push(activated);
            }
        }
        Ok(activations)
    }

    pub(crate) fn with_release(&self, entry: Entry) -> Result<Activated, LedgerError> {
        let id = entry.fact("activation_id").unwrap_or_default();
        let release = self.of_activation(&id, Kind::Release)?;
        Ok(Activated { entry, release })
    }

    fn of_activation(&self, id: &str, kind: Kind) -> Result<Option<Entry>, LedgerError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM entries WHERE json_extract(body, '$.activation_id') = ?1
               AND kind IN ('activation', 'release') AND kind = ?2 ORDER BY seq LIMIT 1"
        );
        let mut statement = self.db.prepare_cached(&sql)?;
        let found = statement.query_row(params![id, kind.as_str()], Entry::of_row);
        Ok(found.optional()?)
    }
}

#[cfg(test)]
mod tests;
