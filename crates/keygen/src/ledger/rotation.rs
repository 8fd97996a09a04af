//! What depends on a signing key, out of the entries.

use license_core::Timestamp;
use serde_json::Value;

use super::entry::Kind;
use super::{Ledger, LedgerError};

impl Ledger {
    /// The ids of the keys that a key introduced, in the order in which that was entered.
    pub(crate) fn introduced_by(&self, key: &str) -> Result<Vec<String>, LedgerError> {
        let mut ids: Vec<String> = Vec::new();
        for entry in self.about_of_kind(key, Kind::TrustStatement)? {
            let body: Value = serde_json::from_str(&entry.body).unwrap_or_default();
            let introduced = body.get("introduces").and_then(Value::as_array);
            for id in introduced.into_iter().flatten().filter_map(Value::as_str) {
                if !ids.iter().any(|known| known == id) {
                    ids.push(id.to_owned());
                }
            }
        }
        Ok(ids)
    }

    /// How many licenses and enterprise keys a key has signed that have not ended, were not revoked, and were not replaced.
    pub(crate) fn signed_by(&self, key: &str, now: Timestamp) -> Result<u64, LedgerError> {
        let sql = "SELECT count(*) FROM entries e
                   WHERE e.kind IN ('license', 'enterprise_key') AND json_extract(e.body, '$.kid') = ?1
                     AND coalesce(json_extract(e.body, '$.expires_at') > ?2, 1)
                     AND NOT EXISTS (SELECT 1 FROM replaced r WHERE r.old = e.subject)
                     AND NOT EXISTS (SELECT 1 FROM entries r WHERE r.subject = e.subject AND r.kind = 'revocation')";
        let count: i64 = self
            .db
            .query_row(sql, [key, &now.to_string()], |row| row.get(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }
}
